"""Disputes as staff see them, and the plans that pause because of them."""

import csv
import io
import re
from datetime import timedelta
from html import unescape
from typing import Any

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import reverse
from django.utils import timezone

from checkout.flows import dispute as dispute_flow
from checkout.flows import run
from checkout.models import Dispute, ObjectPaymentPlan, StaffAction
from checkout.tests.factories import CheckoutFactory, DisputeFactory
from example_checkout.tests import desk
from example_checkout.tests.factories import SalesLedgerFactory
from example_checkout.tests.plans import let_fall_due, library, plan_of, sign_up_with
from example_checkout.tests.staff import EVERYTHING, PLAN, make_plan, press, staff_with, words

pytestmark = [pytest.mark.django_db, pytest.mark.slow]
LIST = "checkout.dispute.list"


@pytest.fixture
def staff() -> Client:
    return staff_with(*EVERYTHING, username="clerk")


@pytest.fixture
def signed_up(stripe_simulator: Any, pay: Any) -> ObjectPaymentPlan:
    """The deposit paid with a good card, an instalment due today."""
    plan = plan_of(sign_up_with(pay))
    let_fall_due(plan)
    return plan


def pause_url(plan: ObjectPaymentPlan) -> str:
    return reverse(f"{PLAN}.pause", args=[plan.pk])


def resume_url(plan: ObjectPaymentPlan) -> str:
    return reverse(f"{PLAN}.resume", args=[plan.pk])


def listed(client: Client, **query: str) -> list[int]:
    return [one.pk for one in client.get(reverse(LIST), query).context["object_list"]]


def taken(simulator: Any) -> int:
    return len(library(simulator).charges.list({"limit": 100}).data)


def test_the_list_and_its_filters(staff: Client) -> None:
    late = desk.disputed(3)
    soon = desk.disputed(1, is_inquiry=True, stripe_status="warning_needs_response", reason="unrecognized")
    review = desk.disputed(0, stripe_status="under_review")
    won = desk.decided(2).payments.get(deposit=True).attempts.get().disputes.get()
    lost = DisputeFactory(checkout=won.checkout, state="lost", stripe_status="lost", amount=5)
    assert listed(staff) == [one.pk for one in (lost, won, review, soon, late)]
    for query, rows in (
        ({"state": "answer"}, [soon, late]),
        ({"state": "open"}, [review, soon, late]),
        ({"state": "won"}, [won]),
        ({"state": "closed"}, []),
        ({"state": "a\x00b"}, []),
        ({"q": late.dispute_id}, [late]),
        ({"q": str(won.checkout.uuid)}, [lost, won]),
        ({"q": won.checkout.payment_intent_id, "state": "lost"}, [lost]),
        ({"q": soon.dispute_id, "state": "answer"}, [soon]),
        ({"q": "du_"}, []),
        ({"to": "2026-01-01"}, []),
        ({"from": timezone.localdate().isoformat(), "state": "answer"}, [soon, late]),
    ):
        assert listed(staff, **query) == [one.pk for one in rows], query
    page = staff.get(reverse(LIST))
    said = words(page)
    for word in (
        "2 disputes need an answer",
        "The cardholder does not recognise it",
        "The bank decides",
        "Inquiry",
        "in 10 days",
        "Deposit · the plan",
    ):
        assert word in said
    for link in (reverse("checkout.checkout", args=[won.checkout_id]), desk_plan(late).get_absolute_url()):
        assert f'href="{link}"' in page.content.decode()


def desk_plan(dispute: Dispute) -> ObjectPaymentPlan:
    return ObjectPaymentPlan.objects.get(instalments__pk=dispute.checkout.object_id)


def test_a_dispute_of_a_payment_without_a_plan(staff: Client) -> None:
    checkout = CheckoutFactory(content_object=SalesLedgerFactory(), state__slug="success", payment_intent_id="pi_1")
    made = DisputeFactory(checkout=checkout, due_by=timezone.now() - timedelta(days=1))
    said = words(staff.get(reverse(LIST)))
    assert "that time is over" in said
    assert "the plan" not in said.split("Disputes")[-1]
    assert made.dispute_id in words(staff.get(reverse("checkout.checkout", args=[checkout.pk])))
    checkout.content_object.delete()
    assert staff.get(reverse(LIST)).status_code == 200
    assert staff.get(reverse("checkout.work")).status_code == 200


