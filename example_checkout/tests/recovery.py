"""Plans whose next instalment was declined, or wants its customer: what the tests of recovery share."""

from contextlib import AbstractContextManager
from datetime import timedelta
from typing import Any

from django.utils import timezone
from freezegun import freeze_time

from checkout.flows import payment, run
from checkout.models import Checkout, ObjectPaymentPlanInstalment
from example_checkout.tests.plans import fast_pace, let_fall_due, library, plan_of, sign_up_with

ASKS = "pm_card_authenticationRequired"
FAILS = "pm_card_chargeCustomerFail"
NO_FUNDS = "pm_card_authenticationRequiredChargeDeclinedInsufficientFunds"
LOST = "pm_card_visa_chargeCustomerFailLostCard"


def days_later(days: int) -> AbstractContextManager[Any]:
    """The middle of a day to come, as the site sees it."""
    noon = timezone.now().replace(hour=12, minute=0) + timedelta(days=days)
    return freeze_time(noon, tick=True)


def put_on_file(simulator: Any, part: ObjectPaymentPlanInstalment, card: str) -> str:
    """The customer's card now behaves as ``card``, set up for off-session use; its id."""
    customer = part.payer
    made = library(simulator).setup_intents.create(
        {
            "customer": customer.customer_id,
            "payment_method": card,
            "confirm": True,
            "return_url": "https://example.com/",
            "automatic_payment_methods": {"enabled": True},
        }
    )
    if made.status == "requires_action":
        simulator.authenticate(made.id, "complete", client_secret=made.client_secret)
    method = library(simulator).setup_intents.retrieve(made.id).payment_method
    type(customer).objects.filter(pk=customer.pk).update(payment_method_id=method)
    customer.refresh_from_db()
    return str(method)


def due_with(simulator: Any, pay: Any, card: str) -> ObjectPaymentPlanInstalment:
    """An instalment that is due today, of a customer whose card now behaves as ``card``."""
    plan = plan_of(sign_up_with(pay))
    (pk,) = let_fall_due(plan)
    part: ObjectPaymentPlanInstalment = ObjectPaymentPlanInstalment.objects.with_plan().get(pk=pk)
    put_on_file(simulator, part, card)
    return part


def charge_due() -> Any:
    """A payment run of the day."""
    return run.process_payments(pace=fast_pace())


def fresh(part: ObjectPaymentPlanInstalment) -> ObjectPaymentPlanInstalment:
    """The row as it is now."""
    found: ObjectPaymentPlanInstalment = ObjectPaymentPlanInstalment.objects.with_plan().get(pk=part.pk)
    return found


def declined_with(simulator: Any, pay: Any, card: str) -> ObjectPaymentPlanInstalment:
    """The same after a payment run."""
    part = due_with(simulator, pay, card)
    charge_due()
    return fresh(part)


def taken(simulator: Any) -> list[int]:
    """Every amount that was taken, in minor units, the newest first."""
    charges = library(simulator).charges.list({"limit": 100}).auto_paging_iter()
    return [one.amount for one in charges if one.status == "succeeded"]


def pay_page(checkout: Checkout, pay: Any, card: str, **how: Any) -> None:
    """Press the button of the page, answer the bank, and come back."""
    payment.begin(checkout, shown_total=checkout.total)
    pay(checkout, card=card, **how)
    payment.finish(checkout)
