"""Settle what browsers left behind."""

from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser
from tqdm import tqdm

from checkout.errors import CheckoutError
from checkout.flows import fulfil
from checkout.models import Checkout


class Command(BaseCommand):
    """Exits non-zero if Stripe could not be asked, or if the host's code would not let a payment be settled."""

    help = "Ask Stripe about every open one-off payment and settle what it has decided."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--dry-run", action="store_true", help="Ask, but write and cancel nothing.")

    def handle(self, *args: Any, **options: Any) -> None:
        # tqdm's disable=None: a bar on a terminal, silence in cron
        total = Checkout.objects.open_payments().count()
        with tqdm(total=total, unit="checkout", disable=None) as bar:
            try:
                report = fulfil.payments(dry_run=options["dry_run"], on_progress=lambda done: bar.update(done))
            except CheckoutError as error:
                raise CommandError(f"Stripe could not be asked: {error}. Nothing is lost: run it again.") from error
        if options["verbosity"] > 1 or options["dry_run"] or report.settled:
            verb = "would be settled" if options["dry_run"] else "settled"
            self.stdout.write(f"{report.settled} of {report.open} open payments {verb}.")
        if report.errors:
            raise CommandError(f"{report.errors} could not be settled: see the log.")
