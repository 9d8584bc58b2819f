"""Off-session charges whose outcome nobody knows: the answer was lost, or the process that asked is gone.

Stripe is asked, never charged anew: what a listing finds is settled; what it does not find is asked for once more under
the same key while that key certainly lives, which gives the first answer or makes the first charge; after that, what
Stripe does not know has not happened, and is released.
"""

import logging
from collections.abc import Callable
from datetime import datetime, timedelta

from django.utils import timezone

from checkout import gateway, states
from checkout.errors import CheckoutError, StripeRefused
from checkout.flows import charge
from checkout.flows.customer import KEY_LIVES
from checkout.flows.fulfil import Report, alone
from checkout.flows.listing import CHARGES, SLACK
from checkout.flows.settle import release
from checkout.models import Checkout, Environment

logger = logging.getLogger(__name__)

SECOND_QUESTION = timedelta(hours=1)
LATER = timedelta(days=1)
ALARM = timedelta(days=1)
# As many as are looked at in one pass; the rest comes in the next one.
MOST = 1000

OnProgress = Callable[[int], object]


def charges(*, now: datetime | None = None, dry_run: bool = False, on_progress: OnProgress | None = None) -> Report:
    """Find out about every charge of unknown outcome that is due for a question: after 5 minutes, an hour, then daily.

    Safe to run twice and beside a payment run. With ``dry_run`` it only counts them. Raises ``StripeRefused`` and
    ``StripeUnreachable`` if Stripe cannot be asked at all.
    """
    Environment.objects.check_environment()
    now = now or timezone.now()
    report = Report()
    waiting = Checkout.objects.unknown_charges().filter(ask_after__lte=now).order_by("-created")
    checkouts = list(waiting[:MOST])
    report.open = len(checkouts)
    if dry_run or not checkouts:
        report.waiting = len(checkouts)
        return report
    fresh = [one for one in checkouts if now - one.created <= KEY_LIVES]
    found = set()
    for checkout, answer in CHARGES.find(fresh, until=now + SLACK):
        if charge.is_answered_by(checkout, answer):
            found.add(checkout.pk)
            _settle(checkout, answer, report)
    for checkout in checkouts:
        if checkout.pk not in found:
            _resolve(checkout, now=now, report=report)
        _plan_next_question(checkout, now=now)
        if on_progress:
            on_progress(1)
    logger.info("fulfil charges open=%s settled=%s waiting=%s", report.open, report.settled, report.waiting)
    return report


def _settle(checkout: Checkout, answer: gateway.Intent, report: Report) -> None:
    moved = alone(checkout, lambda: charge.conclude(checkout, answer))
    report.settled += bool(moved)
    report.errors += moved is None
    report.waiting += moved is False


def _resolve(checkout: Checkout, *, now: datetime, report: Report) -> None:
    """One that no listing has found. The errors of one do not stop the others."""
    try:
        answer, reason = _answer_or_reason(checkout, now=now)
    except CheckoutError as error:
        logger.warning("charge still unknown checkout=%s error=%s", checkout.uuid, error)
        report.waiting += 1
        return
    if answer is not None:
        _settle(checkout, answer, report)
    else:
        report.settled += release(checkout, reason)


def _answer_or_reason(checkout: Checkout, *, now: datetime) -> tuple[gateway.Intent | None, str]:
    try:
        return _answer(checkout, now=now), "Stripe knows of no such charge"
    except StripeRefused as error:
        # this call did nothing, but the one whose answer was lost may have charged
        return _search(checkout), str(error)


def _answer(checkout: Checkout, *, now: datetime) -> gateway.Intent | None:
    """What Stripe says of this charge; None if it certainly knows nothing of it."""
    if checkout.payment_intent_id:
        return gateway.retrieve_payment_intent(checkout.payment_intent_id)
    if charge.may_ask_again(checkout, now=now):
        return charge.ask_again(checkout, now=now)
    return _search(checkout)


def _search(checkout: Checkout) -> gateway.Intent | None:
    """Go through what Stripe has of this customer around that time, and match our uuid."""
    until, after = checkout.created + LATER + SLACK, ""
    while True:
        page = gateway.list_payment_intents(
            since=checkout.created - SLACK, until=until, after=after, customer_id=checkout.stripe_customer_id
        )
        for intent in page.intents:
            if charge.is_answered_by(checkout, intent):
                return intent
        if not page.has_more:
            return None
        after = page.intents[-1].id


def _plan_next_question(checkout: Checkout, *, now: datetime) -> None:
    if checkout.state_id != states.REQUEST:
        return
    age = now - checkout.created
    ask_after = checkout.created + SECOND_QUESTION if age < SECOND_QUESTION else now + LATER
    Checkout.objects.filter(pk=checkout.pk, state_id=states.REQUEST).update(asked=now, ask_after=ask_after)
    if age > ALARM:
        logger.error("charge unknown for more than a day checkout=%s created=%s", checkout.uuid, checkout.created)
