"""Money given back by staff: to the penny, once, and never more than was paid."""

from decimal import Decimal
from typing import Any
from uuid import uuid4

import pytest

from checkout.errors import NotPayable, StripeRefused
from checkout.flows import payment, refund
from checkout.models import Checkout, CustomerPayment, ObjectPaymentPlanInstalment, Refund, StaffAction
from example_checkout.models import SalesLedger
from example_checkout.tests.factories import SalesLedgerFactory, UserFactory
from example_checkout.tests.money_back import (
    DISPUTED,
    REFUNDS,
    at_stripe,
    booking_of,
    charge_of,
    dashboard,
    give,
    given_back,
    paid,
    resolve_in,
    told_of_failure,
)
from example_checkout.tests.plans import let_fall_due, library, plan_of, sign_up_with, start_sign_up
from example_checkout.tests.recovery import charge_due
from example_checkout.tests.test_races import at_once
from example_checkout.tests.test_races_plan import Rival

pytestmark = pytest.mark.django_db(transaction=True)


def test_the_whole_amount(stripe_simulator: Any, pay: Any) -> None:
    checkout, user = paid(pay), UserFactory(is_staff=True)
    made = give(checkout, "120.00", user=user, reason="duplicate", note="paid twice")
    assert (made.state, made.amount, made.currency, made.by_staff, made.user) == ("success", 120, "GBP", True, user)
    assert made.settled is not None
    assert at_stripe(stripe_simulator) == [12000]
    assert charge_of(stripe_simulator, checkout).refunded
    (theirs,) = library(stripe_simulator).refunds.list().data
    assert (theirs.id, theirs.reason, theirs.metadata.refund) == (made.refund_id, "duplicate", str(made.uuid))
    assert given_back(checkout) == 120
    assert refund.left(checkout).amount == 0
    action = StaffAction.objects.get(verb=StaffAction.REFUND)
    assert action.user == user
    assert "paid twice" in action.detail
    checkout.refresh_from_db()
    assert checkout.succeeded, "it was paid: that it was given back is another fact"


def test_part_by_part_to_the_penny(stripe_simulator: Any, pay: Any) -> None:
    checkout = paid(pay, price="100.00")
    for amount, rest in (("33.33", "66.67"), ("33.33", "33.34"), ("33.34", "0.00")):
        assert give(checkout, amount).state == "success"
        assert refund.left(checkout).amount == Decimal(rest)
    with pytest.raises(NotPayable, match=r"0\.01 GBP is more than the 0\.00"):
        give(checkout, "0.01")
    assert at_stripe(stripe_simulator) == [3333, 3333, 3334]
    assert charge_of(stripe_simulator, checkout).refunded
    assert given_back(checkout) == 100
    assert Refund.objects.count() == 3


@pytest.mark.parametrize(
    ("currency", "price", "parts", "minor"),
    [
        ("JPY", "5000", ["1", "4999"], [1, 4999]),
        ("KWD", "12.340", ["0.010", "12.330"], [10, 12330]),
        ("ISK", "1500", ["499", "1001"], [49900, 100100]),
    ],
)
def test_other_currencies(
    stripe_simulator: Any, pay: Any, currency: str, price: str, parts: list[str], minor: list[int]
) -> None:
    checkout = paid(pay, price=price, currency=currency)
    for amount in parts:
        made = give(checkout, amount)
        assert (made.state, made.currency, made.amount) == ("success", currency, Decimal(amount))
    assert at_stripe(stripe_simulator) == minor
    assert refund.left(checkout).amount == 0
    assert given_back(checkout) == Decimal(price)


@pytest.mark.parametrize(
    ("currency", "amount"),
    [
        ("GBP", Decimal("0.001")),
        ("GBP", Decimal(0)),
        ("GBP", Decimal("-1.00")),
        ("GBP", Decimal("NaN")),
        ("GBP", 1.5),
        ("GBP", Decimal("5000.01")),
        ("JPY", Decimal("0.5")),
        ("KWD", Decimal("0.001")),
        ("ISK", Decimal("0.50")),
    ],
)
def test_what_cannot_be_given_back_is_refused_before_anything_is_written(
    stripe_simulator: Any, pay: Any, currency: str, amount: Any
) -> None:
    checkout = paid(pay, price="5000", currency=currency)
    with pytest.raises(NotPayable):
        refund.give_back(checkout, amount=amount, user=None, uuid=uuid4())
    assert not Refund.objects.exists()
    assert not StaffAction.objects.exists()
    assert stripe_simulator.calls["POST /v1/refunds"] == 0


