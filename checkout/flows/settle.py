"""The one door: every outcome of a checkout, from wherever it is heard, passes through here."""

import logging
from collections.abc import Callable, Sequence
from typing import Any, TypeVar

from django.db import IntegrityError, transaction
from django.utils import timezone

from checkout import states
from checkout.errors import CheckoutError, InProgress
from checkout.flows import announce, consequences
from checkout.gateway import Answer, Card, Decline, Intent, IntentStatus, Setup
from checkout.models import Agreement, ChargedModel, Checkout, Customer, PaymentRunItem
from checkout.notify import facts

logger = logging.getLogger(__name__)

MONEY = (states.PAYMENT, states.CHARGE, states.PAY_ON_SESSION, states.MANUAL)
LONGEST = 255
# Why a payment that was put aside came to its end.
GIVEN_BACK = "given back"
Settled = TypeVar("Settled")
# A checkout under its lock, and the object's other attempts that count.
Locked = tuple[Checkout, list[Checkout]]
Check = Callable[[Checkout, list[Checkout]], object]


def settle(
    checkout: Checkout, answer: Answer, *, card: Card | None = None, by_audit: bool = False, check: Check | None = None
) -> bool:
    """Make our record agree with what Stripe says of the intent; True if this call moved the checkout.

    Compares amount, currency, customer and uuid first: a payment that differs is put in quarantine, the staff are
    told, and nothing is fulfilled. Then, in one transaction of its own: the state moves, a saved card is recorded, the
    host's ``checkout_success`` or ``checkout_fail`` runs, and the notices are written. If the host raises, all of it is
    undone and the exception goes on. An intent that is still undecided, a lost race and a repeat are an ordinary False.
    ``checkout`` is brought up to date. ``card``: what is known of the card that was saved by it. ``check`` looks at a
    success once more under the lock: if it raises, or nothing moves, what it has written is undone as well.
    """
    to = _decided(checkout, answer)
    if to is None:
        return False
    if to != states.SUCCESS:
        return _finish(checkout, to, answer=answer)
    card = answer.card if isinstance(answer, Setup) and answer.card is not None else card
    return _finish(checkout, to, answer=answer, card=card, by_audit=by_audit, check=check)


def settle_together(answers: Sequence[tuple[Checkout, Intent]]) -> list[bool]:
    """``settle`` for charges of instalments, each of another one, in one transaction: all of it is written or nothing.

    A run with many answers at hand asks the database half as much by it. If the host raises, the others are undone with
    it and the exception goes on: settle them one by one then.
    """
    with transaction.atomic(durable=True):
        locked = _lock_all([checkout for checkout, _answer in answers])
        rows = [locked[checkout.pk] for checkout, _answer in answers]
        # the host's rows are written plan by plan: two processes with parts of the same plans do not cross
        moved = [False] * len(rows)
        for place in sorted(range(len(rows)), key=lambda place: _plan_and_part(rows[place][0])):
            moved[place] = _apply(rows[place], answers[place][1])
        _note_outcomes([row for (row, _others), won in zip(rows, moved, strict=True) if won])
    for (row, _others), (checkout, answer), won in zip(rows, answers, moved, strict=True):
        _copy(row, checkout)
        if won:
            logger.info("settle settled checkout=%s state=%s intent=%s", row.uuid, row.state_id, answer.id)
    return moved


def _plan_and_part(checkout: Checkout) -> tuple[int, int]:
    part = checkout.instalment
    return (part.object_payment_plan_id, part.pk) if part is not None else (0, 0)


def _apply(found: Locked, answer: Intent) -> bool:
    to = _decided(found[0], answer)
    if to is None or not _may_move(found[0], to, by_audit=False):
        return False
    return _move(*found, to, answer=answer, card=None, by_audit=False)


def _decided(checkout: Checkout, answer: Answer) -> str | None:
    """The state that Stripe's answer leads to; None while it is undecided."""
    if answer.status is IntentStatus.SUCCEEDED:
        return states.SUCCESS
    if answer.status is IntentStatus.CANCELED:
        return states.FAIL
    if answer.waiting and answer.decline is not None and checkout.is_charge and checkout.state_id == states.REQUEST:
        # off-session there is nobody to try another card: the bank's no ends this attempt
        return states.PAY_ON_SESSION if answer.decline.wants_customer else states.FAIL
    return None


