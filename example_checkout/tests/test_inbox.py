"""The webhook's door: who is let in, what is kept, and that it answers at once."""

import io
import json
import time
from collections.abc import Callable
from typing import Any

import pytest
from django.core.handlers.asgi import ASGIRequest
from django.db import connection, transaction
from django.test import Client
from django.test.utils import CaptureQueriesContext
from kombu.exceptions import OperationalError

from checkout import tasks
from checkout.flows import inbox
from checkout.gateway import parse_event
from checkout.models import Event, Notice
from checkout.views import stripe_webhook
from checkout.views.webhook import MOST_BYTES
from example_checkout.models import SalesLedger
from example_checkout.tests.events import PATH, SECRET, about, all_events, begun, body_of, header, post, told_of, wait
from example_checkout.tests.test_races import at_once

pytestmark = pytest.mark.django_db(transaction=True)
GOOD = body_of(id="evt_good")


def refused(answer: Any) -> bool:
    """400, without a word of why, and nothing is kept."""
    said = (answer.status_code, answer.content) == (400, b"Not an event that this endpoint takes.")
    return said and not Event.objects.exists()


SIGNATURES: dict[str, Callable[[], str]] = {
    "none": lambda: "",
    "nonsense": lambda: "nonsense",
    "empty": lambda: "t=1,v1=",
    "no moment": lambda: "t=x,v1=00",
    "a moment alone": lambda: f"t={int(time.time())}",
    "another secret": lambda: header(GOOD, secret="whsec_another"),
    "of another event": lambda: header(body_of(id="evt_other")),
    "another scheme": lambda: header(GOOD).replace("v1=", "v2=").replace("v0=", "v3="),
    "too old": lambda: header(GOOD, age=301),
    "not ascii": lambda: header(GOOD).replace("v1=", "v1=é"),
}


def test_a_signature_that_does_not_fit_is_refused() -> None:
    taken = [name for name, made in SIGNATURES.items() if not refused(post(GOOD, made()))]
    assert taken == []


def test_five_minutes_are_not_too_old() -> None:
    assert post(GOOD, header(GOOD, age=290)).status_code == 200


def test_an_event_without_any_header_is_refused() -> None:
    assert refused(Client().post(PATH, GOOD, content_type="application/json"))


def test_two_secrets_hold_while_one_is_rolled(settings: Any) -> None:
    settings.CHECKOUT_WEBHOOK_SECRETS = ["whsec_new", SECRET]
    assert post(GOOD).status_code == 200
    newer = body_of()
    assert post(newer, header(newer, secret="whsec_new")).status_code == 200
    settings.CHECKOUT_WEBHOOK_SECRETS = ["whsec_new"]
    assert post(body_of()).status_code == 400
    assert Event.objects.count() == 2


@pytest.mark.parametrize("secrets", [[], "", None, [""], [" "]])
def test_without_a_secret_nothing_is_believed(settings: Any, secrets: Any) -> None:
    settings.CHECKOUT_WEBHOOK_SECRETS = secrets
    assert refused(post(GOOD))
    assert refused(post(GOOD, header(GOOD, secret="")))


BODIES: list[bytes] = [
    b"",
    b"{",
    b"null",
    b"[]",
    b'"event"',
    b"\xff\xfe",
    b"{}",
    b"[" * 100_000,
    body_of(object="v2.core.event"),
    body_of(object=None),
    body_of(livemode=True),
    body_of(livemode="false"),
    body_of(livemode=None),
    body_of(id=None),
    body_of(id=""),
    body_of(id=7),
    body_of(id="evt_\x00"),
    body_of(id="evt_" + "x" * 252),
    body_of(type=""),
    body_of(type="x" * 101),
    body_of(type=["payment_intent.succeeded"]),
    body_of(api_version="x" * 51),
    body_of(created="yesterday"),
    body_of(created=10**30),
    body_of(created=None),
    body_of(data=None),
    body_of(data={}),
    body_of(data={"object": None}),
    body_of(data={"object": {"id": "x" * 256}}),
    body_of(data={"object": {"id": {"a": 1}}}),
    body_of(data={"object": {"id": "pi_\x00"}}),
    json.dumps({"object": "v2.core.event", "type": "v1.billing.meter", "id": "evt_thin"}).encode(),
]


def test_what_is_no_event_is_refused_though_it_is_signed() -> None:
    taken = [body[:300] for body in BODIES if not refused(post(body))]
    assert taken == []


@pytest.mark.parametrize("size", [MOST_BYTES + 1, 3 * 1024 * 1024])
def test_a_body_over_the_limit_is_refused(size: int) -> None:
    body = body_of(padding="x" * size)
    assert refused(post(body))
    for lie in ("nonsense", "-1", "0", "9" * 5000, "1e3"):
        assert refused(post(body, CONTENT_LENGTH=lie))


def test_a_body_under_the_limit_is_taken() -> None:
    assert post(body_of(padding="x" * (MOST_BYTES - 1000))).status_code == 200


@pytest.mark.parametrize(("size", "status"), [(10, 200), (MOST_BYTES, 400), (3 * 1024 * 1024, 400)])
def test_a_body_that_does_not_say_its_length_is_measured(size: int, status: int) -> None:
    body = body_of(padding="x" * size)
    scope = {
        "type": "http",
        "method": "POST",
        "path": PATH,
        "headers": [(b"stripe-signature", header(body).encode()), (b"content-type", b"application/json")],
    }
    assert stripe_webhook(ASGIRequest(scope, io.BytesIO(body))).status_code == status
    assert Event.objects.count() == (status == 200)


