"""A part of a payment plan is contested: nothing is charged for that plan by itself until staff say so."""

from datetime import timedelta
from typing import Any

import pytest
from django.utils import timezone

from checkout.flows import charge, demands, dispute, fulfil_charges, inbox, plan, run
from checkout.flows.dispute import DisputeAnswer
from checkout.models import (
    Checkout,
    Dispute,
    Event,
    Notice,
    ObjectPaymentPlan,
    ObjectPaymentPlanInstalment,
    Refund,
    StaffAction,
)
from example_checkout.tests.factories import UserFactory
from example_checkout.tests.money_back import WEBHOOK
from example_checkout.tests.plans import let_fall_due, library
from example_checkout.tests.recovery import ASKS, charge_due, declined_with, due_with, fresh, put_on_file, taken
from example_checkout.tests.test_races_plan import Rival, meanwhile, one_writer

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.slow]

DISPUTES = "pm_card_createDispute"


@pytest.fixture
def webhooks(deliver_webhooks: Any, settings: Any) -> Any:
    settings.CHECKOUT_WEBHOOK_SECRETS = [deliver_webhooks.register(WEBHOOK)]
    return deliver_webhooks


def opened() -> int:
    return Notice.objects.filter(kind=Notice.DISPUTE).count()


def answer_of(checkout: Checkout) -> DisputeAnswer:
    (found,) = dispute.gateway.list_disputes(payment_intent_id=checkout.payment_intent_id)
    return found


def send_evidence(simulator: Any, text: str) -> None:
    """Staff answer in Stripe's dashboard."""
    library(simulator).disputes.update(kept().dispute_id, {"evidence": {"uncategorized_text": text}, "submit": True})


def kept() -> Dispute:
    return Dispute.objects.get()


def disputed_part(simulator: Any, pay: Any) -> ObjectPaymentPlanInstalment:
    """An instalment that was charged, and is contested at Stripe; nobody here has heard of that."""
    part = due_with(simulator, pay, DISPUTES)
    assert charge_due().count("success") == 1
    put_on_file(simulator, part, "pm_card_visa")
    return fresh(part)


def next_part(part: ObjectPaymentPlanInstalment) -> ObjectPaymentPlanInstalment:
    (pk,) = let_fall_due(part.object_payment_plan)
    return fresh(ObjectPaymentPlanInstalment(pk=pk))


def attempt_of(part: ObjectPaymentPlanInstalment) -> Checkout:
    found: Checkout = part.attempts.get(state_id="success")
    return found


def plan_now() -> ObjectPaymentPlan:
    return ObjectPaymentPlan.objects.get()


def test_a_disputed_instalment_pauses_its_plan(webhooks: Any, stripe_simulator: Any, pay: Any) -> None:
    part = disputed_part(stripe_simulator, pay)
    webhooks()
    assert kept().checkout == attempt_of(part)
    assert plan_now().paused is not None
    due = next_part(part)
    before = taken(stripe_simulator)
    assert charge_due().count("success") == 0
    # handed to a worker before the pause
    today = run.begin()
    assert run.charge_some(today, [due.pk]).count("success") == 0
    assert fresh(due).state_id == "pending"
    assert taken(stripe_simulator) == before
    part.refresh_from_db()
    assert part.state_id == "success"


def test_a_disputed_deposit_pauses_its_plan(stripe_simulator: Any, pay: Any) -> None:
    part = due_with(stripe_simulator, pay, "pm_card_visa")
    deposit = part.object_payment_plan.deposit.attempts.get()
    dispute.keep(hand_made(deposit))
    assert plan_now().paused is not None
    assert charge_due().count("success") == 0


def hand_made(checkout: Checkout) -> DisputeAnswer:
    return DisputeAnswer(
        id=f"du_{checkout.pk}",
        stripe_status="needs_response",
        payment_intent_id=checkout.payment_intent_id,
        charge_id="ch_1",
        amount=checkout.total or 0,
        currency=checkout.currency,
        reason="general",
        is_inquiry=False,
        due_by=None,
        created=timezone.now(),
    )


def test_retries_and_demands_wait(stripe_simulator: Any, pay: Any) -> None:
    asked = declined_with(stripe_simulator, pay, ASKS)
    assert asked.state_id == "pay_on_session"
    declined = next_part(asked)
    ObjectPaymentPlanInstalment.objects.filter(pk=declined.pk).update(state_id="fail", retry_due=timezone.localdate())
    put_on_file(stripe_simulator, asked, "pm_card_visa")
    dispute.keep(hand_made(asked.object_payment_plan.deposit.attempts.get()))
    before = taken(stripe_simulator)
    assert charge_due().count("success") == 0
    assert demands.send_on_session_payment_emails(lambda contact: False) == 0
    assert (fresh(declined).state_id, fresh(asked).customer_asked) == ("fail", None)
    assert taken(stripe_simulator) == before
    # and then go on
    assert dispute.resume(plan_now(), user=UserFactory(is_staff=True))
    assert charge_due().count("success") == 1
    assert demands.send_on_session_payment_emails(lambda contact: False) == 1
    assert fresh(declined).state_id == "success"


