"""Refunds that staff made in Stripe's dashboard, and payments that were put aside and are given back."""

from collections.abc import Callable
from decimal import Decimal
from typing import Any

import pytest

from checkout import signals
from checkout.flows import audit, charge, fulfil_charges, inbox, payment, refund
from checkout.models import Checkout, Event, Notice, Refund
from example_checkout.models import SalesLedger
from example_checkout.tests.money_back import (
    FAILS_LATER,
    PENDING,
    REFUNDS,
    WEBHOOK,
    at_stripe,
    begun,
    booking_of,
    dashboard,
    give,
    given_back,
    held,
    paid,
    resolve_in,
    told_of_failure,
)
from example_checkout.tests.plans import GOOD, let_fall_due, library, plan_of, sign_up_with
from example_checkout.tests.recovery import charge_due, fresh, pay_page
from example_checkout.tests.test_races import at_once, two_paid
from example_checkout.tests.test_races_plan import Rival

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.slow]


@pytest.fixture
def webhooks(deliver_webhooks: Any, settings: Any) -> Any:
    settings.CHECKOUT_WEBHOOK_SECRETS = [deliver_webhooks.register(WEBHOOK)]
    return deliver_webhooks


def by_webhook(webhooks: Any) -> None:
    assert webhooks() > 0
    assert set(webhooks.statuses) == {200}


def by_backfill(webhooks: Any) -> None:
    assert inbox.backfill() > 0


heard_by = pytest.mark.parametrize("learn", [by_webhook, by_backfill])


def replay_all() -> None:
    for event in Event.objects.order_by("-pk"):
        inbox.replay(event)


@heard_by
def test_from_the_dashboard(webhooks: Any, stripe_simulator: Any, pay: Any, learn: Callable[[Any], None]) -> None:
    checkout = paid(pay)
    stripe_id = dashboard(stripe_simulator, checkout, 2000, reason="fraudulent")
    learn(webhooks)
    made = Refund.objects.get()
    assert (made.refund_id, made.amount, made.currency) == (stripe_id, 20, "GBP")
    assert (made.state, made.reason, made.by_staff, made.user) == ("success", "fraudulent", False, None)
    assert given_back(checkout) == 20
    assert refund.left(checkout).amount == 100
    # the other way, and everything once more
    webhooks()
    inbox.backfill()
    replay_all()
    assert Refund.objects.count() == 1
    assert given_back(checkout) == 20


def test_many_hear_of_it_at_once(stripe_simulator: Any, pay: Any) -> None:
    checkout = paid(pay)
    answer = refund.gateway.retrieve_refund(dashboard(stripe_simulator, checkout, 2000))
    rivals = [Rival(lambda: refund.keep(answer)) for _number in range(4)]
    at_once(*rivals)
    assert [one.error for one in rivals] == [None] * 4
    assert {one.answer.pk for one in rivals} == {Refund.objects.get().pk}
    assert given_back(checkout) == 20


def test_of_a_payment_that_is_not_ours(webhooks: Any, stripe_simulator: Any, pay: Any) -> None:
    paid(pay)
    intent = library(stripe_simulator).payment_intents.create(
        {
            "amount": 5000,
            "currency": "gbp",
            "payment_method": "pm_card_visa",
            "confirm": True,
            "automatic_payment_methods": {"enabled": True, "allow_redirects": "never"},
        }
    )
    library(stripe_simulator).refunds.create({"payment_intent": intent.id})
    webhooks()
    assert not Refund.objects.exists()
    assert not Event.objects.filter(state="waiting").exists()


def test_before_we_have_heard_of_the_payment(stripe_simulator: Any, pay: Any, told: list[int]) -> None:
    checkout = begun()
    pay(checkout)
    kept = refund.keep(refund.gateway.retrieve_refund(dashboard(stripe_simulator, checkout, 2000)))
    assert kept is not None
    assert kept.state == "success"
    checkout.refresh_from_db()
    assert checkout.is_open
    payment.finish(checkout)
    assert told == [checkout.pk]
    assert given_back(checkout) == 20
    assert refund.left(checkout).amount == 100


def test_the_hosts_code_raises_for_one_of_the_dashboard(
    monkeypatch: Any, webhooks: Any, stripe_simulator: Any, pay: Any
) -> None:
    """Its event may be given up one day: the row is asked about nevertheless."""
    checkout = paid(pay)
    webhooks()

    def closed(booking: SalesLedger, made: Refund) -> None:
        raise RuntimeError("the accounts are closed")

    dashboard(stripe_simulator, checkout, 2000)
    with monkeypatch.context() as patched:
        patched.setattr(SalesLedger, "checkout_refund", closed)
        webhooks()
    assert set(webhooks.statuses) == {200}
    assert [one.state for one in Refund.objects.all()] == ["request"]
    assert Event.objects.filter(state="waiting", last_error="RuntimeError: the accounts are closed").count() == 2
    assert resolve_in(minutes=6).settled == 1
    assert given_back(checkout) == 20
    replay_all()
    assert not Event.objects.filter(state="waiting").exists()
    assert given_back(checkout) == 20


