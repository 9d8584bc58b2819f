"""Every failed checkout that Stripe says succeeded: money taken that nobody recorded."""

import logging
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from django.db import transaction
from django.utils import timezone

from checkout import gateway, states
from checkout.flows import payment, sign_up
from checkout.flows.settle import GIVEN_BACK
from checkout.gateway import Answer
from checkout.models import Checkout
from checkout.notify import facts

logger = logging.getLogger(__name__)

# Why such a checkout is in the staff's audit list until it is fixed.
PAID_AFTER_ALL = "failed here, but Stripe says that it was paid"


@dataclass
class Finding:
    """A failed checkout and the intent that says otherwise."""

    checkout: Checkout
    intent: Answer
    fixed: bool = False


@dataclass
class Report:
    """What the audit looked at, and what it found."""

    looked_at: int = 0
    findings: list[Finding] = field(default_factory=list)


def failed_checkouts(*, days: int = 90, fix: bool = False, now: datetime | None = None) -> Report:
    """Ask Stripe about each checkout that failed in the last ``days``, one retrieval each; with ``fix`` settle it.

    What is found and not fixed is put aside, for the staff to look at; settling it takes that back. Memory does not
    grow with the count. Raises ``StripeRefused`` and ``StripeUnreachable``.
    """
    now = now or timezone.now()
    report = Report()
    failed = Checkout.objects.filter(state_id=states.FAIL, created__gte=now - timedelta(days=days))
    # one whose intent was taken over by another checkout has nothing to say for itself any more
    asked = failed.exclude(payment_intent_id="", setup_intent_id="").filter(taken_over_by=None)
    for checkout in asked.order_by("pk").iterator(chunk_size=500):
        report.looked_at += 1
        try:
            intent = _retrieve(checkout)
        except gateway.NoSuchIntent:
            logger.error("audit unknown intent checkout=%s intent=%s", checkout.uuid, checkout.intent_id)
            continue
        if intent.succeeded and not is_given_back(checkout):
            # what is being given back is not recorded as paid
            fixed = fix and not checkout.refunds.given_back() and _settle(checkout, intent)
            if not fixed:
                put_aside(checkout)
            report.findings.append(Finding(checkout=checkout, intent=intent, fixed=fixed))
    return report


def is_given_back(checkout: Checkout) -> bool:
    """It was paid after all, and its money has been given back: nobody has to look at it."""
    return checkout.failed and checkout.failure == GIVEN_BACK


def put_aside(checkout: Checkout) -> None:
    """On the columns themselves: whoever settles it meanwhile wins, and a reason that is there already stays.

    The staff are told, once.
    """
    rows = Checkout.objects.filter(pk=checkout.pk, state_id=states.FAIL, quarantine="")
    with transaction.atomic():
        aside = rows.update(quarantine=PAID_AFTER_ALL, updated=timezone.now())
        if aside:
            facts.quarantined(checkout, PAID_AFTER_ALL)
    if aside:
        checkout.quarantine = PAID_AFTER_ALL
        logger.error("audit found paid checkout=%s intent=%s", checkout.uuid, checkout.intent_id)


def _retrieve(checkout: Checkout) -> Answer:
    if checkout.setup_intent_id:
        return gateway.retrieve_setup_intent(checkout.setup_intent_id)
    return gateway.retrieve_payment_intent(checkout.payment_intent_id)


def _settle(checkout: Checkout, answer: Answer) -> bool:
    if isinstance(answer, gateway.Setup):
        return sign_up.conclude(checkout, answer, by_audit=True)
    return payment.conclude(checkout, answer, by_audit=True)
