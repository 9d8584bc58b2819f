"""Money given back: claim (on disk, with its key), ask, keep. One made at Stripe goes through the same door."""

import functools
import logging
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal
from typing import TYPE_CHECKING, Any, Final
from uuid import UUID

from django.db import IntegrityError, models, transaction
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from checkout import gateway, money, signals, states
from checkout.errors import CheckoutError, NotPayable, StripeRefused, StripeUnreachable
from checkout.flows.announce import announce
from checkout.flows.customer import KEY_LIVES
from checkout.flows.fulfil import Report
from checkout.flows.record import record
from checkout.flows.settle import GIVEN_BACK, close_given_back, guarded
from checkout.gateway import RefundAnswer
from checkout.models import Checkout, Environment, Refund, StaffAction
from checkout.models.refund import REASONS
from checkout.notify import facts

if TYPE_CHECKING:
    from checkout.models.checkout import User

logger = logging.getLogger(__name__)

FIRST_QUESTION: Final = timedelta(minutes=5)
LATER: Final = timedelta(hours=6)
MOST: Final = 200
LOOK_BACK: Final = timedelta(days=30)
LONGEST: Final = 255
# Why a payment that was closed as given back is put aside again.
CAME_BACK: Final = "it was given back, and the refund failed afterwards"
# Closed by default: a word that Stripe adds one day changes nothing.
MEANING: Final = {
    "pending": states.PROCESSING,
    "requires_action": states.PROCESSING,
    "succeeded": states.SUCCESS,
    "failed": states.FAIL,
    "canceled": states.FAIL,
}
# Money that Stripe took for us, whoever was in front of it.
TAKEN: Final = (states.PAYMENT, states.CHARGE, states.PAY_ON_SESSION)


OnProgress = Callable[[int], object]


@dataclass(frozen=True, kw_only=True)
class Left:
    """What of a payment can still be given back, in the major unit of ``currency``."""

    amount: Decimal
    currency: str


def left(checkout: Checkout) -> Left:
    """What can still be given back. Raises ``NotPayable`` where nothing came through Stripe.

    Asks Stripe only about a payment that was put aside: what has come may be something else than was asked for.
    """
    taken = _taken(checkout)
    return Left(amount=taken.amount - checkout.refunds.given_back(), currency=taken.currency)


def _taken(checkout: Checkout) -> Left:
    if checkout.action_id not in TAKEN or not checkout.payment_intent_id:
        raise NotPayable(f"Checkout {checkout.pk} took no money through Stripe: there is nothing to give back.")
    if checkout.succeeded and checkout.total is not None:
        return Left(amount=checkout.total, currency=checkout.currency)
    if checkout.quarantine:
        found = gateway.retrieve_payment_intent(checkout.payment_intent_id)
        return Left(amount=found.amount_received, currency=found.currency)
    raise NotPayable(f"Checkout {checkout.pk} is {checkout.state_id}: nothing has been paid by it.")


def give_back(
    checkout: Checkout, *, amount: Decimal, user: "User", uuid: UUID, reason: str = "", note: str = ""
) -> Refund:
    """Give ``amount`` (in the major unit of the payment's currency) back to the card that paid; once for each ``uuid``.

    Commits before it calls Stripe, so not inside a transaction. The refund comes back as ``success``, ``processing``,
    or in ``request`` when the answer was lost, which ``resolve`` finds out. Raises ``NotPayable`` before anything is
    written, ``StripeRefused`` after Stripe gave nothing back (the refund then is ``fail``).
    """
    Environment.objects.check_environment()
    if reason and reason not in REASONS:
        raise NotPayable(f"{reason[:50]!r} is no reason that Stripe knows: {', '.join(REASONS)}.")
    # before the lock, because it may ask Stripe; what was given back is summed up under it
    taken = _taken(checkout)
    amount = money.check_positive(amount, taken.currency)
    refund, created = _claim(checkout, taken, amount=amount, user=user, uuid=uuid, reason=reason, note=note)
    if not created:
        # a double click, or the page sent again: what became of the first one counts
        return refund
    try:
        answer = _ask(refund)
    except StripeRefused as error:
        _refused(refund, str(error))
        raise
    except StripeUnreachable as error:
        logger.warning("refund unknown refund=%s error=%s", refund.uuid, error)
        return refund
    try:
        # if the host's own code raises, nothing is recorded, and the next pass of resolve() tries again
        guarded(checkout, lambda: keep(answer))
    except CheckoutError as error:
        # recorded, and Stripe could not be asked whether that closes a payment put aside: its event does it
        logger.warning("refund not concluded refund=%s error=%s", refund.uuid, error)
    refund.refresh_from_db()
    return refund