# what somebody typed


def test_the_uuid_of_another_payments_refund_is_typed(
    webhooks: Any, stripe_simulator: Any, pay: Any, stripe_trouble: Any
) -> None:
    mine, other = paid(pay), paid(pay)
    stripe_trouble("reset_before", times=2, path=REFUNDS)
    unknown = give(mine, "20.00")
    typed = dashboard(stripe_simulator, other, 2000, metadata={"refund": str(unknown.uuid)})
    webhooks()
    unknown.refresh_from_db()
    assert (unknown.state, unknown.refund_id) == ("request", None)
    assert other.refunds.get().refund_id == typed
    assert resolve_in(minutes=6).settled == 1
    unknown.refresh_from_db()
    assert unknown.state == "success"
    assert unknown.refund_id != typed
    assert (given_back(mine), given_back(other)) == (20, 20)
    assert at_stripe(stripe_simulator) == [2000, 2000]


def test_the_uuid_is_typed_on_another_amount(
    webhooks: Any, stripe_simulator: Any, pay: Any, stripe_trouble: Any
) -> None:
    checkout = paid(pay)
    stripe_trouble("reset_before", times=2, path=REFUNDS)
    unknown = give(checkout, "20.00")
    dashboard(stripe_simulator, checkout, 500, metadata={"refund": str(unknown.uuid)})
    webhooks()
    assert resolve_in(minutes=6).settled == 1
    unknown.refresh_from_db()
    assert unknown.state == "success", "it was taken for the one in the dashboard, and never made"
    assert at_stripe(stripe_simulator) == [500, 2000]
    assert given_back(checkout) == 25
    assert Refund.objects.count() == 2


@pytest.mark.parametrize("typed", ["hello", "", "00000000-0000-0000-0000-000000000000"])
def test_nonsense_is_typed(webhooks: Any, stripe_simulator: Any, pay: Any, typed: str) -> None:
    checkout = paid(pay)
    dashboard(stripe_simulator, checkout, 2000, metadata={"refund": typed, "checkout": "hello"})
    webhooks()
    assert Refund.objects.get().state == "success"
    assert given_back(checkout) == 20


# payments that were put aside


def assert_closed(checkout: Checkout) -> None:
    checkout.refresh_from_db()
    assert (checkout.state_id, checkout.failure) == ("fail", "given back")
    assert (checkout.quarantine, checkout.claim, checkout.ask_after) == ("", None, None)
    assert checkout.settled is not None
    assert audit.failed_checkouts().findings == []
    assert not Checkout.objects.exclude(quarantine="").exists(), "nobody has to look at it any more"


@heard_by
def test_a_payment_put_aside_is_given_back_in_parts(
    webhooks: Any, stripe_simulator: Any, pay: Any, told: list[int], learn: Callable[[Any], None]
) -> None:
    checkout = held(pay)
    assert refund.left(checkout).amount == 120, "what has come, not what was asked for"
    give(checkout, "70.00")
    checkout.refresh_from_db()
    assert checkout.held
    with pytest.raises(refund.NotPayable):
        give(checkout, "50.01")
    give(checkout, "50.00")
    assert_closed(checkout)
    notices = Notice.objects.count()
    # the late news of a payment
    learn(webhooks)
    replay_all()
    assert_closed(checkout)
    assert Notice.objects.count() == notices
    assert told == []
    assert Refund.objects.count() == 2
    booking = booking_of(checkout)
    assert (booking.paid, booking.failed is not None) == (None, True)
    # its object can be paid
    again = payment.start(action="payment", content_object=booking, user=None)
    payment.begin(again, shown_total=again.total)
    pay(again)
    payment.finish(again)
    assert told == [again.pk]


@heard_by
def test_it_is_given_back_in_the_dashboard(
    webhooks: Any, stripe_simulator: Any, pay: Any, told: list[int], learn: Callable[[Any], None]
) -> None:
    checkout = held(pay)
    dashboard(stripe_simulator, checkout)
    learn(webhooks)
    assert_closed(checkout)
    assert told == []
    with pytest.raises(refund.NotPayable):
        give(checkout, "1.00")


def test_it_is_closed_when_the_money_has_left(stripe_simulator: Any, pay: Any, move_clock: Any) -> None:
    checkout = held(pay, card=PENDING)
    assert give(checkout, "120.00").state == "processing"
    checkout.refresh_from_db()
    assert checkout.held
    assert refund.left(checkout).amount == 0
    move_clock(hours=1, seconds=1)
    assert resolve_in(hours=7).settled == 1
    assert_closed(checkout)


