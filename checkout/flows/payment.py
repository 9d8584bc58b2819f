"""One-off payments and invoices, told from top to bottom: start, show, begin; then ``settle``."""

import logging
from decimal import Decimal
from typing import TYPE_CHECKING, Any

from django.contrib.contenttypes.models import ContentType
from django.db import IntegrityError, transaction
from django.utils.translation import gettext_lazy as _

from checkout import gateway, money, states
from checkout.conf import settings
from checkout.errors import CheckoutError, NotPayable, StripeRefused, StripeUnreachable
from checkout.flows.settle import accept, close, guarded, settle
from checkout.gateway import Intent as Intent
from checkout.models import Checkout, CheckoutAdditional

if TYPE_CHECKING:
    from checkout.contract import Payable
    from checkout.models.checkout import User

logger = logging.getLogger(__name__)

OFFERED = (states.PAYMENT, states.INVOICE)


class AmountChanged(CheckoutError):
    """The total is not what the customer saw. Nothing was charged: show the page again."""

    default_message = _("The amount has changed. Nothing has been charged. Please look at the new amount.")


class AlreadySettled(CheckoutError):
    """This checkout, or another one for the same object, has come to its end."""

    default_message = _("This has been paid already. Nothing more has been charged.")


class InProgress(CheckoutError):
    """Another payment for the same object is being worked on by the bank."""

    default_message = _("Another payment for this is in progress. Please wait a moment, then look again.")


def start(*, action: str, content_object: "Payable", user: "User") -> Checkout:
    """A checkout with its intent; the user's open one for the same object and action if there is one.

    Claim (the row, committed), then ask. Nothing is charged. See ``Checkout.objects.create_checkout``.
    """
    checkout = _open_checkout(action, content_object, user)
    if checkout is not None and resume(checkout):
        return checkout
    total, currency = _payable(content_object, action)
    checkout = _new(action, content_object, user, total=total, currency=currency)
    logger.info("payment started checkout=%s action=%s total=%s %s", checkout.uuid, action, total, currency)
    if checkout.is_payment:
        ensure_intent(checkout)
    return checkout


def resume(checkout: Checkout) -> bool:
    """Whether an open checkout can be used again; repeats the call for its intent if the answer was lost.

    False if the answer cannot be had: Stripe keeps a 500 under its key for a day. To start anew is then safe, because
    an intent whose secret nobody was given cannot be paid.
    """
    _payable(checkout.content_object, checkout.action_id)
    if not checkout.is_payment:
        return True
    try:
        ensure_intent(checkout)
    except StripeUnreachable:
        return False
    return True


def ensure_intent(checkout: Checkout) -> Intent | None:
    """Give the checkout its intent if it has none; the intent if this call made it.

    Repeats the call with what the row says and the row's key, so a lost answer is found again and not made twice.
    """
    if checkout.payment_intent_id:
        return None
    if checkout.total is None:
        raise NotPayable(f"Checkout {checkout.pk} has no total.")
    intent = gateway.create_payment_intent(
        uuid=str(checkout.uuid),
        amount=checkout.total,
        currency=checkout.currency,
        description=", ".join(checkout.lines),
    )
    Checkout.objects.filter(pk=checkout.pk, payment_intent_id="").update(payment_intent_id=intent.id)
    checkout.payment_intent_id = intent.id
    return intent


def show(checkout: Checkout) -> Intent:
    """What the payment page needs: the intent as it is now, for the total as it is now. One Stripe call.

    Settles what turns out to be decided. Raises ``AlreadySettled``, ``NotPayable``, ``StripeRefused``,
    ``StripeUnreachable``.
    """
    if not checkout.is_open:
        raise AlreadySettled(f"Checkout {checkout.pk} is {checkout.state_id}.")
    total, currency = _payable(checkout.content_object, checkout.action_id)
    intent = ensure_intent(checkout)
    if currency != checkout.currency:
        abandon(checkout)
        raise AmountChanged(f"Checkout {checkout.pk}: the currency is now {currency}, start anew.")
    try:
        if total != checkout.total or checkout.repriced_total is not None:
            intent = _reprice(checkout, total)
        elif intent is None:
            intent = gateway.retrieve_payment_intent(checkout.payment_intent_id)
            if intent.waiting and intent.amount != total:
                intent = _reprice(checkout, total)
    except gateway.IntentMoved:
        intent = gateway.retrieve_payment_intent(checkout.payment_intent_id)
    settle(checkout, intent)
    if not checkout.is_open:
        raise AlreadySettled(f"Checkout {checkout.pk} is {checkout.state_id}.")
    return intent


