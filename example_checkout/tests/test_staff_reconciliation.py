"""Do the books agree, on the staff's pages: each comparison, what differs, and when somebody must look."""

from datetime import timedelta

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import reverse
from django.utils import timezone

from checkout.models import Difference, Reconciliation
from checkout.tests.factories import DifferenceFactory, ReconciliationFactory
from checkout.views.staff import books
from example_checkout.tests import desk
from example_checkout.tests.staff import EVERYTHING, attempt_at, make_plan, staff_with, words
from example_checkout.tests.test_staff_queue import sections

pytestmark = [pytest.mark.django_db, pytest.mark.slow]
LIST = "checkout.reconciliation.list"


@pytest.fixture
def staff() -> Client:
    return staff_with(*EVERYTHING)


def page_of(run: Reconciliation) -> str:
    return reverse("checkout.reconciliation", args=[run.pk])


def counted(run: Reconciliation) -> Reconciliation:
    """As a comparison that has come to its end writes it down."""
    Reconciliation.objects.filter(pk=run.pk).update(differences=run.found.count(), intents=7, refunds=3, plans=2)
    run.refresh_from_db()
    return run


def test_the_list_shows_each_comparison_newest_first_and_filters(staff: Client) -> None:
    assert "have not been compared yet" in words(staff.get(reverse(LIST)))
    old = desk.aged(ReconciliationFactory(foreign=12), days=3)
    differs = counted(DifferenceFactory().reconciliation)
    died = ReconciliationFactory(finished=None)
    answer = staff.get(reverse(LIST))
    assert list(answer.context["object_list"]) == [died, differs, old]
    said = words(answer)
    for word in ("Not finished", "1 difference", "They agree", "12"):
        assert word in said
    for query, rows in (
        ({"what": "differ"}, [differs]),
        ({"to": (timezone.localdate() - timedelta(days=2)).isoformat()}, [old]),
        ({"from": timezone.localdate().isoformat()}, [died, differs]),
        ({"what": "\x00"}, []),
        ({"from": "nonsense"}, []),
    ):
        assert list(staff.get(reverse(LIST), query).context["object_list"]) == rows, query


def test_one_comparison_shows_what_differs_and_leads_there(staff: Client) -> None:
    part = desk.part_in("success")
    attempt = attempt_at(part, state__slug="success")
    plan = make_plan("success")
    run = DifferenceFactory(
        checkout=attempt, stripe_id="pi_1", ours="request", detail="paid 29, asked 30"
    ).reconciliation
    DifferenceFactory(reconciliation=run, kind="plan_total", plan=plan, stripe_id="", ours="121", theirs="120")
    DifferenceFactory(reconciliation=run, kind="unknown_here", stripe_id="pi_gone", ours="", theirs="5.00 GBP")
    counted(run)
    answer = staff.get(page_of(run))
    said, body = words(answer), answer.content.decode()
    for word in (
        "3 differences",
        "Paid at Stripe, not recorded here",
        "paid 29, asked 30",
        "The parts do not add up to what was agreed",
        "121",
        "pi_gone",
        "5.00 GBP",
        "Payments: 7, refunds: 3, payment plans: 2",
    ):
        assert word in said
    assert f'href="{reverse("checkout.checkout", args=[attempt.pk])}"' in body
    assert f'href="{plan.get_absolute_url()}"' in body
    only = staff.get(page_of(run), {"kind": "plan_total"})
    assert [row.kind for row in only.context["object_list"]] == ["plan_total"]
    assert list(only.context["kinds"]) == ["not_recorded", "unknown_here", "plan_total"]
    assert "Nothing matches this filter" in words(staff.get(page_of(run), {"kind": "currency"}))


def test_every_kind_has_words(staff: Client) -> None:
    run = ReconciliationFactory()
    for kind in Difference.KINDS:
        DifferenceFactory(reconciliation=run, kind=kind)
    said = words(staff.get(page_of(counted(run))))
    assert all(sentence in said for sentence in Difference.KINDS.values())


def test_what_was_deleted_since_is_still_told(staff: Client) -> None:
    attempt = attempt_at(desk.part_in("success"))
    run = DifferenceFactory(checkout=attempt, stripe_id="pi_1").reconciliation
    attempt.delete()
    assert "pi_1" in words(staff.get(page_of(run)))


@pytest.mark.parametrize(("finished", "sentence"), [(True, "Nothing differs."), (False, "It has not come to its end")])
def test_one_without_differences(staff: Client, finished: bool, sentence: str) -> None:
    run = ReconciliationFactory(**({} if finished else {"finished": None}))
    assert sentence in words(staff.get(page_of(run)))


def test_pages_cost_the_same_for_many(staff: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(books.ReconciliationView, "paginate_by", 5)
    run = ReconciliationFactory()

    def cost() -> list[int]:
        costs = []
        for url in (page_of(run), reverse(LIST)):
            with CaptureQueriesContext(connection) as captured:
                assert staff.get(url).status_code == 200
            costs.append(len(captured))
        return costs

    def add() -> None:
        part = desk.part_in("success")
        DifferenceFactory(reconciliation=run, checkout=attempt_at(part), plan=part.object_payment_plan)

    add()
    one = cost()
    for _number in range(5):
        add()
    ReconciliationFactory()
    assert cost() == one
    answer = staff.get(page_of(run), {"page": "2"})
    assert len(answer.context["object_list"]) == 1


def test_the_files(staff: Client) -> None:
    part = desk.part_in("success")
    attempt = attempt_at(part)
    run = counted(DifferenceFactory(checkout=attempt, stripe_id="pi_1", detail="=1+1").reconciliation)
    DifferenceFactory(reconciliation=run, kind="currency", stripe_id="pi_2")
    text = staff.get(page_of(run), {"format": "csv"}).getvalue().decode()
    assert text.count("\r\n") == 3
    assert f"{attempt.uuid},,pi_1,Pending,succeeded,'=1+1\r\n" in text
    assert staff.get(page_of(run), {"format": "csv", "kind": "currency"}).getvalue().decode().count("\r\n") == 2
    listed = staff.get(reverse(LIST), {"format": "csv"}).getvalue().decode()
    assert listed.splitlines()[1].endswith(",7,3,2,0,1")


# the work queue


def test_the_last_comparison_counts_and_no_other(staff: Client) -> None:
    run = counted(DifferenceFactory(detail="paid 29, asked 30").reconciliation)
    found = sections(staff)
    assert found["books"].count == 1
    (row,) = found["books"].rows
    assert row.url == page_of(run)
    said = words(staff.get(reverse("checkout.work")))
    assert "Paid at Stripe, not recorded here: Pending / succeeded" in said
    # one that has not come to its end changes nothing
    ReconciliationFactory(finished=None)
    assert sections(staff)["books"].count == 1
    ReconciliationFactory()
    assert "books" not in sections(staff)


@pytest.mark.parametrize(
    ("paid", "compared", "there"),
    [(5, None, True), (5, 3, True), (5, 1, False), (1, None, False), (None, None, False), (None, 9, False)],
)
def test_books_that_nobody_compares(staff: Client, paid: float | None, compared: float | None, there: bool) -> None:
    if paid is not None:
        attempt = attempt_at(make_plan("success").deposit, state__slug="success")
        desk.aged(attempt, days=paid)
    if compared is not None:
        desk.aged(ReconciliationFactory(), days=compared)
    found = sections(staff)
    assert ("stale" in found) is there
    if there:
        (row,) = found["stale"].rows
        assert (row.since is None) is (compared is None)
        assert staff.get(row.url).status_code == 200
