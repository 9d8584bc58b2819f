"""Settle one-off payments that browsers left behind, and charges whose answer was lost."""

from collections.abc import Callable

from checkout.flows import fulfil, fulfil_charges, refund
from checkout.flows.fulfil import Report
from checkout.management.fulfilment import FulfilmentCommand
from checkout.models import Checkout


class Command(FulfilmentCommand):
    """Every 16 minutes, where there is no Celery beat."""

    help = "Ask Stripe about every open one-off payment, every charge of unknown outcome and every refund on its way."

    def passes(self) -> list[tuple[str, int, Callable[..., Report]]]:
        rows = Checkout.objects
        return [
            ("payments", rows.open_payments().count(), fulfil.payments),
            ("charges", rows.unknown_charges().count(), fulfil_charges.charges),
            ("refunds", refund.open_refunds().count(), refund.resolve),
        ]
