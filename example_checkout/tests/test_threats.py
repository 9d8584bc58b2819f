"""What somebody with bad intentions tries: forged and foreign words from Stripe's side, and what stops each."""

import csv
import hashlib
import hmac
import io
import json
import re
import time
from datetime import timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest
from django.apps import apps
from django.core.management import CommandError, call_command
from django.test import Client
from django.utils import timezone

from checkout import gateway
from checkout.errors import WrongEnvironment
from checkout.flows import charge, fulfil_charges, inbox, payment
from checkout.flows.differences import Book
from checkout.flows.reconcile import reconcile
from checkout.models import Checkout, Difference, Event, Reconciliation, environment
from checkout.tests.factories import EnvironmentFactory
from example_checkout.models import SalesLedger
from example_checkout.tests.factories import ProductFactory, SalesLedgerFactory, UserFactory
from example_checkout.tests.plans import offer_plans
from example_checkout.tests.staff import make_plan

pytestmark = pytest.mark.django_db

PATH = "/stripe/webhook/"
SECRET = "whsec_simulator"
KEY = {"Authorization": "Bearer sk_test_simulator", "Content-Type": "application/x-www-form-urlencoded"}


def body_of(**changes: Any) -> bytes:
    """An event as Stripe sends them, in one thing different."""
    event = {
        "id": f"evt_{uuid4().hex}",
        "object": "event",
        "type": "payment_intent.succeeded",
        "api_version": gateway.API_VERSION,
        "livemode": False,
        "created": int(time.time()),
        "data": {"object": {"id": "pi_nobody", "object": "payment_intent"}},
    }
    return json.dumps({**event, **changes}).encode()


def signature(body: bytes, *, secret: str = SECRET, age: int = 0) -> str:
    moment = int(time.time()) - age
    digest = hmac.new(secret.encode(), f"{moment}.".encode() + body, hashlib.sha256).hexdigest()
    return f"t={moment},v1={digest}"


def post(body: bytes, header: str | None = None) -> Any:
    """As Stripe would; signed well if no other ``header`` is given. An exception of ours is a 500."""
    signed = signature(body) if header is None else header
    client = Client(raise_request_exception=False, enforce_csrf_checks=True)
    return client.post(PATH, data=body, content_type="application/json", headers={"stripe-signature": signed})


def at_stripe(simulator: Any, path: str, **params: str) -> dict[str, Any]:
    """What somebody with the dashboard does."""
    content = "&".join(f"{name}={value}" for name, value in params.items()).encode()
    answer: dict[str, Any] = json.loads(simulator.handle("POST", f"/v1/{path}", KEY, content).body)
    assert "error" not in answer, answer
    return answer


def foreign_intent(simulator: Any, checkout: Checkout | str, *, cancelled: bool = False, **params: str) -> str:
    """An intent made in the dashboard, with a uuid of ours typed into its metadata."""
    uuid = checkout if isinstance(checkout, str) else checkout.uuid
    wanted = {"amount": "100", "currency": "gbp", "metadata[checkout]": str(uuid), **params}
    made = at_stripe(simulator, "payment_intents", **wanted)
    if cancelled:
        at_stripe(simulator, f"payment_intents/{made['id']}/cancel")
    return str(made["id"])


def told_of(intent_id: str, kind: str) -> Event:
    """An event of that intent, signed, and worked as it came."""
    body = body_of(type=kind, data={"object": {"id": intent_id}})
    assert post(body).status_code == 200
    event: Event = Event.objects.get(event_id=json.loads(body)["id"])
    assert event.last_error == ""
    return event


@pytest.mark.parametrize(
    "header",
    [
        "",
        "t=1",
        "v1=abc",
        f"t={'9' * 5000},v1=abc",
        "t=1,v1=\u00e9",
        "t=\u0661,v1=x",
        "=,=,=",
        "t=-1,v1=" + "0" * 64,
        "t=1," * 500,
        "{markup}",
    ],
    ids=lambda header: header[:20].encode("unicode_escape").decode() or "none",
)
def test_a_forged_signature_is_refused_whatever_it_looks_like(header: str) -> None:
    assert post(body_of(), header).status_code == 400
    assert not Event.objects.exists()


