"""What an answer leads to for what is charged, in the settling transaction: retries, and who is told."""

import logging
from datetime import date, timedelta
from typing import Any

from django.utils import timezone

from checkout import declines, states
from checkout.conf import settings
from checkout.declines import Step
from checkout.gateway import Decline
from checkout.models import ChargedModel, Checkout, Customer, CustomerPayment, ObjectPaymentPlanInstalment
from checkout.notify import facts

logger = logging.getLogger(__name__)

# Whoever signs up is on the page when the deposit is declined, and is told there.
DEPOSIT_PATIENCE = timedelta(minutes=15)


def customer_wanted(checkout: Checkout, target: Any) -> None:
    """The bank wants the customer. One of an instalment is asked by ``demands``, by the site's rule; others here."""
    if isinstance(target, ObjectPaymentPlanInstalment):
        target.move_to(states.PAY_ON_SESSION, customer_asked=None, retry_due=None)
        return
    if isinstance(target, CustomerPayment):
        target.move_to(states.PAY_ON_SESSION)
    if checkout.customer is not None:
        facts.authorise(checkout, checkout.customer)


def bar_card(checkout: Checkout, decline: Decline | None) -> None:
    """After a hard no nothing is charged to that card again, whatever falls due and whoever asks for it."""
    if decline is None or decline.step not in declines.CARD_REFUSED or checkout.customer_id is None:
        return
    rows = Customer.objects.filter(pk=checkout.customer_id, payment_method_id=checkout.payment_method_id)
    rows.update(refused_payment_method_id=checkout.payment_method_id, updated=timezone.now())
    logger.warning("charge card refused for good checkout=%s customer=%s", checkout.uuid, checkout.customer_id)


def came_to_nothing(checkout: Checkout, part: ChargedModel, decline: Decline | None) -> None:
    """The attempt that held ``part`` failed. A page that the customer left in the browser leaves it as it was."""
    if checkout.is_pay_on_session:
        part.page_was_closed()
        return
    step = decline.step if decline is not None else None
    if not isinstance(part, ObjectPaymentPlanInstalment):
        part.checkout_fail()
        return
    retry_due = _next_try(part, decline)
    last = retry_due is None and part.retries > 0
    part.checkout_fail(due=retry_due)
    if step is not None and not part.stopped:
        facts.payment_failed(
            part,
            checkout,
            # after the last of several the same card may still do, if its owner sees to it
            step=Step.ANOTHER_CARD if step is Step.RETRY and retry_due is None and not last else step,
            retry_due=retry_due,
            last=last,
            send_after=timezone.now() + DEPOSIT_PATIENCE if part.deposit else None,
        )


def _next_try(part: ObjectPaymentPlanInstalment, decline: Decline | None) -> date | None:
    """The day of the next automatic attempt; None after a hard no, for a deposit, and when there have been enough."""
    if decline is None or decline.step not in declines.SOFT or part.deposit or part.stopped:
        return None
    rows = part.attempts.filter(action_id=states.CHARGE, state_id=states.FAIL).exclude(failure__startswith="released:")
    # the newest first, this one included; more than the networks allow in all need not be looked at
    tried = list(rows.values_list("created", flat=True)[: declines.MOST_ATTEMPTS])
    lately = timezone.now() - declines.WITHIN
    return declines.next_try(
        today=timezone.localdate(),
        retries=part.retries,
        days=settings.retry_days,
        attempts=sum(1 for moment in tried if moment >= lately),
        network_advice_code=decline.network_advice_code,
        first=timezone.localdate(tried[: part.retries + 1][-1]) if tried else None,
    )
