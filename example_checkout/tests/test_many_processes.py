"""Several payment runs at once on one database, one of them killed; the same through Celery. Big: ``make proofs``."""

import os
from typing import Any

import pytest
import stripe
from django.db import connection

from checkout.simulator.server import LiveServer
from example_checkout.tests import broker as brokers
from example_checkout.tests.crash_site import child_environ, database_here
from example_checkout.tests.fleet import Fleet, audit, come_back_later, run_with_kills
from example_checkout.tests.plans import many_due, saved_card

pytestmark = [
    pytest.mark.django_db(transaction=True),
    pytest.mark.skipif(connection.vendor == "sqlite", reason="SQLite is for small sites: one process writes at a time"),
]

CHARGE = "POST /v1/payment_intents"


@pytest.fixture
def slow_server() -> Any:
    """Give a Stripe that takes its time, so that a kill finds calls in flight."""
    with LiveServer(latency=0.05) as server:
        yield server


def due_at(server: Any, count: int) -> tuple[Any, list[int]]:
    v1 = stripe.StripeClient("sk_test_simulator", base_addresses={"api": server.url}).v1
    customer, method = saved_card(v1)
    return v1, many_due(count, customer_id=customer, payment_method_id=method)


def assert_fine(lines: list[Any]) -> None:
    assert all(line.fine for line in lines), "\n" + "\n".join(map(str, lines))


def test_three_processes_and_a_kill(slow_server: Any) -> None:
    v1, pks = due_at(slow_server, 200)
    with Fleet(child_environ(database_here(), slow_server.url)) as fleet:
        codes = run_with_kills(
            fleet, calls=lambda: slow_server.simulator.calls[CHARGE], due=len(pks), processes=3, kills=1
        )
        assert codes == [-9]
        come_back_later(fleet)
    assert_fine(audit(pks, v1))


@pytest.mark.broker
@pytest.mark.parametrize("name", ["redis", "rabbitmq"])
def test_celery_workers_and_a_kill(slow_server: Any, name: str) -> None:
    if why := brokers.missing(name):
        if os.environ.get("CI"):
            pytest.fail(why)
        pytest.skip(why)
    v1, pks = due_at(slow_server, 60)
    with brokers.Broker(name) as broker:
        environ = child_environ(
            database_here(),
            slow_server.url,
            CRASH_BROKER=broker.environ,
            CRASH_PORTION="10",
            CRASH_LINES="2",
        )
        with Fleet(environ) as fleet:
            calls = lambda: slow_server.simulator.calls[CHARGE]  # noqa: E731
            code = brokers.work_with_a_kill(fleet, broker, pks, calls=calls, portion=10, patience=2)
            assert code == -9
            come_back_later(fleet)
    assert_fine(audit(pks, v1))