@pytest.mark.parametrize(
    ("values", "figures", "warning"),
    [
        ({}, "Taken by the bank £30.00 Kept £0.00", "accept the dispute there instead"),
        (
            {"state": "lost"},
            "Taken by the bank £30.00 Kept £0.00",
            "This payment was disputed, and the dispute was lost",
        ),
        ({"state": "won"}, "Given back £0.00 Kept £30.00", ""),
        ({"is_inquiry": True, "stripe_status": "warning_needs_response"}, "Given back £0.00 Kept £30.00", ""),
    ],
)
def test_what_the_bank_has_taken_is_not_kept(staff: Client, values: Any, figures: str, warning: str) -> None:
    checkout = desk.disputed(**values).checkout
    assert figures in words(staff.get(reverse("checkout.checkout", args=[checkout.pk])))
    said = words(staff.get(reverse("checkout.refund", args=[checkout.pk])))
    assert warning in said
    assert ("the bank has taken the money back" in said) is bool(warning)


def test_as_a_file(staff: Client) -> None:
    made = desk.disputed()
    desk.decided(1)
    answer = staff.get(reverse(LIST), {"format": "csv"})
    text = b"".join(answer.streaming_content).decode("utf-8-sig")
    won, first = csv.DictReader(io.StringIO(text))
    assert (first["State"], first["Amount"], first["Dispute"]) == ("Needs an answer", "30.00", made.dispute_id)
    assert first["Answer by"] == timezone.localtime(made.due_by).isoformat(timespec="seconds")
    assert (won["State"], won["Answer by"]) == ("Won", "")


def test_a_page_of_many_costs_as_many_queries_as_one_of_few(staff: Client) -> None:
    plan = desk.decided()
    urls = (reverse(LIST), reverse(LIST) + "?state=answer", plan.get_absolute_url(), resume_url(plan))

    def cost() -> list[int]:
        found = []
        for url in urls:
            staff.get(url)
            with CaptureQueriesContext(connection) as captured:
                assert staff.get(url).status_code == 200
            found.append(len(captured))
        return found

    desk.disputed()
    few = cost()
    for number in range(8):
        desk.disputed(number)
        DisputeFactory(checkout=plan.deposit.attempts.get(), state="won", amount=1)
    assert cost() == few
    assert max(few) <= 20


def test_the_plan_says_why_it_is_paused(staff: Client) -> None:
    dispute = desk.disputed()
    plan = desk_plan(dispute)
    page = staff.get(plan.get_absolute_url())
    said = words(page)
    assert "nothing is charged by itself. Because of the dispute of £30.00, " in said
    assert f"{dispute.dispute_id}. It stands so: Needs an answer. Answer by" in said
    assert "Next £30.00 paused" in said
    for link in (resume_url(plan), reverse(f"{PLAN}.delete", args=[plan.pk])):
        assert f'href="{link}"' in page.content.decode()
    assert f'href="{pause_url(plan)}"' not in page.content.decode()
    reader = staff_with(*(set(EVERYTHING) - {"charge"})).get(plan.get_absolute_url()).content.decode()
    assert f'href="{resume_url(plan)}"' not in reader
    assert "Paused since" in reader


def test_pause_and_resume(staff: Client, signed_up: ObjectPaymentPlan, stripe_simulator: Any) -> None:
    before = taken(stripe_simulator)
    answer = press(staff, pause_url(signed_up))
    assert answer.redirect_chain == [(signed_up.get_absolute_url(), 302)]
    said = words(answer)
    assert "The plan is paused: nothing is charged by itself." in said
    assert "Because of the dispute" not in said
    assert "Paused the plan" in said
    run.process_payments()
    assert taken(stripe_simulator) == before
    assert "It is paused already." in words(staff.get(pause_url(signed_up)))
    said = words(staff.get(resume_url(signed_up)))
    assert "One part has fallen due meanwhile: the next payment run charges £30.00 to the saved card." in said
    said = words(press(staff, resume_url(signed_up)))
    assert "The plan goes on. What has fallen due is charged by the next payment run." in said
    run.process_payments()
    assert taken(stripe_simulator) == before + 1
    assert [one.verb for one in StaffAction.objects.order_by("pk")] == ["pause_plan", "resume_plan"]
    assert "It is not paused." in words(staff.get(resume_url(signed_up)))


