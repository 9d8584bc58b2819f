"""What a customer does on the payment page, told from top to bottom: start, show, begin, finish; then ``settle``."""

import logging
from decimal import Decimal
from typing import TYPE_CHECKING, Any

from django.db import transaction
from django.utils.translation import gettext_lazy as _

from checkout import gateway, money, states
from checkout.conf import settings
from checkout.errors import AlreadySettled, AmountChanged, NotPayable, StripeRefused, StripeUnreachable
from checkout.flows import card, customer, sign_up
from checkout.flows.rivals import abandon as abandon
from checkout.flows.rivals import close_open_attempts, take_claim
from checkout.flows.settle import accept, accept_by_hand, close, guarded, settle
from checkout.gateway import Answer as Answer
from checkout.gateway import Intent, Setup
from checkout.models import ChargedModel, Checkout, CheckoutAdditional, Environment

if TYPE_CHECKING:
    from checkout.contract import Payable
    from checkout.models.checkout import User

logger = logging.getLogger(__name__)

# how a customer may choose to pay; an instalment that is due is asked for by a link, or "pay now"
CHOICES = (states.PAYMENT, states.INVOICE, states.PAYMENT_PLAN)
OFFERED = (*CHOICES, states.PAY_ON_SESSION)
# what has its own rule beside ``checkout_can_charge``, where the object has it
RULES = {states.MANUAL: "can_pay_by_hand", states.PAY_ON_SESSION: "can_pay_on_session"}


def start(*, action: str, content_object: "Payable", user: "User") -> Checkout:
    """A checkout with its intent; the user's open one for the same object and action if there is one.

    Claim (the row, committed), then ask. Nothing is charged. See ``Checkout.objects.create_checkout``.
    """
    Environment.objects.check_environment()
    checkout = _open_checkout(action, content_object, user)
    if checkout is not None and resume(checkout):
        return checkout
    if action == states.PAY_ON_SESSION:
        raise ValueError("Checkout.objects.create_checkout_pay_on_session makes those.")
    total, currency = payable(content_object, action)
    checkout = _new(action, content_object, user, total=total, currency=currency)
    logger.info("payment started checkout=%s action=%s total=%s %s", checkout.uuid, action, total, currency)
    ensure_intent(checkout)
    return checkout


def resume(checkout: Checkout) -> bool:
    """Whether an open checkout can be used again; repeats the call for its intent if the answer was lost.

    False if the answer cannot be had: Stripe keeps a 500 under its key for a day. To start anew is then safe, because
    an intent whose secret nobody was given cannot be paid.
    """
    payable(checkout.content_object, checkout.action_id)
    try:
        made = ensure_intent(checkout)
    except StripeUnreachable:
        return False
    if made is not None:
        # whoever got no answer to the same call has closed it, and started anew
        checkout.refresh_from_db(fields=["state", "updated"])
    return checkout.is_open


def ensure_intent(checkout: Checkout) -> Answer | None:
    """Give the checkout its intent if it needs one and has none; the intent if this call made it.

    Repeats the call with what the row says and the row's key, so a lost answer is found again and not made twice.
    """
    if checkout.is_payment_plan:
        return sign_up.ensure_intent(checkout)
    if checkout.payment_intent_id or not checkout.is_card_payment:
        return None
    if checkout.total is None:
        raise NotPayable(f"Checkout {checkout.pk} has no total.")
    intent = gateway.create_payment_intent(
        uuid=str(checkout.uuid),
        amount=checkout.total,
        currency=checkout.currency,
        description=", ".join(checkout.lines),
        customer_id=checkout.stripe_customer_id,
    )
    Checkout.objects.filter(pk=checkout.pk, payment_intent_id="").update(payment_intent_id=intent.id)
    checkout.payment_intent_id = intent.id
    return intent


def show(checkout: Checkout) -> Answer:
    """What the payment page needs: the intent as it is now, for the total as it is now. One Stripe call.

    Settles what turns out to be decided. Raises ``AlreadySettled``, ``NotPayable``, ``StripeRefused``,
    ``StripeUnreachable``.
    """
    Environment.objects.check_environment()
    if not checkout.is_open:
        raise AlreadySettled(f"Checkout {checkout.pk} is {checkout.state_id}.")
    total, currency = payable(checkout.content_object, checkout.action_id)
    answer = ensure_intent(checkout)
    if currency != checkout.currency:
        abandon(checkout)
        raise AmountChanged(f"Checkout {checkout.pk}: the currency is now {currency}, start anew.")
    if checkout.is_payment_plan:
        answer = setup = answer if isinstance(answer, Setup) else sign_up.retrieve(checkout)
        if guarded(checkout, lambda: sign_up.conclude(checkout, setup)):
            card.put_back_after(checkout)
    else:
        answer = adopted(checkout, _current(checkout, answer, total))
        conclude(checkout, answer)
    if not checkout.is_open:
        raise AlreadySettled(f"Checkout {checkout.pk} is {checkout.state_id}.")
    return answer


