"""By staff: a payment that was put aside is accepted as paid after all, once, and only where that is safe.

Accepting overlooks one thing alone, which staff have seen: that another amount has come than was asked for. Whatever
else differs (currency, customer, uuid, intent) can only be given back; so can a second payment of the same thing.
"""

import copy
import logging
from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import TYPE_CHECKING, Any, Final

from django.db import IntegrityError, models, transaction
from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _

from checkout import gateway, states
from checkout.errors import AlreadySettled, CheckoutError, InProgress, NotPayable
from checkout.flows import card, customer
from checkout.flows.charge import claim_on
from checkout.flows.record import record
from checkout.flows.refund import TAKEN
from checkout.flows.rivals import evict
from checkout.flows.settle import guarded, mismatch, settle
from checkout.models import ChargedModel, Checkout, Environment, StaffAction

if TYPE_CHECKING:
    from checkout.models.checkout import User

logger = logging.getLogger(__name__)

CHANGED: Final = _("Stripe reports something else now. Nothing has been recorded: please look again.")
SETTLED: Final = _("It has been settled already.")
NOT_ASIDE: Final = _("It is not put aside any more.")
NO_MONEY: Final = _("No money was taken by it: there is nothing to accept.")
NOT_PAID: Final = _("Stripe does not say that it was paid.")
ANOTHER: Final = _("What was paid is not what was asked for, and not only in its amount: it can only be given back.")
GOES_BACK: Final = _("Some of it has been given back, or is on its way back.")
CONTESTED: Final = _("The cardholder contests it, and the bank has taken the money back.")
DELETED: Final = _("What it was paid for has been deleted: it can only be given back.")
TWICE: Final = _("It is a second payment of the same thing, which has been paid already: it can only be given back.")
CLOSED: Final = _("What it was paid for cannot be paid any more, as the site says: it can only be given back.")
UNKNOWN: Final = _("Another charge for the same thing is in progress, or its outcome is not known yet.")
HELD: Final = _("Another payment for the same thing was put aside as well: decide about that one first.")
HOST: Final = _("The site's own code could not record it, so nothing has changed. For a developer: see the log.")


@dataclass(frozen=True, kw_only=True)
class Found:
    """What Stripe says of a payment that was put aside, just now. Amounts in the major unit of ``currency``."""

    intent: gateway.Intent
    refunded: Decimal
    disputed: bool

    @property
    def amount(self) -> Decimal:
        """What has come."""
        return self.intent.amount_received

    @property
    def currency(self) -> str:
        """In which it has come."""
        return self.intent.currency


def look(checkout: Checkout) -> Found:
    """Ask Stripe; one call. Raises ``NotPayable`` where nothing was paid by it, and the gateway's errors."""
    if checkout.action_id not in TAKEN or not checkout.payment_intent_id:
        raise NotPayable(f"Checkout {checkout.pk} took no money through Stripe.", customer_message=NO_MONEY)
    entry = gateway.retrieve_book_entry(checkout.payment_intent_id)
    return Found(intent=entry.intent, refunded=entry.refunded, disputed=entry.disputed)


def others_of(checkout: Checkout) -> "models.QuerySet[Checkout]":
    """The other attempts to take money or a card for the same thing, without those that came to nothing."""
    same = Checkout.objects.filter(content_type_id=checkout.content_type_id, object_id=checkout.object_id)
    found: models.QuerySet[Checkout] = same.exclude(pk=checkout.pk).exclude(state_id=states.FAIL).order_by("pk")
    return found


def paid_by(others: Sequence[Checkout]) -> Checkout | None:
    """The newest other attempt that has paid for the same thing, or promised to (a plan, an invoice)."""
    return next((other for other in reversed(others) if other.succeeded), None)


