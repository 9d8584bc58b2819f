"""A cardholder contests a payment: kept as Stripe tells it, the plan paused, the staff told once."""

import logging
from typing import TYPE_CHECKING, Any, Final

from django.db import IntegrityError, connections, transaction
from django.utils import timezone

from checkout import gateway, signals, states
from checkout.flows.announce import announce
from checkout.flows.record import record
from checkout.flows.refund import checkout_of
from checkout.gateway import DisputeAnswer
from checkout.models import Checkout, Dispute, ObjectPaymentPlan, ObjectPaymentPlanInstalment, StaffAction
from checkout.notify import facts

if TYPE_CHECKING:
    from checkout.models.checkout import User

logger = logging.getLogger(__name__)

# Whatever is not listed is open, and a person looks at it.
MEANING: Final = {
    "won": states.DISPUTE_WON,
    "lost": states.DISPUTE_LOST,
    "prevented": states.DISPUTE_CLOSED,
    "warning_closed": states.DISPUTE_CLOSED,
}


def keep(answer: DisputeAnswer) -> Dispute | None:
    """Make our record agree with what Stripe says; None if the payment is none of ours.

    In one transaction of its own: the row, the pause of the plan's automatic charges, and the notice to the staff, once
    when it opens and once when it is decided. Safe to repeat, in any order. The plan goes on when staff say so.
    """
    known = Dispute.objects.filter(dispute_id=answer.id).first() or _write(answer)
    if known is None:
        return None
    to = MEANING.get(answer.stripe_status, states.DISPUTE_OPEN)
    with transaction.atomic(durable=True):
        locked = Dispute.objects.select_for_update().get(pk=known.pk)
        stays_open = locked.is_open and to == states.DISPUTE_OPEN
        # a chargeback never becomes an inquiry again
        stale = stays_open and answer.is_inquiry and not locked.is_inquiry
        if stale or (locked.state != to and not _may(locked, to, answer)):
            # read before what we have
            return locked
        escalated = stays_open and locked.is_inquiry and not answer.is_inquiry
        moved = locked.state != to and locked.move_to(to, closed=None if to == states.DISPUTE_OPEN else timezone.now())
        values: dict[str, Any] = {
            "stripe_status": answer.stripe_status[:60],
            "reason": answer.reason[:60],
            "amount": answer.amount,
            "is_inquiry": answer.is_inquiry,
            "due_by": answer.due_by,
        }
        Dispute.objects.filter(pk=locked.pk).update(**values, updated=timezone.now())
        for name, value in values.items():
            setattr(locked, name, value)
        if moved or escalated:
            # an inquiry that became a chargeback has taken the money
            _say(locked)
    return locked


def _may(locked: Dispute, to: str, answer: DisputeAnswer) -> bool:
    """A decided dispute opens anew by an appeal alone; anything else was read before what we know."""
    if to == states.DISPUTE_OPEN and not answer.stripe_status.startswith("appeal"):
        return False
    return to in Dispute.MOVES[locked.state]


def _write(answer: DisputeAnswer) -> Dispute | None:
    checkout = checkout_of(answer.payment_intent_id)
    if checkout is None:
        return None
    try:
        with transaction.atomic(durable=True):
            made: Dispute = Dispute.objects.create(
                dispute_id=answer.id,
                checkout=checkout,
                amount=answer.amount,
                currency=answer.currency,
                reason=answer.reason[:60],
                stripe_status=answer.stripe_status[:60],
                is_inquiry=answer.is_inquiry,
                due_by=answer.due_by,
                opened=answer.created,
            )
            _pause_plan_of(checkout)
            _say(made)
    except IntegrityError:
        return Dispute.objects.get(dispute_id=answer.id)
    logger.warning("dispute opened dispute=%s checkout=%s reason=%s", answer.id, checkout.uuid, answer.reason)
    return made


def _say(dispute: Dispute) -> None:
    if dispute.is_open:
        facts.disputed(dispute)
    else:
        facts.dispute_closed(dispute)
    announce(signals.checkout_disputed, Dispute, dispute=dispute)


def _pause_plan_of(checkout: Checkout) -> None:
    part = checkout.instalment
    if part is not None:
        _pause(part.object_payment_plan)


def keep_all_of(payment_intent_id: str) -> int:
    """Every dispute that Stripe has of a payment; how many are of payments of ours."""
    return sum(keep(answer) is not None for answer in gateway.list_disputes(payment_intent_id=payment_intent_id))


def pause(plan: ObjectPaymentPlan, *, user: "User") -> bool:
    """By staff: charge nothing by itself until somebody says so. False if it is paused already. One transaction."""
    with transaction.atomic():
        paused = _pause(plan)
        if paused:
            record(StaffAction.PAUSE_PLAN, plan, user=user)
    return paused


def resume(plan: ObjectPaymentPlan, *, user: "User") -> bool:
    """By staff: go on. The next run charges what has fallen due meanwhile. False if it was not paused."""
    with transaction.atomic():
        rows = ObjectPaymentPlan.objects.filter(pk=plan.pk, deleted=False).exclude(paused=None)
        resumed = bool(rows.update(paused=None, updated=timezone.now()))
        if resumed:
            record(StaffAction.RESUME_PLAN, plan, user=user)
    if resumed:
        plan.paused = None
        logger.info("plan resumed plan=%s by=%s", plan.pk, getattr(user, "pk", None))
    return resumed


def _pause(plan: ObjectPaymentPlan) -> bool:
    """Joins the caller's transaction. A run that is claiming a part holds its row: the pause waits, and comes after."""
    locking = connections["default"].features.has_select_for_update_of
    rows = ObjectPaymentPlanInstalment.objects.filter(object_payment_plan=plan)
    list(rows.select_for_update(of=("self",) if locking else ()).order_by("pk").values_list("pk", flat=True))
    now = timezone.now()
    paused = bool(
        ObjectPaymentPlan.objects.filter(pk=plan.pk, deleted=False, paused=None).update(paused=now, updated=now)
    )
    if paused:
        plan.paused = now
        logger.warning("plan paused plan=%s", plan.pk)
    return paused