def begin(checkout: Checkout, *, shown_total: Decimal) -> None:
    """The customer pressed the button: take the claim on the object, if what was shown is what will be charged.

    ``shown_total`` is in major units. Asks Stripe only if another checkout of the object holds the claim. Safe to
    repeat. Raises ``AmountChanged``, ``AlreadySettled``, ``InProgress``, ``NotPayable`` and the gateway's errors.
    """
    if not checkout.is_open:
        raise AlreadySettled(f"Checkout {checkout.pk} is {checkout.state_id}.")
    total, currency = _payable(checkout.content_object, checkout.action_id)
    stale = checkout.repriced_total is not None or not checkout.payment_intent_id
    if stale or currency != checkout.currency or not total == checkout.total == shown_total:
        raise AmountChanged(f"Checkout {checkout.pk}: shown {shown_total}, due {total} {currency}.")
    _take_claim(checkout)


def finish(checkout: Checkout) -> Intent | None:
    """The customer is back: ask Stripe and settle before anything is answered. One call; the intent, or None.

    None means that there is nothing to ask about, or that Stripe could not say. Never raises for what Stripe or the
    host's code did: the checkout is then still open, and the next look or the command settles it.
    """
    if not checkout.is_open or not checkout.payment_intent_id:
        return None
    try:
        intent = gateway.retrieve_payment_intent(checkout.payment_intent_id)
    except (StripeUnreachable, StripeRefused) as error:
        logger.warning("payment finish unknown checkout=%s error=%s", checkout.uuid, error)
        return None
    guarded(checkout, lambda: settle(checkout, intent))
    return intent


def invoice(checkout: Checkout, *, details: dict[str, Any]) -> bool:
    """Record who to invoice and settle; no intent. Raises ``AlreadySettled``, ``NotPayable``, ``InProgress``."""
    if not checkout.is_open or not checkout.is_invoice:
        raise AlreadySettled(f"Checkout {checkout.pk} is {checkout.action_id} {checkout.state_id}.")
    total, _currency = _payable(checkout.content_object, checkout.action_id)
    _take_claim(checkout)
    with transaction.atomic(durable=True):
        CheckoutAdditional.objects.update_or_create(checkout=checkout, defaults=details)
        Checkout.objects.filter(pk=checkout.pk, state_id__in=states.OPEN).update(total=total)
    return accept(checkout)


def manual(*, content_object: "Payable", user: "User") -> Checkout:
    """Mark as paid without Stripe; staff only. Raises ``NotPayable``, ``InProgress``."""
    if not getattr(user, "is_staff", False):
        raise NotPayable("Only staff may mark something as paid.")
    total, currency = _payable(content_object, states.MANUAL, by_staff=True)
    checkout = _new(states.MANUAL, content_object, user, total=total, currency=currency)
    try:
        _take_claim(checkout, evict=False)
    except InProgress:
        close(checkout)
        raise
    accept(checkout)
    return checkout


def abandon(checkout: Checkout) -> bool:
    """Close an open payment for good: cancelled at Stripe *first*, then failed. Settles it instead if it was paid."""
    if not checkout.payment_intent_id:
        return close(checkout)
    try:
        intent = gateway.cancel_payment_intent(checkout.payment_intent_id)
    except gateway.IntentMoved:
        intent = gateway.retrieve_payment_intent(checkout.payment_intent_id)
    return settle(checkout, intent)


def choose(checkout: Checkout, *, action: str, user: "User") -> Checkout:
    """Change one's mind about how to pay: the old attempt is closed at Stripe, a new one is started."""
    if action == checkout.action_id:
        return checkout
    target: Any = checkout.content_object
    _payable(target, action)
    if checkout.is_open:
        abandon(checkout)
    if checkout.succeeded or checkout.is_open:
        raise AlreadySettled(f"Checkout {checkout.pk} is {checkout.state_id}.")
    return start(action=action, content_object=target, user=user)


