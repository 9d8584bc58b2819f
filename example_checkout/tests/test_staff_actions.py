"""What staff do with a plan, against the simulator: each outcome once, and said in words that are true."""

from datetime import timedelta
from typing import Any

import pytest
from django.contrib.contenttypes.models import ContentType
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from checkout.flows.charge import claim_on
from checkout.models import Checkout, Customer, ObjectPaymentPlanInstalment
from example_checkout.tests.plans import (
    ALWAYS_ASKS,
    FAILS_LATER,
    let_fall_due,
    library,
    plan_of,
    sign_up_with,
)
from example_checkout.tests.staff import EVERYTHING, PLAN, part_url, press, staff_with, words

pytestmark = [pytest.mark.django_db, pytest.mark.slow]


@pytest.fixture
def staff() -> Client:
    return staff_with(*EVERYTHING, username="clerk")


@pytest.fixture
def due(stripe_simulator: Any, pay: Any) -> ObjectPaymentPlanInstalment:
    """The first instalment of a customer whose card is good, due today."""
    plan = plan_of(sign_up_with(pay))
    (pk,) = let_fall_due(plan)
    return plan.payments.get(pk=pk)


def fresh(part: ObjectPaymentPlanInstalment) -> ObjectPaymentPlanInstalment:
    return ObjectPaymentPlanInstalment.objects.get(pk=part.pk)


def taken(simulator: Any) -> list[int]:
    charges = library(simulator).charges.list({"limit": 100}).data
    return sorted(charge.amount for charge in charges if charge.status == "succeeded")


def delete_url(plan: Any) -> str:
    return reverse(f"{PLAN}.delete", args=[plan.pk])


def test_the_page_says_what_will_be_charged(staff: Client, due: Any) -> None:
    said = words(staff.get(part_url(due, "charge")))
    for word in ("£30.00", "Instalment 1 of 3", "Visa •••• 4242", due.customer.email, f"{timezone.localdate():%b %Y}"):
        assert word in said
    assert fresh(due).state_id == "pending"


def test_charged(staff: Client, due: Any, stripe_simulator: Any) -> None:
    answer = press(staff, part_url(due, "charge"))
    assert answer.redirect_chain == [(due.object_payment_plan.get_absolute_url(), 302)]
    assert "£30.00 has been charged." in words(answer)
    assert fresh(due).state_id == "success"
    assert fresh(due).attempts.get().user.username == "clerk"
    assert taken(stripe_simulator) == [3000, 3000]


def test_a_double_click_and_the_back_button_charge_once(staff: Client, due: Any, stripe_simulator: Any) -> None:
    url = part_url(due, "charge")
    seen = {"seen": staff.get(url).context["seen"]}
    assert "has been charged" in words(staff.post(url, seen, follow=True))
    for _again in range(2):
        said = words(staff.post(url, seen, follow=True))
        assert "Nothing has been done: something has changed since the page was opened." in said
        assert "Instalment 1 of 3 now: Paid." in said
        assert "has been charged" not in said
    page = staff.get(url)
    assert "This cannot be done now. It has been paid." in words(page)
    assert "<button" not in page.content.decode().split('class="checkout-card"')[1].split("</main>")[0]
    assert "There is nothing to charge here now." in words(press(staff, url))
    assert taken(stripe_simulator) == [3000, 3000]


def test_declined_with_the_reason(staff: Client, due: Any, stripe_trouble: Any, stripe_simulator: Any) -> None:
    stripe_trouble("decline", code="insufficient_funds", times=1)
    said = words(press(staff, part_url(due, "charge")))
    assert "The charge of £30.00 was declined: there was not enough money. Nothing has been charged." in said
    assert "Instalment 1 of 3 now: Declined." in said
    assert "There was not enough money card_declined insufficient_funds" in said
    assert taken(stripe_simulator) == [3000]


def test_the_bank_wants_the_customer(staff: Client, due: Any, stripe_trouble: Any) -> None:
    stripe_trouble("authentication", times=1)
    said = words(press(staff, part_url(due, "charge")))
    assert "The bank wants the customer to approve this payment of £30.00. Nothing has been charged yet." in said
    assert fresh(due).state_id == "pay_on_session"
    assert "only the customer can pay it by card" in words(staff.get(part_url(due, "charge")))


