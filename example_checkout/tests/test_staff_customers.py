"""Customers on the staff's pages: lists, everything about one of them, cards that expire, and the two commands."""

import csv
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

from checkout import tasks
from checkout.models import Customer, ObjectPaymentPlan
from checkout.tests.factories import CustomerFactory
from example_checkout.tests import desk
from example_checkout.tests.hostile import TEXTS, each
from example_checkout.tests.plans import library, plan_of, saved_card, sign_up_with
from example_checkout.tests.staff import EVERYTHING, make_plan, part_url, staff_with, words

pytestmark = [pytest.mark.django_db, pytest.mark.slow, pytest.mark.tables]
LISTS = {
    "checkout.customer.list": ("q", "card"),
    "checkout.card.refresh.list": ("q", "plans"),
    "checkout.object.payment.plan.card.expiry.list": ("q",),
    "checkout.object.payment.plan.instalment.list": ("q", "state", "from", "to"),
    "checkout.customer.payment.list": ("q", "state", "from", "to"),
    "checkout.notice.list": ("q", "state", "kind", "from", "to"),
    "checkout.staff.action.list": ("q", "verb", "from", "to"),
    "checkout.list": ("q", "state", "action", "from", "to"),
    "checkout.list.audit": ("q", "what", "from"),
    "checkout.payment.run.list": ("from", "to"),
}
TODAY = timezone.localdate


@pytest.fixture
def staff() -> Client:
    return staff_with(*EVERYTHING)


def cost(client: Client, url: str) -> int:
    client.get(url)
    with CaptureQueriesContext(connection) as captured:
        assert client.get(url).status_code == 200
    return len(captured)


def shown(client: Client, name: str, **query: str) -> list[Any]:
    return list(client.get(reverse(name), query).context["object_list"])


@pytest.mark.slow
@pytest.mark.parametrize("name", LISTS)
def test_a_list_costs_the_same_for_thirty_rows_as_for_one(staff: Client, name: str) -> None:
    desk.busy()
    one = cost(staff, reverse(name))
    desk.busy(12)
    assert cost(staff, reverse(name)) == one
    assert one <= 12


@pytest.mark.slow
@pytest.mark.parametrize("text", each({**TEXTS, "day": "2026-13-45", "far": "0001-01-01", "last": "9999-12-31"}))
@pytest.mark.parametrize(("name", "field"), [(name, field) for name, fields in LISTS.items() for field in fields])
def test_odd_filters_find_nothing_and_break_nothing(staff: Client, name: str, field: str, text: str) -> None:
    answer = staff.get(reverse(name), {field: text})
    assert answer.status_code == 200
    assert "<script>alert" not in answer.content.decode()
    assert staff.get(reverse(name), {field: text, "format": "csv"}).getvalue()


@pytest.mark.parametrize(
    ("state", "values"),
    [
        ("good", {}),
        ("none", {"payment_method_id": ""}),
        ("refused", {"payment_method_id": "pm_gone", "refused_payment_method_id": "pm_gone"}),
        ("legacy", {"payment_method_id": "card_old"}),
        ("expiring", {"expiry_date": timezone.localdate() + timedelta(days=10)}),
    ],
)
def test_customers_by_the_state_of_their_card(staff: Client, state: str, values: dict[str, Any]) -> None:
    customer = CustomerFactory(**values)
    for one in ("good", "none", "refused", "legacy", "expiring"):
        assert shown(staff, "checkout.customer.list", card=one) == ([customer] if one == state else [])
    assert staff.get(reverse("checkout.customer", args=[customer.pk])).status_code == 200


def test_customers_are_searched(staff: Client) -> None:
    ada, _grace = CustomerFactory(name="Ada Lovelace", email="ada@example.com"), CustomerFactory(name="Grace")
    for text in ("lovelace", "ADA@", ada.customer_id):
        assert shown(staff, "checkout.customer.list", q=text) == [ada]


def test_everything_about_a_customer(staff: Client) -> None:
    part = desk.waiting()
    said = words(staff.get(reverse("checkout.customer", args=[part.customer.pk])))
    for word in (part.customer.email, "Visa •••• 4242", "Good", "The bank wants the customer", "£90.00", "Charge this"):
        assert word in said
    assert "Please approve your payment" in said
    assert "Instalment 1 of 3" in said
    refused = desk.without_card().customer
    said = words(staff.get(reverse("checkout.customer", args=[refused.pk])))
    assert "refused it for good: nothing is charged to it again" in said
    assert "Charge this customer" not in said


def test_a_customer_with_much_costs_as_many_queries_as_one_with_little(staff: Client) -> None:
    part, payment = desk.waiting(), desk.waiting_payment()
    customer = part.customer
    type(payment).objects.update(customer=customer)
    payment.attempts.update(customer=customer)
    url = reverse("checkout.customer", args=[customer.pk])
    one = cost(staff, url)
    for _number in range(12):
        for make in (desk.waiting, desk.failed, desk.waiting_payment):
            row = make()
            row.attempts.update(customer=customer)
            if hasattr(row, "object_payment_plan"):
                ObjectPaymentPlan.objects.filter(pk=row.object_payment_plan_id).update(customer=customer)
            else:
                type(row).objects.filter(pk=row.pk).update(customer=customer)
    assert cost(staff, url) == one
    assert one <= 20


