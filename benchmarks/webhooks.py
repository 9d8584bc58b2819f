"""How fast events of Stripe's are taken, beside dj-stripe, and whether each is worked once however often it comes.

Run ``python benchmarks/webhooks.py``, or name some of the parts: speed storm. It needs nothing beforehand, but a
network the first time: dj-stripe and gunicorn are installed beside everything else (``.bench``, which git ignores).
PostgreSQL is the one of ``DATABASE_URL`` or an embedded one, with databases of their own that are dropped at the end;
the broker is Redis if one answers (``REDIS_URL``), with a queue of its own; Stripe is a stand-in
(``webhooks_parts/standin.py``). The exit code is 1 if a target is missed or anything is wrong.
"""

from __future__ import annotations

import argparse
import os
import platform
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from payment_run_parts.surroundings import own_database
from payment_run_parts.table import Row, show
from webhooks_parts import serving
from webhooks_parts.queue import broker
from webhooks_parts.speed import CONNECTIONS, WORKERS, speed
from webhooks_parts.storm import storm

PARTS = ("speed", "storm")


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("parts", nargs="*", metavar="PART", help="all of them, unless named")
    parser.add_argument("--rounds", type=int, default=5, help="rounds of each site at each speed of Stripe")
    parser.add_argument("--seconds", type=float, default=4, help="how long a round takes")
    parser.add_argument("--events", type=int, default=10_000, help="events of the storm")
    options = parser.parse_args()
    unknown = set(options.parts) - set(PARTS)
    if unknown:
        parser.error(f"no such part: {', '.join(sorted(unknown))}; there are {', '.join(PARTS)}")
    return options


def main() -> int:
    """Measure and print; 1 if a target is missed or anything is wrong."""
    options = _options()
    wanted = options.parts or PARTS
    load = f"{os.getloadavg()[0]:.1f}" if hasattr(os, "getloadavg") else "?"
    print(f"{platform.platform()}, {os.cpu_count()} processors (load {load}), Python {platform.python_version()}")
    rows: list[Row] = []
    with own_database() as url, serving.standin() as stripe, broker() as values:
        how = f"gunicorn, {WORKERS} sync workers, {CONNECTIONS} connections, broker {values['BENCH_BROKER']}"
        print(f"{how}", flush=True)
        if "speed" in wanted:
            found = speed(url, stripe, values, rounds=options.rounds, seconds=options.seconds)
            show(f"Events taken, {options.rounds} rounds of {options.seconds:g} s in turn", found)
            rows += found
        if "storm" in wanted:
            found = storm(url, stripe, values, events=options.events)
            show("Each event three times, by four senders, in random order", found)
            rows += found
    return int(any(row.wrong or row.met is False for row in rows))


if __name__ == "__main__":
    sys.exit(main())
