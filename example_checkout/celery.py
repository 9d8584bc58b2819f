"""Celery for the example site; ``checkout`` brings its tasks and a ready schedule for beat."""

import os
from typing import Any

from celery import Celery
from celery.schedules import crontab

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "example_checkout.settings.dev")

app = Celery("example_checkout")
app.config_from_object("django.conf:settings", namespace="CELERY")
app.autodiscover_tasks()


@app.on_after_finalize.connect
def schedule(sender: Celery, **kwargs: Any) -> None:
    """Give beat the schedule once Django is ready: the tasks' module imports models, the settings cannot."""
    from checkout.tasks import BEAT_SCHEDULE

    sender.conf.beat_schedule = {
        **BEAT_SCHEDULE,
        "send_on_session_payment_emails": {
            "task": "example_checkout.tasks.send_on_session_payment_emails",
            "schedule": crontab(minute="*/20"),
        },
    }