@pytest.mark.parametrize("trouble", ["timeout_after_commit", "reset_before", "server_error"])
def test_not_known_yet(staff: Client, due: Any, stripe_trouble: Any, trouble: str, stripe_simulator: Any) -> None:
    stripe_trouble(trouble, times=None, method="POST")
    said = words(press(staff, part_url(due, "charge")))
    assert "It is not known yet whether £30.00 was charged" in said
    assert "Instalment 1 of 3 now: Outcome not known yet." in said
    for action in ("charge", "paid"):
        page = staff.get(part_url(due, action))
        assert "A charge is in progress, or its outcome is not known yet." in words(page)
        press(staff, part_url(due, action))
    assert fresh(due).state_id == "request"
    assert "Wait until it is" in words(staff.get(delete_url(due.object_payment_plan)))
    assert "Wait until it is" in words(press(staff, delete_url(due.object_payment_plan)))
    due.object_payment_plan.refresh_from_db()
    assert not due.object_payment_plan.deleted
    assert taken(stripe_simulator) == ([3000, 3000] if trouble == "timeout_after_commit" else [3000])


def test_refused_by_stripe(staff: Client, due: Any, stripe_simulator: Any) -> None:
    Customer.objects.update(payment_method_id="pm_nobodys")
    said = words(press(staff, part_url(due, "charge")))
    assert "Stripe refused the request, and nothing has been charged. For a developer:" in said
    assert "Traceback" not in said
    assert fresh(due).state_id == "pending"
    assert taken(stripe_simulator) == [3000]


def test_in_progress_elsewhere(staff: Client, due: Any) -> None:
    url = part_url(due, "charge")
    seen = {"seen": staff.get(url).context["seen"]}
    # something claims it between our look and our press, and the page could not tell: only the database can
    booking = due.object_payment_plan.content_object
    Checkout.objects.create(
        action_id="manual",
        content_object=booking,
        total=1,
        currency="GBP",
        claim=claim_on(ContentType.objects.get_for_model(due), due.pk),
    )
    said = words(staff.post(url, seen, follow=True))
    assert "Another payment for this is in progress" in said
    assert fresh(due).state_id == "pending"


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({"due": timezone.localdate() + timedelta(days=3)}, "It is not due until"),
        ({"state_id": "fail"}, "It was declined, and no further attempt is due."),
    ],
)
def test_what_may_not_be_charged_says_why(staff: Client, due: Any, change: Any, reason: str) -> None:
    ObjectPaymentPlanInstalment.objects.filter(pk=due.pk).update(**change)
    assert reason in words(staff.get(part_url(due, "charge")))
    assert "There is nothing to charge here now." in words(press(staff, part_url(due, "charge")))
    assert not fresh(due).attempts.exists()


def test_without_a_card_nothing_is_charged(staff: Client, due: Any) -> None:
    Customer.objects.update(payment_method_id="")
    assert "There is no card on file." in words(staff.get(part_url(due, "charge")))
    assert "There is no card on file." in words(press(staff, part_url(due, "charge")))
    assert "no card on file" in words(staff.get(due.object_payment_plan.get_absolute_url()))


def test_another_card_than_the_one_shown_is_not_charged(staff: Client, due: Any, stripe_simulator: Any) -> None:
    url = part_url(due, "charge")
    seen = {"seen": staff.get(url).context["seen"]}
    Customer.objects.update(payment_method_id="pm_another", last4="0005")
    assert "Nothing has been done" in words(staff.post(url, seen, follow=True))
    assert taken(stripe_simulator) == [3000]


@pytest.mark.parametrize("seen", [None, "", "nonsense", "\x00", "x" * 10_000, "é"])
def test_a_post_from_nowhere_does_nothing(staff: Client, due: Any, seen: str | None, stripe_simulator: Any) -> None:
    sent = {} if seen is None else {"seen": seen}
    for url in (part_url(due, "charge"), part_url(due, "paid"), delete_url(due.object_payment_plan)):
        assert "Nothing has been done" in words(staff.post(url, sent, follow=True))
    assert fresh(due).state_id == "pending"
    assert taken(stripe_simulator) == [3000]


def test_marked_as_paid_by_hand_once(staff: Client, due: Any, stripe_simulator: Any) -> None:
    url = part_url(due, "paid")
    assert "£30.00 has been paid" in words(staff.get(url))
    seen = {"seen": staff.get(url).context["seen"]}
    said = words(staff.post(url, seen, follow=True))
    assert "Instalment 1 of 3 is marked as paid. No card has been charged." in said
    assert "Instalment 1 of 3 now: Paid." in words(staff.post(url, seen, follow=True))
    attempt = fresh(due).attempts.get()
    assert (attempt.action_id, attempt.state_id, attempt.user.username) == ("manual", "success", "clerk")
    assert "It has been paid." in words(staff.get(url))
    assert taken(stripe_simulator) == [3000]


def test_marking_as_paid_what_waits_for_the_customer_closes_it_at_stripe(
    staff: Client, stripe_simulator: Any, pay: Any
) -> None:
    deposit = plan_of(sign_up_with(pay, ALWAYS_ASKS)).deposit
    waiting = deposit.attempts.get()
    assert "is marked as paid" in words(press(staff, part_url(deposit, "paid")))
    intent = library(stripe_simulator).payment_intents.retrieve(waiting.payment_intent_id)
    assert intent.status == "canceled"
    assert deposit.object_payment_plan.payment_count == 4