def accept(checkout: Checkout) -> bool:
    """Settle as a success what never goes to Stripe and holds its claim: an invoice. By hand: ``accept_by_hand``."""
    if checkout.action_id != states.INVOICE:
        raise ValueError(f"accept() is not for the action {checkout.action_id!r}: ask Stripe and settle().")
    return _finish(checkout, states.SUCCESS)


def accept_by_hand(checkout: Checkout, *, check: Callable[[Any], object]) -> bool:
    """Record what staff have had in another way: claim, look again and settle, all in one transaction.

    So a process that dies leaves no claim behind, which nobody could ever resolve: Stripe knows nothing of it.
    ``check`` raises if the object, as it is under the lock, may not be paid. Raises ``InProgress`` while something else
    pays for it.
    """
    with transaction.atomic(durable=True):
        locked, others = _lock(checkout)
        check(locked.content_object)
        try:
            with transaction.atomic():
                moved = locked.move_to(states.REQUEST, claim=f"{locked.content_type_id}:{locked.object_id}")
        except IntegrityError:
            raise InProgress(f"Another payment of {locked.content_object} is in progress.") from None
        moved = moved and _move(locked, others, states.SUCCESS, answer=None, card=None, by_audit=False)
    _copy(locked, checkout)
    if moved:
        logger.info("settle by hand checkout=%s", locked.uuid)
    return moved


def close(checkout: Checkout) -> bool:
    """Settle as failed a checkout that has no intent, so that nobody can ever pay it."""
    if checkout.payment_intent_id or checkout.setup_intent_id or checkout.is_charge:
        raise ValueError(
            "close() is for a checkout that cannot be paid: ask or cancel it at Stripe first, then settle()."
        )
    return _finish(checkout, states.FAIL)


def release(checkout: Checkout, reason: str) -> bool:
    """Take back a charge of which Stripe certainly did nothing: the attempt ends, its instalment may be tried anew.

    The host is not told, because nothing happened. True if this call released it. A transaction of its own.
    """
    with transaction.atomic(durable=True):
        locked, _others = _lock(checkout)
        # if somebody has asked Stripe since we looked, it may be charged at this moment: theirs to settle
        ours = locked.state_id == states.REQUEST and locked.asked == checkout.asked
        moved = ours and locked.move_to(
            states.FAIL, failure=f"released: {reason}"[:LONGEST], claim=None, settled=timezone.now()
        )
        if moved:
            target = locked.content_object
            if isinstance(target, ChargedModel) and target.state_id == states.REQUEST:
                target.move_to(states.PENDING)
            _note_in_run([locked], states.RELEASED, reason)
    _copy(locked, checkout)
    if moved:
        logger.warning("settle released checkout=%s reason=%s", locked.uuid, reason)
    return moved


def close_given_back(checkout: Checkout) -> bool:
    """End a payment that was put aside, after all of it has been given back at Stripe. True if this call did.

    What it held is told that the attempt came to nothing. A transaction of its own; safe to call twice.
    """
    with transaction.atomic(durable=True):
        locked, _others = _lock(checkout)
        if locked.succeeded or not locked.quarantine:
            return False
        values: dict[str, Any] = {"quarantine": "", "failure": GIVEN_BACK}
        if locked.failed:
            Checkout.objects.filter(pk=locked.pk).update(**values, updated=timezone.now())
        else:
            held = locked.claim is not None
            locked.move_to(states.FAIL, claim=None, settled=timezone.now(), ask_after=None, **values)
            _tell(locked, held=held, decline=None)
            announce.outcome(locked)
            _note_outcomes([locked])
        locked.refresh_from_db()
    _copy(locked, checkout)
    logger.warning("settle closed what was given back checkout=%s", checkout.uuid)
    return True


def mismatch(checkout: Checkout, answer: Answer) -> str:
    """Why this is not what the checkout asked for; empty if it is."""
    reasons = []
    ours = checkout.setup_intent_id if isinstance(answer, Setup) else checkout.payment_intent_id
    # the answer to a charge whose id never reached us is known by our uuid alone
    if answer.id != ours and (ours or not checkout.is_charge):
        reasons.append(f"intent {answer.id} is not {ours}")
    if answer.checkout_uuid not in checkout.uuids:
        reasons.append(f"intent names checkout {answer.checkout_uuid or 'none'}")
    if checkout.is_payment_plan and not Agreement.objects.filter(checkout=checkout).exists():
        # somebody who confirms with the secret of our page, past our button: no host could make a plan of that
        reasons.append("a card was saved without consent to the plan")
    if isinstance(answer, Intent):
        if answer.currency != checkout.currency:
            reasons.append(f"paid in {answer.currency}, asked in {checkout.currency}")
        if answer.amount_received not in checkout.acceptable_totals:
            reasons.append(f"paid {answer.amount_received}, asked {checkout.total}")
    if answer.customer_id != checkout.stripe_customer_id:
        reasons.append(f"of customer {answer.customer_id or 'none'}, expected {checkout.stripe_customer_id or 'none'}")
    return "; ".join(reasons)


