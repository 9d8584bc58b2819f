"""Every failed checkout that Stripe says succeeded."""

from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from checkout.errors import CheckoutError
from checkout.flows import audit


class Command(BaseCommand):
    """Exits 1 if it found something and was not told to fix it."""

    help = "List every failed checkout that Stripe says succeeded; --fix settles them."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--fix", action="store_true", help="Settle what was found.")
        parser.add_argument("--days", type=int, default=90, help="How far back to look (90).")

    def handle(self, *args: Any, **options: Any) -> None:
        try:
            report = audit.failed_checkouts(days=options["days"], fix=options["fix"])
        except CheckoutError as error:
            raise CommandError(f"Stripe could not be asked: {error}. Run it again.") from error
        for finding in report.findings:
            fixed = " fixed" if finding.fixed else ""
            self.stdout.write(f"{finding.checkout.uuid} {finding.intent.id} {finding.intent.stripe_status}{fixed}")
        self.stdout.write(f"{report.looked_at} failed checkouts looked at, {len(report.findings)} paid at Stripe.")
        left = sum(not finding.fixed for finding in report.findings)
        if left:
            raise CommandError(f"{left} paid at Stripe but failed here: run it with --fix, or look at the quarantine.")
