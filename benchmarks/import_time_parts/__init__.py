"""What ``benchmarks/import_time.py`` is made of."""
