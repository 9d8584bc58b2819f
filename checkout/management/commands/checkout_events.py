"""Events of Stripe's: look at them, work them, work one again."""

from datetime import datetime
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.utils import timezone

from checkout import states
from checkout.flows import inbox
from checkout.management.moments import moment
from checkout.models import Event


class Command(BaseCommand):
    """Exits 1 if what it was told to work could not be worked."""

    help = "List the events that Stripe sent; --work works what waits, --replay ID works one again."

    def add_arguments(self, parser: CommandParser) -> None:
        what = parser.add_mutually_exclusive_group()
        what.add_argument("--work", action="store_true", help="Work what waits and is due (for cron).")
        what.add_argument("--replay", metavar="ID", help="Work this event (evt_...) again, whatever became of it.")
        what.add_argument("--prune", action="store_true", help="Delete what is older than CHECKOUT_EVENT_DAYS.")
        parser.add_argument("--failed", action="store_true", help="Only those that could not be worked so far.")
        parser.add_argument("--since", type=moment, help="Only those since then: 2026-11-01, 3d, 12h.")
        parser.add_argument("--limit", type=int, default=100, help="At most so many lines (100).")

    def handle(self, *args: Any, **options: Any) -> None:
        if options["work"]:
            self.stdout.write(f"{inbox.work_due()} events worked.")
        elif options["prune"]:
            self.stdout.write(f"{inbox.prune()} events deleted.")
        elif options["replay"]:
            self._replay(options["replay"])
        else:
            self._list(failed=options["failed"], since=options["since"], limit=options["limit"])

    def _replay(self, event_id: str) -> None:
        event = Event.objects.filter(event_id=event_id).first()
        if event is None:
            raise CommandError(f"There is no event {event_id!r} here. If Stripe has it: manage.py backfill")
        inbox.replay(event)
        self._line(event)
        if event.last_error:
            raise CommandError(event.last_error)

    def _list(self, *, failed: bool, since: datetime | None, limit: int) -> None:
        rows = Event.objects.order_by("-pk")
        if failed:
            rows = rows.exclude(last_error="").filter(state__in=(states.WAITING, states.GIVEN_UP))
        if since is not None:
            rows = rows.filter(created__gte=since)
        for event in rows[:limit]:
            self._line(event)
        self.stdout.write(f"{rows.count()} events.")

    def _line(self, event: Event) -> None:
        when = timezone.localtime(event.created).isoformat(timespec="seconds")
        words = event.last_error or event.outcome
        self.stdout.write(f"{when}  {event.state:<8}  {event.type:<40}  {event.event_id}  {words}".rstrip())
