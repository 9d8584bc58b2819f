"""Claims of a payment run, in batches: each attempt and its key are on disk before Stripe is asked."""

import logging
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field

from django.db import IntegrityError, connection, transaction

from checkout import states
from checkout.flows import charge
from checkout.gateway import ChargeRequest
from checkout.models import Checkout, ObjectPaymentPlan, ObjectPaymentPlanInstalment, PaymentRun, PaymentRunItem
from checkout.notify import facts

logger = logging.getLogger(__name__)

BATCH = 25
RIVAL = "another payment of it is in progress"
UNRESOLVED = "an earlier attempt is not resolved yet"


@dataclass(frozen=True, kw_only=True)
class Claimed:
    """An attempt that is on disk, and what Stripe is to be asked."""

    checkout: Checkout
    request: ChargeRequest


@dataclass
class Batch:
    """What one claim brought. ``skipped``: instalments that stay as they are, and why."""

    claimed: list[Claimed] = field(default_factory=list)
    skipped: list[tuple[ObjectPaymentPlanInstalment, str]] = field(default_factory=list)


def claim_batch(run: PaymentRun, pks: Iterable[int]) -> Batch:
    """Claim those of ``pks`` that are still due and that nobody else holds. A transaction of its own, eight queries.

    Rows that another process has locked are passed over: it is claiming them. Where something else is paying for one of
    them, which the database refuses, they are claimed one by one.
    """
    pks = list(pks)
    try:
        return _claim(run, pks)
    except IntegrityError:
        logger.info("run batch has a rival run=%s: one by one", run.pk)
    whole = Batch()
    for pk in pks:
        try:
            one = _claim(run, [pk])
        except IntegrityError:
            rows = ObjectPaymentPlanInstalment.objects.select_related("object_payment_plan").filter(pk=pk)
            one = Batch(skipped=[(row, RIVAL) for row in rows])
            _note(run, one)
        whole.claimed += one.claimed
        whole.skipped += one.skipped
    return whole


def _claim(run: PaymentRun, pks: list[int]) -> Batch:
    batch = Batch()
    with transaction.atomic(durable=True):
        rows = _lock(run, pks)
        plans = ObjectPaymentPlan.objects.select_related("customer", "payment_plan").in_bulk(
            {row.object_payment_plan_id for row in rows}
        )
        fit = []
        for row in rows:
            row.object_payment_plan = plans[row.object_payment_plan_id]
            # read after the lock: whoever deletes or pauses a plan waits for it
            if row.object_payment_plan.deleted or row.object_payment_plan.paused is not None:
                continue
            reason = charge.why_not(row, row.object_payment_plan.customer)
            if reason:
                batch.skipped.append((row, reason))
            else:
                fit.append(row)
        attempts = charge.write_claims(fit) if fit else []
        batch.claimed = [Claimed(checkout=one, request=charge.request_for(one)) for one in attempts]
        _note(run, batch)
        refused = [row for row, reason in batch.skipped if reason == charge.REFUSED_CARD]
        if refused:
            facts.card_wanted(refused)
    return batch


def _lock(run: PaymentRun, pks: list[int]) -> list[ObjectPaymentPlanInstalment]:
    skipping = connection.features.has_select_for_update_skip_locked
    rows = ObjectPaymentPlanInstalment.objects.filter(
        pk__in=pks, state_id=states.PENDING, deposit=False, due__lte=run.date
    )
    return list(rows.select_for_update(skip_locked=skipping).order_by("pk"))


def _note(run: PaymentRun, batch: Batch) -> None:
    """One item for each instalment, whatever it was in this run before: its outcome is not known until it is."""
    items = [
        PaymentRunItem(
            payment_run=run,
            instalment_id=int(one.checkout.object_id),
            checkout=one.checkout,
            outcome=states.REQUEST,
            amount=one.request.amount,
            currency=one.request.currency,
        )
        for one in batch.claimed
    ] + [_skipped(run, row, reason) for row, reason in batch.skipped]
    if items:
        unique = ["payment_run", "instalment"] if connection.features.supports_update_conflicts_with_target else None
        PaymentRunItem.objects.bulk_create(
            items,
            update_conflicts=True,
            unique_fields=unique,
            update_fields=["checkout", "outcome", "reason", "amount", "currency", "updated"],
        )


def _skipped(run: PaymentRun, row: ObjectPaymentPlanInstalment, reason: str) -> PaymentRunItem:
    return PaymentRunItem(
        payment_run=run,
        instalment=row,
        outcome=states.SKIPPED,
        reason=reason[:255],
        amount=row.amount,
        currency=row.currency,
    )


def note_unresolved(run: PaymentRun) -> int:
    """Write down what is due and not charged because an earlier attempt is unknown; how many there are."""
    rows = ObjectPaymentPlanInstalment.objects.filter(state_id=states.REQUEST, deposit=False, due__lte=run.date)
    rows = rows.exclude(run_items__payment_run=run).select_related("object_payment_plan").order_by("pk")
    count = 0
    for chunk in _chunks(rows.iterator(chunk_size=500), 500):
        items = [_skipped(run, row, UNRESOLVED) for row in chunk]
        PaymentRunItem.objects.bulk_create(items, ignore_conflicts=True)
        count += len(chunk)
    return count


def _chunks(rows: Iterator[ObjectPaymentPlanInstalment], size: int) -> Iterator[list[ObjectPaymentPlanInstalment]]:
    chunk: list[ObjectPaymentPlanInstalment] = []
    for row in rows:
        chunk.append(row)
        if len(chunk) == size:
            yield chunk
            chunk = []
    if chunk:
        yield chunk