def why_not(checkout: Checkout, found: Found, others: Sequence[Checkout]) -> str | Promise:
    """Why it may not be accepted; empty if it may. Asks nobody but the database."""
    if checkout.succeeded:
        return SETTLED
    if not checkout.quarantine:
        return NOT_ASIDE
    if not found.intent.succeeded or found.amount <= 0:
        return NOT_PAID
    if differs(checkout, found):
        return ANOTHER
    if found.refunded or checkout.refunds.counting().exists():
        return GOES_BACK
    if found.disputed and _lost(checkout):
        return CONTESTED
    target: Any = checkout.content_object
    if target is None:
        return DELETED
    if not _can_be_paid(target):
        return TWICE if paid_by(others) is not None else CLOSED
    in_flight = any(one.is_charge and one.state_id == states.REQUEST and not one.quarantine for one in others)
    return UNKNOWN if in_flight else ""


def differs(checkout: Checkout, found: Found) -> str:
    """What is not as it was asked for, the amount left out; empty if nothing is."""
    lenient = copy.copy(checkout)
    lenient.repriced_total = found.amount
    return mismatch(lenient, found.intent)


def accept(checkout: Checkout, *, amount: Decimal, user: "User") -> None:
    """Record a payment that was put aside as paid, through the one door: the host's ``checkout_success`` runs once.

    ``amount`` is what staff were shown that has come, in the major unit. What its customer could still pay for the same
    thing is closed at Stripe first. Then, in the settling transaction and under its locks, everything is looked at once
    more, the claim on the object is taken, and it is recorded who did it. Raises ``NotPayable``, ``InProgress``,
    ``AlreadySettled`` and the gateway's errors: nothing was recorded. Not inside a transaction. Of two at once, or one
    beside a refund, one wins.
    """
    Environment.objects.check_environment()
    found = look(checkout)
    others = list(others_of(checkout))
    _refuse(checkout, found, others, amount)
    for rival in others:
        if rival.state_id not in states.SETTLED and not rival.quarantine:
            evict(rival)
    saved = customer.saved_card(checkout, found.intent)

    def check(locked: Checkout, counting: list[Checkout]) -> None:
        _refuse(locked, found, counting, amount)
        _hold(locked)
        detail = f"{found.amount} {found.currency}: {locked.quarantine}"
        record(StaffAction.ACCEPT, locked, user=user, detail=detail)
        # overlooked here alone, and only this amount: staff have said that it is right as well
        locked.repriced_total = found.amount

    moved = guarded(checkout, lambda: settle(checkout, found.intent, card=saved, by_audit=True, check=check))
    if moved is None:
        raise CheckoutError(f"The host raised for checkout {checkout.pk}.", customer_message=HOST)
    if not moved:
        raise AlreadySettled(f"Checkout {checkout.pk} was moved by somebody else.", customer_message=CHANGED)
    logger.warning("put aside accepted checkout=%s by=%s", checkout.uuid, getattr(user, "pk", None))
    card.put_back_after(checkout)


def _refuse(checkout: Checkout, found: Found, others: Sequence[Checkout], amount: Decimal) -> None:
    if reason := why_not(checkout, found, others):
        raise NotPayable(f"Checkout {checkout.pk} cannot be accepted: {reason}", customer_message=reason)
    if found.amount != amount:
        raise NotPayable(f"Checkout {checkout.pk}: shown {amount}, came {found.amount}.", customer_message=CHANGED)


def _hold(locked: Checkout) -> None:
    """Take the claim on the object, which settling gives back: the database refuses who pays for it at this moment."""
    if locked.claim is not None:
        return
    claim = claim_on(locked.content_type, locked.object_id)
    try:
        with transaction.atomic():
            Checkout.objects.filter(pk=locked.pk).update(claim=claim)
    except IntegrityError:
        rival = Checkout.objects.filter(claim=claim).first()
        said = HELD if rival is not None and rival.quarantine else None
        raise InProgress(f"Checkout {locked.pk}: {claim} is held by {rival}.", customer_message=said) from None


def _can_be_paid(target: Any) -> bool:
    """A part, or an amount of staff, that is not paid yet; of anything else its own rule for a new attempt."""
    return target.state_id != states.SUCCESS if isinstance(target, ChargedModel) else target.checkout_can_charge


def _lost(checkout: Checkout) -> bool:
    """The bank has the money; also where Stripe knows of a dispute that has not reached us."""
    disputes = list(checkout.disputes.all())
    return not disputes or any(one.took_back for one in disputes)
