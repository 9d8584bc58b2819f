"""The one door: every outcome of a checkout, from wherever it is heard, passes through here."""

import logging
from collections.abc import Callable
from typing import Any

from django.db import transaction
from django.db.models import Q
from django.utils import timezone

from checkout import notify, states
from checkout.errors import CheckoutError
from checkout.gateway import Intent, IntentStatus
from checkout.models import Checkout

logger = logging.getLogger(__name__)


def settle(checkout: Checkout, intent: Intent, *, by_audit: bool = False) -> bool:
    """Make our record agree with what Stripe says of ``intent``; True if this call settled the checkout.

    Compares amount, currency, customer and uuid first: a payment that differs is put in quarantine, the staff are
    told, and nothing is fulfilled. Then, in one transaction of its own: the state moves, the host's
    ``checkout_success`` or ``checkout_fail`` runs, and the notices are written. If the host raises, all of it is undone
    and the exception goes on. An intent that is still undecided, a lost race and a repeat are an ordinary False.
    ``checkout`` is brought up to date.
    """
    if intent.status is IntentStatus.SUCCEEDED:
        return _finish(checkout, states.SUCCESS, intent=intent, by_audit=by_audit)
    if intent.status is IntentStatus.CANCELED:
        return _finish(checkout, states.FAIL, intent=intent)
    return False


def accept(checkout: Checkout) -> bool:
    """Settle as a success what never goes to Stripe: an invoice, or a payment taken by hand."""
    if checkout.action_id not in (states.INVOICE, states.MANUAL):
        raise ValueError(f"accept() is not for the action {checkout.action_id!r}: ask Stripe and settle().")
    return _finish(checkout, states.SUCCESS)


def close(checkout: Checkout) -> bool:
    """Settle as failed a checkout that has no intent, so that nobody can ever pay it."""
    if checkout.payment_intent_id:
        raise ValueError("close() is for a checkout without an intent: cancel it at Stripe first, then settle().")
    return _finish(checkout, states.FAIL)


def mismatch(checkout: Checkout, intent: Intent) -> str:
    """Why this payment is not the one that the checkout asked for; empty if it is."""
    reasons = []
    if intent.id != checkout.payment_intent_id:
        reasons.append(f"intent {intent.id} is not {checkout.payment_intent_id}")
    if intent.checkout_uuid != str(checkout.uuid):
        reasons.append(f"intent names checkout {intent.checkout_uuid or 'none'}")
    if intent.currency != checkout.currency:
        reasons.append(f"paid in {intent.currency}, asked in {checkout.currency}")
    if intent.amount_received not in checkout.acceptable_totals:
        reasons.append(f"paid {intent.amount_received}, asked {checkout.total}")
    if intent.customer_id:
        reasons.append(f"paid by customer {intent.customer_id}, none expected")
    return "; ".join(reasons)


def _finish(checkout: Checkout, to: str, *, intent: Intent | None = None, by_audit: bool = False) -> bool:
    with transaction.atomic(durable=True):
        locked, others = _lock(checkout)
        moved = _may_move(locked, to, by_audit=by_audit) and _move(locked, others, to, intent=intent, by_audit=by_audit)
    # only what is committed is told: the database may still refuse what the host wrote
    _copy(locked, checkout)
    if moved:
        logger.info("settle settled checkout=%s state=%s intent=%s", locked.uuid, to, locked.payment_intent_id)
    return moved


def _lock(checkout: Checkout) -> tuple[Checkout, list[Checkout]]:
    """The row, and the object's other attempts that count: always locked in one order, so rivals queue up."""
    same = Checkout.objects.filter(content_type_id=checkout.content_type_id, object_id=checkout.object_id)
    counts = same.filter(Q(pk=checkout.pk) | ~Q(state_id=states.FAIL))
    rows = {row.pk: row for row in counts.select_for_update().order_by("pk")}
    return rows.pop(checkout.pk), list(rows.values())


def _move(
    locked: Checkout, others: list[Checkout], to: str, *, intent: Intent | None = None, by_audit: bool = False
) -> bool:
    values: dict[str, Any] = {"settled": timezone.now(), "claim": None, "repriced_total": None}
    if intent is not None and to == states.SUCCESS:
        if reason := mismatch(locked, intent) or _paid_twice(locked, others):
            _quarantine(locked, reason)
            return False
        values |= {"total": intent.amount_received, "quarantine": ""}
    if not locked.move_to(to, by_audit=by_audit, **values):
        return False
    _tell_host(locked)
    return True


def _paid_twice(checkout: Checkout, others: list[Checkout]) -> str:
    """Why this is a second payment of what another attempt paid meanwhile; empty if it is not.

    An object that may still be charged (a running account, say) is one that takes several payments.
    """
    for other in others:
        taken = other.succeeded and other.action_id in (states.PAYMENT, states.MANUAL)
        if taken and other.settled is not None and other.settled >= checkout.created:
            target = checkout.content_object
            return f"paid again: checkout {other.pk} paid for it" if target and not target.checkout_can_charge else ""
    return ""


def _may_move(checkout: Checkout, to: str, *, by_audit: bool) -> bool:
    if checkout.is_open or checkout.state_id == states.PAY_ON_SESSION:
        return True
    return by_audit and checkout.failed and to == states.SUCCESS


def _quarantine(checkout: Checkout, reason: str) -> None:
    if checkout.quarantine == reason:
        return
    logger.error("settle quarantined checkout=%s reason=%s", checkout.uuid, reason)
    Checkout.objects.filter(pk=checkout.pk).update(quarantine=reason)
    checkout.quarantine = reason
    notify.quarantined(checkout, reason)


def _tell_host(checkout: Checkout) -> None:
    target = checkout.content_object
    if target is None:
        logger.error("settle found no object checkout=%s state=%s", checkout.uuid, checkout.state_id)
        if checkout.succeeded:
            notify.quarantined(checkout, "paid, but the object that was paid for has been deleted")
    elif checkout.succeeded:
        target.checkout_success(checkout)
    else:
        target.checkout_fail()


def _copy(source: Checkout, target: Checkout) -> None:
    for field in source._meta.concrete_fields:
        setattr(target, field.attname, getattr(source, field.attname))
    # the host's object as it is now, if it was looked up: not the one from before, and not once more
    link = Checkout._meta.get_field("content_object")
    if (found := link.get_cached_value(source, default=None)) is not None:
        link.set_cached_value(target, found)


def guarded(checkout: Checkout, work: Callable[[], bool]) -> bool | None:
    """Run ``work``, which settles ``checkout``; None, logged, if the host's own code raised and undid it.

    The money is where Stripe says it is either way: the next pass tries again. Our own errors go on.
    """
    try:
        return work()
    except CheckoutError:
        raise
    except Exception:
        logger.exception("settle undone by the host checkout=%s intent=%s", checkout.uuid, checkout.payment_intent_id)
        return None
