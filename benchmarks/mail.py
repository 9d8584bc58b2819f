"""The task that mails customers whose bank wants them: how much it asks of the database, how much memory, how fast.

Run ``python benchmarks/mail.py``. It needs nothing beforehand: PostgreSQL is the one of ``DATABASE_URL`` or an embedded
one, with a database of its own that is dropped at the end. Each worker is a process of its own that calls the task of
the example site, with Django's SMTP backend; the mail server is real, too (aiosmtpd, in a process of its own), takes
``--latency`` for each mail, and notes whose it was. The exit code is 1 if a customer got no mail, or two, if one more
call finds anything to do, or if statements for each mail or memory grow with their number.
"""

from __future__ import annotations

import argparse
import os
import platform
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from mail_parts.sending import Result, measure
from payment_run_parts.surroundings import own_database
from payment_run_parts.table import Row, show

# Statements for each mail, however many there are (docs/mail.rst names them), and for a customer whom another worker
# has asked first: the contact, the user, the claim that is lost.
MOST_STATEMENTS, MOST_FOR_NOTHING = 11.2, 3
# How many more statements for each mail, and how much more memory in MiB, ten times as many mails may take.
MOST_MORE, MOST_GROWTH = 0.1, 3


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--many", type=int, default=10_000, help="instalments that wait for their customer")
    parser.add_argument("--few", type=int, default=1_000, help="the same, to compare statements and memory with")
    parser.add_argument("--workers", type=int, default=2, help="processes that call the task at once")
    parser.add_argument("--latency", type=float, default=5, help="milliseconds that the mail server takes for a mail")
    return parser.parse_args()


def _rows(result: Result) -> list[Row]:
    """What is shown of one measurement."""
    workers = len(result.shares)
    name = f"{result.due:,} mails, {workers} worker{'s' if workers > 1 else ''}"
    shares = " + ".join(f"{share:,}" for share in result.shares)
    allowed = MOST_STATEMENTS + MOST_FOR_NOTHING * (workers - 1)
    wrong = "" if result.statements <= allowed else "too many"
    limits = f"{result.cpu:.1f} ms of processor, {result.waited:.1f} ms for the database"
    return [
        Row(f"{name}: each customer one", shares, f"{result.due:,}", not result.wrong, result.wrong),
        Row(f"{name}: statements for each", f"{result.statements:.2f}", f"{allowed}", not wrong, wrong),
        Row(f"{name}: mails a second", f"{result.rate:.0f}"),
        Row(f"{name}: of a worker's time for each", limits),
        Row(f"{name}: most memory of a worker", f"{result.peak:.1f} MiB, {result.grown:.1f} of it while sending"),
    ]


def _compared(few: Result, many: Result) -> list[Row]:
    """Whether anything grows with the number of mails."""
    statements, memory = many.statements - few.statements, many.peak - few.peak
    name = f"{many.due:,} against {few.due:,} mails"
    grew = ["grows" if more > most else "" for more, most in ((statements, MOST_MORE), (memory, MOST_GROWTH))]
    return [
        Row(f"{name}: statements for each", f"{statements:+.2f}", f"{MOST_MORE}", not grew[0], grew[0]),
        Row(f"{name}: memory", f"{memory:+.1f} MiB", f"{MOST_GROWTH} MiB", not grew[1], grew[1]),
    ]


def main() -> int:
    """Measure and print; 1 if anything is wrong."""
    options = _options()
    load = f"{os.getloadavg()[0]:.1f}" if hasattr(os, "getloadavg") else "?"
    print(f"{platform.platform()}, {os.cpu_count()} processors (load {load}), Python {platform.python_version()}")
    with own_database() as url:
        alone = measure(url, due=options.few, workers=1, latency=options.latency)
        few = measure(url, due=options.few, workers=options.workers, latency=options.latency)
        many = measure(url, due=options.many, workers=options.workers, latency=options.latency)
    table = [*_rows(alone), *_rows(few), *_rows(many), *_compared(few, many)]
    show(f"Mail, {options.latency:g} ms a mail", table)
    return int(any(row.wrong for row in table))


if __name__ == "__main__":
    sys.exit(main())
