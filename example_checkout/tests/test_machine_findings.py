"""What the state machine has found, each as a plain test: see docs/reliability.rst."""

from datetime import timedelta
from typing import Any

import pytest
from django.utils import timezone

from checkout import gateway
from checkout.errors import InProgress, NotPayable, StripeUnreachable
from checkout.flows import card, deposit, fulfil, fulfil_charges, inbox, on_session, payment, plan, rivals, run
from checkout.gateway import EventHint
from checkout.models import Checkout, Notice, ObjectPaymentPlanInstalment
from checkout.notify import outbox, truth
from example_checkout.models import SalesLedger
from example_checkout.tests.factories import SalesLedgerFactory, UserFactory
from example_checkout.tests.mail import asked, let_lease_end, make_due, wanted
from example_checkout.tests.plans import (
    fast_pace,
    let_fall_due,
    library,
    offer_plans,
    plan_of,
    sign_up_with,
    start_sign_up,
)
from example_checkout.tests.recovery import FAILS, charge_due, days_later, due_with, fresh

pytestmark = pytest.mark.django_db


@pytest.fixture
def one_due(stripe_simulator: Any, pay: Any) -> ObjectPaymentPlanInstalment:
    (pk,) = let_fall_due(plan_of(sign_up_with(pay)))
    found: ObjectPaymentPlanInstalment = ObjectPaymentPlanInstalment.objects.get(pk=pk)
    return found


class Killed(BaseException):
    """No code of the site catches it."""


@pytest.mark.parametrize("end", [RuntimeError, Killed])
def test_a_payment_by_hand_that_dies_leaves_no_claim(
    one_due: Any, monkeypatch: pytest.MonkeyPatch, end: type[BaseException]
) -> None:
    """It was left in ``request``, with the claim: Stripe knows nothing of it, so nobody could ever resolve it."""

    def die(*_arguments: Any) -> None:
        raise end

    staff = UserFactory(is_staff=True)
    with monkeypatch.context() as patched:
        patched.setattr(SalesLedger, "checkout_success", die)
        with pytest.raises(end):
            plan.mark_paid(one_due, user=staff)
    one_due.refresh_from_db()
    assert one_due.state_id == "pending"
    assert not Checkout.objects.exclude(claim=None).exists()
    assert plan.mark_paid(one_due, user=staff).succeeded


def test_a_payment_by_hand_that_was_only_begun_is_closed_one_day(one_due: Any) -> None:
    begun = Checkout.objects.create(
        action_id="manual", content_object=one_due, total=one_due.amount, currency=one_due.currency
    )
    Checkout.objects.filter(pk=begun.pk).update(created=timezone.now() - timedelta(days=4))
    assert fulfil.payments().settled == 1
    begun.refresh_from_db()
    one_due.refresh_from_db()
    assert (begun.state_id, one_due.state_id) == ("fail", "pending")


