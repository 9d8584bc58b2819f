"""What ``benchmarks/payment_run.py`` is made of."""
