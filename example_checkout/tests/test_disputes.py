"""Payments that cardholders contest: kept as Stripe tells it, and the staff told once for each fact."""

from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
from django.utils import timezone

from checkout.flows import dispute, inbox, refund
from checkout.flows.dispute import DisputeAnswer
from checkout.models import (
    Checkout,
    Dispute,
    Event,
    Notice,
)
from example_checkout.tests.money_back import DISPUTED, WEBHOOK, give, paid
from example_checkout.tests.plans import library
from example_checkout.tests.test_races import at_once
from example_checkout.tests.test_races_plan import Rival

pytestmark = pytest.mark.django_db(transaction=True)

INQUIRY = "4000000000001976"
TWO_DISPUTES = "4000000404000079"
DISPUTES = "pm_card_createDispute"


@pytest.fixture
def webhooks(deliver_webhooks: Any, settings: Any) -> Any:
    settings.CHECKOUT_WEBHOOK_SECRETS = [deliver_webhooks.register(WEBHOOK)]
    return deliver_webhooks


def opened() -> int:
    return Notice.objects.filter(kind=Notice.DISPUTE).count()


def closed() -> int:
    return Notice.objects.filter(kind=Notice.DISPUTE_CLOSED).count()


def kept() -> Dispute:
    return Dispute.objects.get()


def answer_of(checkout: Checkout) -> DisputeAnswer:
    (found,) = dispute.gateway.list_disputes(payment_intent_id=checkout.payment_intent_id)
    return found


def send_evidence(simulator: Any, text: str) -> None:
    """Staff answer in Stripe's dashboard."""
    library(simulator).disputes.update(kept().dispute_id, {"evidence": {"uncategorized_text": text}, "submit": True})


# as Stripe tells it


def test_a_one_off_payment(webhooks: Any, pay: Any) -> None:
    checkout = paid(pay, card=DISPUTED)
    webhooks()
    made = kept()
    assert (made.checkout, made.amount, made.currency) == (checkout, 120, "GBP")
    assert (made.state, made.stripe_status, made.reason) == ("open", "needs_response", "fraudulent")
    assert made.needs_answer
    assert not made.is_inquiry
    assert made.due_by is not None
    assert timedelta(days=8) < made.due_by - timezone.now() < timedelta(days=10)
    notice = Notice.objects.get(kind=Notice.DISPUTE)
    assert "A cardholder disputes a payment" in notice.body
    assert f"{made.due_by:%d %B %Y}" in notice.body
    checkout.refresh_from_db()
    assert checkout.succeeded, "it was paid: that it is contested is another fact"
    for event in Event.objects.order_by("-pk"):
        inbox.replay(event)
    assert (Dispute.objects.count(), opened(), closed()) == (1, 1, 0)


def test_two_disputes_of_one_payment(webhooks: Any, pay: Any) -> None:
    checkout = paid(pay, card=TWO_DISPUTES)
    webhooks()
    assert sorted(one.reason for one in checkout.disputes.all()) == ["fraudulent", "product_not_received"]
    assert opened() == 2


def test_an_inquiry_that_ends_by_itself(webhooks: Any, pay: Any, move_clock: Any) -> None:
    paid(pay, card=INQUIRY)
    webhooks()
    made = kept()
    assert (made.state, made.stripe_status, made.is_inquiry) == ("open", "warning_needs_response", True)
    assert "A bank asks about a payment" in Notice.objects.get(kind=Notice.DISPUTE).body
    move_clock(days=9, seconds=1)
    webhooks()
    made = kept()
    assert (made.state, made.stripe_status) == ("closed", "warning_closed")
    assert made.closed is not None
    assert (opened(), closed()) == (1, 1)


def test_an_inquiry_that_becomes_a_dispute(webhooks: Any, stripe_simulator: Any, pay: Any, move_clock: Any) -> None:
    paid(pay, card=INQUIRY)
    webhooks()
    first = kept().due_by
    send_evidence(stripe_simulator, "escalate_inquiry_evidence")
    webhooks()
    assert kept().stripe_status == "warning_under_review"
    move_clock(days=1)
    webhooks()
    made = kept()
    assert (made.state, made.stripe_status, made.is_inquiry) == ("open", "needs_response", False)
    assert made.due_by is not None
    assert first is not None
    assert made.due_by > first
    # the staff hear of the question and of the chargeback, of each once
    assert (Dispute.objects.count(), opened(), closed()) == (1, 2, 0)


