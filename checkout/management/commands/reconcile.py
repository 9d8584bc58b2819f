"""Do the books agree?"""

import csv
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser
from tqdm import tqdm

from checkout.errors import CheckoutError
from checkout.flows import reconcile
from checkout.management.moments import moment
from checkout.models import Difference, Reconciliation
from checkout.views.staff.export import defused

HEADINGS = ("kind", "checkout", "plan", "stripe_id", "ours", "stripe", "detail")


class Command(BaseCommand):
    """Exits 1 if there are differences. Nothing is corrected."""

    help = "Compare our books, Stripe's and what the payment plans promised; print and keep what differs."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--since", type=moment, help="How far back: 2026-11-01, 35d (default).")
        parser.add_argument("--csv", action="store_true", help="The differences as CSV, and nothing else, on stdout.")

    def handle(self, *args: Any, **options: Any) -> None:
        with tqdm(unit="intent", disable=None) as bar:
            try:
                run = reconcile.reconcile(since=options["since"], on_progress=lambda done: bar.update(done))
            except CheckoutError as error:
                raise CommandError(f"The books could not be compared: {error} Run it again.") from error
        if options["csv"]:
            self._csv(run)
        else:
            self._lines(run)
        if run.differences:
            raise CommandError(f"{run.differences} differences.")

    def _rows(self, run: Reconciliation) -> Any:
        return Difference.objects.filter(reconciliation=run).select_related("checkout").iterator(chunk_size=500)

    def _csv(self, run: Reconciliation) -> None:
        writer = csv.writer(self.stdout)
        writer.writerow(HEADINGS)
        for row in self._rows(run):
            checkout = row.checkout.uuid if row.checkout else ""
            words = (row.stripe_id, row.ours, row.theirs, row.detail)
            writer.writerow([row.kind, checkout, row.plan_id or "", *map(defused, words)])

    def _lines(self, run: Reconciliation) -> None:
        for row in self._rows(run):
            which = " ".join(filter(None, (str(row.checkout.uuid) if row.checkout else "", row.stripe_id)))
            plan = f" plan {row.plan_id}" if row.plan_id else ""
            self.stdout.write(
                f"{Difference.KINDS[row.kind]}: {which}{plan}  ours: {row.ours or '-'}  Stripe's: ", ending=""
            )
            self.stdout.write(f"{row.theirs or '-'}  {row.detail}".rstrip())
        self.stdout.write(
            f"{run.intents} payments, {run.refunds} refunds and {run.plans} plans compared since {run.since:%Y-%m-%d}; "
            f"{run.foreign} at Stripe are not ours; {run.differences} differences."
        )