def test_a_double_click_pauses_and_resumes_once(staff: Client, signed_up: ObjectPaymentPlan) -> None:
    for url, verb, stands in (
        (pause_url(signed_up), "pause_plan", "The plan is paused: nothing is charged by itself."),
        (resume_url(signed_up), "resume_plan", "The plan goes on."),
    ):
        seen = {"seen": staff.get(url).context["seen"]}
        staff.post(url, seen)
        said = words(staff.post(url, seen, follow=True))
        assert f"Nothing has been done: something has changed since the page was opened. {stands}" in said
        assert StaffAction.objects.filter(verb=verb).count() == 1


def test_a_dispute_that_opens_meanwhile_is_looked_at_first(staff: Client) -> None:
    plan = desk.decided()
    seen = {"seen": staff.get(resume_url(plan)).context["seen"]}
    DisputeFactory(checkout=plan.deposit.attempts.get(), amount=1)
    assert "something has changed" in words(staff.post(resume_url(plan), seen, follow=True))
    plan.refresh_from_db()
    assert plan.paused is not None
    assert "A dispute of this plan is not decided yet." in words(staff.get(resume_url(plan)))


@pytest.mark.parametrize(
    ("states", "deleted", "url", "sentence"),
    [
        (("success", "success"), False, pause_url, "The plan is paid in full: there is nothing to pause."),
        (("success", "pending"), True, pause_url, "The plan has been stopped."),
        (("pending",), False, pause_url, "The deposit has not been paid yet: the plan can only be stopped."),
        (("success", "pending"), True, resume_url, "The plan has been stopped, and cannot go on again."),
    ],
)
def test_what_cannot_be_done_is_said(staff: Client, states: Any, deleted: bool, url: Any, sentence: str) -> None:
    plan = make_plan(*states, deleted=deleted, total=60)
    page = staff.get(url(plan))
    assert f"This cannot be done now. {sentence}" in words(page)
    assert ">Pause this plan</a>" not in staff.get(plan.get_absolute_url()).content.decode()
    staff.post(url(plan), {"seen": page.context["seen"]})
    plan.refresh_from_db()
    assert plan.paused is None
    assert not StaffAction.objects.exists()


def test_the_list_of_plans_knows_what_is_paused(staff: Client) -> None:
    contested, done = desk_plan(desk.disputed(0)), desk.decided(1)
    by_hand, paid, going_on = (make_plan("success", state, total=60) for state in ("pending", "success", "pending"))
    dispute_flow.pause(by_hand, user=None)
    dispute_flow.pause(paid, user=None)

    def plans(state: str) -> set[int]:
        answer = staff.get(reverse(f"{PLAN}.list"), {"state": state})
        return {plan.pk for plan in answer.context["object_list"]}

    assert plans("paused") == {contested.pk, done.pk, by_hand.pk}
    assert plans("decided") == {done.pk}
    assert going_on.pk in plans("going_on")
    assert words(staff.get(reverse(f"{PLAN}.list"))).count("Paused") == 3 + 2
    text = b"".join(staff.get(reverse(f"{PLAN}.list"), {"format": "csv", "state": "decided"}).streaming_content)
    (row,) = csv.DictReader(io.StringIO(text.decode("utf-8-sig")))
    done.refresh_from_db()
    assert row["Paused"] == timezone.localtime(done.paused).isoformat(timespec="seconds")


# the work queue


def sections(client: Client) -> dict[str, Any]:
    return {one.slug: one for one in client.get(reverse("checkout.work")).context["sections"]}


