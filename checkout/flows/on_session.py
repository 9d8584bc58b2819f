"""An instalment, or an amount of staff, paid by its customer in the browser: with the card on file, or any other."""

import logging
from typing import TYPE_CHECKING, Any

from django.db import transaction
from django.utils import timezone

from checkout import gateway, states
from checkout.errors import AlreadySettled, InProgress, NotPayable
from checkout.flows import customer, payment
from checkout.flows.rivals import close_open_attempts, evict
from checkout.flows.settle import settle
from checkout.models import ChargedModel, Checkout, Customer, Environment

if TYPE_CHECKING:
    from checkout.contract import Payable
    from checkout.models.checkout import User

logger = logging.getLogger(__name__)


def start(target: "Payable", *, user: "User") -> Checkout:
    """The one open checkout in which ``target`` is paid in the browser. See ``create_checkout_pay_on_session``.

    The open one, if there is one; else one that goes on with the intent of the charge that waits for its customer; else
    one with a new intent, after everything that could still be paid was closed at Stripe.
    """
    Environment.objects.check_environment()
    fresh = _fresh(target)
    not_being_charged(fresh)
    payment.payable(fresh, states.PAY_ON_SESSION)
    payer = customer.ensure_at_stripe(payer_of(fresh))
    found: Checkout | None = _open_ones(target).first()
    if found is not None and found.stripe_customer_id != payer.customer_id:
        # of one who has been deleted at Stripe: the card that pays there could not be kept for the one of now
        evict(found)
    elif found is not None and _still_open(found):
        return found
    waiting = _waiting_charge(target, payer)
    if waiting is None:
        close_open_attempts(target)  # type: ignore[arg-type]
    checkout = _make(target, user=user, payer=payer, waiting=waiting)
    if checkout.takes_over_id and checkout.payment_intent_id:
        gateway.adopt_payment_intent(checkout.payment_intent_id, uuid=str(checkout.uuid))
    else:
        payment.ensure_intent(checkout)
    # while Stripe was asked, a card may have been saved, or staff have acted: then it is closed, and nobody may pay it
    checkout.refresh_from_db()
    if not checkout.is_open:
        raise InProgress(f"Checkout {checkout.pk} was closed while it was opened: look again.")
    return checkout


def not_being_charged(target: Any) -> None:
    """Raise ``InProgress`` while nobody knows what became of a charge: "nothing to pay" would not be true."""
    if isinstance(target, ChargedModel) and target.state_id == states.REQUEST:
        raise InProgress(f"The outcome of an attempt to charge {target!r} is not known yet.")


def payer_of(target: Any) -> Customer:
    """Whose card is charged for ``target``. Raises ``NotPayable`` where there is nobody."""
    found = target.payer if isinstance(target, ChargedModel) else Customer.objects.for_email(target.checkout_email)
    if found is None:
        raise NotPayable(f"{target!r} has no customer.")
    return found


def _fresh(target: Any) -> Any:
    """The row as it is now; None if it has been deleted."""
    return type(target)._base_manager.filter(pk=target.pk).first()


def _locked(target: Any) -> Any:
    """The same under a lock, which ends with the caller's transaction."""
    if isinstance(target, ChargedModel):
        return type(target).objects.locked(target.pk)
    return type(target)._base_manager.select_for_update().filter(pk=target.pk).first()


def _open_ones(target: Any) -> Any:
    return Checkout.objects.for_content_object(target).open_on_session().order_by("-pk")


def _still_open(checkout: Checkout) -> bool:
    """Whether it can be gone on with, asking Stripe. Raises ``AlreadySettled`` if it turns out to be paid."""
    if not checkout.payment_intent_id:
        return payment.resume(checkout)
    answer = payment.adopted(checkout, gateway.retrieve_payment_intent(checkout.payment_intent_id))
    payment.conclude(checkout, answer)
    if checkout.succeeded or checkout.held:
        raise AlreadySettled(f"Checkout {checkout.pk} is {checkout.state_id}.")
    if checkout.is_open and not answer.waiting:
        raise InProgress(f"Checkout {checkout.pk} is being worked on by the bank.")
    return checkout.is_open


def _waiting_charge(target: Any, payer: Customer) -> Checkout | None:
    """The charge that waits for its customer and can be gone on with; settles it if it is decided."""
    charges = Checkout.objects.for_content_object(target).filter(
        action_id=states.CHARGE, state_id=states.PAY_ON_SESSION, stripe_customer_id=payer.customer_id
    )
    found: Checkout | None = charges.exclude(payment_intent_id="").order_by("-pk").first()
    if found is None:
        return None
    answer = gateway.retrieve_payment_intent(found.payment_intent_id)
    if answer.waiting:
        return found
    settle(found, answer)
    if found.succeeded or found.held:
        raise AlreadySettled(f"Checkout {found.pk} is {found.state_id}.")
    if found.state_id == states.PAY_ON_SESSION:
        raise InProgress(f"Checkout {found.pk} is being worked on by the bank.")
    return None


def _make(target: Any, *, user: "User", payer: Customer, waiting: Checkout | None) -> Checkout:
    """The row, under the lock of its object, so that of two who follow a link at once the second gets the first's."""
    with transaction.atomic(durable=True):
        locked = _locked(target)
        total, currency = payment.payable(locked, states.PAY_ON_SESSION)
        rival: Checkout | None = _open_ones(target).first()
        if rival is not None:
            return rival
        taken: Checkout | None = None
        if waiting is not None:
            taken = Checkout.objects.select_for_update().filter(pk=waiting.pk, state_id=states.PAY_ON_SESSION).first()
            if taken is None:
                raise InProgress(f"Checkout {waiting.pk} was settled at this moment: look again.")
            # it ends here without the host hearing of it: its intent goes on, under the new checkout
            taken.move_to(states.FAIL, claim=None, settled=timezone.now(), ask_after=None)
        checkout: Checkout = Checkout.objects.create(
            action_id=states.PAY_ON_SESSION,
            user=payment.real(user),
            content_object=locked,
            description="\n".join(locked.checkout_description),
            total=total,
            currency=currency,
            customer=payer,
            stripe_customer_id=payer.customer_id,
            payment_intent_id=taken.payment_intent_id if taken is not None else "",
            takes_over=taken,
        )
    logger.info(
        "on session started checkout=%s object=%s takes_over=%s", checkout.uuid, target.pk, taken.uuid if taken else ""
    )
    return checkout