def _current(checkout: Checkout, made: Answer | None, total: Decimal) -> Intent:
    """The intent as it is now, repriced if the object's total has changed."""
    try:
        if total != checkout.total or checkout.repriced_total is not None:
            return _reprice(checkout, total)
        if isinstance(made, Intent):
            return made
        intent = gateway.retrieve_payment_intent(checkout.payment_intent_id)
        if intent.waiting and intent.amount != total:
            return _reprice(checkout, total)
    except gateway.IntentMoved:
        intent = gateway.retrieve_payment_intent(checkout.payment_intent_id)
    return intent


def adopted(checkout: Checkout, answer: Intent) -> Intent:
    """The intent that ``checkout`` took over, as Stripe has it; told now if whoever took it over died before that."""
    if checkout.takes_over_id is None or not answer.waiting or answer.checkout_uuid == str(checkout.uuid):
        return answer
    return gateway.adopt_payment_intent(checkout.payment_intent_id, uuid=str(checkout.uuid))


def conclude(checkout: Checkout, answer: Answer, *, by_audit: bool = False) -> bool:
    """Settle what Stripe says of a payment in the browser; a card that it saved becomes the customer's first."""
    moved = settle(checkout, answer, card=customer.saved_card(checkout, answer), by_audit=by_audit)
    if moved and checkout.succeeded:
        card.put_back_after(checkout)
    return moved


def begin(checkout: Checkout, *, shown_total: Decimal) -> None:
    """The customer pressed the button: take the claim on the object, if what was shown is what will be charged.

    ``shown_total`` is in major units. Asks Stripe only if another checkout of the object holds the claim. Safe to
    repeat. Raises ``AmountChanged``, ``AlreadySettled``, ``InProgress``, ``NotPayable`` and the gateway's errors.
    """
    if not checkout.is_open:
        raise AlreadySettled(f"Checkout {checkout.pk} is {checkout.state_id}.")
    total, currency = payable(checkout.content_object, checkout.action_id)
    stale = checkout.repriced_total is not None or not checkout.payment_intent_id
    if stale or currency != checkout.currency or not total == checkout.total == shown_total:
        raise AmountChanged(f"Checkout {checkout.pk}: shown {shown_total}, due {total} {currency}.")
    _claim(checkout)


def _claim(checkout: Checkout) -> None:
    take_claim(checkout, check=lambda target: payable(target, checkout.action_id))


def agree(checkout: Checkout, *, consent: sign_up.Consent) -> None:
    """As ``begin``, for a sign-up: the customer agreed to the schedule and is about to save a card."""
    if not checkout.is_open:
        raise AlreadySettled(f"Checkout {checkout.pk} is {checkout.state_id}.")
    payable(checkout.content_object, checkout.action_id)
    sign_up.agree(checkout, consent=consent, take_claim=_claim)


def finish(checkout: Checkout) -> Answer | None:
    """The customer is back: ask Stripe and settle before anything is answered. One call; the intent, or None.

    None means that there is nothing to ask about, or that Stripe could not say. Never raises for what Stripe or the
    host's code did: the checkout is then still open, and the next look or the command settles it.
    """
    if checkout.is_setup:
        was_open = checkout.is_open
        setup = sign_up.finish(checkout)
        if was_open and checkout.succeeded:
            card.put_back_after(checkout)
        return setup
    if not checkout.is_open or not checkout.payment_intent_id or not checkout.is_card_payment:
        return None
    try:
        intent = gateway.retrieve_payment_intent(checkout.payment_intent_id)
        guarded(checkout, lambda: conclude(checkout, intent))
    except (StripeUnreachable, StripeRefused) as error:
        logger.warning("payment finish unknown checkout=%s error=%s", checkout.uuid, error)
        return None
    return intent


