"""The payment run: claim what is due in batches, keep many calls in flight at Stripe's pace, settle each answer.

No transaction and no lock is held during a call. Several processes and machines may run at once: a claim is a
compare-and-set, and rows that another one holds are passed over. Whatever dies, what was claimed is in ``request`` with
its key on disk, and ``fulfil_charges`` finishes it.
"""

import logging
from collections.abc import Callable, Generator, Iterator
from datetime import date
from typing import Any, TypeVar

from django.db import connection, transaction
from django.db.models import QuerySet
from django.utils import timezone

from checkout import states
from checkout.conf import settings
from checkout.errors import StripeRefused
from checkout.flows import expiry, fulfil_charges
from checkout.flows.claims import BATCH, Claimed, claim_batch, note_unresolved
from checkout.flows.report import RunReport
from checkout.flows.settle import release
from checkout.flows.switchboard import NEVER_ASKED, Switchboard
from checkout.models import Customer, Environment, ObjectPaymentPlanInstalment, PaymentRun
from checkout.pace import Pace, pace_from_settings

logger = logging.getLogger(__name__)

OnProgress = Callable[[int], object]
PAGE = 100
RETRIES = 500
Place = tuple[date, int]
Rows = TypeVar("Rows", bound="QuerySet[ObjectPaymentPlanInstalment, Any]")


def process_payments(
    *, today: date | None = None, on_progress: OnProgress | None = None, pace: Pace | None = None
) -> RunReport:
    """Charge everything due on ``today`` (a day in the site's zone) or earlier, in this process. Not in a transaction.

    First it is found out what became of charges of unknown outcome. Then every due instalment is claimed, charged
    off-session and settled, up to ``CHECKOUT_STRIPE_CONCURRENCY`` at a time, as fast as Stripe allows; being told to
    slow down is waited out and never a failure. Safe to run twice, beside itself, and after it died. Raises
    ``StripeRefused`` when Stripe refused five times in a row for our own fault; what was claimed and not charged is
    released first.
    """
    run = begin(today)
    report = RunReport()
    _charge(run, due_pages(run), report=report, on_progress=on_progress, pace=pace)
    return report


def begin(today: date | None = None) -> PaymentRun:
    """The run of the day, made or gone on with, after asking what became of what is unknown."""
    Environment.objects.check_environment()
    run, created = PaymentRun.objects.get_or_create(date=today or timezone.localdate())
    logger.info("run %s run=%s date=%s", "opened" if created else "resumed", run.pk, run.date)
    fulfil_charges.charges()
    put_retries_in_line(run.date)
    _find_cards(run.date)
    note_unresolved(run)
    return run


def put_retries_in_line(today: date) -> int:
    """What was declined and is to be tried again by ``today`` is ``pending`` again; how many. Rivals pass over."""
    skipping = connection.features.has_select_for_update_skip_locked
    only_this = ("self",) if connection.features.has_select_for_update_of else ()
    count = 0
    while True:
        with transaction.atomic(durable=True):
            rows = ObjectPaymentPlanInstalment.objects.retries_on(today).order_by("pk")
            locked = rows.select_for_update(skip_locked=skipping, of=only_this).values_list("pk", flat=True)
            pks = list(locked[:RETRIES])
            count += ObjectPaymentPlanInstalment.move_many(pks, states.PENDING, frm=states.FAIL, retry_due=None)
        if len(pks) < RETRIES:
            return count


def _find_cards(today: date) -> None:
    """Customers of before SCA have a card at Stripe alone: put it on file before what is due is claimed."""
    due = ObjectPaymentPlanInstalment.objects.pending_on(today)
    nobody = Customer.objects.filter(payment_method_id="").exclude(customer_id="")
    rows = nobody.filter(pk__in=due.values("object_payment_plan__customer")).order_by("pk")
    expiry.find_cards(list(rows[: expiry.MOST]))


def charge_some(run: PaymentRun, pks: list[int], *, pace: Pace | None = None) -> RunReport:
    """One batch of a run that was split among workers. Delivered twice, or late, it charges nothing twice."""
    Environment.objects.check_environment()
    report = RunReport()
    _charge(run, iter([pks]), report=report, on_progress=None, pace=pace)
    return report


def due_pages(run: PaymentRun, *, size: int = PAGE) -> Iterator[list[int]]:
    """The keys of what is due for ``run``, in order of date, page by page; each row once, whatever becomes of it."""
    rows = ObjectPaymentPlanInstalment.objects.pending_on(run.date).order_by("due", "pk").values_list("due", "pk")
    after: Place | None = None
    while page := list(_behind(rows, after, size)):
        yield [pk for _due, pk in page]
        after = page[-1]


def due(today: date | None = None) -> Iterator[ObjectPaymentPlanInstalment]:
    """What a run would charge, with plan and customer, for a dry run. Reads page by page and writes nothing."""
    rows = ObjectPaymentPlanInstalment.objects.due_on(today or timezone.localdate()).order_by("due", "pk").with_plan()
    after: Place | None = None
    while page := list(_behind(rows, after, PAGE)):
        yield from page
        after = (page[-1].due, page[-1].pk)


def _behind(rows: Rows, after: Place | None, size: int) -> Rows:
    """Go on behind the last row of the page before: the rest of its day, then the days after it.

    As one condition it would read a whole day again for each page, and most instalments fall due on the first.
    """
    if after is None:
        return rows[:size]
    due, pk = after
    same_day = rows.filter(due=due, pk__gt=pk)[:size]
    return same_day if same_day else rows.filter(due__gt=due)[:size]


def _charge(
    run: PaymentRun,
    pages: Iterator[list[int]],
    *,
    report: RunReport,
    on_progress: OnProgress | None,
    pace: Pace | None,
) -> None:
    board = Switchboard(pace=pace or pace_from_settings(), lines=settings.stripe_concurrency)
    try:
        board.work(_claims(run, pages, report), report=report, on_progress=on_progress)
    finally:
        PaymentRun.objects.filter(pk=run.pk).update(finished=timezone.now(), stopped=report.stopped)
        logger.info("run ended run=%s %s", run.pk, report)
    if report.stopped:
        raise StripeRefused(report.stopped)


def _claims(run: PaymentRun, pages: Iterator[list[int]], report: RunReport) -> Generator[Claimed, None, None]:
    """Claims as they are asked for: few more of them are on disk than calls in flight."""
    for page in pages:
        for start in range(0, len(page), BATCH):
            batch = claim_batch(run, page[start : start + BATCH])
            for row, _reason in batch.skipped:
                report.add(states.SKIPPED, amount=row.amount, currency=row.currency)
            try:
                while batch.claimed:
                    yield batch.claimed.pop()
            finally:
                # closed before the end: nobody will ask for these
                for left in batch.claimed:
                    release(left.checkout, NEVER_ASKED)