def test_a_button_pressed_while_a_run_comes_and_goes(one_due: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """The run charged between our look at the instalment and our claim on it: the customer then paid it once more."""
    page = on_session.start(one_due, user=None)
    look = payment.payable
    runs: list[int] = []

    def overtaken(*args: Any, **kwargs: Any) -> Any:
        found = look(*args, **kwargs)
        if not runs:
            runs.append(1)
            assert run.process_payments(pace=fast_pace()).count("success") == 1
        return found

    monkeypatch.setattr(payment, "payable", overtaken)
    with pytest.raises(NotPayable):
        payment.begin(page, shown_total=one_due.amount)
    assert (page.state_id, page.claim) == ("pending", None)
    page.refresh_from_db()
    assert (page.state_id, page.claim) == ("pending", None)


def test_a_card_saved_without_consent_is_put_aside(stripe_simulator: Any, pay: Any, told: list[int]) -> None:
    """Somebody confirms with our page's secret and never presses our button: each pass of fulfilment failed."""
    offer_plans()
    booking = SalesLedgerFactory()
    checkout = Checkout.objects.create_checkout("payment_plan", booking, booking.contact.user)
    pay(checkout)
    payment.finish(checkout)
    for _pass in range(2):
        assert fulfil.setups().errors == 0
    checkout.refresh_from_db()
    assert "without consent" in checkout.quarantine
    assert checkout.is_open
    assert told == []
    assert Notice.objects.count() == 1


@pytest.mark.parametrize("hours", [1, 25])
def test_a_deposit_is_asked_for_again_only_while_its_key_lives(
    stripe_simulator: Any, pay: Any, stripe_trouble: Any, move_clock: Any, hours: int
) -> None:
    """The page after a sign-up, opened again two days later, charged a second time what had been charged."""
    checkout = start_sign_up()
    pay(checkout)
    stripe_trouble("timeout_after_commit", times=2, path="/v1/payment_intents")
    payment.finish(checkout)
    attempt = plan_of(checkout).deposit.attempts.get()
    assert attempt.state_id == "request"
    Checkout.objects.filter(pk=attempt.pk).update(created=timezone.now() - timedelta(hours=hours))
    move_clock(hours=hours)
    step = deposit.look(checkout).step
    assert step is (deposit.Step.PAID if hours == 1 else deposit.Step.WAIT)
    assert [one.status for one in library(stripe_simulator).charges.list().data] == ["succeeded"]


def test_a_deposit_of_a_deleted_plan_is_not_asked_for_again(
    stripe_simulator: Any, pay: Any, stripe_trouble: Any
) -> None:
    checkout = start_sign_up()
    pay(checkout)
    stripe_trouble("reset_before", times=2, path="/v1/payment_intents")
    payment.finish(checkout)
    made = plan_of(checkout)
    type(made).objects.filter(pk=made.pk).update(deleted=True)
    Checkout.objects.filter(action_id="charge").update(created=timezone.now() - timedelta(minutes=1))
    assert deposit.look(checkout).step is deposit.Step.WAIT
    assert library(stripe_simulator).charges.list().data == []


def test_a_page_that_is_closed_while_it_is_opened_is_shown_to_nobody(
    one_due: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A card was saved while Stripe was asked for the page's intent: its customer got a page that had failed."""
    ask = payment.ensure_intent

    def overtaken(checkout: Checkout) -> Any:
        rivals.close_open_attempts(one_due)
        return ask(checkout)

    with monkeypatch.context() as patched:
        patched.setattr(payment, "ensure_intent", overtaken)
        with pytest.raises(InProgress):
            on_session.start(one_due, user=None)
    assert Checkout.objects.open_on_session().count() == 0
    assert on_session.start(one_due, user=None).is_open


@pytest.mark.django_db(transaction=True)
def test_a_page_that_is_closed_while_its_lost_intent_is_found_is_shown_to_nobody(
    one_due: Any, monkeypatch: pytest.MonkeyPatch, stripe_trouble: Any
) -> None:
    """Two asked for it once more; who got no answer closed it, and the other one showed it."""
    stripe_trouble("timeout_after_commit", times=2, path="/v1/payment_intents")
    with pytest.raises(StripeUnreachable):
        on_session.start(one_due, user=None)
    create, theirs = gateway.create_payment_intent, []

    def overtaken(**asked: Any) -> Any:
        answer = create(**asked)
        if not theirs:
            theirs.append(None)
            stripe_trouble("reset_before", times=2, path="/v1/payment_intents")
            theirs.append(on_session.start(one_due, user=None))
        return answer

    monkeypatch.setattr(gateway, "create_payment_intent", overtaken)
    mine = on_session.start(one_due, user=None)
    mine.refresh_from_db()
    assert mine.is_open
    # the newest page is the one that can be paid; what was closed here is closed at Stripe, or was shown to nobody
    (still,) = Checkout.objects.open_on_session()
    assert still == mine != theirs[1]
    theirs[1].refresh_from_db()
    assert theirs[1].failed
    assert gateway.retrieve_payment_intent(theirs[1].payment_intent_id).stripe_status == "canceled"


@pytest.mark.django_db(transaction=True)
def test_asked_for_again_on_the_next_day_it_is_not_tried_on_that_day_once_more(
    stripe_simulator: Any, pay: Any, stripe_trouble: Any
) -> None:
    """What counts is when Stripe was asked, not when it was claimed: a new card led to a second try that day."""
    part = due_with(stripe_simulator, pay, FAILS)
    stripe_trouble("reset_before", times=2, path="/v1/payment_intents")
    charge_due()
    assert fresh(part).state_id == "request"
    with days_later(1):
        part.attempts.update(created=timezone.now() - timedelta(hours=20))
        fulfil_charges.charges()
        assert fresh(part).state_id == "fail"
        refresh = card.start_refresh(part.payer, user=None)
        pay(refresh)
        payment.finish(refresh)
        assert fresh(part).retry_due == timezone.localdate() + timedelta(days=1)
        assert charge_due().count("success") == 0
    with days_later(2):
        assert charge_due().count("success") == 1


def test_a_lost_charge_is_not_asked_for_again_once_its_card_is_refused_for_good(
    stripe_simulator: Any, pay: Any, stripe_trouble: Any
) -> None:
    """Nobody knew whether Stripe had heard of it when the bank refused the card: to repeat it was a first attempt."""
    staff = UserFactory(is_staff=True)
    parts = [
        ObjectPaymentPlanInstalment.objects.get(pk=pk) for pk in let_fall_due(plan_of(sign_up_with(pay)), how_many=2)
    ]
    stripe_trouble("reset_before", times=2, path="/v1/payment_intents")
    lost = Checkout.objects.charge(parts[0], staff)
    stripe_trouble("decline", path="/v1/payment_intents", code="lost_card")
    assert Checkout.objects.charge(parts[1], staff).failed
    fulfil_charges.charges(now=timezone.now() + timedelta(minutes=10))
    lost.refresh_from_db()
    assert lost.failure.startswith("released:")
    assert fresh(parts[0]).state_id == "pending"
    assert [one.status for one in library(stripe_simulator).charges.list().data] == ["failed", "succeeded"]


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize(
    ("card", "start"), [("pm_card_createDispute", "charge.dispute.created"), ("pm_card_visa", "refund.created")]
)
def test_what_came_after_a_charge_is_heard_of_before_the_charge(
    one_due: Any, stripe_simulator: Any, stripe_trouble: Any, card: str, start: str
) -> None:
    """Its answer was lost, so no intent was ours yet: the event counted as none of ours, and was never worked again."""
    v1 = library(stripe_simulator)
    customer = one_due.customer
    made = v1.setup_intents.create(
        {
            "customer": customer.customer_id,
            "payment_method": card,
            "confirm": True,
            "automatic_payment_methods": {"enabled": True, "allow_redirects": "never"},
        }
    )
    type(customer).objects.filter(pk=customer.pk).update(payment_method_id=made.payment_method)
    stripe_trouble("timeout_after_commit", times=2, path="/v1/payment_intents")
    run.process_payments(pace=fast_pace())
    lost = one_due.attempts.get()
    assert (lost.state_id, lost.payment_intent_id) == ("request", "")
    intent = v1.payment_intents.list({"limit": 1}).data[0]
    if start.startswith("refund"):
        v1.refunds.create({"payment_intent": intent.id, "amount": 100})
    for one in stripe_simulator.events:
        if one["type"] == start:
            kept = inbox.receive(_hint(one))
            assert kept is not None
            assert inbox.work(kept.pk)
    lost.refresh_from_db()
    assert lost.succeeded
    assert lost.refunds.count() + lost.disputes.count() == 1
    one_due.refresh_from_db()
    assert (one_due.object_payment_plan.paused is not None) == start.startswith("charge.dispute")


@pytest.mark.django_db(transaction=True)
def test_a_worker_that_was_taken_for_dead_finds_its_mail_moot(monkeypatch: Any, mailoutbox: Any) -> None:
    """It stood still while others took its mail back and put it aside, and then raised, with all others unsent."""
    first, second = wanted(2)
    notice, _other = asked(first), asked(second)
    still_true, held = truth.still_true, []

    def slowly(one: Notice) -> bool:
        if one.pk == notice.pk and not held:
            held.append(one)
            let_lease_end(notice)
            ObjectPaymentPlanInstalment.objects.filter(pk=first.pk).update(state_id="success")
            assert outbox.send_unsent(limit=0) == 0
            make_due(notice)
            assert outbox.send(notice.pk) is False
            return False
        return still_true(one)

    monkeypatch.setattr(truth, "still_true", slowly)
    assert outbox.send_unsent() == 1
    notice.refresh_from_db()
    assert (notice.state, notice.in_doubt, len(mailoutbox)) == ("moot", True, 1)


def _hint(event: Any) -> EventHint:
    return EventHint(
        id=event["id"],
        type=event["type"],
        object_id=event["data"]["object"]["id"],
        api_version=event["api_version"],
        livemode=False,
        created=timezone.now(),
    )
