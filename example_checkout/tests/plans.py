"""Customers with payment plans, for tests: signed up by the real code, or put there at once."""

from datetime import date
from decimal import Decimal
from typing import Any

import stripe
from django.utils import timezone

from checkout.flows import payment, sign_up
from checkout.models import (
    Checkout,
    CheckoutSettings,
    Customer,
    ObjectPaymentPlan,
    ObjectPaymentPlanInstalment,
    PaymentPlan,
)
from checkout.simulator.client import SimulatorHTTPClient
from checkout.tests.factories import PaymentPlanFactory
from example_checkout.models import SalesLedger
from example_checkout.tests.factories import SalesLedgerFactory

GOOD = "4242424242424242"
ALWAYS_ASKS = "4000002760003184"
NO_FUNDS_ONCE_SET_UP = "4000008260003178"
FAILS_LATER = "4000000000000341"


def offer_plans(**values: Any) -> PaymentPlan:
    """Make the plan that the site offers: by default a quarter, then three instalments."""
    plan: PaymentPlan = PaymentPlanFactory(**values)
    settings = CheckoutSettings.objects.settings
    settings.default_payment_plan = plan
    settings.save()
    return plan


def consent(checkout: Checkout, *, given: bool = True) -> sign_up.Consent:
    """What the page sends when the box is ticked."""
    shown = sign_up.offer(checkout.content_object)
    return sign_up.Consent(
        given=given, fingerprint=shown.fingerprint, text="I agree.", text_version="test", address="192.0.2.1"
    )


def start_sign_up(booking: SalesLedger | None = None, *, price: str = "120.00") -> Checkout:
    """A checkout whose customer has read the page and ticked the box, and not yet entered a card."""
    if CheckoutSettings.objects.settings.default_payment_plan is None:
        offer_plans()
    booking = booking or SalesLedgerFactory(product__price=Decimal(price))
    checkout = Checkout.objects.create_checkout("payment_plan", booking, booking.contact.user)
    payment.agree(checkout, consent=consent(checkout))
    return checkout


def sign_up_with(pay: Any, card: str = GOOD, *, booking: SalesLedger | None = None, price: str = "120.00") -> Checkout:
    """Sign up with a card, 3-D Secure completed, and come back: the deposit has been tried."""
    checkout = start_sign_up(booking, price=price)
    pay(checkout, card=card)
    payment.finish(checkout)
    return checkout


def plan_of(checkout: Checkout) -> ObjectPaymentPlan:
    found = ObjectPaymentPlan.objects.for_content_object(checkout.content_object)
    assert found is not None
    return found


def let_fall_due(plan: ObjectPaymentPlan, *, how_many: int = 1, day: date | None = None) -> list[int]:
    """Let the next pending instalments fall due; their keys."""
    pks = list(plan.payments.filter(state_id="pending", deposit=False).values_list("pk", flat=True)[:how_many])
    ObjectPaymentPlanInstalment.objects.filter(pk__in=pks).update(due=day or timezone.localdate())
    return pks


def library(simulator: Any) -> Any:
    """The real library in front of an in-process simulator."""
    return stripe.StripeClient("sk_test_simulator", http_client=SimulatorHTTPClient(simulator)).v1


def saved_card(v1: Any, pm: str = "pm_card_visa", *, email: str = "many@example.com") -> tuple[str, str]:
    """A customer at Stripe with a card that is set up for off-session use: (customer id, payment method id)."""
    customer = v1.customers.create({"email": email}).id
    made = v1.setup_intents.create(
        {
            "customer": customer,
            "payment_method": pm,
            "confirm": True,
            "automatic_payment_methods": {"enabled": True, "allow_redirects": "never"},
        }
    )
    return customer, str(made.payment_method)


def many_due(count: int, *, customer_id: str, payment_method_id: str, per_plan: int = 10) -> list[int]:
    """``count`` instalments due today, of 12.00 GBP each, in plans of ``per_plan``; put there at once. Their keys."""
    template = PaymentPlanFactory(count=per_plan)
    product = SalesLedgerFactory().product
    today = timezone.localdate()
    customer = Customer.objects.create(
        name="Many", email="many@example.com", customer_id=customer_id, payment_method_id=payment_method_id
    )
    bookings = [
        SalesLedgerFactory.build(contact=None, product=product, number=f"M{number:07d}", title="Course")
        for number in range(-(-count // per_plan))
    ]
    contact = SalesLedgerFactory(product=product).contact
    for booking in bookings:
        booking.contact = contact
    SalesLedger.objects.bulk_create(bookings, batch_size=500)
    # no zero is ever drawn for a booking's number, so this finds those above and no others
    kept = SalesLedger.objects.filter(number__startswith="M0").order_by("pk")
    plans = [
        ObjectPaymentPlan(
            content_object=booking,
            customer=customer,
            payment_plan=template,
            description="A course",
            total=Decimal(12 * per_plan),
            currency="GBP",
        )
        for booking in kept
    ]
    ObjectPaymentPlan.objects.bulk_create(plans, batch_size=500)
    rows = [
        ObjectPaymentPlanInstalment(object_payment_plan=plan, count=number + 2, amount=Decimal("12.00"), due=today)
        for plan in ObjectPaymentPlan.objects.filter(customer=customer).order_by("pk")
        for number in range(per_plan)
    ][:count]
    ObjectPaymentPlanInstalment.objects.bulk_create(rows, batch_size=500)
    found = ObjectPaymentPlanInstalment.objects.filter(object_payment_plan__customer=customer)
    return list(found.order_by("pk").values_list("pk", flat=True))


def fast_pace() -> Any:
    """One that does not slow a test down."""
    from checkout.pace import Pace

    return Pace(ceiling=10_000)
