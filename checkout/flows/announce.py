"""Signals to the site, after the commit."""

from functools import partial

from django.db import models, transaction
from django.dispatch import Signal

from checkout import signals, states
from checkout.models import Checkout

BY_STATE: dict[str, Signal] = {
    states.SUCCESS: signals.checkout_settled,
    states.FAIL: signals.checkout_failed,
    states.PAY_ON_SESSION: signals.checkout_needs_customer,
}


def announce(signal: Signal, sender: type[models.Model], **facts: object) -> None:
    """Send it when the caller's transaction has been committed; a receiver that raises is logged by Django."""
    if signal.has_listeners(sender):
        transaction.on_commit(partial(signal.send_robust, sender=sender, **facts))


def outcome(checkout: Checkout) -> None:
    """What became of an attempt, by its state."""
    announce(BY_STATE[str(checkout.state_id)], Checkout, checkout=checkout)
