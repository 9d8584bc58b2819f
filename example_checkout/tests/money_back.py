"""Payments to be given back, for tests: taken by the real code, and looked at where the money is."""

from datetime import timedelta
from decimal import Decimal
from typing import Any
from uuid import UUID, uuid4

from django.utils import timezone

from checkout.flows import payment, refund
from checkout.flows.fulfil import Report
from checkout.models import Checkout, Notice, Refund
from example_checkout.models import SalesLedger
from example_checkout.tests.factories import SalesLedgerFactory
from example_checkout.tests.plans import GOOD, library

WEBHOOK = "/stripe/webhook/"
REFUNDS = "/v1/refunds"
PENDING = "4000000000007726"
FAILS_LATER = "4000000000005126"
DISPUTED = "4000000000000259"


def begun(*, price: str = "120.00", currency: str = "GBP") -> Checkout:
    """A booking whose customer has pressed the button."""
    booking = SalesLedgerFactory(product__price=Decimal(price), product__currency=currency)
    checkout = payment.start(action="payment", content_object=booking, user=None)
    payment.begin(checkout, shown_total=checkout.total)
    return checkout


def paid(pay: Any, *, card: str = GOOD, price: str = "120.00", currency: str = "GBP") -> Checkout:
    """A booking that has been paid in the browser."""
    checkout = begun(price=price, currency=currency)
    pay(checkout, card=card)
    payment.finish(checkout)
    assert checkout.succeeded
    return checkout


def held(pay: Any, *, card: str = GOOD) -> Checkout:
    """Paid, and put aside: what has come is not what was asked for."""
    checkout = begun()
    Checkout.objects.filter(pk=checkout.pk).update(total=999)
    pay(checkout, card=card)
    checkout.refresh_from_db()
    payment.finish(checkout)
    assert checkout.held
    return checkout


def give(checkout: Checkout, amount: str, *, uuid: UUID | None = None, user: Any = None, **values: Any) -> Refund:
    """Staff give so much back."""
    return refund.give_back(checkout, amount=Decimal(amount), user=user, uuid=uuid or uuid4(), **values)


def dashboard(simulator: Any, checkout: Checkout, amount: int | None = None, **values: Any) -> str:
    """Somebody gives it back in Stripe's dashboard, in minor units; the refund's id."""
    params = {"payment_intent": checkout.payment_intent_id, **values}
    if amount is not None:
        params["amount"] = amount
    return str(library(simulator).refunds.create(params).id)


def at_stripe(simulator: Any) -> list[int]:
    """Every refund that Stripe has made, in minor units, the oldest first."""
    page = library(simulator).refunds.list({"limit": 100})
    return [one.amount for one in reversed(page.data) if one.status != "failed"]


def charge_of(simulator: Any, checkout: Checkout) -> Any:
    """The charge of a payment, as Stripe has it."""
    found = library(simulator).charges.list({"payment_intent": checkout.payment_intent_id})
    return next(one for one in found.data if one.paid)


def booking_of(checkout: Checkout) -> SalesLedger:
    """The booking as it is now."""
    return SalesLedger.objects.get(pk=checkout.object_id)


def given_back(checkout: Checkout) -> Decimal:
    """What the host has heard of."""
    return booking_of(checkout).refunded


def resolve_in(**span: float) -> Report:
    """The task that asks about what is unknown or on its way, so much later."""
    return refund.resolve(now=timezone.now() + timedelta(**span))


def told_of_failure() -> int:
    """How many times the staff were told that a refund failed."""
    return Notice.objects.filter(kind=Notice.REFUND_FAILED).count()
