"""SetupIntents: a card is saved for later charges, nothing is taken."""

from datetime import datetime

from checkout.gateway.answers import Page, Setup, setup
from checkout.gateway.client import client, translated
from checkout.gateway.payment_intents import DESCRIPTION_LENGTH, PAGE_SIZE, USAGE


def create_setup_intent(*, uuid: str, customer_id: str, description: str) -> Setup:
    """Ask for an unconfirmed SetupIntent for off-session use; the same ``uuid`` always gives the same one.

    Raises ``StripeRefused``, ``StripeUnreachable``.
    """
    with translated("create_setup_intent"):
        return setup(
            client().v1.setup_intents.create(
                {
                    "customer": customer_id,
                    "usage": "off_session",
                    "automatic_payment_methods": {"enabled": True},
                    "payment_method_options": {"card": {"setup_credential_usage": USAGE}},
                    "description": description[:DESCRIPTION_LENGTH],
                    "metadata": {"checkout": uuid},
                },
                {"idempotency_key": f"checkout-{uuid}-setup-intent"},
            )
        )


def retrieve_setup_intent(intent_id: str) -> Setup:
    """The SetupIntent as it is now, with its card. Raises ``NoSuchIntent`` and the gateway's errors."""
    with translated("retrieve_setup_intent"):
        return setup(client().v1.setup_intents.retrieve(intent_id, {"expand": ["payment_method"]}))


def cancel_setup_intent(intent_id: str) -> Setup:
    """Make sure that no card can be saved by it. Raises ``IntentMoved`` if it succeeded or was cancelled already."""
    with translated("cancel_setup_intent"):
        return setup(client().v1.setup_intents.cancel(intent_id, {"cancellation_reason": "abandoned"}))


def list_setup_intents(*, since: datetime, until: datetime, after: str = "") -> Page[Setup]:
    """One call's worth (100) of the SetupIntents made in the time given, both ends included, newest first.

    Without cards. Raises ``StripeRefused``, ``StripeUnreachable``.
    """
    with translated("list_setup_intents"):
        page = client().v1.setup_intents.list(
            {
                "created": {"gte": int(since.timestamp()), "lte": int(until.timestamp())},
                "limit": PAGE_SIZE,
                **({"starting_after": after} if after else {}),
            }
        )
        return Page(intents=tuple(map(setup, page.data)), has_more=bool(page.has_more and page.data))