def _claim(
    checkout: Checkout, taken: Left, *, amount: Decimal, user: "User", uuid: UUID, reason: str, note: str
) -> tuple[Refund, bool]:
    """The row and its key, on disk before Stripe is asked; never more in all than was paid."""
    currency = taken.currency
    who: Any = user if user is not None and user.is_authenticated else None
    with transaction.atomic(durable=True):
        locked = Checkout.objects.select_for_update().get(pk=checkout.pk)
        known = Refund.objects.filter(uuid=uuid).first()
        if known is not None:
            if known.checkout_id != locked.pk:
                raise NotPayable(f"The key {uuid} is of a refund of another payment.")
            return known, False
        if checkout.quarantine and locked.succeeded and not checkout.succeeded:
            raise NotPayable(
                f"Checkout {locked.pk} was put aside and has been accepted meanwhile.",
                customer_message=_(
                    "Nothing has been given back: the payment was accepted or put aside meanwhile. Please look again."
                ),
            )
        rest = taken.amount - locked.refunds.given_back()
        if amount > rest:
            raise NotPayable(
                f"Checkout {locked.pk}: {amount} {currency} is more than the {rest} {currency} that are left.",
                customer_message=_("That is more than can still be given back. Nothing has been given back."),
            )
        refund = Refund.objects.create(
            uuid=uuid,
            checkout=locked,
            amount=amount,
            currency=currency,
            reason=reason,
            note=note.strip()[:200],
            user=who,
            by_staff=True,
            ask_after=timezone.now() + FIRST_QUESTION,
        )
        record(StaffAction.REFUND, locked, user=user, detail=f"{amount} {currency} {reason} {refund.note}".strip())
    return refund, True


def _ask(refund: Refund) -> RefundAnswer:
    """From the row alone, so that a repeat under the same key is the same request."""
    return gateway.refund(
        uuid=str(refund.uuid),
        payment_intent_id=refund.checkout.payment_intent_id,
        amount=refund.amount,
        currency=refund.currency,
        reason=refund.reason,
    )


def _refused(refund: Refund, why: str, *, later: bool = False) -> bool:
    """Stripe certainly gave nothing back. Who asked is told by the caller; ``later``, when they have gone, by mail."""
    with transaction.atomic(durable=True):
        moved = refund.move_to(states.FAIL, failure=why[:LONGEST], ask_after=None, settled=timezone.now())
        if moved and later:
            facts.refund_failed(refund)
    logger.warning("refund refused refund=%s reason=%s", refund.uuid, why)
    return moved


def checkout_of(payment_intent_id: str) -> Checkout | None:
    """The attempt that an intent at Stripe is of; the newest where one took it over from another."""
    if not payment_intent_id:
        return None
    found: Checkout | None = Checkout.objects.filter(payment_intent_id=payment_intent_id).order_by("-pk").first()
    return found


def keep(answer: RefundAnswer) -> Refund | None:
    """The one door of refunds: make our record agree with what Stripe says; None if the payment is none of ours.

    In one transaction of its own the state moves, the host's ``checkout_refund`` runs, and the staff are told of one
    that failed. If the host raises, all of it is undone and the exception goes on. Safe to repeat, in any order.
    """
    refund = _find(answer)
    if refund is None:
        return None
    to = MEANING.get(answer.stripe_status)
    with transaction.atomic(durable=True):
        locked = Refund.objects.select_for_update().get(pk=refund.pk)
        moved = to is not None and _move(locked, to, answer)
        if not moved and locked.refund_id is None:
            Refund.objects.filter(pk=locked.pk).update(refund_id=answer.id, updated=timezone.now())
    if moved:
        logger.info("refund kept refund=%s stripe=%s state=%s", locked.uuid, answer.id, locked.state)
    if locked.state == states.SUCCESS:
        _close_what_was_put_aside(locked.checkout)
    return locked


def _move(locked: Refund, to: str, answer: RefundAnswer) -> bool:
    before = locked.state
    if to not in Refund.MOVES[before]:
        # a repeat, or an answer that was read before the one that we have
        return False
    values: dict[str, Any] = {"refund_id": answer.id, "failure": answer.failure[:LONGEST], "ask_after": None}
    if to == states.PROCESSING:
        values["ask_after"] = timezone.now() + LATER
    else:
        values["settled"] = timezone.now()
    if not locked.move_to(to, **values):
        return False
    if to == states.FAIL:
        facts.refund_failed(locked)
        _put_aside_again(locked.checkout)
    if to == states.SUCCESS or before == states.SUCCESS:
        heard = getattr(locked.checkout.content_object, "checkout_refund", None)
        if heard is not None:
            heard(locked)
    announce(signals.checkout_refunded, Refund, refund=locked)
    return True


def _find(answer: RefundAnswer) -> Refund | None:
    """Our row: by Stripe's id, by the uuid that we sent along, or made now for one that staff made at Stripe."""
    found = Refund.objects.filter(refund_id=answer.id).first()
    if found is None and answer.refund_uuid:
        found = _by_uuid(answer)
    if found is not None:
        return found
    checkout = checkout_of(answer.payment_intent_id)
    if checkout is None:
        return None
    try:
        with transaction.atomic():
            made: Refund = Refund.objects.create(
                refund_id=answer.id,
                checkout=checkout,
                amount=answer.amount,
                currency=answer.currency,
                reason=answer.reason,
                # if the host's code raises, the next passes of resolve() try again
                ask_after=timezone.now() + FIRST_QUESTION,
            )
    except IntegrityError:
        return Refund.objects.get(refund_id=answer.id)
    logger.info("refund found at Stripe refund=%s stripe=%s checkout=%s", made.uuid, answer.id, checkout.uuid)
    return made


