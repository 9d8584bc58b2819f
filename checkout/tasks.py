"""Celery tasks, and a schedule for beat: ``app.conf.beat_schedule = {**BEAT_SCHEDULE, ...}``."""

from typing import Any

from celery import shared_task
from celery.schedules import crontab

from checkout.flows import fulfil
from checkout.notify import send_unsent


@shared_task
def payment_intent_fulfillment() -> int:
    """Settle the one-off payments that Stripe has decided; how many were settled."""
    return fulfil.payments().settled


@shared_task
def send_notices() -> int:
    """Send the mail that a dead process or mail server left behind; how many were sent."""
    return send_unsent()


BEAT_SCHEDULE: dict[str, dict[str, Any]] = {
    "payment_intent_fulfillment": {
        "task": "checkout.tasks.payment_intent_fulfillment",
        "schedule": crontab(minute="*/16"),
    },
    "send_notices": {
        "task": "checkout.tasks.send_notices",
        "schedule": crontab(minute="*/5"),
    },
}
