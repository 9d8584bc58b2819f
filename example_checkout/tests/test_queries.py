"""What each step costs: SQL statements, the session's included, and calls to Stripe."""

from typing import Any, NamedTuple

import pytest
from django.contrib.contenttypes.models import ContentType
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext

from checkout.flows import fulfil, payment
from checkout.models import Checkout
from example_checkout.models import SalesLedger
from example_checkout.tests.factories import ContactFactory, ProductFactory, SalesLedgerFactory

# Real transactions, as in production: a test's own would turn each of ours into two savepoints.
pytestmark = pytest.mark.django_db(transaction=True)

# The start and the end of a transaction carry no data; a savepoint is a statement and counts.
NOT_COUNTED = ("BEGIN", "COMMIT")


class Cost(NamedTuple):
    sql: int
    calls: int


class Visitor:
    """A browser, and what its last request cost."""

    def __init__(self, simulator: Any, client: Client) -> None:
        self.simulator, self.client = simulator, client
        self.cost = Cost(0, 0)

    def ask(self, method: str, url: str, **data: Any) -> Any:
        calls = len(self.simulator.exchanges)
        with CaptureQueriesContext(connection) as captured:
            answer = getattr(self.client, method)(url, data)
        self.cost = Cost(statements(captured), len(self.simulator.exchanges) - calls)
        return answer


def statements(captured: CaptureQueriesContext) -> int:
    return sum(not query["sql"].startswith(NOT_COUNTED) for query in captured.captured_queries)


@pytest.fixture(params=["anonymous", "user"])
def visitor(request: Any, stripe_simulator: Any) -> Visitor:
    client = Client()
    if request.param == "user":
        client.force_login(ContactFactory().user)
    # Django looks each content type up once in the life of a process.
    ContentType.objects.get_for_model(SalesLedger)
    return Visitor(stripe_simulator, client)


def book(visitor: Visitor) -> str:
    answer = visitor.ask(
        "post", ProductFactory().get_absolute_url(), quantity=1, action="payment", name="Ada", email="ada@example.com"
    )
    assert answer.status_code == 302
    assert answer.url.startswith("/pay/")
    return str(answer.url)


def begin(visitor: Visitor, url: str) -> Any:
    return visitor.ask("post", url, step="begin", shown_total="120.000")


def test_starting_costs_at_most_nine_statements_and_one_call(visitor: Visitor) -> None:
    book(visitor)
    # one of them is the shop's own question whether instalments are offered
    assert visitor.cost.sql <= 9
    assert visitor.cost.calls == 1


def test_the_page_costs_at_most_six_statements_and_one_call_each_time(visitor: Visitor) -> None:
    url = book(visitor)
    for _look in range(2):
        assert visitor.ask("get", url).status_code == 200
        assert visitor.cost.sql <= 6
        assert visitor.cost.calls == 1


def test_the_page_of_an_invoice_asks_stripe_nothing(visitor: Visitor) -> None:
    details = {"quantity": 1, "name": "Ada", "email": "ada@example.com"}
    answer = visitor.ask("post", ProductFactory().get_absolute_url(), action="invoice", **details)
    assert visitor.cost.calls == 0
    assert visitor.ask("get", answer.url).status_code == 200
    assert visitor.cost.sql <= 6
    assert visitor.cost.calls == 0


def test_beginning_costs_at_most_eight_statements_and_no_call(visitor: Visitor) -> None:
    url = book(visitor)
    assert begin(visitor, url).json() == {"ok": True}
    # two of them look at the object once more, under the claim
    assert visitor.cost.sql <= 8
    assert visitor.cost.calls == 0
    # the double click finds its work done
    assert begin(visitor, url).json() == {"ok": True}
    assert visitor.cost.sql <= 5


def test_returning_costs_at_most_eight_statements_and_one_call(visitor: Visitor, pay: Any) -> None:
    url = book(visitor)
    begin(visitor, url)
    checkout = Checkout.objects.get()
    pay(checkout)
    assert visitor.ask("get", f"{url}thanks/").status_code == 200
    assert visitor.cost.sql <= 8
    assert visitor.cost.calls == 1
    checkout.refresh_from_db()
    assert checkout.succeeded


def test_the_success_page_of_a_settled_checkout_asks_stripe_nothing(visitor: Visitor, pay: Any) -> None:
    url = book(visitor)
    pay(Checkout.objects.get())
    visitor.ask("get", f"{url}thanks/")
    assert visitor.ask("get", f"{url}thanks/").status_code == 200
    assert visitor.cost.sql <= 4
    assert visitor.cost.calls == 0


def settled(simulator: Any, pay: Any, count: int) -> Cost:
    """What the command spends on ``count`` payments that Stripe has decided."""
    product = ProductFactory()
    for _number in range(count):
        booking = SalesLedgerFactory(product=product, contact__user=None)
        checkout = Checkout.objects.create_checkout("payment", booking, None)
        payment.begin(checkout, shown_total=booking.checkout_total)
        pay(checkout)
    before = len(simulator.exchanges)
    with CaptureQueriesContext(connection) as captured:
        assert fulfil.payments().settled == count
    return Cost(statements(captured), len(simulator.exchanges) - before)


def test_the_command_spends_the_same_on_the_first_row_and_on_the_last(stripe_simulator: Any, pay: Any) -> None:
    settled(stripe_simulator, pay, 1)
    five, many = settled(stripe_simulator, pay, 5), settled(stripe_simulator, pay, 25)
    per_row, rest = divmod(many.sql - five.sql, 20)
    assert rest == 0
    assert per_row <= 4
    # what does not depend on the count: the open ones, the stragglers, those never asked about
    assert five.sql - 5 * per_row <= 4
    assert five.calls == many.calls


@pytest.mark.parametrize("path", ["/checkout/", "/checkout/audit/"])
def test_a_staff_list_costs_the_same_whatever_its_length(
    admin_client: Client, stripe_simulator: Any, path: str
) -> None:
    def cost(more: int) -> int:
        for _number in range(more):
            checkout = Checkout.objects.create_checkout("payment", SalesLedgerFactory(), None)
            payment.begin(checkout, shown_total=checkout.total)
        with CaptureQueriesContext(connection) as captured:
            assert admin_client.get(path).status_code == 200
        return statements(captured)

    assert cost(3) == cost(12)
