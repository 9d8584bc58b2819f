"""Fetch from Stripe what no webhook has brought."""

from datetime import timedelta
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.utils import timezone
from tqdm import tqdm

from checkout.errors import CheckoutError
from checkout.flows import inbox
from checkout.management.moments import moment


class Command(BaseCommand):
    """After an outage, or where there is no webhook endpoint."""

    help = "Fetch the events of the last days (30 at most) from Stripe's list, and work those that never reached us."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--since", type=moment, help="How far back: 2026-11-01, 3d (default), 12h.")

    def handle(self, *args: Any, **options: Any) -> None:
        since = options["since"] or timezone.now() - timedelta(days=3)
        with tqdm(unit="event", disable=None) as bar:
            try:
                new = inbox.backfill(since=since, on_progress=lambda done: bar.update(done))
            except CheckoutError as error:
                raise CommandError(f"{error} What was fetched is kept: run it again.") from error
        self.stdout.write(f"{new} events were missing.")
