"""Lists as CSV: what is in them, safe in a spreadsheet, streamed at a constant cost."""

import csv
import io
import tracemalloc
from datetime import date, datetime, timedelta
from decimal import Decimal
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from django.db import connection
from django.http import StreamingHttpResponse
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import reverse
from django.utils import timezone

from checkout.tests.factories import CustomerFactory, StaffActionFactory
from checkout.views.staff import export
from example_checkout.tests import desk
from example_checkout.tests.factories import UserFactory
from example_checkout.tests.staff import make_plan, make_run, staff_with

pytestmark = [pytest.mark.django_db, pytest.mark.slow]
NAMES = [
    "checkout.list",
    "checkout.list.audit",
    "checkout.object.payment.plan.list",
    "checkout.object.payment.plan.instalment.list",
    "checkout.object.payment.plan.card.expiry.list",
    "checkout.payment.plan.list",
    "checkout.payment.run.list",
    "checkout.payment.run",
    "checkout.customer.list",
    "checkout.customer.payment.list",
    "checkout.card.refresh.list",
    "checkout.notice.list",
    "checkout.staff.action.list",
]


@pytest.fixture
def staff() -> Client:
    return staff_with()


def url_of(name: str) -> str:
    return reverse(name, args=[desk_run()] if name == "checkout.payment.run" else [])


def desk_run() -> Any:
    return make_run("success", "fail").pk


def read(client: Client, url: str, **query: str) -> list[dict[str, str]]:
    answer = client.get(url, {"format": "csv", **query})
    assert isinstance(answer, StreamingHttpResponse)
    text = answer.getvalue().decode("utf-8-sig")
    return list(csv.DictReader(io.StringIO(text, newline="")))


@pytest.mark.parametrize("name", NAMES)
def test_every_list_is_a_file(staff: Client, name: str) -> None:
    desk.busy(2)
    desk_run()
    StaffActionFactory(user=UserFactory())
    url = url_of(name)
    page = staff.get(url)
    assert "format=csv" in page.content.decode()
    answer = staff.get(url, {"format": "csv"})
    assert answer.headers["Content-Type"] == "text/csv; charset=utf-8"
    assert answer.headers["Content-Disposition"].startswith('attachment; filename="')
    assert f"-{timezone.localdate()}.csv" in answer.headers["Content-Disposition"]
    assert answer.getvalue().startswith(b"\xef\xbb\xbf")
    rows = read(staff, url)
    assert len(rows) >= len(page.context["object_list"]) > 0
    if "Amount" in rows[0]:
        assert {row["Currency"] for row in rows} <= {"GBP", ""}
        assert all(Decimal(row["Amount"]).as_tuple().exponent == -2 for row in rows if row["Amount"])


def test_it_has_every_row_that_the_filters_leave_and_no_pages(staff: Client) -> None:
    for _number in range(30):
        CustomerFactory()
    ada = CustomerFactory(name="Ada Lovelace")
    url = reverse("checkout.customer.list")
    assert len(read(staff, url)) == 31
    assert len(read(staff, url, page="2")) == 31
    assert [row["Email"] for row in read(staff, url, q="lovelace")] == [ada.email]
    assert read(staff, url, q="nobody") == []
    assert "format=csv" in staff.get(url, {"q": "lovelace"}).content.decode()
    assert "q=lovelace" in staff.get(url, {"q": "lovelace"}).content.decode()


def test_a_plan_in_the_file(staff: Client) -> None:
    plan = make_plan("success", "pending", customer__name="Ada")
    (row,) = read(staff, reverse("checkout.object.payment.plan.list"))
    assert row == {
        "Payment plan": str(plan.pk),
        "Since": timezone.localtime(plan.created).isoformat(timespec="seconds"),
        "What": plan.description,
        "Name": "Ada",
        "Email": plan.customer.email,
        "Template": plan.payment_plan.name,
        "State": "Going on",
        "Paused": "",
        "Next": (timezone.localdate() + timedelta(days=30)).isoformat(),
        "Total": "120.00",
        "Paid": "30.00",
        "Left": "90.00",
        "Currency": "GBP",
    }


@pytest.mark.parametrize("name", ["=HYPERLINK(1)", "+1", "-1+1", "@SUM(A1)", "\t=1", "\r=1", "\uff1d1", "\n=1"])
def test_no_name_becomes_a_formula(staff: Client, name: str) -> None:
    CustomerFactory(name=name)
    (row,) = read(staff, reverse("checkout.customer.list"))
    assert row["Name"].startswith("'")
    assert row["Name"].lstrip("'") == name or "'=" in row["Name"]


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (None, ""),
        (True, "yes"),
        (Decimal("-12.50"), "-12.50"),
        (Decimal("1E+3"), "1000"),
        (-3, "-3"),
        (date(2026, 11, 5), "2026-11-05"),
        (datetime(2026, 7, 1, 12, tzinfo=ZoneInfo("UTC")), "2026-07-01T13:00:00+01:00"),
        ("plain", "plain"),
        ("a;=1+1", "a;'=1+1"),
        ("a\n\t-1", "a\n\t'-1"),
        ("5 - 3 = 2", "5 - 3 = 2"),
    ],
)
def test_what_stands_in_a_cell(value: Any, text: str) -> None:
    assert export.cell(value) == text


@pytest.mark.parametrize(("currency", "text"), [("JPY", "500"), ("KWD", "500.000"), ("GBP", "500.00"), ("ISK", "500")])
def test_amounts_have_the_decimals_of_their_currency(currency: str, text: str) -> None:
    assert export.cell(export.plain(Decimal("500.000"), currency)) == text


def test_headings_and_words_are_in_the_language_of_the_page(staff: Client) -> None:
    CustomerFactory()
    answer = staff.get(reverse("checkout.list"), {"format": "csv"}, headers={"accept-language": "de"})
    assert "Erstellt" in answer.getvalue().decode()


@pytest.mark.parametrize("name", NAMES)
def test_each_chunk_costs_the_same(staff: Client, name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(export, "CHUNK", 4)
    for module in ("plans", "runs"):
        monkeypatch.setattr(f"checkout.views.staff.{module}.CHUNK", 4)
    monkeypatch.setattr(export.batches, "__defaults__", (4,))
    make_run("success", date=date(2027, 1, 1))
    desk.busy(4)
    for _number in range(4):
        StaffActionFactory(user=UserFactory())
    url = url_of(name)

    def cost() -> tuple[int, int]:
        with CaptureQueriesContext(connection) as captured:
            pieces = list(staff.get(url, {"format": "csv"}).streaming_content)
        return len(captured), len(pieces)

    cost()
    first = cost()
    desk.busy(8)
    for _number in range(8):
        StaffActionFactory(user=UserFactory())
    second = cost()
    more = second[1] - first[1]
    # sessions, user, headings and so on are the same; each further chunk adds a few queries at most
    assert second[0] - first[0] <= 7 * more


def test_memory_does_not_grow_with_the_list() -> None:
    rows = (CustomerFactory.build(name="x" * 1000, customer_id="cus") for _number in range(20_000))
    columns = [("Name", lambda row: row.name)]
    tracemalloc.start()
    size = sum(len(text) for text in export.lines(columns, export.batches(rows)))
    _now, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert size > 20_000_000
    assert peak < 8_000_000


def test_another_format_is_the_page(staff: Client) -> None:
    assert staff.get(reverse("checkout.customer.list"), {"format": "xml"}).context["object_list"] is not None
