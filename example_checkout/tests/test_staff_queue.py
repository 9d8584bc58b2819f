"""The work queue: what is in it and what is not, each with its next action, at the same cost however full."""

from datetime import timedelta
from io import StringIO
from typing import Any

import pytest
from django.core.management import CommandError, call_command
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import reverse
from django.utils import timezone

from checkout.flows import audit
from checkout.models import (
    Checkout,
    Customer,
    CustomerPayment,
    Notice,
    ObjectPaymentPlan,
    ObjectPaymentPlanInstalment,
    StaffAction,
)
from checkout.tests.factories import CheckoutFactory, ReconciliationFactory
from example_checkout.tests import desk
from example_checkout.tests.factories import SalesLedgerFactory
from example_checkout.tests.plans import let_fall_due, library, plan_of, sign_up_with
from example_checkout.tests.staff import EVERYTHING, PART, part_url, press, staff_with, words

pytestmark = [pytest.mark.django_db, pytest.mark.slow, pytest.mark.tables]
SECTIONS = [
    *("disputes", "paused", "refunds-failed", "refunds-unknown", "aside", "unknown", "waiting", "failed", "card"),
    *("expiring", "mail", "events", "books"),
]


@pytest.fixture
def staff() -> Client:
    # the books were compared last night, and agree
    ReconciliationFactory()
    return staff_with(*EVERYTHING, username="clerk")


def sections(client: Client) -> dict[str, Any]:
    answer = client.get(reverse("checkout.work"))
    assert answer.status_code == 200
    return {section.slug: section for section in answer.context["sections"]}


def test_nothing_to_do_feels_good(staff: Client) -> None:
    said = words(staff.get(reverse("checkout.work")))
    assert "All clear: nothing needs you today" in said
    assert "things need a person" not in said


def test_every_section_has_its_row_and_says_what_to_do(staff: Client) -> None:
    desk.busy()
    found = sections(staff)
    assert list(found) == SECTIONS
    assert {slug: section.count for slug, section in found.items()} == {**dict.fromkeys(SECTIONS, 1), "waiting": 2}
    said = words(staff.get(reverse("checkout.work")))
    for sentence in (
        "14 things need a person",
        "Paid 29.00, asked 30.00",
        "Mailed",
        "Charged by staff",
        "There was not enough money The customer was asked for another card",
        "Refused for good",
        "SMTPRecipientsRefused 550",
        "for 5 hours",
    ):
        assert sentence in said
    assert "All clear" not in said


@pytest.mark.slow
def test_as_many_queries_for_thirty_rows_as_for_one(staff: Client) -> None:
    url = reverse("checkout.work")

    def cost() -> int:
        staff.get(url)
        with CaptureQueriesContext(connection) as captured:
            assert staff.get(url).status_code == 200
        return len(captured)

    desk.busy()
    one = cost()
    desk.busy(29)
    assert cost() == one
    assert one <= 40
    found = sections(staff)
    assert {section.count for slug, section in found.items() if slug != "waiting"} == {30}
    assert {len(section.rows) for section in found.values()} == {10}


def test_the_longest_waiting_comes_first(staff: Client) -> None:
    new, old = desk.waiting_payment(), desk.waiting()
    assert [row.url for row in sections(staff)["waiting"].rows] == [
        reverse(PART, args=[old.pk]),
        reverse("checkout.customer.payment", args=[new.pk]),
    ]


def test_what_needs_nobody_is_not_there(staff: Client) -> None:
    now = timezone.now()
    # tried again by itself, stopped, not long enough, paid in full, sent after all
    retried, stopped = desk.failed(), desk.failed()
    ObjectPaymentPlanInstalment.objects.filter(pk=retried.pk).update(retry_due=timezone.localdate())
    for part in (stopped, desk.waiting(), desk.without_card()):
        ObjectPaymentPlan.objects.filter(pk=part.object_payment_plan_id).update(deleted=True)
    Checkout.objects.filter(pk=desk.unknown().pk).update(created=now - timedelta(minutes=50))
    desk.expiring().payment_plans.get().payments.update(state_id="success")
    Notice.objects.filter(pk=desk.mail_given_up().pk).update(state="sent", in_doubt=True)
    later = desk.without_card()
    ObjectPaymentPlanInstalment.objects.filter(pk=later.pk).update(due=timezone.localdate() + timedelta(days=1))
    assert sections(staff) == {}


