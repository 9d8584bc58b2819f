"""Do the books agree? After everything that can happen nothing differs; and whatever is made to differ is found."""

from collections.abc import Callable
from datetime import timedelta
from decimal import Decimal
from typing import Any
from uuid import uuid4

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from checkout.flows import by_hand, card, on_session, payment, refund, run
from checkout.flows import plan as plan_flow
from checkout.flows import reconcile as flow
from checkout.models import (
    Checkout,
    CustomerPayment,
    Difference,
    Dispute,
    ObjectPaymentPlanInstalment,
    Reconciliation,
    Refund,
)
from checkout.tests.factories import CheckoutFactory
from example_checkout.tests.events import begun, endpoint
from example_checkout.tests.factories import SalesLedgerFactory, UserFactory
from example_checkout.tests.plans import fast_pace, let_fall_due, library, plan_of, sign_up_with, start_sign_up
from example_checkout.tests.recovery import FAILS, put_on_file

pytestmark = pytest.mark.django_db(transaction=True)
SLOWLY_REFUNDED, DISPUTED = "4000000000007726", "4000000000000259"


@pytest.fixture(autouse=True)
def at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """What has just been made is compared as well."""
    monkeypatch.setattr(flow, "FRESH", timedelta(hours=-1))


def paid(pay: Any, number: str = "4242424242424242") -> Checkout:
    checkout = begun()
    pay(checkout, card=number)
    payment.finish(checkout)
    assert checkout.succeeded
    return checkout


def give(checkout: Checkout, amount: int) -> Refund:
    return refund.give_back(checkout, amount=Decimal(amount), user=None, uuid=uuid4())


def found() -> list[tuple[str, str, str]]:
    """Compare; what differs, in the order in which it was found."""
    made = flow.reconcile()
    assert made.finished is not None
    rows = list(Difference.objects.filter(reconciliation=made).order_by("pk"))
    assert made.differences == len(rows)
    assert flow.last() == made
    return [(row.kind, row.ours, row.theirs) for row in rows]


def kinds() -> list[str]:
    return [kind for kind, _ours, _theirs in found()]


def test_nothing_differs_after_all_that_happens(
    stripe_simulator: Any, deliver_webhooks: Any, settings: Any, pay: Any
) -> None:
    webhooks, staff = endpoint(deliver_webhooks, settings), UserFactory(is_staff=True)
    paid(pay)
    give(paid(pay), 120)
    give(part := paid(pay), 20)
    give(part, 30)
    assert give(paid(pay, SLOWLY_REFUNDED), 50).state == "processing"
    paid(pay, DISPUTED)
    library(stripe_simulator).refunds.create({"payment_intent": paid(pay).payment_intent_id, "amount": 500})
    # begun and left, cancelled, put aside and given back, an invoice
    begun()
    payment.abandon(begun())
    wrong = begun()
    Checkout.objects.filter(pk=wrong.pk).update(total=999)
    pay(wrong)
    wrong.refresh_from_db()
    payment.finish(wrong)
    assert wrong.held
    give(wrong, 120)
    invoice = payment.start(action="invoice", content_object=SalesLedgerFactory(), user=None)
    payment.invoice(invoice, details={"contact_name": "Ann", "email": "ann@example.com"})
    # plans: a run, one part by hand, one declined; a card refresh, an amount of staff
    plan = plan_of(sign_up_with(pay))
    let_fall_due(plan, how_many=2)
    run.process_payments(pace=fast_pace())
    plan_flow.mark_paid(plan.payments.get(state_id="pending"), user=staff)
    other = plan_of(sign_up_with(pay))
    (pk,) = let_fall_due(other)
    declined = ObjectPaymentPlanInstalment.objects.with_plan().get(pk=pk)
    put_on_file(stripe_simulator, declined, FAILS)
    by_hand.charge(declined, user=staff)
    session = on_session.start(declined, user=None)
    pay(session)
    payment.finish(session)
    assert session.succeeded
    customer: Any = plan.customer
    refresh = card.start_refresh(customer, user=None)
    pay(refresh)
    payment.finish(refresh)
    CustomerPayment.objects.charge_customer(
        customer, amount=Decimal("12.50"), currency="GBP", description="A loom", user=staff, uuid=uuid4()
    )
    start_sign_up()
    webhooks()
    assert Dispute.objects.count() == 1
    assert found() == []
    made = Reconciliation.objects.get()
    assert (made.foreign, made.plans, made.refunds) == (0, 2, 6)
    assert made.intents == Checkout.objects.exclude(payment_intent_id="").values("payment_intent_id").distinct().count()