def _finish(
    checkout: Checkout,
    to: str,
    *,
    answer: Answer | None = None,
    card: Card | None = None,
    by_audit: bool = False,
    check: Check | None = None,
) -> bool:
    with transaction.atomic(durable=True):
        locked, others = _lock(checkout)
        if check is not None:
            check(locked, others)
        moved = _may_move(locked, to, by_audit=by_audit) and _move(
            locked, others, to, answer=answer, card=card, by_audit=by_audit
        )
        if moved:
            _note_outcomes([locked])
        elif check is not None:
            transaction.set_rollback(True)
    # only what is committed is told: the database may still refuse what the host wrote
    _copy(locked, checkout)
    if moved:
        logger.info("settle settled checkout=%s state=%s intent=%s", locked.uuid, to, answer.id if answer else "")
    return moved


def _lock(checkout: Checkout) -> Locked:
    """The row, and the object's other attempts that count."""
    return _lock_all([checkout])[checkout.pk]


def _lock_all(checkouts: Sequence[Checkout]) -> dict[Any, Locked]:
    """By key. All of one kind of object. Rivals queue up: everybody locks in one order.

    Instalments first, as whoever claims them does: a claim waits for the attempt that gives the unique column back.
    """
    pks = [checkout.object_id for checkout in checkouts]
    charged: dict[str, ChargedModel] = {}
    if (model := checkouts[0].charged_model) is not None:
        charged = {str(one.pk): one for one in model.objects.all_locked(pks)}
    same = Checkout.objects.filter(content_type_id=checkouts[0].content_type_id, object_id__in=pks)
    # those that failed are sorted out here: the same condition in SQL costs more than the few rows that it spares
    rows = {row.pk: row for row in same.select_for_update().order_by("pk")}
    counting: dict[str, list[Checkout]] = {}
    for row in rows.values():
        if not row.failed:
            counting.setdefault(row.object_id, []).append(row)
    found = {}
    for checkout in checkouts:
        locked = rows[checkout.pk]
        if locked.object_id in charged:
            # with its plan, as it is under the lock
            Checkout._meta.get_field("content_object").set_cached_value(locked, charged[locked.object_id])
        others = [row for row in counting.get(locked.object_id, []) if row is not locked]
        found[checkout.pk] = (locked, others)
    return found


def _move(
    locked: Checkout, others: list[Checkout], to: str, *, answer: Answer | None, card: Card | None, by_audit: bool
) -> bool:
    held = locked.claim is not None
    values: dict[str, Any] = {}
    if to in states.SETTLED:
        values = {"settled": timezone.now(), "claim": None, "repriced_total": None, "ask_after": None}
    if answer is not None:
        if to == states.SUCCESS and (reason := mismatch(locked, answer) or _paid_twice(locked, others)):
            _quarantine(locked, reason, answer)
            return False
        values |= _heard(locked, answer, to)
    if not locked.move_to(to, by_audit=by_audit, **values):
        return False
    if answer is not None and locked.saves_card:
        _record_card(locked, answer, card)
    _tell(locked, held=held, decline=answer.decline if answer is not None else None)
    announce.outcome(locked)
    return True


def _heard(checkout: Checkout, answer: Answer, to: str) -> dict[str, Any]:
    """What Stripe's answer adds to the row."""
    values: dict[str, Any] = {}
    if isinstance(answer, Intent):
        values["payment_intent_id"] = answer.id
        if to == states.SUCCESS:
            values |= {"total": answer.amount_received, "quarantine": ""}
    elif to == states.SUCCESS:
        values |= {"payment_method_id": answer.payment_method_id, "quarantine": ""}
    if to != states.SUCCESS and answer.decline is not None:
        decline = answer.decline
        both = " ".join(dict.fromkeys(code for code in (decline.code, decline.decline_code) if code))
        values |= {"failure": both[:LONGEST], "decline_code": decline.decline_code, "advice_code": decline.advice_code}
    return values