@pytest.mark.parametrize(
    ("values", "there"),
    [
        ({"state": "given_up"}, True),
        ({"state": "waiting", "in_doubt": True}, True),
        ({"state": "sending", "in_doubt": True}, True),
        ({"state": "waiting", "send_after": timezone.now() - timedelta(hours=2)}, True),
        ({"state": "waiting", "send_after": timezone.now() + timedelta(hours=1)}, True),
        ({"state": "waiting", "send_after": timezone.now(), "tries": 0}, False),
        ({"state": "waiting", "send_after": timezone.now(), "created": timezone.now()}, False),
        ({"state": "moot"}, False),
    ],
)
def test_mail_in_trouble(staff: Client, values: dict[str, Any], there: bool) -> None:
    Notice.objects.filter(pk=desk.mail_given_up().pk).update(**values)
    assert ("mail" in sections(staff)) is there


def test_a_due_part_without_any_card_is_there(staff: Client) -> None:
    part = desk.part_in("pending")
    assert sections(staff) == {}
    Customer.objects.filter(pk=part.customer.pk).update(payment_method_id="")
    assert sections(staff)["card"].count == 1


@pytest.mark.parametrize("slug", SECTIONS)
def test_the_link_leads_to_a_list_of_just_these(staff: Client, slug: str) -> None:
    desk.busy(3)
    section = sections(staff)[slug]
    rows = [len(staff.get(link.url).context["object_list"]) for link in section.links]
    assert sum(rows) == section.count
    assert all(staff.get(row.url).status_code == 200 for row in section.rows)


def test_a_new_link_is_mailed_once_for_each_time_that_the_customer_was_asked(staff: Client) -> None:
    part = desk.waiting()
    url = part_url(part, "ask")
    assert part.customer.email in words(staff.get(url))
    seen = {"seen": staff.get(url).context["seen"]}
    answer = staff.post(f"{url}?from=work", seen, follow=True)
    assert answer.redirect_chain == [(reverse("checkout.work"), 302)]
    assert f"{part.customer.email} will be mailed a new link" in words(answer)
    part.refresh_from_db()
    assert part.customer_asked is None
    assert "Nothing has been done" in words(staff.post(url, seen, follow=True))
    assert "is on its way already" in words(staff.get(url))
    press(staff, url)
    (action,) = StaffAction.objects.all()
    assert (action.verb, action.user.username, action.detail) == ("ask_again", "clerk", part.customer.email)
    assert action.content_object == part
    # the site's own mail task asks once more, with a new notice
    assert ObjectPaymentPlanInstalment.objects.send_on_session_payment_emails(lambda contact: False) == 1
    assert part.notices.count() == 2


def test_a_new_link_for_an_amount_of_staff(staff: Client) -> None:
    payment = desk.waiting_payment()
    url = reverse("checkout.customer.payment.ask", args=[payment.pk])
    seen = {"seen": staff.get(url).context["seen"]}
    assert "A mail with a new link goes to" in words(staff.post(url, seen, follow=True))
    assert "Nothing has been done" in words(staff.post(url, seen, follow=True))
    assert "is on its way already" in words(press(staff, url))
    old, new = Notice.objects.filter(kind=Notice.AUTHORISE).order_by("pk")
    assert (new.state, new.recipients, new.checkout_id) == ("waiting", old.recipients, old.checkout_id)
    assert StaffAction.objects.get().content_object == payment


def test_a_new_link_for_what_failed_for_good(staff: Client) -> None:
    part = desk.failed()
    url = part_url(part, "ask")
    assert "pay this with any card" in words(staff.get(url))
    seen = {"seen": staff.get(url).context["seen"]}
    assert "will be mailed a new link" in words(staff.post(url, seen, follow=True))
    assert "Nothing has been done" in words(staff.post(url, seen, follow=True))
    assert "is on its way already" in words(press(staff, url))
    old, new = Notice.objects.filter(instalment=part).order_by("pk")
    assert (new.kind, new.state, new.template) == (old.kind, "waiting", "payment_last_notice")
    assert (new.checkout_id, new.recipients) == (old.checkout_id, [part.customer.email])
    assert StaffAction.objects.get().verb == "ask_again"


