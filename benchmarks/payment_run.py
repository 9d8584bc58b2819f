"""How fast a payment run is, what it asks of the database, and how much memory it takes.

Run ``python benchmarks/payment_run.py``, or name some of the parts: speed queries memory due. It needs nothing
beforehand. PostgreSQL is the one of ``DATABASE_URL`` or an embedded one, with a database of its own that is dropped at
the end. Stripe is ``python -m checkout.simulator``, 200 ms a call; it and each payment run are processes of their own.
A missed target changes nothing; something left uncharged or charged twice makes the exit code 1.
"""

from __future__ import annotations

import argparse
import os
import platform
import sys
from collections.abc import Callable
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from payment_run_parts import charging, standing
from payment_run_parts.surroundings import own_database
from payment_run_parts.table import Row, show

PARTS = ("speed", "queries", "memory", "due")


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("parts", nargs="*", metavar="PART", help="all of them, unless named")
    parser.add_argument("--due", type=int, default=2000, help="instalments due in a run of the speed table")
    parser.add_argument("--due-slow", type=int, default=500, help="the same, where the limit is 25/s")
    parser.add_argument("--loop", type=int, default=100, help="instalments that the plain loop charges")
    parser.add_argument("--many", type=int, default=20_000, help="instalments due in the large run of the memory table")
    parser.add_argument("--rows", type=int, default=1_000_000, help="instalments among which those due are looked for")
    options = parser.parse_args()
    unknown = set(options.parts) - set(PARTS)
    if unknown:
        parser.error(f"no such part: {', '.join(sorted(unknown))}; there are {', '.join(PARTS)}")
    return options


def main() -> int:
    """Measure and print; 1 if anything was left uncharged or charged twice."""
    options = _options()
    wanted = options.parts or PARTS
    load = f"{os.getloadavg()[0]:.1f}" if hasattr(os, "getloadavg") else "?"
    print(f"{platform.platform()}, {os.cpu_count()} processors (load {load}), Python {platform.python_version()}")
    wrong = False
    with own_database() as url:
        charging.warm_up(url)
        parts: dict[str, tuple[str, Callable[[], list[Row]]]] = {
            "speed": (
                f"Speed, {charging.LATENCY_MS} ms a call, CHECKOUT_STRIPE_RATE={charging.UNTOLD['BENCH_RATE']}, "
                f"CHECKOUT_STRIPE_CONCURRENCY={charging.UNTOLD['BENCH_CONCURRENCY']} in all rows but the last",
                lambda: charging.speed(url, due=options.due, due_slow=options.due_slow, loop=options.loop),
            ),
            "queries": ("Database statements", lambda: charging.queries(url, few=200, many=1000)),
            "memory": ("Memory of the run's process", lambda: charging.memory(url, few=2000, many=options.many)),
            "due": ("What is due", lambda: standing.due(url, rows=options.rows)),
        }
        for name in wanted:
            title, measure = parts[name]
            rows = measure()
            show(title, rows)
            wrong = wrong or any(row.wrong for row in rows)
    return int(wrong)


if __name__ == "__main__":
    sys.exit(main())
