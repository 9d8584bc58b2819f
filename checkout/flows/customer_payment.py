"""Staff take an amount from a customer's saved card."""

import logging
from decimal import Decimal
from typing import TYPE_CHECKING, Any
from uuid import UUID, uuid4

from django.db import transaction

from checkout import money, states
from checkout.errors import InProgress, NotPayable
from checkout.flows import charge as charge_flow
from checkout.flows.record import record
from checkout.models import Customer, CustomerPayment, Environment, StaffAction

if TYPE_CHECKING:
    from checkout.models.checkout import User

logger = logging.getLogger(__name__)


def charge(
    customer: Customer, *, amount: Decimal, currency: str, description: str, user: "User", uuid: UUID | None = None
) -> CustomerPayment:
    """See ``CustomerPayment.objects.charge_customer``."""
    currency = money.normalise_currency(currency)
    amount = money.check_chargeable(amount, currency)
    if not description.strip():
        raise NotPayable("Say what the payment is for: the customer reads it.")
    if reason := charge_flow.why_not_card(customer):
        raise NotPayable(f"{customer} cannot be charged: {reason}.", customer_message=charge_flow.SENTENCES[reason])
    # in a copy of the database nothing is written down either that somebody could charge later
    Environment.objects.check_environment()
    who: Any = user if user is not None and user.is_authenticated else None
    with transaction.atomic(durable=True):
        payment, created = CustomerPayment.objects.get_or_create(
            uuid=uuid or uuid4(),
            defaults={
                "customer": customer,
                "amount": amount,
                "currency": currency,
                "description": description.strip()[:200],
                "user": who,
            },
        )
        if created:
            record(
                StaffAction.CHARGE_CUSTOMER, payment, user=user, detail=f"{amount} {currency}: {payment.description}"
            )
    if (payment.customer_id, payment.amount, payment.currency) != (customer.pk, amount, currency):
        raise NotPayable(f"The key {uuid} stands for another payment: {payment.pk}.")
    if payment.state_id != states.PENDING:
        # a double click, or the page sent again: what became of the first one counts
        return payment
    try:
        charge_flow.charge(payment, user=user)
    except InProgress:
        # the other half of a double click has the claim
        logger.info("customer payment is being charged by a rival payment=%s", payment.pk)
    payment.refresh_from_db()
    return payment
