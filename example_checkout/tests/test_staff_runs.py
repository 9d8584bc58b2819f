"""The lists of payment runs and of what became of each instalment."""

from datetime import date
from typing import Any

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import reverse
from django.utils import timezone

from checkout import states
from checkout.flows import claims
from checkout.models import PaymentRunItem
from checkout.templatetags.checkout_staff import REASONS, in_words
from checkout.views.staff.runs import ORDER, summaries_of
from example_checkout.tests.factories import ProductFactory, SalesLedgerFactory
from example_checkout.tests.hostile import TEXTS, each
from example_checkout.tests.staff import make_plan, make_run, staff_with, words

pytestmark = [pytest.mark.django_db, pytest.mark.slow]
LIST = "checkout.payment.run.list"
ALL = ("success", "fail", "pay_on_session", "request", "released", "skipped")


@pytest.fixture
def staff() -> Client:
    return staff_with()


def queries(client: Client, url: str) -> int:
    with CaptureQueriesContext(connection) as captured:
        assert client.get(url).status_code == 200
    return len(captured)


def test_no_runs_yet(staff: Client) -> None:
    assert "No payment runs yet" in words(staff.get(reverse(LIST)))


def test_the_list_counts_by_outcome_and_currency(staff: Client) -> None:
    run = make_run("success", "success", "fail", date=date(2026, 3, 1), finished=timezone.now())
    euro = make_plan("success", "pending", booking=SalesLedgerFactory(product=ProductFactory(currency="EUR")))
    part = euro.payments.get(deposit=False)
    PaymentRunItem.objects.create(payment_run=run, instalment=part, outcome="success", amount=30, currency="EUR")
    make_run(date=date(2026, 3, 2))
    make_run("skipped", date=date(2026, 3, 3), finished=timezone.now(), stopped="charge: AuthenticationError 401")
    said = words(staff.get(reverse(LIST)))
    assert said.index("3 Mar 2026") < said.index("2 Mar 2026") < said.index("1 Mar 2026")
    for word in (
        "Charged 2 · £60.00",
        "Charged 1 · €30.00",
        "Declined 1 · £30.00",
        "Not finished",
        "Finished",
        "Stopped early",
        "Nothing was due.",
    ):
        assert word in said
    assert summaries_of([run])[run.pk] == run.summary()


def test_a_page_of_runs_costs_the_same_for_twenty_five_as_for_one(staff: Client) -> None:
    make_run("success", "fail")
    one = queries(staff, reverse(LIST))
    for _number in range(25):
        make_run("success", "request", "fail")
    assert queries(staff, reverse(LIST)) == one
    assert one <= 7
    assert len(staff.get(reverse(LIST), {"page": "2"}).context["runs"]) == 1
    for page in ("3", "x", "0", "\x00", "9" * 30):
        assert staff.get(reverse(LIST), {"page": page}).status_code == 404


def test_a_run_shows_what_needs_a_person_first(staff: Client) -> None:
    run = make_run(*ALL)
    rows = staff.get(run.get_absolute_url()).context["object_list"]
    assert tuple(row.outcome for row in rows) == ORDER
    assert set(ORDER) == set(states.OUTCOMES)


def test_each_item_says_who_what_why_and_leads_to_the_plan(staff: Client) -> None:
    run = make_run("fail", stopped="charge: AuthenticationError 401 <b>", finished=timezone.now())
    item = run.items.get()
    run.items.update(reason="card_declined lost_card")
    answer = staff.get(run.get_absolute_url())
    plan = item.instalment.object_payment_plan
    said = words(answer)
    for word in (
        plan.customer.email,
        plan.lines[0],
        "Instalment 1 of 3",
        "Declined",
        "The card was reported lost card_declined lost_card",
        "£30.00",
        "The run was stopped",
        "charge: AuthenticationError 401 &lt;b&gt;",
    ):
        assert word in said
    assert f'href="{plan.get_absolute_url()}"' in answer.content.decode()


@pytest.mark.parametrize("outcome", ALL)
def test_items_are_filtered_by_outcome(staff: Client, outcome: str) -> None:
    run = make_run(*ALL)
    rows = staff.get(run.get_absolute_url(), {"outcome": outcome}).context["object_list"]
    assert [row.outcome for row in rows] == [outcome]


@pytest.mark.parametrize("text", each(TEXTS))
@pytest.mark.parametrize("name", ["outcome", "page"])
def test_odd_filters_find_nothing(staff: Client, name: str, text: str) -> None:
    run = make_run("success")
    answer = staff.get(run.get_absolute_url(), {name: text})
    assert answer.status_code in (200, 404)
    if answer.status_code == 200 and name == "outcome":
        assert len(answer.context["object_list"]) == (0 if text.strip() else 1)


def test_many_items_cost_as_many_queries_as_one_and_come_in_pages(staff: Client) -> None:
    small, large = make_run("success"), make_run(*["success"] * 50, "request")
    assert queries(staff, small.get_absolute_url()) == queries(staff, large.get_absolute_url())
    first = staff.get(large.get_absolute_url()).context["object_list"]
    assert (len(first), first[0].outcome) == (50, "request")
    assert len(staff.get(large.get_absolute_url(), {"page": "2"}).context["object_list"]) == 1


def test_items_of_one_run_alone(staff: Client) -> None:
    make_run("success", "fail")
    run = make_run("skipped")
    assert [row.outcome for row in staff.get(run.get_absolute_url()).context["object_list"]] == ["skipped"]


@pytest.mark.parametrize("reason", [claims.UNRESOLVED, claims.RIVAL, "no card on file"])
def test_our_own_reasons_have_their_words(reason: str) -> None:
    assert reason in REASONS


def test_reasons_in_words() -> None:
    assert in_words("card_declined insufficient_funds") == "there was not enough money"
    assert in_words("card_declined nobody_knows") == "the bank gave no reason"
    assert in_words("released: charge: InvalidRequestError 400") == (
        "Stripe refused the request or was not asked, nothing was charged"
    )
    assert in_words("") == in_words("nobody_knows") == ""


def test_an_item_of_a_deleted_object_is_still_listed(staff: Client) -> None:
    run: Any = make_run("success")
    run.items.get().instalment.object_payment_plan.content_object.delete()
    assert len(staff.get(run.get_absolute_url()).context["object_list"]) == 1
