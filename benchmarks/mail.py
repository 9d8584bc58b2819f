"""The task that mails customers whose bank wants them: how much it asks of the database, how much memory, how fast.

Run ``python benchmarks/mail.py``. It needs nothing beforehand: PostgreSQL is the one of ``DATABASE_URL`` or an embedded
one, with a database of its own that is dropped at the end. Each worker is a process of its own; its mail backend builds
each mail, waits as long as a mail server would (``--latency``), and notes the mail in a file. The exit code is 1 if a
customer got no mail, or two.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import subprocess
import sys
import tempfile
from collections import Counter
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

import psycopg
from payment_run_parts import rows
from payment_run_parts.surroundings import BENCHMARKS, ROOT, own_database
from payment_run_parts.table import Row, show

WANTED = """
    UPDATE checkout_objectpaymentplaninstalment SET state_id = 'pay_on_session'
    WHERE NOT deposit AND state_id = 'pending' AND due <= current_date + 1
"""
# Statements for each mail, however many there are (docs/mail.rst names them), and for a customer whom another worker
# has asked first: the contact, the user, the claim that is lost.
MOST_STATEMENTS, MOST_FOR_NOTHING = 11.2, 3
# How much more memory ten times as many mails may take, in MiB.
MOST_GROWTH = 3


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--many", type=int, default=10_000, help="instalments that wait for their customer")
    parser.add_argument("--few", type=int, default=1_000, help="the same, to compare memory with")
    parser.add_argument("--workers", type=int, default=2, help="processes that call the task at once")
    parser.add_argument("--latency", type=float, default=5, help="milliseconds that the mail server takes for a mail")
    return parser.parse_args()


def _workers(url: str, outbox: Path, *, count: int, latency: float) -> list[dict[str, Any]]:
    """Let so many processes call the task at once; what each measured."""
    path = os.pathsep.join([str(BENCHMARKS), str(ROOT)])
    env = {
        **os.environ,
        "DJANGO_SETTINGS_MODULE": "mail_parts.settings",
        "PYTHONPATH": path,
        "BENCH_DATABASE_URL": url,
        "BENCH_OUTBOX": str(outbox),
        "BENCH_LATENCY_MS": str(latency),
    }
    command = [sys.executable, "-m", "mail_parts.worker"]
    processes = [subprocess.Popen(command, cwd=ROOT, env=env, stdout=subprocess.PIPE, text=True) for _ in range(count)]  # noqa: S603
    outputs = [process.communicate()[0] for process in processes]
    if any(process.returncode for process in processes):
        raise SystemExit("a worker failed: see above")
    return [json.loads(output.splitlines()[-1]) for output in outputs]


def _measure(url: str, *, due: int, workers: int, latency: float) -> list[Row]:
    """One run over ``due`` instalments."""
    rows.fill(url, plans=due)
    with psycopg.connect(url, autocommit=True) as connection:
        connection.execute("TRUNCATE checkout_notice RESTART IDENTITY")
        connection.execute(WANTED)
        connection.execute("VACUUM ANALYZE")
    with tempfile.TemporaryDirectory() as folder:
        outbox = Path(folder) / "outbox"
        found = _workers(url, outbox, count=workers, latency=latency)
        mails = Counter(outbox.read_text(encoding="ascii").splitlines())
    with psycopg.connect(url) as connection:
        states = dict(connection.execute("SELECT state, count(*) FROM checkout_notice GROUP BY state").fetchall())
    wrong = [] if states == {"sent": due} else [f"notices {states}"]
    wrong += [f"{len(mails)} customers mailed"] if len(mails) != due else []
    wrong += [f"{mails.total() - len(mails)} mailed twice"] if mails.total() != len(mails) else []
    counted = sum(worker["sent"] for worker in found)
    wrong += [f"the tasks say {counted}"] if counted != due else []
    allowed = MOST_STATEMENTS + MOST_FOR_NOTHING * (workers - 1)
    statements = sum(sum(worker["statements"].values()) for worker in found) / due
    seconds = max(worker["seconds"] for worker in found)
    peaks = [worker["peak"] for worker in found]
    name = f"{due:,} mails, {workers} worker{'s' if workers > 1 else ''}"
    shares = " + ".join(f"{worker['sent']:,}" for worker in found)
    return [
        Row(f"{name}: mails", f"{mails.total():,} ({shares})", f"{due:,}", mails.total() == due, ", ".join(wrong)),
        Row(f"{name}: statements for each", f"{statements:.2f}", f"{allowed}", statements <= allowed),
        Row(f"{name}: mails a second", f"{due / seconds:.0f}"),
        Row(f"{name}: most memory of a worker", f"{max(peaks):.1f} MiB"),
    ]


def main() -> int:
    """Measure and print; 1 if anybody got no mail or two."""
    options = _options()
    load = f"{os.getloadavg()[0]:.1f}" if hasattr(os, "getloadavg") else "?"
    print(f"{platform.platform()}, {os.cpu_count()} processors (load {load}), Python {platform.python_version()}")
    with own_database() as url:
        alone = _measure(url, due=options.few, workers=1, latency=options.latency)
        few = _measure(url, due=options.few, workers=options.workers, latency=options.latency)
        many = _measure(url, due=options.many, workers=options.workers, latency=options.latency)
    growth = float(many[-1].measured.split()[0]) - float(few[-1].measured.split()[0])
    name = f"more memory for {options.many:,} than for {options.few:,}"
    grown = Row(name, f"{growth:.1f} MiB", f"{MOST_GROWTH} MiB", growth <= MOST_GROWTH)
    table = [*alone, *few, *many, grown]
    show(f"Mail, {options.latency:g} ms a mail", table)
    return int(any(row.wrong for row in table))


if __name__ == "__main__":
    sys.exit(main())
