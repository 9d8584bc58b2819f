"""What ``benchmarks/staff_pages.py`` is made of."""