def _by_uuid(answer: RefundAnswer) -> Refund | None:
    """Metadata can be typed by anybody with the dashboard: it counts only where the payment is the same."""
    try:
        uuid = UUID(answer.refund_uuid)
    except ValueError:
        return None
    return Refund.objects.filter(
        uuid=uuid, refund_id=None, checkout__payment_intent_id=answer.payment_intent_id, amount=answer.amount
    ).first()


def _close_what_was_put_aside(checkout: Checkout) -> None:
    """A payment that was not fulfilled and has been given back in full: nobody has to look at it any more."""
    if not checkout.quarantine or checkout.succeeded:
        return
    entry = gateway.retrieve_book_entry(checkout.payment_intent_id)
    if entry.captured > 0 and entry.refunded >= entry.captured:
        close_given_back(checkout)


def _put_aside_again(checkout: Checkout) -> None:
    """Closed as given back, and the bank has sent it back to us: a person has to look at it, and may give it back."""
    closed = Checkout.objects.filter(pk=checkout.pk, state_id=states.FAIL, failure=GIVEN_BACK)
    closed.update(quarantine=CAME_BACK, failure="", updated=timezone.now())


def keep_all_of(*, charge_id: str = "", payment_intent_id: str = "") -> int:
    """Every refund that Stripe has of a payment; how many are of payments of ours."""
    kept, after = 0, ""
    while True:
        page = gateway.list_refunds(charge_id=charge_id, payment_intent_id=payment_intent_id, after=after)
        kept += sum(keep(answer) is not None for answer in page.refunds)
        if not page.has_more:
            return kept
        after = page.refunds[-1].id


def open_refunds() -> "models.QuerySet[Refund]":
    """Of unknown outcome, or on their way."""
    return Refund.objects.filter(state__in=(states.REQUEST, states.PROCESSING))


def resolve(*, now: datetime | None = None, dry_run: bool = False, on_progress: OnProgress | None = None) -> Report:
    """Find out about refunds of unknown outcome, and about those on their way. Never a second refund.

    Raises ``WrongEnvironment``. What hinders one does not stop the others. With ``dry_run`` it only counts them.
    """
    Environment.objects.check_environment()
    now = now or timezone.now()
    due = list(open_refunds().filter(ask_after__lte=now).select_related("checkout").order_by("ask_after", "pk")[:MOST])
    report = Report(open=len(due))
    if dry_run:
        report.waiting = len(due)
        return report
    for refund in due:
        before = refund.state
        try:
            moved = guarded(refund.checkout, functools.partial(_resolve, refund, now=now))
            report.errors += moved is None
        except CheckoutError as error:
            # one whose key Stripe keeps a 500 under must not keep the others waiting
            logger.warning("refund still unknown refund=%s error=%s", refund.uuid, error)
            moved = False
        report.settled += bool(moved)
        report.waiting += moved is False
        Refund.objects.filter(pk=refund.pk, state=before, ask_after=refund.ask_after).update(ask_after=now + LATER)
        if on_progress:
            on_progress(1)
    _close_left_behind(now)
    return report


def _close_left_behind(now: datetime) -> None:
    """Given back in full, and whoever was about to close the payment died, or Stripe could not be asked just then."""
    given = Refund.objects.filter(state=states.SUCCESS, created__gte=now - LOOK_BACK)
    left_open = given.exclude(checkout__state_id=states.SUCCESS).exclude(checkout__quarantine="")
    for refund in left_open.select_related("checkout").order_by("pk")[:MOST]:
        try:
            guarded(refund.checkout, functools.partial(_close_what_was_put_aside, refund.checkout))
        except CheckoutError as error:
            logger.warning("refund could not close checkout=%s error=%s", refund.checkout.uuid, error)


def _resolve(refund: Refund, *, now: datetime) -> bool:
    before = refund.state
    if refund.refund_id is not None:
        answer: RefundAnswer | None = gateway.retrieve_refund(refund.refund_id)
    else:
        answer = _search(refund)
        if answer is None and now - refund.created <= KEY_LIVES:
            try:
                answer = _ask(refund)
            except StripeRefused as error:
                return _refused(refund, str(error), later=True)
    if answer is None:
        return _refused(refund, "Stripe knows of no such refund", later=True)
    kept = keep(answer)
    return kept is not None and kept.state != before


def _search(refund: Refund) -> RefundAnswer | None:
    after = ""
    while True:
        page = gateway.list_refunds(payment_intent_id=refund.checkout.payment_intent_id, after=after)
        for answer in page.refunds:
            # as in _by_uuid: somebody may have typed it into the dashboard, on another refund
            if answer.refund_uuid == str(refund.uuid) and answer.amount == refund.amount:
                return answer
        if not page.has_more:
            return None
        after = page.refunds[-1].id