def test_a_reason_that_stripe_does_not_know(stripe_simulator: Any, pay: Any) -> None:
    checkout = paid(pay)
    with pytest.raises(NotPayable, match="no reason that Stripe knows"):
        give(checkout, "1.00", reason="whim")
    assert not Refund.objects.exists()


def unpaid(pay: Any, kind: str) -> Checkout:
    """A checkout by which nothing came through Stripe."""
    if kind == "sign-up":
        return start_sign_up()
    if kind == "signed up":
        return sign_up_with(pay)
    booking: SalesLedger = SalesLedgerFactory()
    if kind == "manual":
        return payment.manual(content_object=booking, user=UserFactory(is_staff=True))
    checkout = payment.start(action="payment", content_object=booking, user=None)
    if kind == "declined":
        payment.begin(checkout, shown_total=checkout.total)
        pay(checkout, card="4000000000000002")
        payment.finish(checkout)
    if kind == "closed":
        payment.abandon(checkout)
    return checkout


@pytest.mark.parametrize("kind", ["open", "declined", "closed", "manual", "sign-up", "signed up"])
def test_what_took_no_money_gives_none_back(stripe_simulator: Any, pay: Any, kind: str) -> None:
    checkout = unpaid(pay, kind)
    for ask in (refund.left, lambda one: give(one, "1.00")):
        with pytest.raises(NotPayable):
            ask(checkout)
    assert not Refund.objects.exists()


# twice


def test_a_double_click_is_one_refund(stripe_simulator: Any, pay: Any) -> None:
    checkout, uuid = paid(pay), uuid4()
    first, second = give(checkout, "20.00", uuid=uuid), give(checkout, "20.00", uuid=uuid)
    assert first.pk == second.pk
    assert second.state == "success"
    assert at_stripe(stripe_simulator) == [2000]
    assert given_back(checkout) == 20
    assert StaffAction.objects.filter(verb=StaffAction.REFUND).count() == 1


def test_a_double_click_in_the_same_moment(stripe_simulator: Any, pay: Any) -> None:
    checkout, uuid = paid(pay), uuid4()
    clicks = [Rival(lambda: give(Checkout.objects.get(pk=checkout.pk), "20.00", uuid=uuid)) for _click in range(3)]
    at_once(*clicks)
    assert [click.error for click in clicks] == [None] * 3
    assert {click.answer.pk for click in clicks} == {Refund.objects.get().pk}
    assert Refund.objects.get().state == "success"
    assert at_stripe(stripe_simulator) == [2000]
    assert given_back(checkout) == 20


def test_two_at_once_never_give_back_more_than_was_paid(stripe_simulator: Any, pay: Any) -> None:
    checkout = paid(pay)
    rivals = [Rival(lambda: give(Checkout.objects.get(pk=checkout.pk), "80.00")) for _number in range(2)]
    at_once(*rivals)
    assert sorted(type(one.error).__name__ for one in rivals) == ["NoneType", "NotPayable"]
    assert at_stripe(stripe_simulator) == [8000]
    assert [one.state for one in Refund.objects.all()] == ["success"], "the loser has not even written a row"
    assert given_back(checkout) == 80


def test_what_is_unknown_counts_until_it_is_known(stripe_simulator: Any, pay: Any, stripe_trouble: Any) -> None:
    checkout = paid(pay)
    stripe_trouble("timeout_after_commit", times=2, path=REFUNDS)
    assert give(checkout, "100.00").state == "request"
    assert refund.left(checkout).amount == 20
    with pytest.raises(NotPayable):
        give(checkout, "20.01")
    assert at_stripe(stripe_simulator) == [10000]


def test_the_key_of_another_payments_refund(stripe_simulator: Any, pay: Any) -> None:
    mine, other, uuid = paid(pay), paid(pay), uuid4()
    give(mine, "20.00", uuid=uuid)
    with pytest.raises(NotPayable, match="of another payment"):
        give(other, "20.00", uuid=uuid)
    assert at_stripe(stripe_simulator) == [2000]
    assert (given_back(mine), given_back(other)) == (20, 0)


# refused


def test_refused_while_it_is_disputed(stripe_simulator: Any, pay: Any) -> None:
    checkout = paid(pay, card=DISPUTED)
    with pytest.raises(StripeRefused, match="charge_disputed"):
        give(checkout, "20.00")
    assert_refused(checkout, "charge_disputed")
    assert refund.left(checkout).amount == 120