def test_stripe_cannot_be_asked_whether_that_was_all(
    webhooks: Any, stripe_simulator: Any, pay: Any, stripe_trouble: Any
) -> None:
    checkout = held(pay)
    # left() looks at the intent first; the second look is the one that fails
    original = refund.gateway.retrieve_book_entry
    stripe_trouble("reset_before", times=2, method="GET", path="/v1/payment_intents/*")
    with pytest.raises(refund.StripeUnreachable):
        give(checkout, "120.00")
    assert not Refund.objects.exists()
    with pytest.MonkeyPatch.context() as patched:

        def away(intent_id: str) -> Any:
            stripe_trouble("reset_before", times=2, method="GET", path="/v1/payment_intents/*")
            return original(intent_id)

        patched.setattr(refund.gateway, "retrieve_book_entry", away)
        assert give(checkout, "120.00").state == "success"
    checkout.refresh_from_db()
    assert checkout.held
    webhooks()
    assert_closed(checkout)


def test_paid_again_and_given_back(webhooks: Any, stripe_simulator: Any, pay: Any, told: list[int]) -> None:
    first, second = two_paid(pay)
    payment.finish(first)
    payment.finish(second)
    assert "paid again" in second.quarantine
    before = booking_of(first).paid
    give(second, "120.00")
    assert_closed(second)
    webhooks()
    replay_all()
    assert_closed(second)
    assert told == [first.pk]
    first.refresh_from_db()
    assert first.succeeded
    assert booking_of(first).paid == before is not None
    assert at_stripe(stripe_simulator) == [12000]
    assert refund.left(first).amount == 120


def failed_and_paid(pay: Any, **card: str) -> Checkout:
    """Given up here, paid at Stripe, and found by an audit."""
    checkout = begun()
    Checkout.objects.filter(pk=checkout.pk).update(state_id="fail", claim=None, settled=checkout.created)
    pay(checkout, **card)
    assert len(audit.failed_checkouts().findings) == 1
    checkout.refresh_from_db()
    assert checkout.quarantine
    return checkout


def test_failed_here_and_paid_there_is_given_back(webhooks: Any, stripe_simulator: Any, pay: Any) -> None:
    checkout = failed_and_paid(pay)
    give(checkout, "120.00")
    assert_closed(checkout)
    webhooks()
    assert_closed(checkout)
    assert booking_of(checkout).failed is None, "it had failed already: nobody is told once more"


def test_what_was_given_back_comes_back_from_the_bank(
    webhooks: Any, stripe_simulator: Any, pay: Any, move_clock: Any
) -> None:
    """It was closed, was in no list, and could not be given back once more."""
    checkout = held(pay, card=FAILS_LATER)
    give(checkout, "120.00")
    assert_closed(checkout)
    move_clock(hours=1, seconds=1)
    webhooks()
    checkout.refresh_from_db()
    assert checkout.failed
    assert "the refund failed afterwards" in checkout.quarantine
    assert told_of_failure() == 1
    assert len(audit.failed_checkouts().findings) == 1
    assert refund.left(checkout).amount == 120
    give(checkout, "120.00")
    assert_closed(checkout)


def test_an_instalment_that_was_put_aside_is_given_back(
    stripe_simulator: Any, pay: Any, stripe_trouble: Any, told: list[int]
) -> None:
    plan = plan_of(sign_up_with(pay))
    (pk,) = let_fall_due(plan)
    part = plan.payments.get(pk=pk)
    stripe_trouble("timeout_after_commit", times=2, path="/v1/payment_intents")
    attempt = charge.charge(part, user=None)
    Checkout.objects.filter(pk=attempt.pk).update(total=Decimal("1.00"), ask_after=attempt.created)
    fulfil_charges.charges()
    attempt.refresh_from_db()
    assert attempt.held
    paid_before, notices = list(told), Notice.objects.count()
    give(attempt, "30.00")
    assert_closed(attempt)
    part = fresh(part)
    assert (part.state_id, part.retry_due) == ("fail", None)
    assert Notice.objects.count() == notices, "its customer is not told that a payment was declined"
    assert told == paid_before
    # and nobody charges it by itself
    assert charge_due().count("success") == 0
    assert at_stripe(stripe_simulator) == [3000]
    # but its customer may pay it
    page = Checkout.objects.create_checkout_pay_on_session(part, None)
    pay_page(page, pay, GOOD)
    assert page.succeeded
    assert fresh(part).state_id == "success"


def test_closing_is_told_once(stripe_simulator: Any, pay: Any) -> None:
    heard: list[int] = []

    def hear(sender: Any, checkout: Checkout, **_more: Any) -> None:
        heard.append(checkout.pk)

    checkout = held(pay)
    signals.checkout_failed.connect(hear)
    try:
        made = give(checkout, "120.00")
        for _time in range(2):
            refund.keep(refund.gateway.retrieve_refund(made.refund_id or ""))
    finally:
        signals.checkout_failed.disconnect(hear)
    assert heard == [checkout.pk]
