"""What ``benchmarks/webhooks.py`` and ``benchmarks/reconcile.py`` are made of."""
