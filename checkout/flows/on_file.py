"""The card on file, where it makes sense to offer it first to a customer who pays in the browser."""

from dataclasses import dataclass
from datetime import date

from django.utils import timezone

from checkout import declines, states
from checkout.declines import Step
from checkout.gateway import Decline
from checkout.models import Checkout

# After these the same card may well pay, now that its owner is there.
WORTH_ANOTHER_TRY = frozenset({Step.RETRY, Step.AUTHENTICATE, Step.ASK_BANK})


@dataclass(frozen=True, kw_only=True)
class OnFile:
    """A saved card: ``payment_method_id`` to confirm with, and what its owner knows it by (may be empty)."""

    payment_method_id: str
    brand: str
    last4: str
    expiry_date: date | None
    is_expiring: bool


@dataclass(frozen=True, kw_only=True)
class Payment:
    """What the page of a payment in the browser says first.

    ``why``: what the last charge of it ended in: ``authenticate``, ``declined``, or empty where none was tried.
    ``card``: the card on file; None where another one is to be entered at once.
    """

    why: str
    card: OnFile | None


def look(checkout: Checkout, *, decline: Decline | None = None) -> Payment:
    """Why the customer is here, and the card to begin with. One query beside the customer's.

    ``decline``: what the intent of ``checkout`` says of its last attempt, on this page or before.
    """
    charges = Checkout.objects.filter(
        content_type_id=checkout.content_type_id, object_id=checkout.object_id, action_id=states.CHARGE
    )
    # what was released has charged nothing and says nothing about a card
    last = charges.exclude(failure__startswith="released:").exclude(failure="").order_by("-pk").first()
    step = None
    if last is not None:
        step = declines.step(last.decline_code, advice_code=last.advice_code, code=last.failure.split(" ")[0])
    why = "" if step is None else "authenticate" if step is Step.AUTHENTICATE else "declined"
    refusals = [(last.payment_method_id, step)] if last is not None and step is not None else []
    if decline is not None:
        refusals.append((decline.payment_method_id, decline.step))
    return Payment(why=why, card=_card(checkout, refusals))


def _card(checkout: Checkout, refusals: list[tuple[str, Step]]) -> OnFile | None:
    """The customer's card of now: what was said to another one, which it has replaced, does not count."""
    payer = checkout.customer
    if payer is None or not payer.has_card or payer.card_refused:
        return None
    if payer.expiry_date is not None and payer.expiry_date < timezone.localdate():
        return None
    if any(method == payer.payment_method_id and step not in WORTH_ANOTHER_TRY for method, step in refusals):
        return None
    return OnFile(
        payment_method_id=payer.payment_method_id,
        brand=payer.brand,
        last4=payer.last4,
        expiry_date=payer.expiry_date,
        is_expiring=payer.is_expiring,
    )
