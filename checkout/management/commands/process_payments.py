"""Charge what is due."""

from datetime import date
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.utils import timezone
from tqdm import tqdm

from checkout.errors import CheckoutError
from checkout.flows import run
from checkout.flows.report import RunReport
from checkout.models import ObjectPaymentPlanInstalment
from checkout.models.run import Line
from checkout.templatetags.checkout_tags import checkout_amount


class Command(BaseCommand):
    """Once a day, where there is no Celery beat. Safe to run twice, and on several machines at once."""

    help = "Charge every instalment that is due today or earlier, and print what became of them."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--dry-run", action="store_true", help="Print who would be charged what; charge nothing.")

    def handle(self, *args: Any, **options: Any) -> None:
        today = timezone.localdate()
        if options["dry_run"]:
            self._tell(today)
            return
        total = ObjectPaymentPlanInstalment.objects.due.count()
        report = self._charge(today, total)
        self._summary(report.lines(), verb="")
        if report.errors:
            raise CommandError(
                f"{report.errors} were answered by Stripe and could not be settled here: see the log. Nothing is lost, "
                "payment_intent_fulfillment settles them."
            )

    def _charge(self, today: date, total: int) -> RunReport:
        # tqdm's disable=None: a bar on a terminal, silence in cron
        with tqdm(total=total, unit="instalment", disable=None) as bar:
            try:
                return run.process_payments(today=today, on_progress=lambda done: bar.update(done))
            except CheckoutError as error:
                raise CommandError(f"{error} Nothing is lost: run it again.") from error

    def _tell(self, today: date) -> None:
        """Who would be charged what. Memory does not grow with the list: it is printed as it is read."""
        report = RunReport()
        for row in run.due(today):
            plan = row.object_payment_plan
            amount = checkout_amount(row.amount, plan.currency)
            card = f"{plan.customer.brand} {plan.customer.last4}".strip() or "NO CARD ON FILE"
            self.stdout.write(f"{row.due}  {amount:>12}  {plan.customer.email}  {card}  plan {plan.pk}: {row.label}")
            report.add("request", amount=row.amount, currency=plan.currency)
        self._summary(report.lines(), verb="would be charged")

    def _summary(self, lines: list[Line], *, verb: str) -> None:
        if not lines:
            self.stdout.write("Nothing is due.")
        for line in lines:
            self.stdout.write(
                f"{line.count:>7}  {checkout_amount(line.amount, line.currency):>14}  {verb or line.label}"
            )