@pytest.mark.parametrize("method", ["get", "head", "put", "delete", "patch"])
def test_nothing_but_post(method: str) -> None:
    answer = getattr(Client(), method)(PATH)
    assert (answer.status_code, answer.headers["Allow"]) == (405, "POST")


def test_what_is_kept_of_an_event_names_nobody() -> None:
    secret = {"id": "pi_x", "client_secret": "pi_x_secret_y", "receipt_email": "ann@example.com"}
    answer = post(body_of(type="product.created", data={"object": secret}))
    (row,) = Event.objects.values()
    assert "secret_y" not in str(row)
    assert "ann@example.com" not in str(row)
    assert (row["stripe_object_id"], row["state"]) == ("pi_x", "ignored")
    assert "no-store" in answer.headers["Cache-Control"]


# what it costs


def test_with_a_worker_the_answer_costs_four_queries_and_no_call(
    stripe_simulator: Any, pay: Any, settings: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings.CHECKOUT_EVENT_WORKER = True
    handed: list[int] = []
    monkeypatch.setattr(tasks.work_event, "apply_async", lambda args, **_options: handed.append(args[0]))
    checkout = begun()
    pay(checkout)
    body = told_of(stripe_simulator, "payment_intent.succeeded")
    before = sum(stripe_simulator.calls.values())
    with CaptureQueriesContext(connection) as captured:
        assert post(body).status_code == 200
    assert len(captured) <= 4
    with CaptureQueriesContext(connection) as captured:
        assert post(body).content == b"Known."
    assert len(captured) <= 4
    assert sum(stripe_simulator.calls.values()) == before
    event = Event.objects.get()
    assert (event.state, event.tries, handed) == ("waiting", 0, [event.pk])
    assert tasks.work_event(handed[0])
    assert not tasks.work_event(handed[0])
    checkout.refresh_from_db()
    assert checkout.succeeded


def test_inside_a_callers_transaction_a_second_delivery_spoils_nothing() -> None:
    hint = parse_event(GOOD, header(GOOD))
    with transaction.atomic():
        assert inbox.receive(hint) is not None
        assert inbox.receive(hint) is None
        assert Event.objects.get().event_id == "evt_good"


def test_a_broker_that_is_away_loses_nothing(
    stripe_simulator: Any, pay: Any, settings: Any, monkeypatch: pytest.MonkeyPatch, told: list[int]
) -> None:
    settings.CHECKOUT_EVENT_WORKER = True

    def away(*_args: Any, **_options: Any) -> None:
        raise OperationalError("connection refused")

    monkeypatch.setattr(tasks.work_event, "apply_async", away)
    checkout = begun()
    pay(checkout)
    assert post(told_of(stripe_simulator, "payment_intent.succeeded")).status_code == 200
    assert told == []
    assert tasks.work_events() == 1
    assert told == [checkout.pk]
    assert all_events() == [("payment_intent.succeeded", "done")]


# twice, and at the same time


def test_one_event_by_many_senders_settles_once(stripe_simulator: Any, pay: Any, told: list[int]) -> None:
    checkout = begun()
    pay(checkout)
    body, statuses = told_of(stripe_simulator, "payment_intent.succeeded"), []
    at_once(*[lambda: statuses.append(post(body).status_code)] * 4)
    assert statuses == [200] * 4
    assert told == [checkout.pk]
    assert Event.objects.get().tries == 1
    # a repeat and a second event about the same payment, at once
    bodies = [about(checkout.payment_intent_id) for _ in range(3)]
    at_once(*[lambda body=body: statuses.append(post(body).status_code) for body in bodies])
    assert set(statuses) == {200}
    assert told == [checkout.pk]
    assert Event.objects.count() == 4


def test_different_events_about_one_payment_at_once_settle_once(
    stripe_simulator: Any, pay: Any, told: list[int]
) -> None:
    checkout = begun()
    pay(checkout)
    bodies = [about(checkout.payment_intent_id) for _ in range(4)]
    at_once(*[lambda body=body: post(body) for body in bodies])
    assert told == [checkout.pk]
    # told once as well: no second notice to the staff that it was paid again
    assert not Notice.objects.filter(kind=Notice.QUARANTINE).exists()
    assert {state for _type, state in all_events()} <= {"done", "waiting"}
    wait()
    inbox.work_due()
    assert {state for _type, state in all_events()} == {"done"}
    assert told == [checkout.pk]


@pytest.mark.parametrize("atomic", [True, False])
def test_the_event_is_kept_when_the_hosts_code_raises(
    stripe_simulator: Any, pay: Any, monkeypatch: pytest.MonkeyPatch, atomic: bool
) -> None:
    monkeypatch.setitem(connection.settings_dict, "ATOMIC_REQUESTS", atomic)

    def raises(self: SalesLedger, checkout: Any) -> None:
        self._note("paid")
        raise RuntimeError("the warehouse is away")

    original = SalesLedger.checkout_success
    monkeypatch.setattr(SalesLedger, "checkout_success", raises)
    checkout = begun()
    pay(checkout)
    assert post(told_of(stripe_simulator, "payment_intent.succeeded")).status_code == 200
    checkout.refresh_from_db()
    assert checkout.state_id == "request"
    assert SalesLedger.objects.get().paid is None
    event = Event.objects.get()
    assert (event.state, event.tries, event.last_error) == ("waiting", 1, "RuntimeError: the warehouse is away")
    assert "in raises" in event.traceback
    monkeypatch.setattr(SalesLedger, "checkout_success", original)
    assert inbox.work_due() == 0
    wait()
    assert inbox.work_due() == 1
    event.refresh_from_db()
    assert (event.state, event.last_error, event.traceback, event.tries) == ("done", "", "", 2)
    checkout.refresh_from_db()
    assert checkout.succeeded