@pytest.mark.parametrize("state", ["pending", "request", "success", "fail"])
def test_only_who_waits_for_the_bank_is_asked(staff: Client, state: str) -> None:
    part, payment = desk.waiting(), desk.waiting_payment()
    ObjectPaymentPlanInstalment.objects.filter(pk=part.pk).update(state_id=state)
    CustomerPayment.objects.filter(pk=payment.pk).update(state_id=state)
    urls = [reverse("checkout.customer.payment.ask", args=[payment.pk])]
    # an instalment that was declined is asked for in another mail
    urls += [part_url(part, "ask")] if state != "fail" else []
    for url in urls:
        assert "It does not wait for its customer." in words(staff.get(url))
        press(staff, url)
    assert not StaffAction.objects.exists()
    assert Notice.objects.count() == 2


def test_what_staff_did_is_recorded_and_shown(staff: Client, stripe_simulator: Any, pay: Any) -> None:
    plan = plan_of(sign_up_with(pay))
    first, second = let_fall_due(plan, how_many=2)
    press(staff, part_url(plan.payments.get(pk=first), "charge"))
    press(staff, part_url(plan.payments.get(pk=second), "paid"))
    press(staff, reverse("checkout.object.payment.plan.delete", args=[plan.pk]))
    assert list(StaffAction.objects.order_by("pk").values_list("verb", flat=True)) == [
        *("charge", "mark_paid", "stop_plan"),
    ]
    customer = reverse("checkout.customer", args=[plan.customer_id])
    for url in (plan.get_absolute_url(), customer, reverse("checkout.staff.action.list")):
        said = words(staff.get(url))
        for word in ("Charged the saved card", "Marked as paid", "Stopped the plan", "clerk"):
            assert word in said
    assert "Charged the saved card" in words(staff.get(part_url(plan.payments.get(pk=first))))
    rows = {verb: staff.get(reverse("checkout.staff.action.list"), {"verb": verb}) for verb in ("charge", "ask_again")}
    assert [len(answer.context["object_list"]) for answer in rows.values()] == [1, 0]


def test_templates_are_recorded(staff: Client) -> None:
    terms = {"name": "Thirds", "slug": "thirds", "deposit": 34, "count": 2, "interval": 1}
    staff.post(reverse("checkout.payment.plan.create"), terms)
    action = StaffAction.objects.get()
    update = reverse("checkout.payment.plan.update", args=[action.object_id])
    staff.post(update, {**terms, "count": 3})
    staff.post(update, {**terms, "count": 3, "preview": "1"})
    for _twice in range(2):
        staff.post(reverse("checkout.payment.plan.delete", args=[action.object_id]))
    found = StaffAction.objects.order_by("pk").values_list("verb", "detail")
    assert list(found) == [
        ("add_template", "thirds: 34 %, 2 × 1"),
        ("change_template", "thirds: 34 %, 3 × 1"),
        ("retire_template", ""),
    ]


def test_what_failed_here_and_was_paid_at_stripe_is_put_aside_until_it_is_fixed(
    staff: Client, stripe_simulator: Any, pay: Any
) -> None:
    booking = SalesLedgerFactory()
    checkout = Checkout.objects.create_checkout("payment", booking, booking.contact.user)
    pay(checkout)
    Checkout.objects.filter(pk=checkout.pk).update(state_id="fail", claim=None)
    for _twice in range(2):
        with pytest.raises(CommandError, match="1 paid at Stripe but failed here"):
            call_command("audit_failed_checkout", stdout=StringIO())
    (row,) = sections(staff)["aside"].rows
    assert row.why == audit.PAID_AFTER_ALL
    assert checkout in staff.get(reverse("checkout.list.audit")).context["object_list"]
    call_command("audit_failed_checkout", "--fix", stdout=StringIO())
    checkout.refresh_from_db()
    assert (checkout.state_id, checkout.quarantine) == ("success", "")
    assert sections(staff) == {}
    assert library(stripe_simulator).payment_intents.retrieve(checkout.payment_intent_id).status == "succeeded"


def test_an_audit_leaves_a_reason_that_is_there(stripe_simulator: Any, pay: Any) -> None:
    booking = SalesLedgerFactory()
    checkout = Checkout.objects.create_checkout("payment", booking, booking.contact.user)
    pay(checkout)
    Checkout.objects.filter(pk=checkout.pk).update(state_id="fail", claim=None, quarantine="paid twice")
    audit.failed_checkouts()
    checkout.refresh_from_db()
    assert checkout.quarantine == "paid twice"
    CheckoutFactory(content_object=booking, state__slug="fail")
    assert len(audit.failed_checkouts().findings) == 1
