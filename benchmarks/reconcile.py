"""Comparing the books of 10,000 and of 100,000 payments with Stripe's: memory, database statements, calls, seconds.

Run ``python benchmarks/reconcile.py``. It needs nothing beforehand: PostgreSQL is the one of ``DATABASE_URL`` or an
embedded one, with a database of its own that is dropped at the end; Stripe is a stand-in that lists them 100 a page.
Some of everything that can differ is planted, a few of each: the exit code is 1 if any of it is not found, if anything
else is, or if a target is missed.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import sys
import tempfile
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

import psycopg
from payment_run_parts.surroundings import own_database
from payment_run_parts.table import Row, show
from webhooks_parts import books, serving
from webhooks_parts.numbers import REFUND_EVERY

# How much more memory ten times as many payments may take, in MiB, and statements for each page of a hundred intents.
MOST_GROWTH, MOST_STATEMENTS = 4, 3


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--many", type=int, default=100_000, help="payments")
    parser.add_argument("--few", type=int, default=10_000, help="the same, to compare memory with")
    return parser.parse_args()


def _measure(url: str, count: int) -> tuple[list[Row], dict[str, Any]]:
    with psycopg.connect(url, autocommit=True) as connection, tempfile.TemporaryDirectory() as folder:
        planted = books.write(connection, count)
        odd = Path(folder) / "odd.json"
        odd.write_text(json.dumps(planted.odd))
        with serving.standin("--count", str(count), "--odd", str(odd)) as stripe:
            values = {"BENCH_DATABASE_URL": url, "BENCH_STRIPE": stripe}
            printed = serving.python_once(
                sys.executable, "webhooks_parts.ours", values, "-m", "webhooks_parts.comparing"
            )
            calls = serving.asked(stripe)
        rows = list(books.found(connection))
    took: dict[str, Any] = json.loads(printed.splitlines()[-1])
    missed, surplus = sorted(planted.expected - set(rows)), sorted(set(rows) - planted.expected)
    wrong = [f"not found: {missed}"] if missed else []
    wrong += [f"not planted: {surplus}"] if surplus else []
    wrong += ["some of it twice"] if len(rows) != len(set(rows)) else []
    pages = -(-count // 100)
    each = took["statements"] / pages
    name = f"{count:,} payments"
    compared = (
        f"{took['intents']:,} payments, {took['refunds']:,} refunds, {took['plans']:,} plans, {took['foreign']} foreign"
    )
    refund_pages = -(-(count // REFUND_EVERY) // 100)
    most_calls = pages + refund_pages + len(planted.expected) + 1
    total = sum(calls.values())
    return [
        Row(f"{name}: compared", compared),
        Row(f"{name}: differences", f"{len(rows)}", f"{len(planted.expected)}", not wrong, "; ".join(wrong)),
        Row(f"{name}: calls to Stripe", f"{total:,}", f"{most_calls:,}", total <= most_calls),
        Row(f"{name}: statements a page", f"{each:.2f}", f"{MOST_STATEMENTS}", each <= MOST_STATEMENTS),
        Row(f"{name}: seconds (of processor)", f"{took['seconds']:.1f} ({took['cpu']:.1f})"),
        Row(f"{name}: most memory", f"{took['peak']:.1f} MiB"),
    ], took


def main() -> int:
    """Measure and print; 1 if a target is missed or anything is wrong."""
    options = _options()
    load = f"{os.getloadavg()[0]:.1f}" if hasattr(os, "getloadavg") else "?"
    print(f"{platform.platform()}, {os.cpu_count()} processors (load {load}), Python {platform.python_version()}")
    with own_database() as url:
        few, small = _measure(url, options.few)
        many, large = _measure(url, options.many)
    growth = large["peak"] - small["peak"]
    name = f"more memory for {options.many:,} than for {options.few:,}"
    table = [*few, *many, Row(name, f"{growth:.1f} MiB", f"{MOST_GROWTH} MiB", growth <= MOST_GROWTH)]
    show("Reconciliation", table)
    return int(any(row.wrong or row.met is False for row in table))


if __name__ == "__main__":
    sys.exit(main())
