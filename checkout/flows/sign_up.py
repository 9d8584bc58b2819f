"""Signing up for a payment plan: show the schedule, take the consent, save the card, charge the deposit.

Nothing is taken until the SetupIntent has succeeded; then the host makes its plan inside the settling transaction, and
the deposit is charged after the commit, by the same code as every charge.
"""

import logging
from collections.abc import Callable
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from typing import Any

from django.db import transaction
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from checkout import gateway, money, schedule, states
from checkout.conf import settings
from checkout.errors import AmountChanged, ConsentMissing, NotPayable, StripeRefused, StripeUnreachable
from checkout.flows import customer
from checkout.flows.deposit import charge_deposit
from checkout.flows.settle import guarded, settle
from checkout.gateway import Setup
from checkout.models import Agreement, Checkout, CheckoutSettings, PaymentPlan

logger = logging.getLogger(__name__)


@dataclass(frozen=True, kw_only=True)
class Offer:
    """What the customer is asked to agree to. Amounts in major units of ``currency``; the deposit is the first part."""

    payment_plan: PaymentPlan
    parts: list[tuple[date, Decimal]]
    total: Decimal
    currency: str

    @property
    def deposit(self) -> Decimal:
        """What is charged at once."""
        return self.parts[0][1]

    @property
    def instalments(self) -> list[tuple[date, Decimal]]:
        """What is charged later."""
        return self.parts[1:]

    @property
    def fingerprint(self) -> str:
        """Tells whether what was shown is what would be agreed to."""
        return schedule.fingerprint(self.parts, currency=self.currency)


@dataclass(frozen=True, kw_only=True)
class Consent:
    """What the customer's browser said: the box ticked, below this text and this schedule, from this address."""

    given: bool
    fingerprint: str
    text: str
    text_version: str
    address: str | None = None


def plan_for(content_object: Any) -> PaymentPlan:
    """The object's own ``checkout_payment_plan``, else the default of ``CheckoutSettings``. Raises ``NotPayable``."""
    found = getattr(content_object, "checkout_payment_plan", None)
    found = found or CheckoutSettings.objects.settings.default_payment_plan
    if found is None or found.deleted:
        raise NotPayable("There is no payment plan to offer: choose a default one in the checkout settings.")
    plan: PaymentPlan = found
    return plan


def offer(content_object: Any, *, today: date | None = None) -> Offer:
    """The schedule if it were agreed to on ``today`` (a day in the site's zone). Raises ``NotPayable``."""
    currency = money.normalise_currency(getattr(content_object, "checkout_currency", None) or settings.currency)
    total = money.check_positive(content_object.checkout_total, currency)
    payment_plan = plan_for(content_object)
    parts = payment_plan.checked(today or timezone.localdate(), total, currency=currency)
    return Offer(payment_plan=payment_plan, parts=parts, total=total, currency=currency)


def ensure_intent(checkout: Checkout) -> Setup | None:
    """Give the checkout its customer and its SetupIntent; the intent if this call made it. Repeats are harmless."""
    if checkout.setup_intent_id:
        return None
    if not checkout.stripe_customer_id:
        target: Any = checkout.content_object
        found = customer.init(target)
        values = {"customer_id": found.pk, "stripe_customer_id": found.customer_id}
        Checkout.objects.filter(pk=checkout.pk, stripe_customer_id="").update(**values)
        checkout.customer, checkout.stripe_customer_id = found, found.customer_id
    made = gateway.create_setup_intent(
        uuid=str(checkout.uuid), customer_id=checkout.stripe_customer_id, description=", ".join(checkout.lines)
    )
    Checkout.objects.filter(pk=checkout.pk, setup_intent_id="").update(setup_intent_id=made.id)
    checkout.setup_intent_id = made.id
    return made


def retrieve(checkout: Checkout) -> Setup:
    """The SetupIntent as it is now."""
    return gateway.retrieve_setup_intent(checkout.setup_intent_id)


def agree(checkout: Checkout, *, consent: Consent, take_claim: Callable[[Checkout], None]) -> None:
    """The customer pressed the button: keep what was agreed to, and take the claim on the object.

    Raises ``ConsentMissing``, ``AmountChanged`` if another schedule was shown, ``NotPayable`` and what ``take_claim``
    raises. Safe to repeat: the newest agreement counts.
    """
    if not consent.given:
        raise ConsentMissing(f"Checkout {checkout.pk}: the box was not ticked.")
    now = offer(checkout.content_object)
    if consent.fingerprint != now.fingerprint or now.currency != checkout.currency:
        raise AmountChanged(
            f"Checkout {checkout.pk}: another schedule was shown than {now.parts}.",
            customer_message=_(
                "The dates or amounts have changed. Nothing has been saved or charged. Please look at the new ones."
            ),
        )
    with transaction.atomic(durable=True):
        # locked, so that nobody changes its terms at this moment
        PaymentPlan.objects.select_for_update().get(pk=now.payment_plan.pk)
        Agreement.objects.update_or_create(
            checkout=checkout,
            defaults={
                "payment_plan": now.payment_plan,
                "text_version": consent.text_version,
                "text": consent.text,
                "parts": [[due.isoformat(), str(amount)] for due, amount in now.parts],
                "fingerprint": now.fingerprint,
                "total": now.total,
                "currency": now.currency,
                "user_id": checkout.user_id,
                "address": consent.address,
                "agreed": timezone.now(),
            },
        )
        Checkout.objects.filter(pk=checkout.pk, state_id__in=states.OPEN).update(total=now.total)
        checkout.total = now.total
    take_claim(checkout)


def conclude(checkout: Checkout, setup: Setup, *, by_audit: bool = False) -> bool:
    """Settle what became of the card, and charge the deposit if this call settled it well.

    True if this call moved the checkout. Raises the gateway's errors before anything is settled; a deposit that is
    declined, or whose outcome is unknown, is no error of the sign-up.
    """
    card = customer.saved_card(checkout, setup)
    moved = settle(checkout, setup, card=card, by_audit=by_audit)
    if moved and checkout.succeeded and checkout.is_payment_plan and settings.charge_deposit_at_sign_up:
        charge_deposit(checkout)
    return moved


def finish(checkout: Checkout) -> Setup | None:
    """The customer is back: ask Stripe and settle. None where there is nothing to ask or Stripe could not say."""
    if not checkout.is_open or not checkout.setup_intent_id:
        return None
    try:
        setup = retrieve(checkout)
        guarded(checkout, lambda: conclude(checkout, setup))
    except (StripeUnreachable, StripeRefused) as error:
        logger.warning("sign-up finish unknown checkout=%s error=%s", checkout.uuid, error)
        return None
    return setup


def abandon(checkout: Checkout) -> bool:
    """Cancel at Stripe *first*, then fail ours. A customer who confirmed in that very moment is settled instead."""
    try:
        setup = gateway.cancel_setup_intent(checkout.setup_intent_id)
    except gateway.IntentMoved:
        setup = retrieve(checkout)
    return conclude(checkout, setup)