@pytest.mark.parametrize(("text", "state"), [("winning_evidence", "won"), ("losing_evidence", "lost")])
def test_evidence_decides(
    webhooks: Any, stripe_simulator: Any, pay: Any, move_clock: Any, text: str, state: str
) -> None:
    checkout = paid(pay, card=DISPUTED)
    webhooks()
    send_evidence(stripe_simulator, text)
    webhooks()
    assert (kept().state, kept().stripe_status, kept().needs_answer) == ("open", "under_review", False)
    move_clock(hours=2)
    webhooks()
    made = kept()
    assert (made.state, made.stripe_status) == (state, state)
    assert made.closed is not None
    assert (opened(), closed()) == (1, 1)
    assert f"A dispute has been decided: {state}" in Notice.objects.get(kind=Notice.DISPUTE_CLOSED).body
    for event in Event.objects.order_by("-pk"):
        inbox.replay(event)
    assert (opened(), closed()) == (1, 1)
    # what was won may be given back; what was lost has gone already
    if state == "won":
        assert give(checkout, "20.00").state == "success"
    else:
        with pytest.raises(refund.StripeRefused, match="charge_disputed"):
            give(checkout, "20.00")


def test_nobody_answers_and_it_is_lost(webhooks: Any, pay: Any, move_clock: Any) -> None:
    paid(pay, card=DISPUTED)
    webhooks()
    move_clock(days=9, seconds=1)
    webhooks()
    assert kept().state == "lost"
    assert closed() == 1


def test_heard_of_by_backfill_alone_and_after_it_was_decided(stripe_simulator: Any, pay: Any, move_clock: Any) -> None:
    checkout = paid(pay, card=DISPUTED)
    library(stripe_simulator).disputes.close(answer_of(checkout).id)
    assert inbox.backfill() > 0
    assert kept().state == "lost"
    # both are facts that the staff do not know yet
    assert (opened(), closed()) == (1, 1)
    inbox.backfill()
    assert (Dispute.objects.count(), opened(), closed()) == (1, 1, 1)


def test_by_asking_for_all_of_a_payment(stripe_simulator: Any, pay: Any) -> None:
    checkout = paid(pay, card=TWO_DISPUTES)
    assert dispute.keep_all_of(checkout.payment_intent_id) == 2
    assert dispute.keep_all_of(checkout.payment_intent_id) == 2
    assert (Dispute.objects.count(), opened()) == (2, 2)


def test_of_a_payment_that_is_not_ours(webhooks: Any, stripe_simulator: Any, pay: Any) -> None:
    paid(pay)
    library(stripe_simulator).payment_intents.create(
        {
            "amount": 5000,
            "currency": "gbp",
            "payment_method": DISPUTES,
            "confirm": True,
            "automatic_payment_methods": {"enabled": True, "allow_redirects": "never"},
        }
    )
    webhooks()
    assert Event.objects.filter(type="charge.dispute.created", state="ignored").count() == 1
    assert not Dispute.objects.exists()
    assert opened() == 0


# hand-made answers: what the simulator does not do


@pytest.fixture
def told_by_stripe(stripe_simulator: Any, pay: Any) -> DisputeAnswer:
    """The answer about a new dispute of a one-off payment, not kept yet."""
    return answer_of(paid(pay, card=DISPUTED))


def hear(answer: DisputeAnswer, *statuses: str) -> None:
    for status in statuses:
        dispute.keep(replace(answer, stripe_status=status, is_inquiry=status.startswith("warning")))


@pytest.mark.parametrize("late", ["needs_response", "under_review", "warning_needs_response", "a new word"])
@pytest.mark.parametrize("end", ["lost", "won", "prevented", "warning_closed"])
def test_an_answer_from_before_changes_nothing(told_by_stripe: DisputeAnswer, end: str, late: str) -> None:
    hear(told_by_stripe, "needs_response", end)
    before = Dispute.objects.values().get()
    hear(replace(told_by_stripe, reason="another", due_by=None), late)
    assert Dispute.objects.values().get() == before
    assert (opened(), closed()) == (1, 1)


def test_a_word_that_stripe_adds_one_day_is_for_a_person(told_by_stripe: DisputeAnswer) -> None:
    hear(told_by_stripe, "levitating")
    assert (kept().state, kept().stripe_status) == ("open", "levitating")
    assert opened() == 1


def test_an_appeal_that_is_won(told_by_stripe: DisputeAnswer) -> None:
    hear(told_by_stripe, "needs_response", "under_review", "lost", "appeal_needs_response")
    made = kept()
    assert (made.state, made.stripe_status, made.closed) == ("open", "appeal_needs_response", None)
    assert made.needs_answer
    assert (opened(), closed()) == (2, 1)
    hear(told_by_stripe, "appeal_under_review", "won", "won")
    assert kept().state == "won"
    assert (opened(), closed()) == (2, 2)


def test_an_appeal_that_is_lost_like_the_dispute_before(told_by_stripe: DisputeAnswer) -> None:
    hear(told_by_stripe, "lost", "appeal_needs_response", "appeal_under_review", "lost", "lost")
    assert kept().state == "lost"
    assert (opened(), closed()) == (2, 2), "the staff wait for the outcome of the appeal"


def test_many_hear_of_it_at_once(told_by_stripe: DisputeAnswer) -> None:
    rivals = [Rival(lambda: dispute.keep(told_by_stripe)) for _number in range(4)]
    at_once(*rivals)
    assert [one.error for one in rivals] == [None] * 4
    assert {one.answer.pk for one in rivals} == {kept().pk}
    assert opened() == 1