def test_what_must_be_answered_soonest_comes_first(staff: Client) -> None:
    later, soon, unknown = desk.disputed(3), desk.disputed(1), desk.disputed(2, due_by=None)
    desk.disputed(0, stripe_status="under_review")
    rows = sections(staff)["disputes"].rows
    assert [row.reference for row in rows] == [one.dispute_id for one in (soon, later, unknown)]
    assert "10 days left by" in words(staff.get(reverse("checkout.work")))
    Dispute.objects.update(stripe_status="under_review")
    assert "disputes" not in sections(staff)


def test_a_plan_is_work_when_all_of_its_disputes_are_decided(staff: Client) -> None:
    plan = desk.decided()
    (row,) = sections(staff)["paused"].rows
    assert [str(button.label) for button in row.buttons] == ["Go on with it", "Stop this plan"]
    assert str(row.why) == "the last dispute: Won"
    another = DisputeFactory(checkout=plan.deposit.attempts.get(), amount=1)
    assert "paused" not in sections(staff)
    Dispute.objects.filter(pk=another.pk).update(state="lost", stripe_status="lost")
    assert str(sections(staff)["paused"].rows[0].why) == "the last dispute: Lost"
    answer = press(staff, resume_url(plan) + "?from=work")
    assert answer.redirect_chain == [(reverse("checkout.work"), 302)]
    assert "paused" not in sections(staff)


def test_a_plan_that_staff_paused_or_that_is_paid_or_stopped_is_no_work(staff: Client) -> None:
    dispute_flow.pause(make_plan("success", "pending"), user=None)
    paid, stopped = desk.decided(0), desk.decided(1)
    paid.payments.update(state_id="success")
    ObjectPaymentPlan.objects.filter(pk=stopped.pk).update(deleted=True)
    assert "paused" not in sections(staff)


def test_refunds_are_work_while_somebody_should_look(staff: Client) -> None:
    failed, unknown = desk.refund_failed(), desk.refund_unknown()
    found = sections(staff)
    assert [str(row.why) for row in found["refunds-failed"].rows] == ["the card was reported lost or stolen"]
    (button,) = found["refunds-failed"].rows[0].buttons
    assert button.url == reverse("checkout.refund", args=[failed.checkout_id])
    assert found["refunds-unknown"].count == 1
    type(unknown).objects.filter(pk=unknown.pk).update(created=timezone.now() - timedelta(minutes=50))
    type(failed).objects.filter(pk=failed.pk).update(settled=timezone.now() - timedelta(days=31))
    assert {"refunds-failed", "refunds-unknown"} & set(sections(staff)) == set()


# what the customer reads


def mine(plan: ObjectPaymentPlan) -> str:
    client = Client()
    client.force_login(plan.content_object.contact.user)
    answer = client.get(reverse("example.plan", args=[plan.content_object.number]))
    assert answer.status_code == 200
    return " ".join(unescape(re.sub(r"<[^>]+>", " ", answer.content.decode())).split())


def test_the_customer_is_promised_no_day_while_it_is_paused(signed_up: ObjectPaymentPlan) -> None:
    declined = signed_up.payments.get(count=3)
    type(declined).objects.filter(pk=declined.pk).update(
        state_id="fail", due=timezone.localdate(), retry_due=timezone.localdate() + timedelta(days=2)
    )
    read = mine(signed_up)
    assert "It is charged to your card by itself, or you pay it now." in read
    assert "Declined, we try again on" in read
    assert "paused" not in read.lower()
    dispute_flow.pause(signed_up, user=None)
    read = mine(signed_up)
    assert "This payment plan is paused: your card is not charged by itself" in read
    assert "Next £30.00 paused" in read
    assert "It is not charged by itself while the plan is paused. You may pay it now if you like." in read
    for promise in ("It is charged to your card by itself", "we try again on", "Planned", "Next £30.00 on"):
        assert promise not in read
    ObjectPaymentPlan.objects.filter(pk=signed_up.pk).update(deleted=True)
    assert "This payment plan has been stopped: nothing further is charged." in mine(signed_up)
