"""For tests of a site: let the next instalment of a plan fall due today."""

from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.utils import timezone

from checkout.conf import settings
from checkout.flows import plan
from checkout.models import ObjectPaymentPlan


class Command(BaseCommand):
    """Touches one row only. Then run ``process_payments``."""

    help = "FOR TESTING ONLY: set the next pending instalment of a payment plan due today. Refuses a live key."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("plan_pk", type=int, metavar="PLAN_PK", help="See /checkout/object/payment/plan/PLAN_PK/.")

    def handle(self, *args: Any, **options: Any) -> None:
        if "_live_" in settings.secret_key or "_live_" in settings.publish_key:
            raise CommandError("This is for testing: it does nothing with a live Stripe key.")
        found = ObjectPaymentPlan.objects.filter(pk=options["plan_pk"]).first()
        if found is None:
            raise CommandError(f"There is no payment plan {options['plan_pk']}: look for it at object/payment/plan/.")
        instalment = plan.next_pending(found)
        today = timezone.localdate()
        if instalment is None or not plan.set_due(instalment, today=today):
            raise CommandError(f"Payment plan {found.pk} has no pending instalment: is its deposit paid?")
        self.stdout.write(f"{instalment.label} of payment plan {found.pk} is due today, {today}.")