def _payable(content_object: "Payable | None", action: str, *, by_staff: bool = False) -> tuple[Decimal, str]:
    if content_object is None:
        raise NotPayable("The object of this checkout has been deleted.")
    if not by_staff and (action not in content_object.checkout_actions or action not in OFFERED):
        raise NotPayable(f"{content_object!r} does not offer {action[:50]!r}: see its checkout_actions.")
    if not content_object.checkout_can_charge:
        raise NotPayable(
            f"{content_object!r} says that it cannot be charged (checkout_can_charge).",
            customer_message=_("There is nothing to pay here any more."),
        )
    currency = money.normalise_currency(getattr(content_object, "checkout_currency", None) or settings.currency)
    if action == states.PAYMENT:
        return money.check_chargeable(content_object.checkout_total, currency), currency
    return money.check_positive(content_object.checkout_total, currency), currency


def _new(action: str, content_object: Any, user: "User", *, total: Decimal, currency: str) -> Checkout:
    """Claim: the row, and with it the key of every call to come, is on disk before Stripe is asked."""
    with transaction.atomic(durable=True):
        checkout: Checkout = Checkout.objects.create(
            action_id=action,
            user=_real(user),
            content_object=content_object,
            description="\n".join(content_object.checkout_description),
            total=total,
            currency=currency,
        )
    return checkout


def _real(user: "User") -> Any:
    return user if user is not None and user.is_authenticated else None


def _open_checkout(action: str, content_object: Any, user: "User") -> Checkout | None:
    if _real(user) is None or action not in OFFERED:
        return None
    mine = Checkout.objects.for_content_object(content_object).filter(user=user, action_id=action)
    found: Checkout | None = mine.filter(state_id__in=states.OPEN).order_by("-pk").first()
    return found


def _reprice(checkout: Checkout, total: Decimal) -> Intent:
    """Both amounts are on record while Stripe is asked, so whichever answer is lost, neither is a mismatch."""
    Checkout.objects.filter(pk=checkout.pk, state_id__in=states.OPEN).update(repriced_total=total)
    target: Any = checkout.content_object
    description = "\n".join(target.checkout_description)
    intent = gateway.update_payment_intent(
        checkout.payment_intent_id,
        amount=total,
        currency=checkout.currency,
        description=", ".join(description.splitlines()),
    )
    changed = Checkout.objects.filter(pk=checkout.pk, repriced_total=total).update(
        total=total, repriced_total=None, description=description
    )
    if changed:
        checkout.total, checkout.repriced_total, checkout.description = total, None, description
    logger.info("payment repriced checkout=%s total=%s", checkout.uuid, total)
    return intent


def _take_claim(checkout: Checkout, *, evict: bool = True) -> None:
    """Hold the object for this checkout. The column is unique, so the database refuses a rival."""
    if checkout.state_id == states.REQUEST:
        return
    content_type = ContentType.objects.get_for_id(checkout.content_type_id)
    claim = f"{content_type.pk}:{checkout.object_id}"
    for rounds_left in (1, 0):
        try:
            with transaction.atomic():
                moved = checkout.move_to(states.REQUEST, claim=claim)
        except IntegrityError:
            rival = Checkout.objects.filter(claim=claim).first()
            if not evict or not rounds_left:
                raise InProgress(f"Checkout {checkout.pk}: {claim} is held by {rival}.") from None
            if rival is not None:
                _evict(rival)
            continue
        if not moved:
            checkout.refresh_from_db()
            if not checkout.is_open:
                raise AlreadySettled(f"Checkout {checkout.pk} is {checkout.state_id}.")
        return


def _evict(rival: Checkout) -> None:
    """The newest attempt wins, once Stripe has promised that nothing can be charged on the older one."""
    abandon(rival)
    if rival.succeeded:
        raise AlreadySettled(f"Checkout {rival.pk} paid for the same object.")
    if rival.is_open:
        raise InProgress(f"Checkout {rival.pk} is being worked on by the bank.")
