"""How the staff's pages, and the tasks' own queries, fare with the books of a large shop.

Run ``python benchmarks/staff_pages.py``: 200,000 plans with 1,000,000 parts, some 700,000 checkouts and 200,000 mails
on PostgreSQL (that of ``DATABASE_URL``, or an embedded one), in a database of its own that is dropped at the end. Each
page is opened as by a member of staff, with each filter and search, three times, of which the quickest counts; each
task asks what it asks before it acts. The table shows the milliseconds in the database and in all, how many statements,
how many blocks of 8 kB PostgreSQL looks at (which no other load on the machine changes), and which large tables are
read from end to end. ``--plans`` prints PostgreSQL's plans of everything above the target.

``--database URL`` uses a migrated database that is kept: filled where it has no plan, or with ``--fill``.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from payment_run_parts.surroundings import own_database, python
from payment_run_parts.table import Row, show
from staff_pages_parts.books import counted, fill

PARTS = {"pages": "The staff's pages", "tasks": "What the tasks ask"}
# Milliseconds in the database for a page, and for a question of a task.
TARGETS = {"pages": 300, "tasks": 300}


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("parts", nargs="*", metavar="PART", help=f"all of them, unless named: {', '.join(PARTS)}")
    parser.add_argument("--plans-count", type=int, default=200_000, help="payment plans, with five parts each")
    parser.add_argument("--only", default="", help="those whose name has this in it")
    parser.add_argument("--plans", action="store_true", help="print PostgreSQL's plans of what is slow")
    parser.add_argument("--database", default="", help="a database that is kept")
    parser.add_argument("--fill", action="store_true", help="fill it anew")
    options = parser.parse_args()
    unknown = set(options.parts) - set(PARTS)
    if unknown:
        parser.error(f"no such part: {', '.join(sorted(unknown))}; there are {', '.join(PARTS)}")
    return options


@contextmanager
def _database(options: argparse.Namespace) -> Iterator[str]:
    """One of our own, or the one that is named; filled."""
    if options.database:
        if options.fill or not counted(options.database)["objectpaymentplan"]:
            fill(options.database, plans=options.plans_count)
        yield options.database
        return
    with own_database() as url:
        fill(url, plans=options.plans_count)
        yield url


def _measured(url: str, part: str, only: str) -> list[dict[str, Any]]:
    """In a process of its own."""
    settings = {"DJANGO_SETTINGS_MODULE": "staff_pages_parts.settings", "BENCH_DATABASE_URL": url}
    lines = python("-m", f"staff_pages_parts.{part}", only, **settings).splitlines()
    found: list[dict[str, Any]] = json.loads(lines[-1])
    return found


def _row(found: dict[str, Any], target: int) -> Row:
    whole = f", reads all of {', '.join(found['whole'])}" if found["whole"] else ""
    rows = f", {found['found']:,} found" if found["found"] is not None else ""
    cost = f"{found['statements']:3} statements, {found['blocks']:9,} blocks"
    text = f"{found['ms']:7.1f} ms of {found['took']:7.1f}, {cost}{whole}"
    return Row(f"{found['name']}{rows}", text, f"{target} ms", found["ms"] <= target)


def main() -> int:
    """Measure and print."""
    options = _options()
    load = f"{os.getloadavg()[0]:.1f}" if hasattr(os, "getloadavg") else "?"
    print(f"{platform.platform()}, {os.cpu_count()} processors (load {load}), Python {platform.python_version()}")
    with _database(options) as url:
        print(", ".join(f"{count:,} {name}s" for name, count in counted(url).items()))
        for part in options.parts or PARTS:
            found = _measured(url, part, options.only)
            show(PARTS[part], [_row(one, TARGETS[part]) for one in found])
            for one in found:
                if options.plans and one["ms"] > TARGETS[part]:
                    print(f"{one['name']}\n", *one["plans"], sep="\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