def test_a_replayed_delivery_is_refused_after_five_minutes_and_known_before() -> None:
    body = body_of(type="charge.updated")
    assert post(body, signature(body, age=301)).status_code == 400
    assert not Event.objects.exists()
    assert [post(body).content for _delivery in range(2)] == [b"Kept.", b"Known."]
    assert Event.objects.count() == 1


@pytest.mark.parametrize(
    "odd", ["evt_\ud800", "evt_\u0130", "evt_\r\n2026-11-25 ERROR checkout forged", "evt_\x1b[31m", "evt_ 1", ""]
)
def test_an_id_that_is_none_is_refused_before_a_database_or_a_log_sees_it(odd: str, caplog: Any) -> None:
    assert post(body_of(id=odd)).status_code == 400
    assert post(body_of(type=odd)).status_code == 400
    assert post(body_of(data={"object": {"id": odd}})).status_code == (200 if odd == "" else 400)
    assert "\n" not in "".join(record.getMessage() for record in caplog.records)


@pytest.mark.parametrize("kind", gateway.EVENT_TYPES)
def test_an_event_about_nothing_asks_stripe_nothing(stripe_simulator: Any, kind: str) -> None:
    calls = len(stripe_simulator.calls)
    assert post(body_of(type=kind, data={"object": {}})).status_code == 200
    assert Event.objects.get().state == "ignored"
    assert len(stripe_simulator.calls) == calls, "without an id a listing would bring everything of the account"


def lost_charge(stripe_trouble: Any, stripe_simulator: Any) -> Checkout:
    """A charge whose answer, and with it the id of its intent, did not reach us; Stripe has not heard of it."""
    plan = make_plan("success", "pending", days=0)
    customer = at_stripe(stripe_simulator, "customers", email="ada@example.com")["id"]
    type(plan.customer).objects.filter(pk=plan.customer_id).update(customer_id=customer)
    stripe_trouble("reset_before", times=2, path="/v1/payment_intents", method="POST")
    return Checkout.objects.charge(plan.payments.get(deposit=False), None)


@pytest.mark.parametrize("kind", ["payment_intent.canceled", "payment_intent.payment_failed"])
def test_a_foreign_intent_that_names_a_charge_does_not_end_it(
    stripe_simulator: Any, stripe_trouble: Any, kind: str
) -> None:
    checkout = lost_charge(stripe_trouble, stripe_simulator)
    assert (checkout.state_id, checkout.payment_intent_id) == ("request", "")
    stripe_simulator.trouble.clear()
    told_of(foreign_intent(stripe_simulator, checkout, cancelled=True), kind)
    checkout.refresh_from_db()
    assert (checkout.state_id, checkout.payment_intent_id) == ("request", ""), "it would be charged a second time"


@pytest.mark.parametrize("paid", [False, True])
@pytest.mark.parametrize("hours", [0, 30])
def test_a_foreign_intent_that_a_listing_brings_does_not_end_a_charge(
    stripe_simulator: Any, stripe_trouble: Any, pay: Any, paid: bool, hours: int
) -> None:
    checkout = lost_charge(stripe_trouble, stripe_simulator)
    stripe_simulator.trouble.clear()
    customer = {"customer": checkout.stripe_customer_id} if hours else {}
    intent = foreign_intent(stripe_simulator, checkout, cancelled=not paid, **customer)
    if paid:
        pay(intent)
    if not hours:
        # while the key lives the charge is asked for again, which Stripe does not answer now
        stripe_trouble("reset_before", times=9, path="/v1/payment_intents", method="POST")
    fulfil_charges.charges(now=timezone.now() + timedelta(minutes=6, hours=hours))
    checkout.refresh_from_db()
    if paid:
        # money under our name: neither recorded as the charge nor overlooked, and nothing is charged meanwhile
        assert checkout.held
        assert checkout.state_id == "request"
        return
    assert checkout.payment_intent_id == ""
    # after the key's life, what Stripe does not know has not happened: released by our own rule, not by that intent
    wanted = ("fail", "released: Stripe knows of no such charge") if hours else ("request", "")
    assert (checkout.state_id, checkout.failure) == wanted