def test_refused_because_the_dashboard_was_first(stripe_simulator: Any, pay: Any) -> None:
    checkout = paid(pay)
    dashboard(stripe_simulator, checkout)
    with pytest.raises(StripeRefused, match="charge_already_refunded"):
        give(checkout, "120.00")
    assert_refused(checkout, "charge_already_refunded")
    assert at_stripe(stripe_simulator) == [12000]


def test_refused_because_the_dashboard_left_too_little(stripe_simulator: Any, pay: Any) -> None:
    checkout = paid(pay)
    dashboard(stripe_simulator, checkout, 10000)
    with pytest.raises(StripeRefused, match="amount"):
        give(checkout, "20.01")
    assert_refused(checkout, "amount")
    assert give(checkout, "20.00").state == "success"
    assert at_stripe(stripe_simulator) == [10000, 2000]


def assert_refused(checkout: Checkout, why: str) -> None:
    made = Refund.objects.get()
    assert (made.state, made.refund_id, made.ask_after) == ("fail", None, None)
    assert why in made.failure
    before = checkout.updated
    checkout.refresh_from_db()
    assert checkout.succeeded
    assert checkout.updated == before
    assert given_back(checkout) == 0
    # who asked was told by the exception, and nobody asks Stripe again
    assert told_of_failure() == 0
    assert resolve_in(days=2).open == 0


# the host


def raising(monkeypatch: pytest.MonkeyPatch, *, times: int) -> list[str]:
    """Let the host's own code raise so many times, after it has written; what it was told of."""
    heard: list[str] = []
    original = SalesLedger.checkout_refund

    def hear(self: SalesLedger, made: Refund) -> None:
        original(self, made)
        heard.append(made.state)
        if len(heard) <= times:
            raise RuntimeError("the accounts are closed")

    monkeypatch.setattr(SalesLedger, "checkout_refund", hear)
    return heard


def test_the_hosts_code_raises(monkeypatch: Any, stripe_simulator: Any, pay: Any) -> None:
    heard = raising(monkeypatch, times=2)
    checkout = paid(pay)
    made = give(checkout, "20.00")
    assert (made.state, made.refund_id) == ("request", None)
    assert given_back(checkout) == 0
    report = resolve_in(minutes=6)
    assert (report.settled, report.errors) == (0, 1)
    assert given_back(checkout) == 0
    assert resolve_in(hours=7).settled == 1
    made.refresh_from_db()
    assert made.state == "success"
    assert heard == ["success"] * 3
    assert given_back(checkout) == 20
    assert at_stripe(stripe_simulator) == [2000]
    assert resolve_in(days=2).open == 0


def test_a_host_that_does_not_want_to_hear(monkeypatch: Any, stripe_simulator: Any, pay: Any) -> None:
    monkeypatch.delattr(SalesLedger, "checkout_refund")
    checkout = paid(pay)
    assert give(checkout, "20.00").state == "success"
    assert given_back(checkout) == 0


def test_an_object_that_is_gone(stripe_simulator: Any, pay: Any) -> None:
    checkout = paid(pay)
    booking_of(checkout).delete()
    assert give(Checkout.objects.get(pk=checkout.pk), "20.00").state == "success"
    assert at_stripe(stripe_simulator) == [2000]


def test_of_a_plan(stripe_simulator: Any, pay: Any) -> None:
    other = paid(pay)
    sign_up = sign_up_with(pay)
    plan = plan_of(sign_up)
    (pk,) = let_fall_due(plan)
    charge_due()
    deposit, part = plan.deposit, ObjectPaymentPlanInstalment.objects.get(pk=pk)
    give(deposit.attempts.get(), "10.00")
    assert given_back(sign_up) == 10
    give(part.attempts.get(), "5.00")
    assert given_back(sign_up) == 15
    assert given_back(other) == 0
    for one in (deposit, part):
        one.refresh_from_db()
        assert one.state_id == "success", "a part that was paid is not due again because of a refund"
    assert charge_due().count("success") == 0


def test_of_a_payment_by_staff(stripe_simulator: Any, pay: Any) -> None:
    sign_up = sign_up_with(pay)
    taken = CustomerPayment.objects.charge_customer(
        plan_of(sign_up).customer, amount=Decimal("12.50"), currency="GBP", description="A loom", user=None
    )
    made = give(taken.attempts.get(), "12.50")
    assert (made.state, made.checkout.content_object) == ("success", taken)
    assert at_stripe(stripe_simulator) == [1250]
    assert given_back(sign_up) == 0
    taken.refresh_from_db()
    assert taken.state_id == "success"
