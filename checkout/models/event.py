"""What Stripe told us has happened: the inbox of webhooks."""

from typing import ClassVar

from django.db import models
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from checkout import states
from checkout.models.base import StateModel


class Event(StateModel):
    """Unique by Stripe's id, which the database enforces. A hint: what it is about is asked for again to work it.

    So its payload, which names people and holds client secrets, is not kept: only which object it is about.
    ``happened`` is when Stripe made it, ``created`` when it reached us (both UTC); ``work_after`` when it may be worked
    (again), which is in the future while a process is at it. ``last_error`` and ``traceback`` are of the last try.
    """

    MOVES = states.EVENT_MOVES
    STATE = "state"

    WEBHOOK: ClassVar[str] = "webhook"
    BACKFILL: ClassVar[str] = "backfill"

    event_id = models.CharField(max_length=255, unique=True)
    type = models.CharField(max_length=100)
    stripe_object_id = models.CharField(max_length=255, blank=True, db_index=True)
    api_version = models.CharField(max_length=50, blank=True)
    source = models.CharField(max_length=20, default=WEBHOOK)
    state = models.CharField(
        max_length=20,
        default=states.WAITING,
        choices=[(slug, _(name)) for slug, name in states.EVENT_STATES.items()],
    )
    tries = models.PositiveSmallIntegerField(default=0)
    work_after = models.DateTimeField(default=timezone.now)
    outcome = models.CharField(max_length=255, blank=True)
    last_error = models.CharField(max_length=255, blank=True)
    traceback = models.TextField(blank=True)
    happened = models.DateTimeField()
    created = models.DateTimeField(auto_now_add=True, db_index=True)
    updated = models.DateTimeField(auto_now=True)
    worked = models.DateTimeField(null=True, blank=True)

    class Meta:
        verbose_name = _("event")
        verbose_name_plural = _("events")
        ordering = ("-pk",)
        indexes = [models.Index(fields=["state", "work_after", "id"], name="checkout_event_due")]

    def __str__(self) -> str:
        return f"{self.event_id} {self.type}: {self.state}"