def test_marking_as_paid_what_the_customer_pays_at_that_moment(staff: Client, stripe_simulator: Any, pay: Any) -> None:
    deposit = plan_of(sign_up_with(pay, ALWAYS_ASKS)).deposit
    pay(deposit.attempts.get(), card=ALWAYS_ASKS)
    said = words(press(staff, part_url(deposit, "paid")))
    assert "This has been paid already. Nothing more has been charged." in said
    assert "Deposit now: Paid." in said
    assert taken(stripe_simulator) == [3000]


def test_marking_as_paid_while_stripe_cannot_be_reached_changes_nothing(
    staff: Client, stripe_simulator: Any, pay: Any, stripe_trouble: Any
) -> None:
    deposit = plan_of(sign_up_with(pay, ALWAYS_ASKS)).deposit
    stripe_trouble("reset_before", times=None)
    said = words(press(staff, part_url(deposit, "paid")))
    assert "Stripe could not be reached." in said
    assert "Deposit now: The bank wants the customer." in said
    assert fresh(deposit).state_id == "pay_on_session"


def test_a_plan_is_stopped_once(staff: Client, due: Any) -> None:
    plan = due.object_payment_plan
    said = words(staff.get(delete_url(plan)))
    assert "What is left, £90.00, will never be charged by this plan." in said
    seen = {"seen": staff.get(delete_url(plan)).context["seen"]}
    said = words(staff.post(delete_url(plan), seen, follow=True))
    assert "The plan has been stopped. Nothing further will be charged." in said
    said = words(staff.post(delete_url(plan), seen, follow=True))
    assert "Nothing has been done" in said
    assert "The plan has been stopped." in said
    plan.refresh_from_db()
    assert plan.deleted
    assert "The plan has been stopped already." in words(staff.get(delete_url(plan)))
    assert "Stop this plan" not in words(staff.get(plan.get_absolute_url()))
    assert "The plan has been stopped." in words(staff.get(part_url(due, "charge")))


def test_a_plan_that_is_paid_in_full_is_not_stopped(staff: Client, due: Any) -> None:
    plan = due.object_payment_plan
    for part in plan.payments.exclude(state_id="success"):
        press(staff, part_url(part, "paid"))
    assert "Paid in full" in words(staff.get(plan.get_absolute_url()))
    assert "there is nothing to stop" in words(press(staff, delete_url(plan)))
    plan.refresh_from_db()
    assert not plan.deleted


def test_stopping_a_plan_closes_what_waits_for_the_customer_later_if_stripe_is_away(
    staff: Client, stripe_simulator: Any, pay: Any, stripe_trouble: Any
) -> None:
    plan = plan_of(sign_up_with(pay, ALWAYS_ASKS))
    waiting = plan.deposit.attempts.get()
    trouble = stripe_trouble("reset_before", times=None)
    said = words(press(staff, delete_url(plan)))
    assert "Stripe could not be reached." in said
    assert "The plan has been stopped, but a payment that its customer can still make is open." in said
    assert "Close what is open" in said
    assert trouble is not None
    stripe_simulator.trouble.clear()
    assert "The plan has been stopped. Nothing further" in words(press(staff, delete_url(plan)))
    assert library(stripe_simulator).payment_intents.retrieve(waiting.payment_intent_id).status == "canceled"
    assert "The plan has been stopped already." in words(staff.get(delete_url(plan)))


def test_the_statement_after_a_declined_deposit_shows_what_was_agreed(
    staff: Client, stripe_simulator: Any, pay: Any
) -> None:
    plan = plan_of(sign_up_with(pay, FAILS_LATER))
    said = words(staff.get(plan.get_absolute_url()))
    for word in ("Deposit", "Declined", "after the deposit", "card_declined generic_decline", "Sign-up", "192.0.2.1"):
        assert word in said
    assert said.count("after the deposit") == 3


def test_the_object_may_have_been_deleted(staff: Client, due: Any, stripe_simulator: Any) -> None:
    plan = due.object_payment_plan
    plan.content_object.delete()
    assert "has been deleted" in words(staff.get(plan.get_absolute_url()))
    for url in (reverse(f"{PLAN}.list"), part_url(due), reverse("checkout.list"), reverse("checkout.list.audit")):
        assert staff.get(url).status_code == 200
    assert "has been charged" in words(press(staff, part_url(due, "charge")))
    assert taken(stripe_simulator) == [3000, 3000]
    assert "has been stopped" in words(press(staff, delete_url(plan)))