def test_a_copy_does_not_repeat_a_charge_of_the_original(stripe_simulator: Any, stripe_trouble: Any) -> None:
    checkout = lost_charge(stripe_trouble, stripe_simulator)
    stripe_simulator.trouble.clear()
    EnvironmentFactory(site="https://original.example")
    environment.forget()
    calls = dict(stripe_simulator.calls)
    with pytest.raises(WrongEnvironment):
        charge.ask_again(checkout, now=timezone.now())
    assert dict(stripe_simulator.calls) == calls
    checkout.refresh_from_db()
    assert (checkout.state_id, checkout.asked) == ("request", None)


@pytest.mark.parametrize("action", ["invoice", "payment", "payment_plan"])
def test_a_foreign_intent_ends_nothing_that_is_no_charge(stripe_simulator: Any, action: str) -> None:
    offer_plans()
    checkout = payment.start(action=action, content_object=SalesLedgerFactory(), user=None)
    before = Checkout.objects.filter(pk=checkout.pk).values().get()
    for cancelled in (False, True):
        intent = foreign_intent(stripe_simulator, checkout, cancelled=cancelled)
        told_of(intent, "payment_intent.canceled")
        told_of(intent, "payment_intent.succeeded")
    assert Checkout.objects.filter(pk=checkout.pk).values().get() == before


def test_a_paid_foreign_intent_fulfils_nothing(stripe_simulator: Any, pay: Any, told: list[int]) -> None:
    checkout = payment.start(action="payment", content_object=SalesLedgerFactory(), user=None)
    intent = foreign_intent(stripe_simulator, checkout, amount="12000")
    pay(intent)
    told_of(intent, "payment_intent.succeeded")
    checkout.refresh_from_db()
    assert (checkout.state_id, checkout.payment_intent_id == intent, told) == ("pending", False, [])


def test_the_books_name_a_second_payment_under_one_uuid(stripe_simulator: Any, pay: Any) -> None:
    checkout = payment.start(action="payment", content_object=SalesLedgerFactory(), user=None)
    pay(checkout)
    payment.finish(checkout)
    assert checkout.succeeded
    twin = foreign_intent(stripe_simulator, checkout, amount="12000")
    pay(twin)
    run = reconcile(now=timezone.now() + timedelta(hours=1))
    assert list(run.found.values_list("kind", "stripe_id")) == [(Difference.UNKNOWN_HERE, twin)]


@pytest.mark.parametrize(
    "typed", ["=HYPERLINK(a-b-c-d-padded-to-36-char)"[:36], "z" * 32 + "----", "-" * 4 + "\u00e9" * 32]
)
def test_metadata_that_looks_like_a_uuid_does_not_stop_the_books(stripe_simulator: Any, typed: str) -> None:
    assert len(typed) == 36
    assert typed.count("-") >= 4
    at_stripe(stripe_simulator, "payment_intents", **{"amount": "100", "currency": "gbp", "metadata[checkout]": typed})
    run = reconcile(now=timezone.now() + timedelta(hours=1))
    assert (run.foreign, run.differences) == (1, 0)


def test_no_word_of_the_books_becomes_a_formula(stripe_simulator: Any, monkeypatch: Any) -> None:
    def planted(book: Book) -> None:
        book.add(Difference.PLAN_TOTAL, ours="=1+1", theirs="@SUM(A1)", detail='=HYPERLINK("https://evil.example")')

    monkeypatch.setattr("checkout.flows.reconcile.reconcile_plans.compare", planted)
    out = io.StringIO()
    with pytest.raises(CommandError):
        call_command("reconcile", "--csv", stdout=out)
    (row,) = list(csv.reader(io.StringIO(out.getvalue())))[1:]
    assert row[-3:] == ["'=1+1", "'@SUM(A1)", '\'=HYPERLINK("https://evil.example")']
    assert Reconciliation.objects.count() == 1


@pytest.mark.parametrize("evidence", ["a\x00b", "\ud800", "x" * 70_000])
def test_an_error_of_the_host_with_odd_words_is_kept_and_tried_again(
    stripe_simulator: Any, pay: Any, monkeypatch: Any, evidence: str
) -> None:
    checkout = payment.start(action="payment", content_object=SalesLedgerFactory(), user=None)
    pay(checkout)

    def broken(self: Any, checkout: Any) -> None:
        raise ValueError(evidence)

    monkeypatch.setattr(SalesLedger, "checkout_success", broken)
    body = body_of(data={"object": {"id": checkout.payment_intent_id}})
    assert post(body).status_code == 200
    event = Event.objects.get()
    assert (event.state, event.tries, event.last_error[:11]) == ("waiting", 1, "ValueError:")
    monkeypatch.undo()
    assert inbox.replay(event)
    checkout.refresh_from_db()
    assert checkout.succeeded


