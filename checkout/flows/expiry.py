"""Expiry dates of saved cards: read from Stripe by listing, and who is asked for a new card before the old one ends."""

import logging
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any
from uuid import uuid4

from dateutil.relativedelta import relativedelta
from django.db import models, transaction
from django.utils import timezone

from checkout import gateway
from checkout.errors import CheckoutError
from checkout.gateway import Card, CardOnFile
from checkout.models import Customer, Environment, ObjectPaymentPlan
from checkout.notify import facts

logger = logging.getLogger(__name__)

OnProgress = Callable[[int], object]
# So many customers without a card a payment run asks about: sites that saved cards before SCA.
MOST = 100
# So many months before it expires a card that no listing shows is asked for.
ASK_BEFORE = 2


@dataclass
class Report:
    """What one pass saw: customers with outstanding plans. ``missing``: Stripe has no card for them."""

    customers: int = 0
    changed: int = 0
    expiring: int = 0
    missing: int = 0


def outstanding_customers() -> "models.QuerySet[Customer]":
    """Customers at Stripe with plans that go on and are not paid in full."""
    plans = ObjectPaymentPlan.objects.outstanding_payment_plans.order_by()
    rows = Customer.objects.filter(pk__in=plans.values("customer"))
    return rows.exclude(customer_id="")


def refresh_card_expiry_dates(*, on_progress: OnProgress | None = None) -> Report:
    """Read the card of every customer with an outstanding plan, 100 customers a call, and keep what it says.

    The new expiry is always saved. ``refresh`` is set for a card that expires within a month; who it is set for now is
    mailed once for that card. A card from before SCA is put on file, so that it can be charged and shown. Memory does
    not grow. Safe to run twice. Raises ``StripeRefused``, ``StripeUnreachable``; what was read until then is kept.
    """
    Environment.objects.check_environment()
    report = Report()
    left = outstanding_customers().count()
    after = ""
    while left > 0:
        page = gateway.list_cards_on_file(after=after)
        on_file = {one.customer_id: one for one in page.cards}
        for customer in outstanding_customers().filter(customer_id__in=list(on_file)):
            left -= 1
            report.customers += 1
            _keep(customer, on_file[customer.customer_id], report)
            if on_progress:
                on_progress(1)
        if not page.has_more:
            break
        after = page.last
    logger.info(
        "expiry refreshed customers=%s changed=%s expiring=%s missing=%s not_listed=%s",
        *(report.customers, report.changed, report.expiring, report.missing, left),
    )
    return report


def find_cards(customers: Sequence[Customer]) -> int:
    """Put the default card at Stripe on file for customers who have none here; for how many. Two calls each at most."""
    found = 0
    for customer in customers[:MOST]:
        try:
            on_file = gateway.retrieve_card_on_file(customer.customer_id)
            card = on_file.card or _ask_for(on_file.source_id)
        except CheckoutError as error:
            logger.warning("expiry could not ask customer=%s error=%s", customer.pk, error)
            continue
        found += card is not None and _write(customer, card)
    return found


def keep_card(customer: Customer) -> str:
    """Stripe says that the card on file has changed: a new expiry, a new number, or it is gone. What became of it."""
    try:
        card = gateway.retrieve_card(customer.payment_method_id)
    except gateway.NoSuchIntent:
        return _take_off(customer)
    if customer.customer_id and card.customer_id != customer.customer_id:
        return _take_off(customer)
    return "card changed" if _write(customer, card) else "card as it was"


def _take_off(customer: Customer) -> str:
    """It cannot be charged any more. Staff see whose is missing where something falls due."""
    rows = Customer.objects.filter(pk=customer.pk, payment_method_id=customer.payment_method_id)
    rows.update(payment_method_id="", brand="", last4="", expiry_date=None, refresh=False, updated=timezone.now())
    logger.warning("expiry took the card off file customer=%s", customer.pk)
    return "card taken off file"


def forget_customer(customer: Customer) -> str:
    """The customer was deleted at Stripe, and the cards with them: the next sign-up or refresh makes a new one there.

    With a new uuid, or Stripe would answer under the old key with the one that is gone.
    """
    if not gateway.customer_is_gone(customer.customer_id):
        return ""
    rows = Customer.objects.filter(pk=customer.pk, customer_id=customer.customer_id)
    rows.update(customer_id="", uuid=uuid4(), updated=timezone.now())
    return f"customer forgotten, {_take_off(customer)}"


def _keep(customer: Customer, on_file: CardOnFile, report: Report) -> None:
    ours, card = customer.payment_method_id, on_file.card
    if ours and (card is None or card.payment_method_id != ours):
        # not Stripe's default, or one from before SCA, which no listing shows
        if _is_far(customer):
            return
        card = _ask_for(ours)
        if card is not None and card.customer_id != customer.customer_id:
            # detached, and the event that told of it was lost: a charge would be refused
            _take_off(customer)
            report.missing += 1
            return
    card = card or _ask_for(on_file.source_id)
    if card is None:
        report.missing += 1
        logger.warning("expiry found no card customer=%s", customer.pk)
        return
    report.changed += _write(customer, card)
    report.expiring += customer.refresh


def _is_far(customer: Customer) -> bool:
    """It will be long until the card expires: not worth a call of its own."""
    far = timezone.localdate() + relativedelta(months=ASK_BEFORE)
    return customer.expiry_date is not None and customer.expiry_date > far


def _ask_for(card_id: str) -> Card | None:
    """A card that no listing shows, asked for alone; None if Stripe does not have it any more."""
    try:
        return gateway.retrieve_card(card_id) if card_id else None
    except gateway.NoSuchIntent:
        return None


def _write(customer: Customer, card: Card) -> bool:
    """Whether anything changed. The mail is written in the transaction that sets ``refresh``."""
    soon = timezone.localdate() + relativedelta(months=1)
    expiring = card.expiry_date is not None and card.expiry_date <= soon
    values: dict[str, Any] = {
        "payment_method_id": card.payment_method_id,
        "brand": card.brand,
        "last4": card.last4,
        "expiry_date": card.expiry_date,
        "refresh": expiring,
    }
    if all(getattr(customer, name) == value for name, value in values.items()):
        return False
    with transaction.atomic():
        # only if the card is still the one that we looked at, and only one of us finds it not yet marked
        rows = Customer.objects.filter(
            pk=customer.pk, payment_method_id=customer.payment_method_id, refresh=customer.refresh
        )
        if not rows.update(**values, updated=timezone.now()):
            return False
        newly = expiring and not customer.refresh
        for name, value in values.items():
            setattr(customer, name, value)
        if newly:
            facts.card_expiring(customer)
    return True
