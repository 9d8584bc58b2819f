"""Mail the customers whose bank wants them for an instalment."""

from typing import Any

from django.core.management.base import BaseCommand

from example_checkout.tasks import send_on_session_payment_emails


class Command(BaseCommand):
    """For cron, where there is no Celery beat. In the site and not in the package: a site passes its own rule."""

    help = "Mail each customer whose bank wants them for an instalment, once."

    def handle(self, *args: Any, **options: Any) -> None:
        mailed = send_on_session_payment_emails()
        if mailed or options["verbosity"] > 1:
            self.stdout.write(f"{mailed} customer{'' if mailed == 1 else 's'} mailed.")
