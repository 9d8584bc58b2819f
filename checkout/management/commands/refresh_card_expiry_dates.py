"""Ask Stripe when the saved cards of outstanding plans expire."""

from typing import Any

from django.core.management.base import BaseCommand, CommandError
from tqdm import tqdm

from checkout.errors import CheckoutError
from checkout.flows import expiry


class Command(BaseCommand):
    """Once a day, where there is no Celery beat. Safe to run twice."""

    help = "Read from Stripe when the cards of outstanding payment plans expire, and mail whose card is about to."

    def handle(self, *args: Any, **options: Any) -> None:
        report = self._refresh()
        if report.changed or options["verbosity"] > 1:
            self.stdout.write(f"{report.customers} customers looked at, {report.changed} changed.")
        if report.expiring:
            self.stdout.write(f"{report.expiring} have a card that expires within a month or has expired.")
        if report.missing:
            self.stdout.write(f"{report.missing} have no card at Stripe.")

    def _refresh(self) -> expiry.Report:
        # tqdm's disable=None: a bar on a terminal, silence in cron
        with tqdm(total=expiry.outstanding_customers().count(), unit="customer", disable=None) as bar:
            try:
                return expiry.refresh_card_expiry_dates(on_progress=lambda done: bar.update(done))
            except CheckoutError as error:
                raise CommandError(
                    f"Stripe could not be asked: {error}. What was read until then is kept: run it again."
                ) from error
