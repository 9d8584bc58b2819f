"""Where this database belongs."""

from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from checkout.errors import CheckoutError
from checkout.models import Environment
from checkout.models.environment import UNTOLD


class Command(BaseCommand):
    """Exits 1 if the database is not used where it belongs."""

    help = "Say which Stripe account, mode and site this database belongs to; --adopt: from now on to those of here."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--adopt", action="store_true", help="It belongs here from now on: charge and mail.")

    def handle(self, *args: Any, **options: Any) -> None:
        try:
            if options["adopt"]:
                Environment.objects.adopt()
            else:
                Environment.objects.check_environment()
        except CheckoutError as error:
            raise CommandError(str(error)) from error
        known = Environment.objects.get()
        mode = "live" if known.livemode else "test"
        self.stdout.write(
            f"Account {known.account_id or UNTOLD}, {mode} mode, site {known.site or '(no name)'}: here it belongs."
        )