def invoice(checkout: Checkout, *, details: dict[str, Any]) -> bool:
    """Record who to invoice and settle; no intent. Raises ``AlreadySettled``, ``NotPayable``, ``InProgress``."""
    if not checkout.is_open or not checkout.is_invoice:
        raise AlreadySettled(f"Checkout {checkout.pk} is {checkout.action_id} {checkout.state_id}.")
    total, _currency = payable(checkout.content_object, checkout.action_id)
    _claim(checkout)
    with transaction.atomic(durable=True):
        CheckoutAdditional.objects.update_or_create(checkout=checkout, defaults=details)
        Checkout.objects.filter(pk=checkout.pk, state_id__in=states.OPEN).update(total=total)
    return accept(checkout)


def manual(*, content_object: "Payable", user: "User") -> Checkout:
    """Mark as paid without Stripe; staff only. Raises ``NotPayable``, ``InProgress``."""
    if not getattr(user, "is_staff", False):
        raise NotPayable("Only staff may mark something as paid.")
    total, currency = payable(content_object, states.MANUAL, by_staff=True)
    if isinstance(content_object, ChargedModel):
        # what its customer could still pay is closed at Stripe first; a charge of unknown outcome forbids it
        close_open_attempts(content_object)
    checkout = _new(states.MANUAL, content_object, user, total=total, currency=currency)
    accepted = False
    try:
        # looked at once more under the lock: a whole payment run may have come between
        accepted = accept_by_hand(checkout, check=lambda target: payable(target, states.MANUAL, by_staff=True))
    finally:
        if not accepted:
            close(checkout)
    return checkout


def choose(checkout: Checkout, *, action: str, user: "User") -> Checkout:
    """Change one's mind about how to pay: the old attempt is closed at Stripe, a new one is started."""
    if action == checkout.action_id:
        return checkout
    target: Any = checkout.content_object
    if action not in CHOICES:
        raise NotPayable(f"{action[:50]!r} is no choice of a customer.")
    payable(target, action)
    if checkout.is_open:
        abandon(checkout)
    if checkout.succeeded or checkout.is_open:
        raise AlreadySettled(f"Checkout {checkout.pk} is {checkout.state_id}.")
    return start(action=action, content_object=target, user=user)


def may_start(content_object: "Payable", action: str) -> bool:
    """Whether the object says that a new attempt of this kind may start now."""
    return bool(getattr(content_object, RULES.get(action, ""), content_object.checkout_can_charge))


def payable(content_object: "Payable | None", action: str, *, by_staff: bool = False) -> tuple[Decimal, str]:
    """Total and currency of what may be paid this way now. Raises ``NotPayable``."""
    if content_object is None:
        raise NotPayable("The object of this checkout has been deleted.")
    # what may be charged off-session may be paid on-session, when the bank wants that
    offers = {action, states.CHARGE} if action == states.PAY_ON_SESSION else {action}
    if not by_staff and (not offers & set(content_object.checkout_actions) or action not in OFFERED):
        raise NotPayable(f"{content_object!r} does not offer {action[:50]!r}: see its checkout_actions.")
    if not may_start(content_object, action):
        raise NotPayable(
            f"{content_object!r} says that it cannot be charged (checkout_can_charge).",
            customer_message=_("There is nothing to pay here any more."),
        )
    if action == states.PAYMENT_PLAN:
        # a schedule that nobody could agree to is refused before Stripe is asked
        shown = sign_up.offer(content_object)
        return shown.total, shown.currency
    currency = money.normalise_currency(getattr(content_object, "checkout_currency", None) or settings.currency)
    if action in (states.PAYMENT, states.PAY_ON_SESSION):
        return money.check_chargeable(content_object.checkout_total, currency), currency
    return money.check_positive(content_object.checkout_total, currency), currency


def _new(action: str, content_object: Any, user: "User", *, total: Decimal, currency: str) -> Checkout:
    """Claim: the row, and with it the key of every call to come, is on disk before Stripe is asked."""
    with transaction.atomic(durable=True):
        checkout: Checkout = Checkout.objects.create(
            action_id=action,
            user=real(user),
            content_object=content_object,
            description="\n".join(content_object.checkout_description),
            total=total,
            currency=currency,
        )
    return checkout


def real(user: "User") -> Any:
    """The user to be recorded; None for a visitor."""
    return user if user is not None and user.is_authenticated else None


def _open_checkout(action: str, content_object: Any, user: "User") -> Checkout | None:
    if real(user) is None or action not in OFFERED:
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