def test_a_charge_of_unknown_outcome_is_not_repeated(stripe_simulator: Any, pay: Any, stripe_trouble: Any) -> None:
    part = due_with(stripe_simulator, pay, "pm_card_visa")
    stripe_trouble("reset_before", times=2, path="/v1/payment_intents")
    attempt = charge.charge(part, user=None)
    dispute.keep(hand_made(part.object_payment_plan.deposit.attempts.get()))
    before = taken(stripe_simulator)
    fulfil_charges.charges(now=timezone.now() + timedelta(minutes=6))
    attempt.refresh_from_db()
    assert attempt.failed
    assert fresh(part).state_id == "pending"
    assert taken(stripe_simulator) == before


@one_writer
def test_a_run_claims_at_that_moment(monkeypatch: Any, stripe_simulator: Any, pay: Any) -> None:
    part = disputed_part(stripe_simulator, pay)
    due, answer, before = next_part(part), answer_of(attempt_of(part)), len(taken(stripe_simulator))
    charged = Rival(charge_due)
    # the run holds the row: what it claimed before the pause is charged, once
    meanwhile(monkeypatch, (charge, "write_claims"), charged, lambda: dispute.keep(answer))
    assert charged.error is None
    assert fresh(due).state_id == "success"
    assert plan_now().paused is not None
    later = next_part(part)
    assert charge_due().count("success") == 0
    assert fresh(later).state_id == "pending"
    assert len(taken(stripe_simulator)) == before + 1


@one_writer
def test_the_pause_is_written_and_a_run_comes(monkeypatch: Any, stripe_simulator: Any, pay: Any) -> None:
    part = disputed_part(stripe_simulator, pay)
    due, answer, before = next_part(part), answer_of(attempt_of(part)), len(taken(stripe_simulator))
    charged = Rival(charge_due)
    # the rows are locked, and the pause is not committed yet
    meanwhile(monkeypatch, (dispute, "_say"), lambda: dispute.keep(answer), charged)
    assert charged.error is None
    assert plan_now().paused is not None
    assert fresh(due).state_id == "pending"
    assert len(taken(stripe_simulator)) == before


def test_the_outcome_leaves_the_plan_paused_until_staff_say_so(
    webhooks: Any, stripe_simulator: Any, pay: Any, move_clock: Any
) -> None:
    part = disputed_part(stripe_simulator, pay)
    webhooks()
    paused = plan_now().paused
    send_evidence(stripe_simulator, "winning_evidence")
    move_clock(hours=2)
    webhooks()
    assert kept().state == "won"
    assert "that plan is still paused" in Notice.objects.get(kind=Notice.DISPUTE_CLOSED).body
    assert plan_now().paused == paused
    due, user = next_part(part), UserFactory(is_staff=True)
    assert charge_due().count("success") == 0
    assert dispute.resume(plan_now(), user=user)
    assert not dispute.resume(plan_now(), user=user), "twice is once"
    action = StaffAction.objects.get(verb=StaffAction.RESUME_PLAN)
    assert (action.user, str(action.object_id)) == (user, str(plan_now().pk))
    # what the same dispute says later does not pause it again
    for event in Event.objects.order_by("pk"):
        inbox.replay(event)
    assert plan_now().paused is None
    assert charge_due().count("success") == 1
    assert fresh(due).state_id == "success"


def test_paused_by_staff(stripe_simulator: Any, pay: Any) -> None:
    part, user = due_with(stripe_simulator, pay, "pm_card_visa"), UserFactory(is_staff=True)
    assert dispute.pause(plan_now(), user=user)
    assert not dispute.pause(plan_now(), user=user)
    assert StaffAction.objects.get(verb=StaffAction.PAUSE_PLAN).user == user
    assert charge_due().count("success") == 0
    dispute.resume(plan_now(), user=user)
    assert charge_due().count("success") == 1
    assert fresh(part).state_id == "success"


def test_a_plan_that_was_stopped_stays_stopped(stripe_simulator: Any, pay: Any) -> None:
    part, user = due_with(stripe_simulator, pay, "pm_card_visa"), UserFactory(is_staff=True)
    plan.delete(part.object_payment_plan, user=user)
    dispute.keep(hand_made(part.object_payment_plan.deposit.attempts.get()))
    assert (plan_now().deleted, plan_now().paused) == (True, None)
    assert not dispute.pause(plan_now(), user=user)
    assert not dispute.resume(plan_now(), user=user)
    assert opened() == 1
    assert not Refund.objects.exists()
