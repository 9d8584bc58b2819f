"""What became of everything unsettled: asked by listing, 100 intents a call, and settled through the one door."""

import functools
import logging
import math
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta

from django.db.models import F, Q
from django.utils import timezone

from checkout import gateway, states
from checkout.conf import settings
from checkout.flows import payment
from checkout.flows.settle import close, guarded, settle
from checkout.gateway import Intent
from checkout.models import Checkout

logger = logging.getLogger(__name__)

LISTED = timedelta(days=1)
STRAGGLERS = 100
STRAGGLER_PAUSE = timedelta(hours=6)
# An intent is made just after its checkout, but two clocks never agree.
SLACK = timedelta(minutes=2)

OnProgress = Callable[[int], object]


@dataclass
class Report:
    """What one pass did. ``errors`` are checkouts that the host or Stripe would not let us settle; see the log."""

    open: int = 0
    settled: int = 0
    waiting: int = 0
    errors: int = 0


def payments(*, now: datetime | None = None, dry_run: bool = False, on_progress: OnProgress | None = None) -> Report:
    """Settle every open one-off payment that Stripe has decided.

    At most ``ceil(open / 100) + 2`` calls for the checkouts of the last day; older ones are retrieved one by one, a
    hundred a pass and each at most every six hours, and cancelled at Stripe first once they are older than
    ``CHECKOUT_ABANDON_AFTER``. With ``dry_run`` nothing is written and nothing cancelled, and ``settled`` is what would
    be. Safe to run twice, and beside itself. Raises ``StripeRefused`` and ``StripeUnreachable``.
    """
    now = now or timezone.now()
    report = Report()
    open_payments = Checkout.objects.open_payments()
    recent = list(open_payments.filter(created__gte=now - LISTED).order_by("-created"))
    due = Q(asked=None) | Q(asked__lt=now - STRAGGLER_PAUSE)
    old = open_payments.filter(due, created__lt=now - LISTED)
    stragglers = list(old.order_by(F("asked").asc(nulls_first=True), "pk")[:STRAGGLERS])
    report.open = len(recent) + len(stragglers)
    for checkout, intent in listed(recent, until=now + SLACK):
        _work(checkout, intent, now=now, dry_run=dry_run, report=report)
        if on_progress:
            on_progress(1)
    for checkout in stragglers:
        found = _retrieve(checkout, report)
        if found is not None:
            _work(checkout, found, now=now, dry_run=dry_run, report=report)
        if on_progress:
            on_progress(1)
    _close_unasked(now=now, dry_run=dry_run, report=report)
    if not dry_run:
        Checkout.objects.filter(pk__in=[checkout.pk for checkout in stragglers]).update(asked=now)
    logger.info(
        "fulfil payments open=%s settled=%s waiting=%s errors=%s",
        *(report.open, report.settled, report.waiting, report.errors),
    )
    return report


def listed(checkouts: list[Checkout], *, until: datetime) -> Iterator[tuple[Checkout, Intent]]:
    """Each of ``checkouts`` (newest first) that a listing finds, in at most ``ceil(n / 100) + 2`` calls.

    After each page it jumps to the newest checkout not found yet, so that a busy hour of settled payments in between
    costs nothing. Those left when the calls are used up come back in the next pass: nobody is forgotten.
    """
    missing = {checkout.payment_intent_id: checkout for checkout in checkouts}
    budget = math.ceil(len(checkouts) / gateway.PAGE_SIZE) + 2
    after = ""
    while missing and budget:
        since = min(checkout.created for checkout in missing.values()) - SLACK
        page = gateway.list_payment_intents(since=since, until=until, after=after)
        budget -= 1
        for intent in page.intents:
            checkout = missing.pop(intent.id, None)
            if checkout is not None:
                yield checkout, intent
        if not missing or not page.has_more:
            break
        newest = max(checkout.created for checkout in missing.values()) + SLACK
        last = page.intents[-1]
        if newest < last.created:
            until, after = newest, ""
        else:
            after = last.id
    yield from _one_by_one(missing.values(), budget)


def _one_by_one(missing: Iterable[Checkout], budget: int) -> Iterator[tuple[Checkout, Intent]]:
    """Spend what is left of the calls on those whose intent was made at another time than the checkout."""
    for checkout in list(missing)[:budget]:
        try:
            yield checkout, gateway.retrieve_payment_intent(checkout.payment_intent_id)
        except gateway.NoSuchIntent:
            logger.error("fulfil unknown intent checkout=%s intent=%s", checkout.uuid, checkout.payment_intent_id)


def _close_unasked(*, now: datetime, dry_run: bool, report: Report) -> None:
    """Close what was left before Stripe was asked: invoices not sent off, and intents whose answer was lost."""
    unasked = Checkout.objects.filter(
        payment_intent_id="",
        action_id__in=payment.OFFERED,
        state_id__in=states.OPEN,
        created__lt=now - settings.abandon_after,
    )
    for checkout in unasked.order_by("pk")[:STRAGGLERS]:
        moved = True if dry_run else guarded(checkout, functools.partial(close, checkout))
        report.errors += moved is None
        report.settled += bool(moved)


def _retrieve(checkout: Checkout, report: Report) -> Intent | None:
    try:
        return gateway.retrieve_payment_intent(checkout.payment_intent_id)
    except gateway.NoSuchIntent:
        logger.error("fulfil unknown intent checkout=%s intent=%s", checkout.uuid, checkout.payment_intent_id)
        report.errors += 1
        return None


def _work(checkout: Checkout, intent: Intent, *, now: datetime, dry_run: bool, report: Report) -> None:
    """One row. An error of the host's own code is logged and counted, and does not stop the others."""
    decided = intent.status in (gateway.IntentStatus.SUCCEEDED, gateway.IntentStatus.CANCELED)
    abandoned = intent.status is gateway.IntentStatus.WAITING and checkout.created < now - settings.abandon_after
    if not decided and not abandoned:
        report.waiting += 1
        return
    if dry_run:
        report.settled += 1
        return
    if abandoned:
        moved = guarded(checkout, lambda: payment.abandon(checkout))
    else:
        moved = guarded(checkout, lambda: settle(checkout, intent))
    report.errors += moved is None
    report.settled += bool(moved)
