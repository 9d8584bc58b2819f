"""What paying in the browser and changing a card cost: SQL, the session's included, and calls to Stripe."""

from collections.abc import Iterator
from decimal import Decimal
from typing import Any

import pytest
from django.contrib.contenttypes.models import ContentType
from django.core.cache import cache
from django.test import Client
from django.urls import reverse

from checkout.models import Checkout, Customer, CustomerPayment, ObjectPaymentPlan, ObjectPaymentPlanInstalment
from checkout.tests.factories import PaymentPlanFactory
from example_checkout.models import SalesLedger
from example_checkout.tests.factories import SalesLedgerFactory
from example_checkout.tests.pay_pages import CARD, declined, link, page, plan_url
from example_checkout.tests.test_queries import Cost, Visitor

# Real transactions, as in production: a test's own would turn each of ours into two savepoints.
pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture(autouse=True)
def warm() -> Iterator[None]:
    cache.clear()
    for model in (SalesLedger, ObjectPaymentPlanInstalment, Customer, CustomerPayment):
        # Django looks each content type up once in the life of a process.
        ContentType.objects.get_for_model(model)
    yield
    cache.clear()


@pytest.fixture
def part(stripe_simulator: Any, pay: Any) -> ObjectPaymentPlanInstalment:
    return declined(pay)


def ann(part: Any, simulator: Any) -> Visitor:
    client = Client()
    client.force_login(part.object_payment_plan.content_object.contact.user)
    return Visitor(simulator, client)


def cost(visitor: Visitor, url: str, status: int = 200) -> Cost:
    assert visitor.ask("get", url).status_code == status
    return visitor.cost


def more(part: Any) -> None:
    """Many more of everything that the pages could count: plans, parts that wait, attempts, old card refreshes."""
    plan = part.object_payment_plan
    for number in range(5):
        template = PaymentPlanFactory(count=12)
        other = ObjectPaymentPlan.objects.create(
            content_object=SalesLedgerFactory(),
            customer=plan.customer,
            payment_plan=template,
            description=f"Another course\nBooking {number}",
            total=Decimal(130),
            currency="GBP",
        )
        ObjectPaymentPlanInstalment.objects.bulk_create(
            ObjectPaymentPlanInstalment(
                object_payment_plan=other,
                count=count,
                deposit=count == 1,
                amount=Decimal(10),
                due=part.due,
                state_id="fail",
            )
            for count in range(1, 14)
        )
    for target, action in ((part, "charge"), (part, "pay_on_session"), (plan.customer, "card_refresh")):
        for _attempt in range(10):
            Checkout.objects.create(
                action_id=action, state_id="fail", content_object=target, currency="GBP", failure="card_declined x"
            )


def test_the_page_to_pay_costs_a_constant_and_one_call(part: Any, stripe_simulator: Any) -> None:
    visitor = Visitor(stripe_simulator, Client())
    url = visitor.ask("get", link(part)).url
    before = cost(visitor, url)
    assert before.calls == 1
    assert before.sql <= 16
    more(part)
    checkout = Checkout.objects.get(uuid=url.split("/")[2])
    # the newest charge is what it took over, as before
    Checkout.objects.filter(action_id="charge", failure="card_declined x").update(failure="released: x")
    assert cost(visitor, page(checkout)) == before


def test_the_link_costs_a_constant(part: Any, stripe_simulator: Any) -> None:
    visitor = Visitor(stripe_simulator, Client())
    url = link(part)
    first = cost(visitor, url, 302)
    assert first.calls == 2
    again = cost(visitor, url, 302)
    assert again.calls == 1
    assert (first.sql <= 32, again.sql <= 16) == (True, True)
    more(part)
    assert cost(visitor, url, 302) == again


def test_the_page_of_the_card_costs_a_constant(part: Any, stripe_simulator: Any) -> None:
    visitor = ann(part, stripe_simulator)
    first = cost(visitor, reverse(CARD))
    before = cost(visitor, reverse(CARD))
    assert (first.calls, before.calls) == (2, 1)
    assert before.sql <= 12
    more(part)
    assert cost(visitor, reverse(CARD)) == before


def test_my_plan_costs_a_constant(part: Any, stripe_simulator: Any) -> None:
    visitor = ann(part, stripe_simulator)
    plan = part.object_payment_plan
    before = cost(visitor, plan_url(plan))
    assert before.calls == 0
    assert before.sql <= 8
    more(part)
    plan.payments.filter(state_id="pending").update(due=part.due)
    assert cost(visitor, plan_url(plan)) == before


def test_the_thanks_for_a_card_cost_a_constant(part: Any, stripe_simulator: Any, pay: Any) -> None:
    visitor = ann(part, stripe_simulator)
    visitor.ask("get", reverse(CARD))
    checkout = Checkout.objects.get(action_id="card_refresh")
    pay(checkout)
    url = reverse("web.checkout.refresh.card.success", args=[checkout.uuid])
    cost(visitor, url)
    before = cost(visitor, url)
    more(part)
    ObjectPaymentPlanInstalment.objects.filter(state_id="fail").update(retry_due=part.due)
    assert cost(visitor, url) == before