def _paid_twice(checkout: Checkout, others: list[Checkout]) -> str:
    """Why this is a second payment of what another attempt paid meanwhile; empty if it is not.

    An object that may still be charged (a running account, say) is one that takes several payments.
    """
    for other in others:
        taken = other.succeeded and other.action_id in MONEY and checkout.action_id in MONEY
        if taken and other.settled is not None and other.settled >= checkout.created:
            target = checkout.content_object
            return f"paid again: checkout {other.pk} paid for it" if target and not target.checkout_can_charge else ""
    return ""


def _may_move(checkout: Checkout, to: str, *, by_audit: bool) -> bool:
    if checkout.is_open or checkout.state_id == states.PAY_ON_SESSION:
        return to != checkout.state_id
    return by_audit and checkout.failed and to == states.SUCCESS


def _quarantine(checkout: Checkout, reason: str, answer: Answer) -> None:
    if checkout.quarantine == reason:
        return
    logger.error("settle quarantined checkout=%s intent=%s reason=%s", checkout.uuid, answer.id, reason)
    values = {"quarantine": reason}
    if isinstance(answer, Intent) and not checkout.payment_intent_id:
        values["payment_intent_id"] = answer.id
    Checkout.objects.filter(pk=checkout.pk).update(**values)
    for name, value in values.items():
        setattr(checkout, name, value)
    facts.quarantined(checkout, reason)


def _record_card(checkout: Checkout, answer: Answer, card: Card | None) -> None:
    """The card that was saved becomes the customer's. One that a payment did not leave at Stripe does not."""
    if not answer.succeeded or not checkout.customer_id or not answer.payment_method_id:
        return
    values: dict[str, Any] = {"payment_method_id": answer.payment_method_id, "refresh": False}
    if card is not None:
        values |= {"brand": card.brand, "last4": card.last4, "expiry_date": card.expiry_date}
    elif isinstance(answer, Intent):
        return
    Customer.objects.filter(pk=checkout.customer_id).update(updated=timezone.now(), **values)


def _tell(checkout: Checkout, *, held: bool, decline: Decline | None) -> None:
    """The object hears what became of it. An instalment only of the attempt that held it, unless it succeeded."""
    if checkout.failed and checkout.is_charge:
        consequences.bar_card(checkout, decline)
    target: Any = checkout.content_object
    if target is None:
        logger.error("settle found no object checkout=%s state=%s", checkout.uuid, checkout.state_id)
        if checkout.succeeded:
            facts.quarantined(checkout, "paid, but the object that was paid for has been deleted")
    elif checkout.succeeded:
        target.checkout_success(checkout)
    elif checkout.state_id == states.PAY_ON_SESSION:
        consequences.customer_wanted(checkout, target)
    elif isinstance(target, ChargedModel):
        if held:
            consequences.came_to_nothing(checkout, target, decline)
    elif checkout.failed:
        target.checkout_fail()


def _note_outcomes(checkouts: Sequence[Checkout]) -> None:
    """What became of charges, for their run: one statement for each outcome, not for each charge."""
    alike: dict[tuple[str, str], list[Checkout]] = {}
    for checkout in checkouts:
        if checkout.is_charge:
            alike.setdefault((str(checkout.state_id), checkout.failure), []).append(checkout)
    for (outcome, reason), those in alike.items():
        _note_in_run(those, outcome, reason)


def _note_in_run(checkouts: Sequence[Checkout], outcome: str, reason: str) -> None:
    items = PaymentRunItem.objects.filter(checkout__in=[checkout.pk for checkout in checkouts])
    items.update(outcome=outcome, reason=reason[:LONGEST], updated=timezone.now())


def _copy(source: Checkout, target: Checkout) -> None:
    for field in source._meta.concrete_fields:
        setattr(target, field.attname, getattr(source, field.attname))
    # the host's object as it is now, if it was looked up: not the one from before, and not once more
    link = Checkout._meta.get_field("content_object")
    if (found := link.get_cached_value(source, default=None)) is not None:
        link.set_cached_value(target, found)


def guarded(checkout: Checkout | None, work: Callable[[], Settled]) -> Settled | None:
    """Run ``work``, which settles ``checkout``, or several; None, logged, if the host's own code raised and undid it.

    The money is where Stripe says it is either way: the next pass tries again. Our own errors go on.
    """
    try:
        return work()
    except CheckoutError:
        raise
    except Exception:
        logger.exception("settle undone by the host checkout=%s", checkout.uuid if checkout else "(one of several)")
        return None
