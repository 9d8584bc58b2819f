"""When the saved cards of outstanding plans expire."""

from typing import Any

from django.core.management.base import BaseCommand, CommandParser

from checkout.models import ObjectPaymentPlan
from checkout.views.staff import export
from checkout.views.staff.customers import CardExpiryListView, card_state


class Command(BaseCommand):
    """Reads what ``refresh_card_expiry_dates`` has kept; asks nobody."""

    help = "List outstanding payment plans by when their card expires: not known first, then the nearest."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--csv", action="store_true", help="As CSV, the file of the staff's page.")

    def handle(self, *args: Any, **options: Any) -> None:
        rows = ObjectPaymentPlan.objects.report_card_expiry_dates.iterator(chunk_size=export.CHUNK)
        if options["csv"]:
            for text in export.lines(CardExpiryListView.columns, export.batches(rows)):
                # CRLF is part of the format
                self.stdout.write(text, ending="")
            return
        count = 0
        for count, plan in enumerate(rows, start=1):
            self._line(plan, heading=count == 1)
        if not count:
            self.stdout.write("No payment plan is waiting to be paid.")

    def _line(self, plan: ObjectPaymentPlan, *, heading: bool) -> None:
        """Printed as it is read: memory does not grow with the list."""
        if heading:
            self.stdout.write(f"{'EXPIRES':<10}  {'CARD':<18}  {'STATE':<16}  {'PLAN':>8}  CUSTOMER")
        customer = plan.customer
        expires = customer.expiry_date.isoformat() if customer.expiry_date else "not known"
        card = f"{customer.brand} {customer.last4}".strip() or "none"
        self.stdout.write(f"{expires:<10}  {card:<18}  {card_state(customer):<16}  {plan.pk:>8}  {customer}")
