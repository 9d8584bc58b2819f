"""Settle sign-ups that browsers left behind."""

from collections.abc import Callable

from checkout.flows import fulfil
from checkout.flows.fulfil import Report
from checkout.management.fulfilment import FulfilmentCommand
from checkout.models import Checkout


class Command(FulfilmentCommand):
    """Every 14 minutes, where there is no Celery beat."""

    help = (
        "Ask Stripe about every open sign-up and settle it; cancel, at Stripe first, what was left for 60 minutes; "
        "charge deposits that were left behind."
    )

    def passes(self) -> list[tuple[str, int, Callable[..., Report]]]:
        return [("sign-ups", Checkout.objects.open_setups().count(), fulfil.setups)]