def test_whose_card_is_to_be_refreshed_who_owes_first(staff: Client) -> None:
    paid = CustomerFactory(refresh=True, expiry_date=TODAY() - timedelta(days=9))
    later, sooner = desk.expiring(5), desk.expiring(0)
    CustomerFactory()
    assert shown(staff, "checkout.card.refresh.list") == [sooner, later, paid]
    assert shown(staff, "checkout.card.refresh.list", plans="outstanding") == [sooner, later]
    assert shown(staff, "checkout.card.refresh.list", q=later.email) == [later]


def test_when_cards_expire_unknown_first_then_the_nearest(staff: Client) -> None:
    far = make_plan("success", "pending")
    near = make_plan("success", "pending", customer__expiry_date=TODAY() + timedelta(days=3))
    unknown = make_plan("success", "pending", customer__expiry_date=None)
    make_plan("success", "success", customer__expiry_date=None)
    make_plan("success", "pending", customer__expiry_date=None, deleted=True)
    assert list(ObjectPaymentPlan.objects.report_card_expiry_dates) == [unknown, near, far]
    assert shown(staff, "checkout.object.payment.plan.card.expiry.list") == [unknown, near, far]
    text = StringIO()
    call_command("report_card_expiry_dates", stdout=text)
    lines = text.getvalue().splitlines()
    assert [line.split()[0] for line in lines] == [
        "EXPIRES",
        "not",
        near.customer.expiry_date.isoformat(),
        "2034-12-31",
    ]
    assert near.customer.email in lines[2]
    text = StringIO()
    call_command("report_card_expiry_dates", "--csv", stdout=text)
    rows = list(csv.reader(StringIO(text.getvalue().removeprefix("\ufeff"))))
    assert [row[5] for row in rows[1:]] == [plan.customer.email for plan in (unknown, near, far)]


def test_nothing_to_report() -> None:
    text = StringIO()
    call_command("report_card_expiry_dates", stdout=text)
    assert text.getvalue() == "No payment plan is waiting to be paid.\n"


def test_the_expiry_dates_are_read_from_stripe(stripe_simulator: Any, pay: Any, stripe_trouble: Any) -> None:
    plan = plan_of(sign_up_with(pay))
    Customer.objects.update(expiry_date=None)
    text = StringIO()
    call_command("refresh_card_expiry_dates", stdout=text)
    assert text.getvalue() == "1 customers looked at, 1 changed.\n"
    plan.customer.refresh_from_db()
    assert plan.customer.expiry_date is not None
    assert ObjectPaymentPlan.objects.refresh_card_expiry_dates() == 0
    Customer.objects.update(expiry_date=None)
    assert tasks.refresh_card_expiry_dates.delay().get() == 1
    stripe_trouble("reset_before", times=None, method="GET")
    with pytest.raises(CommandError, match="Stripe could not be asked"):
        call_command("refresh_card_expiry_dates", stdout=text)


def test_the_parts_by_what_is_wrong_with_them(staff: Client) -> None:
    name = "checkout.object.payment.plan.instalment.list"
    wanted = {
        "waiting": desk.waiting(),
        "failed": desk.failed(),
        "card": desk.without_card(),
        "unknown": desk.unknown().content_object,
    }
    retried = desk.failed()
    type(retried).objects.filter(pk=retried.pk).update(retry_due=TODAY() + timedelta(days=2))
    for state, part in {**wanted, "retried": retried}.items():
        assert shown(staff, name, state=state) == [part]
    assert wanted["card"] in shown(staff, name, state="overdue")
    assert shown(staff, name, q=wanted["failed"].customer.email) == list(
        wanted["failed"].object_payment_plan.payments.order_by("due", "pk")
    )
    day = TODAY() - timedelta(days=3)
    assert {part.due for part in shown(staff, name, **{"from": str(day), "to": str(day)})} == {day}


def test_a_part_says_what_its_attempts_led_to_and_when_it_is_tried_next(staff: Client) -> None:
    part = desk.failed()
    type(part).objects.filter(pk=part.pk).update(retry_due=TODAY() + timedelta(days=3), retries=2)
    said = words(staff.get(part_url(part)))
    assert "→ the customer was asked for another card" in said
    assert "Next try" in said
    assert "2 since the card was last changed" in said
    waiting = words(staff.get(part_url(desk.waiting())))
    assert "the mail" in waiting
    assert "→ the customer is asked to approve it" in waiting


def test_checkouts_by_the_day_on_which_they_were_made(staff: Client) -> None:
    old, new = desk.unknown(), desk.put_aside()
    desk.aged(old, days=9)
    today, before = str(TODAY()), str(TODAY() - timedelta(days=9))
    found = [row.pk for row in shown(staff, "checkout.list", **{"from": today})]
    assert new.pk in found
    assert old.pk not in found
    assert [row.pk for row in shown(staff, "checkout.list", **{"from": before, "to": before})] == [old.pk]
    assert shown(staff, "checkout.list.audit", what="aside") == [new]
    assert shown(staff, "checkout.list.audit", what="unknown") == [old]
    assert shown(staff, "checkout.list.audit", what="nonsense") == []


def test_a_legacy_card_is_shown(staff: Client, stripe_simulator: Any) -> None:
    customer_id, _card = saved_card(library(stripe_simulator))
    customer = CustomerFactory(customer_id=customer_id, payment_method_id="card_1old")
    assert "from before SCA" in words(staff.get(reverse("checkout.customer", args=[customer.pk])))
