"""Celery tasks, and a schedule for beat: ``app.conf.beat_schedule = {**BEAT_SCHEDULE, ...}``.

Every task may be delivered twice, late, or to two workers at once. Those that charge are acknowledged late, so that a
worker that dies hands them on.
"""

import logging
from typing import Any

from celery import shared_task
from celery.schedules import crontab
from kombu.exceptions import OperationalError

from checkout.flows import fulfil, fulfil_charges, inbox, reconcile, refund, run
from checkout.models import ObjectPaymentPlan, PaymentRun
from checkout.notify.outbox import send_unsent

logger = logging.getLogger(__name__)

# What one task of a payment run charges.
PORTION = 100


@shared_task
def payment_intent_fulfillment() -> int:
    """Settle the one-off payments that Stripe has decided; how many were settled."""
    return fulfil.payments().settled


@shared_task
def payment_intent_on_session_fulfillment() -> int:
    """Settle what customers paid or authenticated on their own; how many were settled."""
    return fulfil.on_session().settled


@shared_task
def setup_intent_fulfillment() -> int:
    """Settle the sign-ups that Stripe has decided, cancel those left for too long; how many were settled."""
    return fulfil.setups().settled


@shared_task
def charge_fulfillment() -> int:
    """Find out what became of charges whose answer was lost; how many were settled or released."""
    return fulfil_charges.charges().settled


@shared_task(acks_late=True, reject_on_worker_lost=True)
def process_payments() -> int:
    """Split what is due today among the workers; how many instalments were handed out.

    Each portion is a task of its own (``charge_instalments``); all of them share one pace towards Stripe.
    """
    today = run.begin()
    handed_out = 0
    for pks in run.due_pages(today, size=PORTION):
        charge_instalments.delay(today.pk, pks)
        handed_out += len(pks)
    return handed_out


@shared_task(acks_late=True, reject_on_worker_lost=True)
def charge_instalments(run_pk: int, pks: list[int]) -> int:
    """Charge one portion of a run; how many were charged. What somebody else has claimed or charged is left alone."""
    return run.charge_some(PaymentRun.objects.get(pk=run_pk), pks).count("success")


@shared_task
def send_notices() -> int:
    """Send the mail that is due, and what a dead process or mail server left behind; how many were sent."""
    return send_unsent()


@shared_task
def refresh_card_expiry_dates() -> int:
    """Ask Stripe when the cards of outstanding plans expire, mail whose is about to; for how many anything changed."""
    return ObjectPaymentPlan.objects.refresh_card_expiry_dates()


@shared_task
def refund_fulfillment() -> int:
    """Find out what became of refunds whose answer was lost, or that are on their way; how many moved."""
    return refund.resolve().settled


@shared_task(ignore_result=True)
def work_event(event_pk: int) -> bool:
    """Act on one event of Stripe's; True if that went well. Delivered twice, it is worked once."""
    return inbox.work(event_pk)


def hand_on(event_pk: int) -> None:
    """Leave an event to a worker. If no broker takes it, it waits for ``work_events``: it is on disk."""
    try:
        work_event.apply_async((event_pk,), retry=False)
    except OperationalError as error:
        logger.error("event not handed on event=%s error=%s", event_pk, error)


@shared_task
def work_events() -> int:
    """Work the events that wait: refused before, left by a dead worker, or never handed on; how many were."""
    return inbox.work_due()


@shared_task
def backfill_events() -> int:
    """Fetch events of the last hours that never reached us, and work them; how many were new."""
    return inbox.backfill()


@shared_task
def prune_events() -> int:
    """Delete events that were worked more than ``CHECKOUT_EVENT_DAYS`` ago; how many."""
    return inbox.prune()


@shared_task
def reconcile_books() -> int:
    """Compare the last 35 days of our books with Stripe's; how many differences."""
    return reconcile.reconcile().differences


BEAT_SCHEDULE: dict[str, dict[str, Any]] = {
    "backfill_events": {
        "task": "checkout.tasks.backfill_events",
        "schedule": crontab(minute="25"),
    },
    "charge_fulfillment": {
        "task": "checkout.tasks.charge_fulfillment",
        "schedule": crontab(minute="*/5"),
    },
    "payment_intent_fulfillment": {
        "task": "checkout.tasks.payment_intent_fulfillment",
        "schedule": crontab(minute="*/16"),
    },
    "payment_intent_on_session_fulfillment": {
        "task": "checkout.tasks.payment_intent_on_session_fulfillment",
        "schedule": crontab(minute="*/18"),
    },
    "process_payments": {
        "task": "checkout.tasks.process_payments",
        "schedule": crontab(hour="6", minute="10"),
    },
    "prune_events": {
        "task": "checkout.tasks.prune_events",
        "schedule": crontab(hour="3", minute="35"),
    },
    "reconcile_books": {
        "task": "checkout.tasks.reconcile_books",
        "schedule": crontab(hour="3", minute="5"),
    },
    # before the run of the day, which charges those cards
    "refresh_card_expiry_dates": {
        "task": "checkout.tasks.refresh_card_expiry_dates",
        "schedule": crontab(hour="4", minute="40"),
    },
    "refund_fulfillment": {
        "task": "checkout.tasks.refund_fulfillment",
        "schedule": crontab(minute="*/5"),
    },
    "send_notices": {
        "task": "checkout.tasks.send_notices",
        "schedule": crontab(minute="*/5"),
    },
    "setup_intent_fulfillment": {
        "task": "checkout.tasks.setup_intent_fulfillment",
        "schedule": crontab(minute="*/14"),
    },
    "work_events": {
        "task": "checkout.tasks.work_events",
        "schedule": crontab(minute="*/2"),
    },
}
