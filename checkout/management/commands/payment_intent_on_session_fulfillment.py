"""Settle what customers paid or authenticated, and their browsers did not report."""

from collections.abc import Callable

from checkout.flows import fulfil
from checkout.flows.fulfil import Report
from checkout.management.fulfilment import FulfilmentCommand
from checkout.models import Checkout


class Command(FulfilmentCommand):
    """Every 18 minutes, where there is no Celery beat."""

    help = "Ask Stripe about every payment that waits for its customer, and settle it."

    def passes(self) -> list[tuple[str, int, Callable[..., Report]]]:
        return [("on-session payments", Checkout.objects.waiting_on_session().count(), fulfil.on_session)]
