"""What each step of a sign-up costs, and "My payment plan": SQL, the session's included, and calls to Stripe."""

from decimal import Decimal
from typing import Any

import pytest
from django.contrib.contenttypes.models import ContentType
from django.test import Client
from django.urls import reverse

from checkout.flows import sign_up
from checkout.models import Checkout, ObjectPaymentPlanInstalment
from example_checkout.models import SalesLedger
from example_checkout.tests.factories import ContactFactory, ProductFactory
from example_checkout.tests.plans import ALWAYS_ASKS, FAILS_LATER, GOOD, offer_plans, plan_of
from example_checkout.tests.test_queries import Cost, Visitor

# Real transactions, as in production: a test's own would turn each of ours into two savepoints.
pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture(params=["anonymous", "user"])
def visitor(request: Any, stripe_simulator: Any) -> Visitor:
    client = Client()
    if request.param == "user":
        client.force_login(ContactFactory().user)
    for model in (SalesLedger, ObjectPaymentPlanInstalment):
        # Django looks each content type up once in the life of a process.
        ContentType.objects.get_for_model(model)
    return Visitor(stripe_simulator, client)


def book(visitor: Visitor, *, count: int = 3) -> str:
    offer_plans(count=count)
    product = ProductFactory(price=Decimal("1200.00"))
    sent = {"quantity": 1, "action": "payment_plan", "name": "Ada", "email": "ada@example.com"}
    answer = visitor.ask("post", product.get_absolute_url(), **sent)
    assert answer.status_code == 302
    return str(answer.url)


def begin(visitor: Visitor, url: str) -> Any:
    shown = sign_up.offer(Checkout.objects.get().content_object)
    return visitor.ask("post", url, step="begin", consent="yes", schedule=shown.fingerprint)


def signed_up(visitor: Visitor, pay: Any, *, card: str = GOOD, count: int = 3) -> Checkout:
    url = book(visitor, count=count)
    begin(visitor, url)
    checkout = Checkout.objects.get()
    pay(checkout, card=card)
    visitor.ask("post", url, step="finish")
    return checkout


def cost(visitor: Visitor, url: str, status: int = 200) -> Cost:
    assert visitor.ask("get", url).status_code == status
    return visitor.cost


def test_the_page_costs_at_most_nine_statements_and_one_call_whatever_the_plan(visitor: Visitor) -> None:
    url = book(visitor, count=24)
    for _look in range(2):
        found = cost(visitor, url)
        assert found.sql <= 9
        assert found.calls == 1


def test_agreeing_costs_at_most_24_statements_and_no_call(visitor: Visitor) -> None:
    url = book(visitor)
    assert begin(visitor, url).json() == {"ok": True}
    # four of them look at object and offer once more, under the claim
    assert visitor.cost.sql <= 24
    assert visitor.cost.calls == 0


@pytest.mark.parametrize(
    ("card", "step", "calls"), [(GOOD, "paid", 3), (FAILS_LATER, "declined", 3), (ALWAYS_ASKS, "authenticate", 4)]
)
def test_finishing_costs_a_constant(visitor: Visitor, pay: Any, card: str, step: str, calls: int) -> None:
    url = book(visitor, count=12)
    begin(visitor, url)
    pay(Checkout.objects.get(), card=card)
    assert visitor.ask("post", url, step="finish").json()["step"] == step
    # the SetupIntent, the customer's default card, the charge; and the charge once more where its secret is needed
    assert visitor.cost.calls == calls
    # one of them looks whether something else waits for a card; three write down what a decline leads to
    assert visitor.cost.sql <= 46


def test_the_thanks_cost_the_same_for_a_long_plan(visitor: Visitor, pay: Any) -> None:
    checkout = signed_up(visitor, pay, count=24)
    found = cost(visitor, reverse("web.checkout.success", args=[checkout.uuid]))
    assert found.sql <= 8
    assert found.calls == 0


def test_a_poll_asks_stripe_once(visitor: Visitor, pay: Any) -> None:
    checkout = signed_up(visitor, pay, card=ALWAYS_ASKS)
    found = cost(visitor, reverse("web.checkout.success", args=[checkout.uuid]), 302)
    assert found.sql <= 6
    assert found.calls == 1
    found = cost(visitor, reverse("web.checkout", args=[checkout.uuid]))
    assert found.sql <= 9
    assert found.calls == 1


@pytest.mark.parametrize("count", [3, 24])
def test_my_plan_costs_a_constant_and_asks_stripe_nothing(visitor: Visitor, pay: Any, count: int) -> None:
    checkout = signed_up(visitor, pay, count=count)
    assert plan_of(checkout).payment_count == count + 1
    found = cost(visitor, reverse("example.plan", args=[checkout.content_object.number]))
    assert found.sql <= 5
    assert found.calls == 0
