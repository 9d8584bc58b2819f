"""Send the mail that is due, and what a dead process or mail server left behind."""

from typing import Any

from django.core.management.base import BaseCommand

from checkout.notify.outbox import send_unsent


class Command(BaseCommand):
    """For cron, where there is no Celery beat."""

    help = "Send every notice that is due, the oldest first."

    def handle(self, *args: Any, **options: Any) -> None:
        sent = send_unsent()
        if sent or options["verbosity"] > 1:
            self.stdout.write(f"{sent} notices sent.")
