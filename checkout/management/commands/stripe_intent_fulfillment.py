"""The old name: all three fulfilment commands in one."""

from collections.abc import Callable

from checkout.flows.fulfil import Report
from checkout.management.commands import (
    payment_intent_fulfillment,
    payment_intent_on_session_fulfillment,
    setup_intent_fulfillment,
)
from checkout.management.fulfilment import FulfilmentCommand


class Command(FulfilmentCommand):
    """For sites that have it in their cron already."""

    help = "Ask Stripe about everything unsettled and settle it (the old name of the three fulfilment commands)."

    def passes(self) -> list[tuple[str, int, Callable[..., Report]]]:
        commands = (setup_intent_fulfillment, payment_intent_fulfillment, payment_intent_on_session_fulfillment)
        return [one for module in commands for one in module.Command().passes()]
