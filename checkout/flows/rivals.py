"""One payment for an object at a time: taking the claim, closing what else is open, at Stripe first."""

from collections.abc import Callable
from typing import Any

from django.contrib.contenttypes.models import ContentType
from django.db import IntegrityError, models, transaction

from checkout import gateway, states
from checkout.errors import AlreadySettled, CheckoutError, InProgress
from checkout.flows import customer, sign_up
from checkout.flows.settle import close, settle
from checkout.models import Checkout, Environment


def abandon(checkout: Checkout) -> bool:
    """Close an open attempt for good: cancelled at Stripe *first*, then failed. Settles it instead if it was paid.

    Raises ``InProgress`` for a charge of which nobody knows yet what became of it, ``WrongEnvironment`` in a copy of
    the database, which must not cancel what the original has open, and the gateway's errors.
    """
    Environment.objects.check_environment()
    if checkout.setup_intent_id:
        return sign_up.abandon(checkout)
    if checkout.is_charge and checkout.state_id == states.REQUEST:
        raise InProgress(f"Checkout {checkout.pk} is a charge whose outcome is not known yet.")
    if not checkout.payment_intent_id:
        return close(checkout)
    try:
        intent = gateway.cancel_payment_intent(checkout.payment_intent_id)
    except gateway.IntentMoved:
        intent = gateway.retrieve_payment_intent(checkout.payment_intent_id)
    return settle(checkout, intent, card=customer.saved_card(checkout, intent))


def evict(rival: Checkout) -> None:
    """The newest attempt wins, once Stripe has promised that nothing can be charged on the older one."""
    abandon(rival)
    if rival.succeeded:
        raise AlreadySettled(f"Checkout {rival.pk} paid for the same object.")
    if rival.state_id not in states.SETTLED:
        raise InProgress(f"Checkout {rival.pk} is being worked on by the bank.")


def take_claim(checkout: Checkout, *, check: Callable[[Any], object]) -> None:
    """Hold the object for this checkout. The column is unique, so the database refuses a rival.

    ``check`` raises if the object may not be paid. It looks once more, under the claim: since the caller looked, a
    rival may have come, paid, and given the claim back.
    """
    if checkout.state_id == states.REQUEST:
        return
    content_type = ContentType.objects.get_for_id(checkout.content_type_id)
    claim = f"{content_type.pk}:{checkout.object_id}"
    for rounds_left in (1, 0):
        try:
            with transaction.atomic():
                moved = checkout.move_to(states.REQUEST, claim=claim)
                if moved:
                    model: Any = content_type.model_class()
                    check(model._base_manager.filter(pk=checkout.object_id).first())
        except IntegrityError:
            rival = Checkout.objects.filter(claim=claim).first()
            if not rounds_left:
                raise InProgress(f"Checkout {checkout.pk}: {claim} is held by {rival}.") from None
            if rival is not None:
                evict(rival)
            continue
        except CheckoutError:
            # the claim has been undone, and the instance does not know it
            checkout.refresh_from_db(fields=["state", "claim", "updated"])
            raise
        if not moved:
            checkout.refresh_from_db()
            if not checkout.is_open:
                raise AlreadySettled(f"Checkout {checkout.pk} is {checkout.state_id}.")
        return


def close_open_attempts(content_object: models.Model) -> None:
    """Close every attempt that its customer could still pay. Raises as ``evict``."""
    mine = Checkout.objects.for_content_object(content_object).exclude(state_id__in=states.SETTLED)
    for attempt in mine.order_by("pk"):
        evict(attempt)
