"""How the webhook is doing, for whoever looks at the events."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from django.utils import timezone

from checkout.conf import settings
from checkout.flows import endpoint, inbox
from checkout.models import Event

# Of so many events the versions are looked at.
RECENT: Final = 100
# A longer while ago is as good as never, and the index on ``created`` bounds the search.
LOOK_BACK: Final = timedelta(days=7)


@dataclass(frozen=True, kw_only=True)
class Health:
    """``secrets``: how many are configured; ``received`` and ``found``: the last by webhook and by backfill.

    Both only of the last week, else None. ``version`` is ours, ``other_versions`` what recent events have instead.
    ``silent_since`` as ``inbox.silent_since``. All moments in the site's zone.
    """

    secrets: int
    received: datetime | None
    found: datetime | None
    version: str
    other_versions: tuple[str, ...]
    silent_since: datetime | None


def health(now: datetime | None = None) -> Health:
    """Five queries at most, whatever the number of events."""
    now = now or timezone.now()
    recent = Event.objects.order_by("-created", "-pk").values_list("api_version", flat=True)[:RECENT]
    return Health(
        secrets=len(settings.webhook_secrets),
        received=_last(Event.WEBHOOK, now),
        found=_last(Event.BACKFILL, now),
        version=endpoint.VERSION,
        other_versions=tuple(sorted({one for one in recent if one and one != endpoint.VERSION})),
        silent_since=inbox.silent_since(now),
    )


def _last(source: str, now: datetime) -> datetime | None:
    rows = Event.objects.filter(source=source, created__gte=now - LOOK_BACK).order_by("-created")
    found = rows.values_list("created", flat=True).first()
    return timezone.localtime(found) if found is not None else None
