"""What Stripe tells us, and what comes of it: through the real view, signed by the simulator."""

from decimal import Decimal
from typing import Any
from uuid import uuid4

import pytest

from checkout.flows import payment
from checkout.flows import refund as refund_flow
from checkout.models import Checkout, Event, Refund
from example_checkout.models import SalesLedger
from example_checkout.tests.factories import SalesLedgerFactory

pytestmark = pytest.mark.django_db(transaction=True)

PATH = "/stripe/webhook/"


def booking() -> SalesLedger:
    made: SalesLedger = SalesLedgerFactory()
    return made


def begun(ledger: SalesLedger) -> Checkout:
    checkout = payment.start(action="payment", content_object=ledger, user=None)
    payment.begin(checkout, shown_total=checkout.total)
    return checkout


@pytest.fixture
def webhooks(deliver_webhooks: Any, settings: Any) -> Any:
    settings.CHECKOUT_WEBHOOK_SECRETS = [deliver_webhooks.register(PATH)]
    return deliver_webhooks


def test_refund(webhooks: Any, pay: Any) -> None:
    ledger = booking()
    checkout = begun(ledger)
    pay(checkout)
    webhooks()
    checkout.refresh_from_db()
    made = refund_flow.give_back(checkout, amount=Decimal(20), user=None, uuid=uuid4(), reason="duplicate")
    assert made.state == "success"
    webhooks()
    ledger.refresh_from_db()
    assert ledger.refunded == 20
    assert Refund.objects.count() == 1
    print(list(Event.objects.values_list("type", "state", "outcome", "last_error")))


def test_dispute(webhooks: Any, pay: Any) -> None:
    checkout = begun(booking())
    pay(checkout, card="4000000000000259")
    webhooks()
    print(list(Event.objects.values_list("type", "state", "outcome", "last_error")))
    dispute = Checkout.objects.get().disputes.get()
    assert dispute.is_open
