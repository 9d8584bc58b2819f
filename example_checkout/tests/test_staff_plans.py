"""The list of customers' plans and the statement of one: what is shown, found, and at what cost."""

from datetime import timedelta
from typing import Any

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import reverse
from django.utils import timezone

from checkout.models import ObjectPaymentPlan, ObjectPaymentPlanInstalment
from checkout.views.staff import standing
from example_checkout.tests.factories import SalesLedgerFactory
from example_checkout.tests.hostile import TEXTS, each
from example_checkout.tests.staff import EVERYTHING, PLAN, attempt_at, make_plan, part_url, staff_with, words

pytestmark = [pytest.mark.django_db, pytest.mark.slow]
URL = f"{PLAN}.list"


@pytest.fixture
def staff() -> Client:
    return staff_with()


def shown(client: Client, **query: str) -> set[Any]:
    answer = client.get(reverse(URL), query)
    assert answer.status_code == 200
    return set(answer.context["object_list"])


def queries(client: Client, url: str) -> int:
    client.get(url)
    with CaptureQueriesContext(connection) as captured:
        assert client.get(url).status_code == 200
    return len(captured)


def plans_of_every_kind() -> dict[str, ObjectPaymentPlan]:
    overdue = make_plan("success", "pending", "pending")
    overdue.payments.filter(count=2).update(due=timezone.localdate() - timedelta(days=1))
    return {
        "new": make_plan("pending"),
        "without parts": make_plan(),
        "on its way": make_plan("success", "success", "pending"),
        "overdue": overdue,
        "unknown": make_plan("success", "request"),
        "declined": make_plan("success", "fail"),
        "waiting": make_plan("pay_on_session"),
        "paid": make_plan("success", "success", "success", "success"),
        "stopped": make_plan("success", "fail", deleted=True),
        "stopped when paid": make_plan("success", deleted=True),
    }


KINDS = {
    "going_on": {"new", "without parts", "on its way"},
    "attention": {"overdue", "unknown", "declined", "waiting"},
    "paid": {"paid"},
    "stopped": {"stopped", "stopped when paid"},
}


def test_every_plan_stands_in_one_way_and_the_filter_agrees_with_the_word(staff: Client) -> None:
    plans = plans_of_every_kind()
    rows = {row.pk: row.standing for row in staff.get(reverse(URL)).context["object_list"]}
    for word, names in KINDS.items():
        wanted = {plans[name] for name in names}
        assert shown(staff, state=word) == wanted
        assert {pk for pk, stands in rows.items() if stands == word} == {plan.pk for plan in wanted}
    assert set(KINDS) == set(standing.WORDS)
    assert len(rows) == len(plans)


def test_what_needs_attention_is_counted_first(staff: Client) -> None:
    assert "need" not in words(staff.get(reverse(URL)))
    plans_of_every_kind()
    assert "4 plans need attention" in words(staff.get(reverse(URL)))
    said = words(staff.get(reverse(URL), {"state": "attention"}))
    for word in ("Outcome not known yet", "Declined", "The bank wants the customer", "Overdue"):
        assert word in said


def test_a_row_says_what_is_paid_left_and_next(staff: Client) -> None:
    make_plan("success", "success", "pending", "pending")
    (row,) = shown(staff)
    assert (row.paid, row.left, row.total) == (60, 60, 120)
    assert row.next_due == timezone.localdate() + timedelta(days=60)
    said = words(staff.get(reverse(URL)))
    assert said.count("£60.00") == 2
    assert f"{row.next_due:%b %Y}" in said


def test_the_list_is_searched(staff: Client) -> None:
    one = make_plan("pending", customer__name="Ada Lovelace", customer__email="ada@example.com")
    two = make_plan("pending", customer__name="Grace", booking=SalesLedgerFactory(title="Glazing"))
    assert shown(staff) == {one, two}
    assert shown(staff, q="lovelace") == {one}
    assert shown(staff, q="ADA@example") == {one}
    assert shown(staff, q="glazing") == {two}
    assert shown(staff, q=two.content_object.number) == {two}
    assert shown(staff, q=two.customer.customer_id) == {two}
    assert shown(staff, q="lovelace", state="paid") == set()
    assert shown(staff, q=str(one.content_object.pk)) >= {one}


@pytest.mark.parametrize("text", each({**TEXTS, "percent": "%", "underscore": "_"}))
@pytest.mark.parametrize("name", ["q", "state", "page"])
def test_odd_filters_find_nothing_and_break_nothing(staff: Client, name: str, text: str) -> None:
    make_plan("pending", description="plain")
    answer = staff.get(reverse(URL), {name: text})
    assert answer.status_code in (200, 404)
    if answer.status_code == 200 and name != "page":
        assert len(answer.context["object_list"]) == (0 if text.strip() else 1)
        assert "<script>alert" not in answer.content.decode()


