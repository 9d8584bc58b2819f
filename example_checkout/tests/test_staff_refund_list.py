"""The staff's list of refunds: its filters, its file, and at what cost."""

import csv
import io
from datetime import timedelta
from decimal import Decimal

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import reverse
from django.utils import timezone

from checkout.models import Refund
from checkout.tests.factories import RefundFactory
from example_checkout.tests import desk
from example_checkout.tests.staff import EVERYTHING, staff_with, words

pytestmark = pytest.mark.django_db
LIST = "checkout.refund.list"


@pytest.fixture
def staff() -> Client:
    return staff_with(*EVERYTHING, username="clerk")


def listed(client: Client, **query: str) -> list[int]:
    return [one.pk for one in client.get(reverse(LIST), query).context["object_list"]]


def test_the_list_and_its_filters(staff: Client) -> None:
    checkout = desk.paid()
    given = RefundFactory(checkout=checkout, amount=1, refund_id="re_given", note="=1+1", reason="duplicate")
    failed = desk.refund_failed()
    unknown = desk.refund_unknown()
    refused = RefundFactory(checkout=checkout, refund_id=None, amount=2, state="fail", failure="refund: no")
    everything = [refused.pk, unknown.pk, failed.pk, given.pk]
    assert listed(staff) == everything
    for query, rows in (
        ({"state": "success"}, [given]),
        ({"state": "fail"}, [refused, failed]),
        ({"state": "later"}, [failed]),
        ({"state": "trouble"}, [refused, failed]),
        ({"state": "unknown"}, [unknown]),
        ({"state": "processing"}, []),
        ({"state": "a\x00b"}, []),
        ({"state": "x" * 5000}, []),
        ({"q": "re_given"}, [given]),
        ({"q": str(given.uuid)}, [given]),
        ({"q": str(checkout.uuid)}, [refused, given]),
        ({"q": f"  {checkout.payment_intent_id} "}, [refused, given]),
        ({"q": "re_"}, []),
        ({"from": timezone.localdate().isoformat(), "state": "success"}, [given]),
        ({"to": (timezone.localdate() - timedelta(days=5)).isoformat()}, [failed]),
        ({"from": "yesterday"}, []),
    ):
        assert listed(staff, **query) == [one.pk for one in rows], query
    said = words(staff.get(reverse(LIST)))
    assert "2 refunds failed and were not made again" in said
    for word in ("Failed later", "Failed", "Paid twice", "The card was reported lost or stolen", "by your own site"):
        assert word in said


def test_a_failed_refund_needs_nobody_once_it_was_made_again(staff: Client) -> None:
    failed = desk.refund_failed()
    assert listed(staff, state="trouble") == [failed.pk]
    again = RefundFactory(checkout=failed.checkout, amount=20, state="processing")
    assert listed(staff, state="trouble") == []
    Refund.objects.filter(pk=again.pk).update(state="fail")
    assert listed(staff, state="trouble") == [again.pk, failed.pk]
    Refund.objects.update(settled=timezone.now() - timedelta(days=31))
    assert listed(staff, state="trouble") == []


def test_as_a_file(staff: Client) -> None:
    made = RefundFactory(checkout=desk.paid(), amount=Decimal("1.5"), note="=HYPERLINK()", refund_id="re_in_a_file")
    RefundFactory(checkout=made.checkout, amount=2, state="fail")
    answer = staff.get(reverse(LIST), {"format": "csv", "state": "success"})
    text = b"".join(answer.streaming_content).decode("utf-8-sig")
    (row,) = csv.DictReader(io.StringIO(text))
    assert (row["State"], row["Amount"], row["Currency"], row["Refund"]) == (
        "Given back",
        "1.50",
        "GBP",
        "re_in_a_file",
    )
    assert row["Note"] == "'=HYPERLINK()"
    assert row["Payment"] == made.checkout.payment_intent_id


def test_a_page_of_many_costs_as_many_queries_as_one_of_few(staff: Client) -> None:
    def cost(url: str) -> int:
        staff.get(url)
        with CaptureQueriesContext(connection) as captured:
            assert staff.get(url).status_code == 200
        return len(captured)

    first = desk.refund_failed().checkout
    urls = (reverse(LIST), reverse("checkout.checkout", args=[first.pk]))
    few = [cost(url) for url in urls]
    for number in range(8):
        desk.refund_failed(number)
        RefundFactory(checkout=first, amount=1)
    assert [cost(url) for url in urls] == few
    assert max(few) <= 14


def test_paging(staff: Client) -> None:
    checkout = desk.paid()
    RefundFactory.create_batch(27, checkout=checkout, amount=1)
    assert len(listed(staff)) == 25
    assert len(listed(staff, page="2")) == 2
    assert staff.get(reverse(LIST), {"page": "99"}).status_code == 404
