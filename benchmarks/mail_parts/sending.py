"""One measurement: so many customers to be asked, so many workers at once, one mail server that counts."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psycopg
from payment_run_parts import rows
from payment_run_parts.surroundings import BENCHMARKS, ROOT

WANTED = """
    UPDATE checkout_objectpaymentplaninstalment SET state_id = 'pay_on_session'
    WHERE NOT deposit AND state_id = 'pending' AND due <= current_date + 1
"""
TO_BE_MAILED = """
    SELECT customer.email FROM checkout_objectpaymentplaninstalment part
    JOIN checkout_objectpaymentplan plan ON plan.id = part.object_payment_plan_id
    JOIN checkout_customer customer ON customer.id = plan.customer_id WHERE part.state_id = 'pay_on_session'
"""
NOTICES = "SELECT state, in_doubt, tries, count(*) FROM checkout_notice GROUP BY 1, 2, 3"


@dataclass(frozen=True)
class Result:
    """What sending ``due`` mails took, all workers together. ``wrong``: what may not be on any machine."""

    due: int
    shares: list[int]
    statements: float
    rate: float
    cpu: float
    waited: float
    peak: float
    grown: float
    wrong: str


def measure(url: str, *, due: int, workers: int, latency: float) -> Result:
    """Let ``workers`` processes call the task at once; then one more, which must find nothing to do."""
    rows.fill(url, plans=due)
    with psycopg.connect(url, autocommit=True) as connection:
        connection.execute("TRUNCATE checkout_notice RESTART IDENTITY")
        connection.execute(WANTED)
        connection.execute("VACUUM ANALYZE")
        expected = Counter(email for (email,) in connection.execute(TO_BE_MAILED))
    with tempfile.TemporaryDirectory() as folder:
        outbox = Path(folder) / "outbox"
        outbox.touch()
        with mail_server(outbox, latency) as port:
            found = _work(url, port, workers)
            (late,) = _work(url, port, 1)
        lines = [line.split() for line in outbox.read_text(encoding="utf-8").splitlines()]
    with psycopg.connect(url) as connection:
        notices = {tuple(row[:3]): row[3] for row in connection.execute(NOTICES)}
    wrong = _wrong(expected, lines)
    wrong += [] if notices == {("sent", False, 1): due} else [f"notices {notices}"]
    counted = sum(worker["sent"] for worker in found)
    wrong += [f"the tasks say {counted}"] if counted != due or expected.total() != due else []
    wrong += [f"one more call mailed {late['sent']}"] if late["sent"] else []
    seconds = max(worker["ended"] for worker in found) - min(worker["began"] for worker in found)
    together = min(worker["ended"] for worker in found) - max(worker["began"] for worker in found)
    wrong += ["the workers did not work at the same time"] if together < seconds / 2 else []
    return Result(
        due=due,
        shares=[worker["sent"] for worker in found],
        statements=sum(sum(worker["statements"].values()) for worker in found) / due,
        rate=due / seconds,
        cpu=sum(worker["cpu"] for worker in found) / due * 1000,
        waited=sum(worker["waited"] for worker in found) / due * 1000,
        peak=max(worker["peak"] for worker in found),
        grown=max(worker["peak"] - worker["before"] for worker in found),
        wrong=", ".join(wrong),
    )


def _wrong(expected: Counter[str], lines: list[list[str]]) -> list[str]:
    """What the mail server took, beside whom should have been mailed."""
    ids, taken = Counter(line[0] for line in lines), Counter(line[1] for line in lines)
    without, twice = (expected - taken).total(), (taken - expected).total()
    wrong = [f"{without} without a mail"] if without else []
    wrong += [f"{twice} mails too many"] if twice else []
    return wrong + ([f"{ids.total() - len(ids)} with the Message-ID of another"] if ids.total() != len(ids) else [])


def _work(url: str, port: int, count: int) -> list[dict[str, Any]]:
    """What each of ``count`` processes measured, which begin at the same moment."""
    env = {
        **os.environ,
        "DJANGO_SETTINGS_MODULE": "mail_parts.settings",
        "PYTHONPATH": os.pathsep.join([str(BENCHMARKS), str(ROOT)]),
        "BENCH_DATABASE_URL": url,
        "BENCH_SMTP_PORT": str(port),
    }
    pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "text": True}
    command = [sys.executable, "-m", "mail_parts.worker"]
    processes = [subprocess.Popen(command, cwd=ROOT, env=env, **pipes) for _ in range(count)]  # type: ignore[call-overload]  # noqa: S603
    for process in processes:
        process.stdout.readline()
    for process in processes:
        process.stdin.write("go\n")
        process.stdin.flush()
    outputs = [process.communicate()[0] for process in processes]
    if any(process.returncode for process in processes):
        raise SystemExit("a worker failed: see above")
    return [json.loads(output.splitlines()[-1]) for output in outputs]


@contextmanager
def mail_server(outbox: Path, latency: float) -> Iterator[int]:
    """Run it and give its port."""
    command = [sys.executable, str(BENCHMARKS / "mail_parts" / "server.py"), str(outbox), str(latency)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:  # noqa: S603
        assert process.stdout is not None
        try:
            yield int(process.stdout.readline())
        finally:
            process.terminate()
