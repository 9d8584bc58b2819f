"""The staff's lists: for staff only, in pages, searchable, and at the same cost for many rows as for few."""

from typing import Any

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import reverse

from checkout.models import Checkout
from checkout.tests.factories import CheckoutFactory
from example_checkout.tests.factories import SalesLedgerFactory, UserFactory

pytestmark = pytest.mark.django_db
LISTS = ["checkout.list", "checkout.list.audit"]


def make(count: int, **values: Any) -> list[Checkout]:
    """Checkouts that both lists show, each of another customer's booking."""
    values = {"state__slug": "request", **values}
    return [CheckoutFactory(content_object=SalesLedgerFactory(), user=UserFactory(), **values) for _ in range(count)]


@pytest.fixture
def staff(client: Client) -> Client:
    client.force_login(UserFactory(is_staff=True))
    return client


def shown(client: Client, **query: str) -> set[Any]:
    answer = client.get(reverse("checkout.list"), query)
    assert answer.status_code == 200
    return set(answer.context["object_list"])


@pytest.mark.parametrize("name", LISTS)
@pytest.mark.parametrize("signed_in", [False, True])
def test_only_staff_may_read(client: Client, name: str, signed_in: bool) -> None:
    (row,) = make(1)
    if signed_in:
        client.force_login(row.user)
    answer = client.get(reverse(name))
    assert answer.status_code in (302, 403)
    assert str(row.content_object.number) not in answer.content.decode()


@pytest.mark.parametrize("name", LISTS)
def test_forty_rows_cost_as_many_queries_as_five(staff: Client, name: str) -> None:
    counts = []
    for more in (5, 35):
        make(more)
        with CaptureQueriesContext(
            connection,
        ) as queries:
            answer = staff.get(reverse(name))
        counts.append(len(queries))
    assert counts[0] == counts[1]
    assert len(answer.context["object_list"]) == 25
    assert len(staff.get(reverse(name), {"page": "2"}).context["object_list"]) == 15


def test_a_page_that_is_not_there_is_a_404(staff: Client) -> None:
    make(1)
    assert staff.get(reverse("checkout.list"), {"page": "99"}).status_code == 404


def test_the_list_is_filtered_and_searched(staff: Client) -> None:
    (paid,) = make(1, state__slug="success", payment_intent_id="pi_paid")
    (invoice,) = make(1, state__slug="pending", action__slug="invoice", description="Glazing for two")
    assert shown(staff) == {paid, invoice}
    assert shown(staff, state="success") == {paid}
    assert shown(staff, action="invoice") == {invoice}
    assert shown(staff, q="pi_paid") == {paid}
    assert shown(staff, q="glazing") == {invoice}
    assert shown(staff, q=str(paid.uuid)) == {paid}
    assert shown(staff, state="success", q="glazing") == set()


def test_the_audit_list_shows_what_is_not_certain(staff: Client) -> None:
    (unknown,) = make(1)
    (put_aside,) = make(1, state__slug="pending", quarantine="paid 1, asked 2")
    make(1, state__slug="success")
    answer = staff.get(reverse("checkout.list.audit"))
    assert set(answer.context["object_list"]) == {unknown, put_aside}
    assert "paid 1, asked 2" in answer.content.decode()


def test_a_row_whose_object_was_deleted_is_still_listed(staff: Client) -> None:
    (row,) = make(1)
    row.content_object.delete()
    assert shown(staff) == {row}