def test_intents_of_other_systems_are_counted_and_are_no_difference(stripe_simulator: Any, pay: Any) -> None:
    paid(pay)
    for metadata in ({}, {"checkout": "7"}, {"checkout": "order-12-34-56-78"}):
        library(stripe_simulator).payment_intents.create(
            {
                "amount": 500,
                "currency": "gbp",
                "confirm": True,
                "payment_method": "pm_card_visa",
                "automatic_payment_methods": {"enabled": True, "allow_redirects": "never"},
                "metadata": metadata,
            }
        )
    library(stripe_simulator).refunds.create(
        {"payment_intent": library(stripe_simulator).payment_intents.list().data[0].id}
    )
    assert found() == []
    made = Reconciliation.objects.get()
    assert (made.intents, made.foreign, made.refunds) == (1, 3, 0)


# each kind


def no_answer(pay: Any) -> Any:
    """Paid, and nobody has told us."""
    checkout = begun()
    pay(checkout)
    return checkout


def changed(pay: Any, **values: Any) -> Checkout:
    checkout = paid(pay)
    Checkout.objects.filter(pk=checkout.pk).update(**values)
    return checkout


def forgotten(pay: Any) -> None:
    checkout = no_answer(pay)
    Checkout.objects.filter(pk=checkout.pk).delete()


def believed(pay: Any) -> None:
    Checkout.objects.filter(pk=begun().pk).update(state_id="success", claim=None)


def refund_changed(pay: Any, **values: Any) -> None:
    given = give(paid(pay), 20)
    Refund.objects.filter(pk=given.pk).update(**values)


def part(pay: Any, **values: Any) -> ObjectPaymentPlanInstalment:
    plan = plan_of(sign_up_with(pay))
    one: ObjectPaymentPlanInstalment = plan.payments.get(count=2)
    ObjectPaymentPlanInstalment.objects.filter(pk=one.pk).update(**values)
    return one


def part_paid_twice(pay: Any) -> None:
    plan = plan_of(sign_up_with(pay))
    CheckoutFactory(content_object=plan.deposit, action__slug="manual", state__slug="success", total=30)


DIFFERENCES: dict[str, tuple[Callable[[Any], Any], list[tuple[str, str, str]]]] = {
    "not recorded": (no_answer, [("not_recorded", "request", "succeeded")]),
    "not paid": (believed, [("not_paid", "success", "requires_payment_method")]),
    "unknown at Stripe": (
        lambda pay: changed(pay, payment_intent_id="pi_nobody"),
        [("unknown_here", "", "120.00 GBP"), ("unknown_at_stripe", "120.000 GBP", "")],
    ),
    "no intent": (
        lambda pay: CheckoutFactory(
            content_object=SalesLedgerFactory(), action__slug="payment", state__slug="success", total=5
        ),
        [("unknown_at_stripe", "5.000 GBP", "")],
    ),
    "unknown here": (forgotten, [("unknown_here", "", "120.00 GBP")]),
    "amount": (lambda pay: changed(pay, total=119), [("amount", "119.000", "120.00")]),
    "currency": (lambda pay: changed(pay, currency="EUR"), [("currency", "EUR", "GBP")]),
    "refund state": (
        lambda pay: refund_changed(pay, state="fail"),
        [("refunded", "0", "20.00"), ("refund_state", "fail 20.000 GBP", "succeeded 20.00 GBP")],
    ),
    "refund amount": (
        lambda pay: refund_changed(pay, amount=19),
        [("refunded", "19.000", "20.00"), ("refund_state", "success 19.000 GBP", "succeeded 20.00 GBP")],
    ),
    "refund unknown": (
        lambda pay: Refund.objects.filter(pk=give(paid(pay), 20).pk).delete(),
        [("refunded", "0", "20.00"), ("refund_unknown_here", "", "succeeded 20.00 GBP")],
    ),
    "disputed": (lambda pay: paid(pay, DISPUTED), [("disputed", "", "disputed")]),
    "plan total": (
        lambda pay: part(pay, amount=31),
        [("plan_total", "121.000", "120.000"), ("plan_total", "31.000", "30.00")],
    ),
    "part without a payment": (
        lambda pay: part(pay, state_id="success"),
        [("part_without_payment", "30.000", "")],
    ),
    "part paid twice": (part_paid_twice, [("part_paid_twice", "30.000", "60.000")]),
    "part not marked": (
        lambda pay: plan_of(sign_up_with(pay)).payments.filter(deposit=True).update(state_id="pending"),
        [("part_not_marked", "pending", "30.000")],
    ),
}