def test_pages(staff: Client) -> None:
    for _number in range(26):
        make_plan("pending")
    assert len(shown(staff)) == 25
    assert len(shown(staff, page="2")) == 1
    assert staff.get(reverse(URL), {"page": "3"}).status_code == 404
    assert "page=2&amp;state=going_on" in staff.get(reverse(URL), {"state": "going_on"}).content.decode() or (
        "state=going_on&amp;page=2" in staff.get(reverse(URL), {"state": "going_on"}).content.decode()
    )


def test_twenty_five_plans_cost_as_many_queries_as_one(staff: Client) -> None:
    make_plan("success", "fail")
    one = queries(staff, reverse(URL))
    for _number in range(24):
        make_plan("success", "pending", "request")
    assert queries(staff, reverse(URL)) == one
    assert one <= 10


def test_the_statement_reads_like_one_of_a_bank(staff: Client) -> None:
    plan = make_plan("success", "success", "fail", "pending")
    attempt_at(plan.payments.get(count=3), failure="card_declined expired_card", payment_intent_id="pi_declined")
    answer = staff.get(plan.get_absolute_url())
    balances = [line.balance for line in answer.context["statement"].lines]
    assert balances == [90, 60, None, None]
    said = words(answer)
    for word in (
        plan.customer.email,
        "Visa •••• 4242",
        "expires 12/2034",
        plan.content_object.number,
        "no agreement on record",
        "Instalment 3 of 3",
        "The card has expired card_declined expired_card",
        "pi_declined",
        "by itself",
    ):
        assert word in said
    assert f'href="{plan.content_object.get_absolute_url()}"' in answer.content.decode()
    assert f'title="{timezone.localdate():%A}' in answer.content.decode()


def test_the_balance_counts_what_is_paid_alone(staff: Client) -> None:
    plan = make_plan("success", "fail", "success", "pending")
    lines = staff.get(plan.get_absolute_url()).context["statement"].lines
    assert [line.balance for line in lines] == [90, None, 60, None]


@pytest.mark.parametrize("where", ["plan", "part"])
def test_many_parts_and_attempts_cost_as_many_queries_as_few(where: str) -> None:
    staff = staff_with(*EVERYTHING)
    small, large = make_plan("fail", "pending"), make_plan("fail", *["pending"] * 24)
    for plan in (small, large):
        for part in plan.payments:
            attempt_at(part)
    urls = {
        "plan": [plan.get_absolute_url() for plan in (small, large)],
        "part": [part_url(plan.payments.get(count=2)) for plan in (small, large)],
    }[where]
    costs = [queries(staff, url) for url in urls]
    assert costs[0] == costs[1]
    assert costs[0] <= 14


def test_an_instalment_shows_its_own_attempts(staff: Client) -> None:
    plan = make_plan("success", "fail")
    deposit, part = plan.payments
    attempt_at(deposit, payment_intent_id="pi_deposit")
    attempt_at(part, payment_intent_id="pi_part", failure="a_code_nobody_knows")
    said = words(staff.get(part_url(part)))
    assert "pi_part" in said
    assert "a_code_nobody_knows" in said
    assert "pi_deposit" not in said


def test_the_lists_of_checkouts_lead_to_the_plan_and_not_to_the_customers_page(staff: Client) -> None:
    plan = make_plan("success", "request", "request")
    old, new = plan.payments.filter(state_id="request")
    attempt_at(new, state__slug="request")
    long_ago = attempt_at(old, state__slug="request")
    type(long_ago).objects.filter(pk=long_ago.pk).update(created=timezone.now() - timedelta(days=2))
    for name in ("checkout.list", "checkout.list.audit"):
        body = staff.get(reverse(name)).content.decode()
        assert body.count(f'href="{plan.get_absolute_url()}"') == 2
        assert plan.content_object.get_absolute_url() not in body
    audit = staff.get(reverse("checkout.list.audit"))
    assert [row.pk for row in audit.context["object_list"]] == [long_ago.pk, long_ago.pk - 1]
    said = words(audit)
    assert said.count("unknown for") == 2
    assert said.count("for more than a day") == 1
    assert "unknown for 2 days" in said


@pytest.mark.parametrize("name", ["checkout.list", "checkout.list.audit"])
def test_instalments_cost_the_lists_of_checkouts_as_many_queries_as_one(staff: Client, name: str) -> None:
    def more(count: int) -> None:
        for _number in range(count):
            attempt_at(make_plan("success", "request").payments.get(count=2), state__slug="request")

    more(1)
    one = queries(staff, reverse(name))
    more(24)
    assert queries(staff, reverse(name)) == one


def test_a_deleted_plan_or_part_is_a_404(staff: Client) -> None:
    plan = make_plan("pending")
    part = plan.payments.get()
    url = plan.get_absolute_url()
    ObjectPaymentPlanInstalment.objects.all().delete()
    plan.delete()
    assert staff.get(url).status_code == 404
    assert staff.get(part_url(part)).status_code == 404
