"""Declined attempts, counted once each: the script reports them, and the intent shows those it did not report."""

import logging
from typing import Any

from django.http import HttpRequest

from checkout import limits
from checkout.errors import CheckoutError, LimitReached
from checkout.flows import payment
from checkout.flows.deposit import deposit_of
from checkout.flows.rivals import close_open_attempts
from checkout.models import Checkout

logger = logging.getLogger(__name__)

SESSION_KEY = "checkout_declines"


def reported(request: HttpRequest, checkout: Checkout) -> None:
    """Our script saw a decline. ``LimitReached`` if it was one too many; the intent is then closed at Stripe."""
    entry = _entry(request, checkout)
    entry["reported"] = entry.get("reported", 0) + 1
    _count(request, checkout)


def seen(request: HttpRequest, checkout: Checkout, reference: str) -> None:
    """The intent tells of a decline: count it, unless the script has reported it or it was seen before."""
    known = request.session.get(SESSION_KEY, {}).get(str(checkout.uuid), {})
    if not reference or known.get("seen") == reference:
        # nothing to write: most views of the page end here, and the session is not saved
        return
    entry = _entry(request, checkout)
    entry["seen"] = reference
    if not entry.pop("reported", 0):
        _count(request, checkout)


def _entry(request: HttpRequest, checkout: Checkout) -> dict[str, Any]:
    request.session.modified = True
    entries: dict[str, dict[str, Any]] = request.session.setdefault(SESSION_KEY, {})
    while len(entries) > 20:
        entries.pop(next(iter(entries)))
    return entries.setdefault(str(checkout.uuid), {})


def _count(request: HttpRequest, checkout: Checkout) -> None:
    try:
        limits.count_declined(request, checkout.content_object)
    except LimitReached:
        # the client secret is in the browser of whoever tries cards: only Stripe can make it useless
        if checkout.is_open:
            payment.abandon(checkout)
        elif checkout.is_payment_plan and checkout.succeeded:
            _close_deposit(checkout)
        raise


def _close_deposit(checkout: Checkout) -> None:
    """The card is saved, and what is tried is its deposit: another card is asked for on a page of its own."""
    part = deposit_of(checkout)
    if part is None:
        return
    try:
        close_open_attempts(part)
    except CheckoutError as error:
        # paid meanwhile, or being charged: then nobody can try a card on it either
        logger.info("declines left a deposit open checkout=%s error=%s", checkout.uuid, error)
