"""What became of everything unsettled: asked by listing, 100 intents a call, and settled through the one door."""

import functools
import logging
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Generic, TypeVar

from django.contrib.contenttypes.models import ContentType
from django.db import models
from django.db.models import F, Q
from django.db.models.functions import Cast
from django.utils import timezone

from checkout import gateway, states
from checkout.conf import settings
from checkout.errors import CheckoutError, StripeUnreachable
from checkout.flows import card, payment, rivals, sign_up
from checkout.flows.deposit import charge_deposit
from checkout.flows.listing import PAYMENTS, SETUPS, SLACK, Listing
from checkout.flows.settle import close, guarded, settle
from checkout.gateway import Answer
from checkout.models import Checkout, Environment, ObjectPaymentPlanInstalment

logger = logging.getLogger(__name__)

LISTED = timedelta(days=1)
STRAGGLERS = 100
STRAGGLER_PAUSE = timedelta(hours=6)
# A browser that has just saved the card is about to charge the deposit itself.
DEPOSIT_PATIENCE = timedelta(minutes=2)
# One that Stripe refuses, for our own fault, must not keep the others waiting; nor is a card tried twice a day.
DEPOSIT_PAUSE = timedelta(days=1)

OnProgress = Callable[[int], object]
AnswerT = TypeVar("AnswerT", bound=Answer)


@dataclass
class Report:
    """What one pass did. ``errors`` are checkouts that the host or Stripe would not let us settle; see the log."""

    open: int = 0
    settled: int = 0
    waiting: int = 0
    errors: int = 0


@dataclass(frozen=True, kw_only=True)
class Errand(Generic[AnswerT]):
    """One kind of checkout to ask about: which, how, and when it is given up."""

    name: str
    rows: "models.QuerySet[Checkout]"
    listing: Listing[AnswerT]
    conclude: Callable[[Checkout, AnswerT], bool]
    abandon: Callable[[Checkout], bool]
    abandon_after: Callable[[Checkout], timedelta | None]


def payments(*, now: datetime | None = None, dry_run: bool = False, on_progress: OnProgress | None = None) -> Report:
    """Settle every open one-off payment that Stripe has decided.

    At most ``ceil(open / 100) + 2`` calls for the checkouts of the last day; older ones are retrieved one by one, a
    hundred a pass and each at most every six hours, and cancelled at Stripe first once they are older than
    ``CHECKOUT_ABANDON_AFTER``. With ``dry_run`` nothing is written and nothing cancelled, and ``settled`` is what would
    be. Safe to run twice, and beside itself. Raises ``StripeRefused`` and ``StripeUnreachable``.
    """
    now = now or timezone.now()
    errand = Errand(
        name="payments",
        rows=Checkout.objects.open_payments(),
        listing=PAYMENTS,
        conclude=settle,
        abandon=rivals.abandon,
        abandon_after=lambda checkout: settings.abandon_after,
    )
    report = _run(errand, now=now, dry_run=dry_run, on_progress=on_progress)
    _close_unasked(now=now, dry_run=dry_run, report=report)
    _log(errand, report)
    return report


def on_session(*, now: datetime | None = None, dry_run: bool = False, on_progress: OnProgress | None = None) -> Report:
    """Settle what customers authenticated or paid on their own and their browser did not report. As ``payments``.

    A charge that waits for its customer's bank waits for as long as it takes; a payment that the customer began and
    left is cancelled after ``CHECKOUT_ABANDON_AFTER``.
    """
    errand = Errand(
        name="on session",
        rows=Checkout.objects.waiting_on_session(),
        listing=PAYMENTS,
        conclude=payment.conclude,
        abandon=rivals.abandon,
        abandon_after=lambda checkout: settings.abandon_after if checkout.is_pay_on_session else None,
    )
    report = _run(errand, now=now or timezone.now(), dry_run=dry_run, on_progress=on_progress)
    _log(errand, report)
    return report


def setups(*, now: datetime | None = None, dry_run: bool = False, on_progress: OnProgress | None = None) -> Report:
    """Settle every open sign-up that Stripe has decided, and charge deposits that were left behind. As ``payments``.

    One that is not finished within ``CHECKOUT_SETUP_EXPIRES`` (60 minutes) is cancelled at Stripe *first* and then
    failed; a customer who confirms in that very moment is settled instead.
    """
    now = now or timezone.now()
    errand = Errand(
        name="setups",
        rows=Checkout.objects.open_setups(),
        listing=SETUPS,
        conclude=_conclude_setup,
        abandon=sign_up.abandon,
        abandon_after=lambda checkout: settings.setup_expires,
    )
    report = _run(errand, now=now, dry_run=dry_run, on_progress=on_progress)
    if not dry_run:
        card.put_back_left_behind()
        if settings.charge_deposit_at_sign_up:
            _charge_deposits(now=now)
    _log(errand, report)
    return report


