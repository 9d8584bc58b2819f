"""Events: kept once, worked until it is done. What was missed is fetched from Stripe's list."""

import logging
import traceback
from collections.abc import Callable
from contextlib import nullcontext
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any, Final

from django.db import IntegrityError, connection, transaction
from django.db.models import F
from django.utils import timezone

from checkout import gateway, states
from checkout.conf import settings
from checkout.errors import without_secrets
from checkout.flows import hints
from checkout.flows.record import record
from checkout.gateway import EventHint
from checkout.models import Environment, Event, StaffAction
from checkout.notify.guard import tried

if TYPE_CHECKING:
    from checkout.models.checkout import User

logger = logging.getLogger(__name__)

# Longer than working one takes: who has been at it for that long has died.
LEASE: Final = timedelta(minutes=10)
FIRST_PAUSE: Final = timedelta(minutes=1)
LONGEST_PAUSE: Final = timedelta(hours=6)
# With these pauses about a day after the first; polling goes on by itself.
MOST_TRIES: Final = 12
PAGE: Final = 100
PRUNED_AT_ONCE: Final = 1000
LONGEST: Final = 255
# How far back the hourly look goes; a delivery is usually repeated by Stripe itself.
BACK: Final = timedelta(hours=3)

OnProgress = Callable[[int], object]


def receive(hint: EventHint, *, source: str = Event.WEBHOOK) -> Event | None:
    """Keep it; None if it has come before. One INSERT, committed: the database refuses the second."""
    # alone it commits by itself, which spares two round trips; a caller's transaction must survive a refusal
    alone = connection.get_autocommit()
    try:
        with nullcontext() if alone else transaction.atomic():
            return Event.objects.create(
                event_id=hint.id,
                type=hint.type,
                stripe_object_id=hint.object_id,
                api_version=hint.api_version,
                source=source,
                happened=hint.created,
            )
    except IntegrityError:
        return None


def work(event_pk: int) -> bool:
    """Act on one event, if it is due and nobody else is at it; True if this call did, and well.

    Never raises for what Stripe or the host's code does: the error is kept, and it is tried again. Not inside a
    transaction. May be called twice, and by many processes: what is about the same object settles once anyway.
    """
    now = timezone.now()
    mine = Event.objects.filter(pk=event_pk, state=states.WAITING, work_after__lte=now)
    if not mine.update(tries=F("tries") + 1, work_after=now + LEASE, updated=now):
        return False
    event: Event = Event.objects.get(pk=event_pk)
    outcome, error = tried(lambda: _follow(event))
    if error is not None:
        _failed(event, error)
        return False
    done = states.DONE if outcome else states.IGNORED
    words = outcome or "none of ours, or nothing to do"
    event.move_to(done, outcome=words[:LONGEST], last_error="", traceback="", worked=timezone.now())
    logger.info("event worked event=%s type=%s outcome=%s", event.event_id, event.type, words)
    return True


def _follow(event: Event) -> str:
    Environment.objects.check_environment()
    return hints.follow(event)


def _failed(event: Event, error: BaseException) -> None:
    enough = event.tries >= MOST_TRIES
    pause: timedelta = FIRST_PAUSE * 2 ** max(0, event.tries - 1)
    lines = "".join(traceback.format_exception(error))
    values: dict[str, Any] = {
        "last_error": without_secrets(f"{type(error).__name__}: {error}")[:LONGEST],
        "traceback": without_secrets(lines)[-8000:],
        "work_after": timezone.now() + min(LONGEST_PAUSE, pause),
    }
    if enough:
        event.move_to(states.GIVEN_UP, **values)
    else:
        Event.objects.filter(pk=event.pk, state=states.WAITING).update(**values, updated=timezone.now())
    level = logging.ERROR if enough else logging.WARNING
    logger.log(level, "event not worked event=%s type=%s tries=%s", event.event_id, event.type, event.tries)


def work_due(*, limit: int | None = None, on_progress: OnProgress | None = None) -> int:
    """Work what waits and is due, the oldest first; how many were. Many processes may do so at once."""
    now, done, seen, last = timezone.now(), 0, 0, 0
    rows = Event.objects.filter(state=states.WAITING, work_after__lte=now).order_by("pk")
    while pks := list(rows.filter(pk__gt=last).values_list("pk", flat=True)[:PAGE]):
        for pk in pks:
            if limit is not None and seen >= limit:
                return done
            seen += 1
            done += work(pk)
            if on_progress:
                on_progress(1)
        last = pks[-1]
    return done


def replay(event: Event, *, user: "User" = None) -> bool:
    """By hand: work it once more, now, with all its tries; True if that went well."""
    with transaction.atomic():
        if event.state != states.WAITING:
            event.move_to(states.WAITING, tries=0, work_after=timezone.now())
        else:
            Event.objects.filter(pk=event.pk).update(tries=0, work_after=timezone.now())
        if user is not None:
            record(StaffAction.REPLAY_EVENT, event, user=user, detail=event.event_id)
    done = work(event.pk)
    event.refresh_from_db()
    return done


def backfill(*, since: datetime | None = None, on_progress: OnProgress | None = None) -> int:
    """Fetch what was missed from Stripe's list (30 days at most), and work it; how many were new.

    100 events a call, page by page: memory does not grow. Raises ``StripeRefused``, ``StripeUnreachable`` and
    ``WrongEnvironment``; what was fetched until then is kept, and worked by the next pass.
    """
    Environment.objects.check_environment()
    since = since or timezone.now() - BACK
    new, after = 0, ""
    while True:
        page = gateway.list_events(since=since, after=after)
        here = Event.objects.filter(event_id__in=[one.id for one in page.events])
        known = set(here.values_list("event_id", flat=True))
        for hint in reversed(page.events):
            if hint.id not in known and receive(hint, source=Event.BACKFILL) is not None:
                new += 1
            if on_progress:
                on_progress(1)
        if not page.has_more:
            break
        after = page.events[-1].id
    if new:
        logger.warning("event backfill since=%s new=%s", since.isoformat(), new)
    work_due()
    return new


def prune(*, now: datetime | None = None) -> int:
    """Delete what was worked, or given up, more than ``CHECKOUT_EVENT_DAYS`` ago; how many. A thousand at a time."""
    before = (now or timezone.now()) - timedelta(days=settings.event_days)
    old = Event.objects.filter(created__lt=before).exclude(state=states.WAITING)
    deleted = 0
    while pks := list(old.order_by("created").values_list("pk", flat=True)[:PRUNED_AT_ONCE]):
        deleted += Event.objects.filter(pk__in=pks).delete()[0]
    return deleted


def silent_since(now: datetime | None = None) -> datetime | None:
    """When Stripe took a payment, long enough ago, that no event has told us of; None if all is well.

    Two queries. Only where ``CHECKOUT_WEBHOOK_SECRETS`` is set: who has no endpoint expects nothing.
    """
    if not settings.webhook_secrets:
        return None
    return hints.silent_since(now or timezone.now())
