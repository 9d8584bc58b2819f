"""The person at Stripe: made once, whoever asks first and however often."""

import logging
from datetime import timedelta
from typing import TYPE_CHECKING

from django.db import transaction
from django.utils import timezone

from checkout import gateway
from checkout.errors import NotPayable, StripeRefused
from checkout.gateway import Answer, Card, Setup
from checkout.models import Checkout, Customer
from checkout.models.customer import normalise_email

if TYPE_CHECKING:
    from checkout.contract import Payable

logger = logging.getLogger(__name__)

# Stripe keeps an idempotency key for 24 hours at least: after that a repeat could make a second customer.
KEY_LIVES = timedelta(hours=23)


def init(content_object: "Payable") -> Customer:
    """See ``Customer.objects.init_customer``."""
    email = normalise_email(content_object.checkout_email or "")
    if not email:
        raise NotPayable(f"{content_object!r} has no checkout_email: a payment plan needs a customer with an address.")
    with transaction.atomic(durable=True):
        # the address is unique: of two processes at once one inserts, and both go on with that row
        customer, _created = Customer.objects.get_or_create(
            email=email, defaults={"name": (content_object.checkout_name or "")[:200]}
        )
    return ensure_at_stripe(customer)


def ensure_at_stripe(customer: Customer) -> Customer:
    """Give the row its id at Stripe. The key comes from the row, so rivals and repeats get the same customer."""
    if customer.customer_id:
        return customer
    uuid = str(customer.uuid)
    found = ""
    if timezone.now() - customer.created > KEY_LIVES:
        found = gateway.find_customer(uuid=uuid, email=customer.email)
    stripe_id = found or gateway.create_customer(uuid=uuid, email=customer.email, name=customer.name)
    Customer.objects.filter(pk=customer.pk, customer_id="").update(customer_id=stripe_id)
    customer.refresh_from_db()
    logger.info("customer made customer=%s stripe=%s", customer.pk, customer.customer_id)
    return customer


def saved_card(checkout: Checkout, answer: Answer) -> Card | None:
    """What is to be known before a checkout that saves a card is settled: make it the default at Stripe, read it.

    To be repeated as often as the settling is. Raises the gateway's errors: the settling is then tried again later. A
    payment is settled also where Stripe did not keep its card: None then, and the card on file stays.
    """
    if not answer.succeeded or not checkout.saves_card or not answer.payment_method_id:
        return None
    if answer.customer_id != checkout.stripe_customer_id:
        # settle puts it in quarantine; nothing of it becomes anybody's default
        return None
    try:
        gateway.set_default_card(customer_id=answer.customer_id, payment_method_id=answer.payment_method_id)
    except StripeRefused as error:
        if isinstance(answer, Setup):
            raise
        logger.error("customer card not kept checkout=%s error=%s", checkout.uuid, error)
        return None
    found = getattr(answer, "card", None)
    return found if isinstance(found, Card) else gateway.retrieve_card(answer.payment_method_id)