def test_every_kind_of_difference_is_made_here() -> None:
    assert {kind for _make, rows in DIFFERENCES.values() for kind, *_rest in rows} == set(Difference.KINDS)


def amounts(rows: list[tuple[str, str, str]]) -> list[tuple[str, ...]]:
    """With as many decimals as the database has: SQLite has fewer."""
    words = [[row[0], *(word.split() or [""] for word in row[1:])] for row in rows]
    return [(str(kind), *(" ".join(_plain(word) for word in cell) for cell in cells)) for kind, *cells in words]


def _plain(word: str) -> str:
    return format(Decimal(word).normalize(), "f") if word.replace(".", "").isdigit() else word


@pytest.mark.slow
@pytest.mark.parametrize("name", DIFFERENCES)
def test_each_difference_is_found_and_once_for_each_comparison(stripe_simulator: Any, pay: Any, name: str) -> None:
    make, expected = DIFFERENCES[name]
    # another payment, another plan: nothing of theirs is reported
    paid(pay)
    sign_up_with(pay)
    make(pay)
    before = list(Checkout.objects.order_by("pk").values("state_id", "total", "quarantine"))
    for _again in range(2):
        assert amounts(found()) == amounts(expected)
    # nothing is corrected
    assert list(Checkout.objects.order_by("pk").values("state_id", "total", "quarantine")) == before


def test_what_was_put_aside_is_a_difference_with_its_reason(stripe_simulator: Any, pay: Any) -> None:
    checkout = begun()
    Checkout.objects.filter(pk=checkout.pk).update(total=999)
    pay(checkout)
    checkout.refresh_from_db()
    payment.finish(checkout)
    assert kinds() == ["not_recorded"]
    assert Difference.objects.get().detail == checkout.quarantine
    give(checkout, 120)
    assert found() == []


def test_a_refund_on_its_way_is_given_back_in_both_books(stripe_simulator: Any, pay: Any) -> None:
    assert give(paid(pay, SLOWLY_REFUNDED), 20).state == "processing"
    assert found() == []


def test_what_was_settled_while_the_page_was_compared_is_none(
    stripe_simulator: Any, pay: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    checkout, original = no_answer(pay), flow._ours

    def slow(entries: Any) -> Any:
        rows = original(entries)
        payment.finish(Checkout.objects.get(pk=checkout.pk))
        return rows

    monkeypatch.setattr(flow, "_ours", slow)
    assert found() == []


def test_an_intent_that_was_made_long_after_its_checkout_is_asked_for_alone(
    stripe_simulator: Any, pay: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(flow, "FRESH", timedelta(hours=1))
    Checkout.objects.update(created=paid(pay).created - timedelta(hours=2))
    assert found() == []
    assert stripe_simulator.calls["GET /v1/payment_intents/{intent}"] >= 1
    assert Reconciliation.objects.get().intents == 1


# what it costs


@pytest.mark.slow
def test_each_page_costs_the_same(stripe_simulator: Any, pay: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("checkout.gateway.books.PAGE_SIZE", 4)
    monkeypatch.setattr("checkout.gateway.refunds.PAGE_SIZE", 4)

    def cost() -> tuple[int, int, int]:
        stripe_simulator.calls.clear()
        with CaptureQueriesContext(connection) as captured:
            assert found() == []
        calls = stripe_simulator.calls
        assert sum(calls.values()) == calls["GET /v1/payment_intents"] + calls["GET /v1/refunds"]
        return len(captured), calls["GET /v1/payment_intents"], calls["GET /v1/refunds"]

    for number in range(4):
        give(paid(pay), 5 + number)
    # the cache of content types, which another test may have emptied, is warm then
    cost()
    one, *calls = cost()
    assert calls == [1, 1]
    for number in range(8):
        give(paid(pay), 5 + number)
    three, *calls = cost()
    assert calls == [3, 3]
    # two for a page of payments, two for one of refunds
    assert three - one == 8
    seen: list[int] = []
    flow.reconcile(on_progress=seen.append)
    assert seen == [4, 4, 4]
