"""Every event three times, by four senders at once, in random order: each payment is settled once."""

from __future__ import annotations

import random
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

import psycopg
from payment_run_parts.table import Row

from webhooks_parts import serving
from webhooks_parts.queue import waiting
from webhooks_parts.sending import Sent, post, request
from webhooks_parts.shapes import Shapes
from webhooks_parts.tables import WAITING, fill, tidy

SENDERS, TIMES, WORKERS = 4, 3, 2
# Signatures are good for five minutes, so they are made in portions.
PORTION = 6000
PATIENCE = 1200
# Written by the database itself, in the transaction that makes it so: what our code believes is not asked.
WATCH = """
    CREATE TABLE bench_seen (what text, id bigint);
    CREATE FUNCTION bench_note() RETURNS trigger AS $$
        BEGIN INSERT INTO bench_seen VALUES (TG_ARGV[0], NEW.id); RETURN NEW; END $$ LANGUAGE plpgsql;
    CREATE TRIGGER bench_settled AFTER UPDATE ON checkout_checkout FOR EACH ROW
        WHEN (NEW.settled IS DISTINCT FROM OLD.settled) EXECUTE FUNCTION bench_note('settled');
    CREATE TRIGGER bench_told AFTER UPDATE ON example_checkout_salesledger FOR EACH ROW
        WHEN (NEW.paid IS DISTINCT FROM OLD.paid) EXECUTE FUNCTION bench_note('told');
"""
UNWATCH = """
    DROP TRIGGER bench_settled ON checkout_checkout;
    DROP TRIGGER bench_told ON example_checkout_salesledger;
    DROP FUNCTION bench_note;
    DROP TABLE bench_seen;
"""


@contextmanager
def workers(values: dict[str, str]) -> Iterator[None]:
    """Celery's, where there is a broker that they can share; else processes that work what waits."""
    if values["BENCH_BROKER"].startswith("memory"):
        commands = [["-m", "webhooks_parts.worker"]] * WORKERS
    else:
        lean = ["--without-gossip", "--without-mingle", "--without-heartbeat", "--loglevel", "WARNING"]
        commands = [["-m", "celery", "-A", "example_checkout", "worker", "--concurrency", f"{WORKERS}", *lean]]
    with ExitStack() as stack:
        for command in commands:
            env = serving.environment("webhooks_parts.ours", values)
            stack.enter_context(serving.running([sys.executable, *command], env))
        yield


def _send(port: int, events: int) -> Sent:
    numbers = [number for number in range(1, events + 1) for _time in range(TIMES)]
    # always the same order, so that a failure comes again
    random.Random(5).shuffle(numbers)  # noqa: S311
    shapes, whole = Shapes(), Sent()
    for start in range(0, len(numbers), PORTION):
        requests = [request("/stripe/webhook/", shapes.event(n)) for n in numbers[start : start + PORTION]]
        sent = post(port, requests, connections=SENDERS)
        whole.seconds += sent.seconds
        whole.statuses += sent.statuses
        whole.bodies += sent.bodies
    return whole


def _wait(connection: psycopg.Connection, values: dict[str, str]) -> int:
    """Until nothing waits any more; how many events were left for ``checkout_events --work``, beat's task."""
    until, left, before = time.monotonic() + PATIENCE, -1, -2
    while time.monotonic() < until and left:
        time.sleep(0.5)
        (left,) = connection.execute("SELECT count(*) FROM checkout_event WHERE state = 'waiting'").fetchone() or (0,)
        if left and left == before and not waiting(values):
            break
        before = left
    if left:
        serving.python_once(sys.executable, "webhooks_parts.ours", values, "-m", "django", "checkout_events", "--work")
    return left


def _seen(connection: psycopg.Connection, what: str) -> tuple[int, int]:
    """How often, and of how many."""
    row = connection.execute("SELECT count(*), count(DISTINCT id) FROM bench_seen WHERE what = %s", [what]).fetchone()
    return row or (0, 0)


def _rows(connection: psycopg.Connection, sent: Sent, events: int, mails: int) -> list[Row]:
    states = dict(connection.execute("SELECT state, count(*) FROM checkout_event GROUP BY state").fetchall())
    paid = connection.execute("SELECT count(*) FROM checkout_checkout WHERE state_id = 'success'").fetchone()
    rows = [
        Row("answers", f"{sent.statuses.total():,}", f"{events * TIMES:,}, all 200", not sent.wrong, sent.wrong),
        Row("  kept, known already", f"{sent.bodies['Kept.']:,}, {sent.bodies['Known.']:,}", f"{events:,}, twice that"),
        Row("rows of Event, all done", f"{states}", f"{events:,}", states == {"done": events}),
        Row("payments that succeeded", f"{paid[0] if paid else 0:,}", f"{events:,}", paid == (events,)),
    ]
    for what, name in (("settled", "settlements"), ("told", "times the host was told")):
        times, of = _seen(connection, what)
        right = times == of == events
        rows.append(Row(name, f"{times:,} of {of:,}", f"{events:,}", right, "" if right else "not once each"))
    # a payment that went well is nobody's news; one that was put aside would be
    notices = connection.execute("SELECT count(*) FROM checkout_notice").fetchone()
    rows.append(
        Row("notices, mails", f"{notices[0] if notices else 0}, {mails}", "0, 0", notices == (0,) and not mails)
    )
    return rows


def storm(url: str, stripe: str, values: dict[str, str], *, events: int) -> list[Row]:
    """Send, work, and count."""
    with psycopg.connect(url, autocommit=True) as connection, tempfile.TemporaryDirectory() as folder:
        fill(connection, events, WAITING)
        tidy(connection)
        connection.execute(WATCH.encode())
        outbox = Path(folder) / "outbox"
        outbox.touch()
        values = {
            "BENCH_DATABASE_URL": url,
            "BENCH_STRIPE": stripe,
            "BENCH_OUTBOX": str(outbox),
            "BENCH_LATENCY_MS": "0",
            **values,
        }
        serving.asked(stripe, latency_ms=0)
        began = time.monotonic()
        with serving.gunicorn(sys.executable, "webhooks_parts.ours", values, workers=SENDERS) as port, workers(values):
            sent = _send(port, events)
            sending = time.monotonic() - began
            left = _wait(connection, values)
            seconds = time.monotonic() - began
        calls = serving.asked(stripe)
        rows = _rows(connection, sent, events, len(outbox.read_text(encoding="ascii").splitlines()))
        connection.execute(UNWATCH.encode())
    rows += [
        Row("calls to Stripe", f"{calls}"),
        Row("left to the task that comes round", f"{left}"),
        Row("seconds until all were answered", f"{sending:.0f} ({sent.statuses.total() / sent.seconds:.0f} a second)"),
        Row("seconds until all were settled", f"{seconds:.0f} ({events / seconds:.0f} settled a second)"),
    ]
    return rows