def test_what_is_kept_of_an_error_names_no_secret(stripe_simulator: Any, pay: Any, monkeypatch: Any) -> None:
    checkout = payment.start(action="payment", content_object=SalesLedgerFactory(), user=None)
    secrets = ["pi_1_secret_2abc", "sk_live_abc", "rk_test_abc", "whsec_abc"]

    def broken(self: Any, checkout: Any) -> None:
        raise ValueError(" ".join(secrets))

    monkeypatch.setattr(SalesLedger, "checkout_success", broken)
    pay(checkout)
    post(body_of(data={"object": {"id": checkout.payment_intent_id}}))
    event = Event.objects.get()
    assert "ValueError" in event.last_error
    assert "checkout_success" in event.traceback
    assert not [one for one in secrets if one in event.last_error + event.traceback]


def test_a_booking_takes_no_field_that_its_form_does_not_ask_for(stripe_simulator: Any) -> None:
    product = ProductFactory(price=Decimal("120.00"))
    wanted = {"quantity": "1", "name": "Ada", "email": "ada@example.com", "action": "payment"}
    planted = {
        **{"price": "0.01", "total": "0.01", "unit_price": "0.01", "paid": "2026-11-25", "currency": "JPY"},
        **{
            "state": "success",
            "state_id": "success",
            "user": "1",
            "is_staff": "on",
            "number": "MINE",
            "refunded": "120",
        },
    }
    assert Client().post(product.get_absolute_url(), {**wanted, **planted}).status_code == 302
    booking, checkout = SalesLedger.objects.get(), Checkout.objects.get()
    assert (booking.paid, booking.refunded, booking.number == "MINE", booking.contact.user) == (None, 0, False, None)
    assert (checkout.total, checkout.currency, checkout.state_id, checkout.user) == (120, "GBP", "pending", None)


def test_a_session_that_somebody_planted_is_not_taken(stripe_simulator: Any) -> None:
    planted, user = "0123456789abcdef0123456789abcdef", UserFactory()
    client = Client()
    client.cookies["sessionid"] = planted
    product = ProductFactory()
    wanted = {"quantity": "1", "name": "Ada", "email": "ada@example.com", "action": "payment"}
    assert client.post(product.get_absolute_url(), wanted).status_code == 302
    before = client.cookies["sessionid"].value
    assert before != planted
    client.force_login(user)
    assert client.cookies["sessionid"].value != before
    thief = Client()
    thief.cookies["sessionid"] = before
    assert thief.get(f"/pay/{Checkout.objects.get().uuid}/").status_code == 403


def test_no_table_has_a_place_for_a_card_or_a_secret() -> None:
    kept = [
        field.name
        for model in apps.get_app_config("checkout").get_models()
        for field in model._meta.get_fields()
        if re.search(r"secret|cvc|cvv|card_number|\bpan\b|payload|password", field.name)
    ]
    assert kept == []


def test_nothing_but_the_gateway_fetches_anything() -> None:
    """No address that a visitor names is ever asked for."""
    speaks = re.compile(r"^\s*(?:import|from) (?:requests|httpx|aiohttp|urllib\.request|urllib3|http\.client)\b", re.M)
    package = Path(gateway.__file__).parents[1]
    ours = [path for path in package.rglob("*.py") if not {"simulator", "tests"} & set(path.parts)]
    found = {path.relative_to(package).as_posix() for path in ours if speaks.search(path.read_text(encoding="utf-8"))}
    assert found == {"gateway/client.py"}


@pytest.mark.parametrize("url", ["//evil.example/", "https://evil.example/", "/\\evil.example", "javascript:alert(1)"])
def test_signing_in_leads_to_no_other_site(url: str) -> None:
    user = UserFactory()
    user.set_password("a good password")
    user.save()
    sent = {"username": user.get_username(), "password": "a good password", "next": url}
    answer = Client().post("/accounts/login/", sent)
    assert (answer.status_code, answer.headers["Location"]) == (302, "/bookings/")