def _conclude_setup(checkout: Checkout, setup: gateway.Setup) -> bool:
    """A listing brings no cards: ask once more for one that has succeeded."""
    moved = sign_up.conclude(checkout, sign_up.retrieve(checkout) if setup.succeeded else setup)
    if moved:
        card.put_back_after(checkout)
    return moved


def _run(errand: Errand[AnswerT], *, now: datetime, dry_run: bool, on_progress: OnProgress | None = None) -> Report:
    Environment.objects.check_environment()
    report = Report()
    recent = list(errand.rows.filter(created__gte=now - LISTED).order_by("-created"))
    due = Q(asked=None) | Q(asked__lt=now - STRAGGLER_PAUSE)
    old = errand.rows.filter(due, created__lt=now - LISTED)
    stragglers = list(old.order_by(F("asked").asc(nulls_first=True), "pk")[:STRAGGLERS])
    report.open = len(recent) + len(stragglers)
    for checkout, answer in errand.listing.find(recent, until=now + SLACK):
        _work(errand, checkout, answer, now=now, dry_run=dry_run, report=report)
        if on_progress:
            on_progress(1)
    for checkout in stragglers:
        found = errand.listing.get(checkout)
        if found is not None:
            _work(errand, checkout, found, now=now, dry_run=dry_run, report=report)
        report.errors += found is None
        if on_progress:
            on_progress(1)
    if not dry_run:
        Checkout.objects.filter(pk__in=[checkout.pk for checkout in stragglers]).update(asked=now)
    return report


def _work(
    errand: Errand[AnswerT], checkout: Checkout, answer: AnswerT, *, now: datetime, dry_run: bool, report: Report
) -> None:
    """One row. An error of the host's own code is logged and counted, and does not stop the others."""
    decided = answer.status in (gateway.IntentStatus.SUCCEEDED, gateway.IntentStatus.CANCELED)
    patience = errand.abandon_after(checkout)
    abandoned = answer.waiting and patience is not None and checkout.created < now - patience
    if not decided and not abandoned:
        report.waiting += 1
        return
    if dry_run:
        report.settled += 1
        return
    moved = alone(checkout, lambda: errand.abandon(checkout) if abandoned else errand.conclude(checkout, answer))
    report.errors += moved is None
    report.settled += bool(moved)


def alone(checkout: Checkout, work: Callable[[], bool | None]) -> bool | None:
    """As ``guarded``, and what Stripe refuses for this one row stops only this one. Raises ``StripeUnreachable``."""
    try:
        return guarded(checkout, work)
    except StripeUnreachable:
        raise
    except CheckoutError:
        logger.exception("fulfil could not settle checkout=%s", checkout.uuid)
        return None


def _close_unasked(*, now: datetime, dry_run: bool, report: Report) -> None:
    """Close what never got to Stripe: invoices not sent off, payments by hand, intents whose answer was lost."""
    unasked = Checkout.objects.filter(
        payment_intent_id="",
        setup_intent_id="",
        action_id__in=(*payment.OFFERED, states.MANUAL, states.CARD_REFRESH),
        state_id__in=states.OPEN,
        created__lt=now - settings.abandon_after,
    )
    for checkout in unasked.order_by("pk")[:STRAGGLERS]:
        moved = True if dry_run else guarded(checkout, functools.partial(close, checkout))
        report.errors += moved is None
        report.settled += bool(moved)


def _charge_deposits(*, now: datetime) -> None:
    """Deposits of sign-ups whose process died between saving the card and charging it; each once a day at most."""
    kind = ContentType.objects.get_for_model(ObjectPaymentPlanInstalment)
    tried = Checkout.objects.filter(
        content_type=kind, object_id=Cast(models.OuterRef("pk"), models.CharField()), created__gt=now - DEPOSIT_PAUSE
    )
    left_behind = ObjectPaymentPlanInstalment.objects.filter(
        state_id=states.PENDING,
        deposit=True,
        object_payment_plan__deleted=False,
        object_payment_plan__paused=None,
        object_payment_plan__agreement__isnull=False,
        object_payment_plan__created__lt=now - DEPOSIT_PATIENCE,
    )
    left_behind = left_behind.filter(~models.Exists(tried))
    rows = left_behind.select_related("object_payment_plan__agreement__checkout").order_by("pk")
    for deposit in rows[:STRAGGLERS]:
        charge_deposit(deposit.object_payment_plan.agreement.checkout)


def _log(errand: Errand[Any], report: Report) -> None:
    logger.info(
        "fulfil %s open=%s settled=%s waiting=%s errors=%s",
        *(errand.name, report.open, report.settled, report.waiting, report.errors),
    )
