"""What the documentation tells its readers to type, run as it stands there."""

import logging
import shlex
from datetime import timedelta
from decimal import Decimal
from typing import Any
from uuid import uuid4

import pytest
from django.contrib.auth.models import AnonymousUser, User
from django.utils import timezone

from checkout import signals
from checkout.flows import expiry, reconcile
from checkout.models import Checkout, Customer, Notice, ObjectPaymentPlan, Refund
from checkout.tests.factories import PaymentPlanFactory
from checkout.tests.test_docs import TOP, blocks
from example_checkout.models import SalesLedger
from example_checkout.tests.factories import SalesLedgerFactory
from example_checkout.tests.plans import sign_up_with

pytestmark = pytest.mark.django_db(transaction=True)


def block(page: str, word: str) -> str:
    """The one literal block of a page that has this word in it."""
    found = [text for _intro, text in blocks(TOP / "docs" / page) if word in text]
    assert len(found) == 1, f"{page} has {len(found)} blocks with {word!r}"
    return found[0]


def paid_booking(pay: Any) -> Checkout:
    checkout = Checkout.objects.create_checkout("payment", SalesLedgerFactory(), None)
    pay(checkout)
    Checkout.objects.payment_intent_fulfillment()
    checkout.refresh_from_db()
    assert checkout.succeeded
    return checkout


def test_the_receivers_of_the_signals_page(pay: Any, caplog: Any) -> None:
    names: dict[str, Any] = {}
    exec(block("signals.rst", "dispatch_uid"), names)  # noqa: S102
    try:
        with caplog.at_level(logging.INFO, logger="shop"):
            checkout = paid_booking(pay)
            Refund.objects.give_back(checkout, amount=Decimal(20))
    finally:
        signals.checkout_settled.disconnect(dispatch_uid="shop.ship")
        signals.checkout_refunded.disconnect(dispatch_uid="shop.tell_accounts")
    order = checkout.object_id
    said = [record.getMessage() for record in caplog.records if record.name == "shop"]
    assert said == [f"ship order={order} total=120.00", f"given back order={order} amount=20.000"]


def test_the_call_of_the_refunds_page(pay: Any, rf: Any) -> None:
    checkout, request = paid_booking(pay), rf.get("/")
    request.user = User.objects.create_user("staff", is_staff=True)
    exec(block("refunds.rst", "Refund.objects.give_back"), {"checkout": checkout, "request": request})  # noqa: S102
    made = checkout.refunds.get()
    assert (made.state, made.amount, made.reason, made.note) == (
        "success",
        20,
        "requested_by_customer",
        "One place less",
    )
    assert made.user == request.user


def test_a_refund_with_a_uuid_of_ones_own_is_given_once(pay: Any) -> None:
    checkout, key = paid_booking(pay), uuid4()
    first = Refund.objects.give_back(checkout, amount=Decimal(20), uuid=key)
    again = Refund.objects.give_back(checkout, amount=Decimal(20), uuid=key)
    other = Refund.objects.give_back(checkout, amount=Decimal(20))
    assert first == again
    assert other != first
    assert Refund.objects.given_back() == 40


def test_the_method_of_the_refunds_page(pay: Any, monkeypatch: Any) -> None:
    names: dict[str, Any] = {}
    exec(block("refunds.rst", "def checkout_refund"), names)  # noqa: S102
    monkeypatch.setattr(SalesLedger, "checkout_refund", names["checkout_refund"])
    checkout = paid_booking(pay)
    Refund.objects.give_back(checkout, amount=Decimal(20))
    assert SalesLedger.objects.get().refunded == 20


def test_the_example_of_the_testing_page(pay: Any, deliver_webhooks: Any, settings: Any) -> None:
    names: dict[str, Any] = {
        "pytest": pytest,
        "AnonymousUser": AnonymousUser,
        "Checkout": Checkout,
        "OrderFactory": SalesLedgerFactory,
    }
    exec(block("testing.rst", 'deliver_webhooks.register("/stripe/webhook/")]'), names)  # noqa: S102
    names["test_an_event_settles_it"](pay, deliver_webhooks, settings)
    assert SalesLedger.objects.get().paid


def test_a_plan_in_mid_flight_with_a_card_from_before_sca(stripe_simulator: Any, legacy_card: Any, pay: Any) -> None:
    names: dict[str, Any] = {}
    exec(block("migrating.rst", "def import_plan"), names)  # noqa: S102
    booking, staff = SalesLedgerFactory(), User.objects.create_user("staff", is_staff=True)
    at_stripe = Customer.objects.init_customer(booking).customer_id
    Customer.objects.all().delete()
    card = legacy_card(at_stripe)
    imported = block("migrating.rst", "OldCustomer")
    old = type("Old", (), {"email": booking.checkout_email.upper(), "name": "Ann", "stripe_id": at_stripe})
    rows = type("Rows", (), {"exclude": staticmethod(lambda **_values: [old])})
    exec(imported, {"OldCustomer": type("OldCustomer", (), {"objects": rows})})  # noqa: S102
    assert Customer.objects.get().customer_id == at_stripe

    today = timezone.localdate()
    parts = [
        (today - timedelta(days=60), Decimal("20.00"), True),
        (today - timedelta(days=30), Decimal("33.00"), True),
        (today, Decimal("33.50"), False),
        (today + timedelta(days=30), Decimal("33.50"), False),
    ]
    terms = PaymentPlanFactory(deposit=25, count=3, interval=1)
    plan = names["import_plan"](booking, terms, parts, staff)
    assert [(part.due, part.amount, part.state_id == "success") for part in plan.payments] == parts
    assert [checkout.action_id for checkout in Checkout.objects.all()] == ["manual", "manual"]

    expiry.refresh_card_expiry_dates()
    assert Customer.objects.get().payment_method_id == card
    assert list(_legacy()) == [Customer.objects.get()]
    assert ObjectPaymentPlan.objects.get().payments.model.objects.process_payments() == 1
    assert [part.state_id for part in plan.payments] == ["success", "success", "success", "pending"]
    found = reconcile.reconcile(since=timezone.now() - timedelta(days=1), now=timezone.now() + timedelta(hours=1))
    assert (found.plans, found.differences) == (1, 0)


def _legacy() -> Any:
    names: dict[str, Any] = {}
    *imports, query = block("migrating.rst", "startswith").strip().splitlines()
    exec("\n".join([*imports, f"found = {query}"]), names)  # noqa: S102
    return names["found"]


def test_a_copy_is_made_harmless_before_it_is_adopted(stripe_simulator: Any, pay: Any, settings: Any) -> None:
    sign_up_with(pay)
    Notice.objects.create(kind=Notice.QUARANTINE, key="a", subject="a", body="a", recipients=["ann@example.com"])
    before = Customer.objects.get()
    assert before.customer_id
    lines = block("reconciliation.rst", "Notice.objects.filter").strip().splitlines()
    assert len(lines) == 3
    for line in lines:
        *_command, code = shlex.split(line)
        exec(code, {})  # noqa: S102
    assert not Notice.objects.filter(state="waiting").exists()
    assert not ObjectPaymentPlan.objects.outstanding_payment_plans.exists()
    after = Customer.objects.get()
    assert (after.customer_id, after.payment_method_id, after.name) == ("", "", "")
    assert after.email != before.email
