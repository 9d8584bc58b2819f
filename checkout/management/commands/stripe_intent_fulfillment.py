"""The old name: every kind of intent in one command."""

from checkout.management.commands.payment_intent_fulfillment import Command as PaymentCommand


class Command(PaymentCommand):
    """One-off payments are the only kind there is yet."""

    help = "Ask Stripe about everything unsettled and settle it (the old name of the fulfilment commands)."
