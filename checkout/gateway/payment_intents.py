"""PaymentIntents: one-off and on-session payments by the customer, off-session charges by us."""

from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import Any

from checkout.gateway.answers import Intent, Page, intent
from checkout.gateway.client import client, translated
from checkout.money import to_minor

PAGE_SIZE = 100
DESCRIPTION_LENGTH = 1000
# What the charges are to the card networks: parts of one purchase. https://docs.stripe.com/payments/cards/save-and-reuse
USAGE = "installment"


@dataclass(frozen=True, kw_only=True)
class ChargeRequest:
    """What an off-session charge asks for. The same ``uuid`` must always come with the same rest."""

    uuid: str
    amount: Decimal
    currency: str
    customer_id: str
    payment_method_id: str
    description: str
    usage: str = USAGE


def create_payment_intent(
    *, uuid: str, amount: Decimal, currency: str, description: str, customer_id: str = ""
) -> Intent:
    """Ask for an unconfirmed PaymentIntent; the same ``uuid`` always gives the same one.

    Without ``customer_id`` it belongs to nobody; with one, the card that pays is saved for later off-session charges.
    The key is derived from the uuid, so a repeat within a day (after a lost answer) makes no second intent; nothing is
    charged by it. Raises ``NotPayable``, ``StripeRefused``, ``StripeUnreachable``.
    """
    saving: dict[str, Any] = {
        "customer": customer_id,
        "setup_future_usage": "off_session",
        "payment_method_options": {"card": {"setup_credential_usage": USAGE}},
    }
    with translated("create_payment_intent"):
        return intent(
            client().v1.payment_intents.create(
                {
                    "amount": to_minor(amount, currency),
                    "currency": currency.lower(),
                    "automatic_payment_methods": {"enabled": True},
                    "description": description[:DESCRIPTION_LENGTH],
                    "metadata": {"checkout": uuid},
                    **(saving if customer_id else {}),  # type: ignore[typeddict-item]
                },
                {"idempotency_key": f"checkout-{uuid}-payment-intent"},
            )
        )


def charge(request: ChargeRequest) -> Intent:
    """Charge a saved card while the customer is away. A decline is an answer: the intent comes with its ``decline``.

    Repeating it with the same request within a day charges nothing further and gives the first answer again. Raises
    ``StripeRefused`` (nothing was charged), ``StripeLimited`` and ``StripeUnreachable`` (not known). Source:
    https://docs.stripe.com/payments/save-and-reuse
    """
    import stripe

    with translated("charge"):
        try:
            raw = client().v1.payment_intents.create(
                {
                    "amount": to_minor(request.amount, request.currency),
                    "currency": request.currency.lower(),
                    "customer": request.customer_id,
                    "payment_method": request.payment_method_id,
                    "confirm": True,
                    "off_session": True,
                    "automatic_payment_methods": {"enabled": True, "allow_redirects": "never"},
                    "payment_method_options": {"card": {"stored_credential_usage": request.usage}},
                    "description": request.description[:DESCRIPTION_LENGTH],
                    "metadata": {"checkout": request.uuid},
                },
                {"idempotency_key": f"checkout-{request.uuid}-charge"},
            )
        except stripe.CardError as error:
            declined = getattr(error.error, "payment_intent", None)
            if declined is None:
                raise
            return intent(declined)
        return intent(raw)


def retrieve_payment_intent(intent_id: str) -> Intent:
    """The intent as it is now. Raises ``NoSuchIntent``, ``StripeRefused``, ``StripeUnreachable``."""
    with translated("retrieve_payment_intent"):
        return intent(client().v1.payment_intents.retrieve(intent_id))


def update_payment_intent(intent_id: str, *, amount: Decimal, currency: str, description: str) -> Intent:
    """Change what an unpaid intent will charge. Setting, so repeating is harmless; raises ``IntentMoved`` if paid."""
    with translated("update_payment_intent"):
        return intent(
            client().v1.payment_intents.update(
                intent_id,
                {
                    "amount": to_minor(amount, currency),
                    "currency": currency.lower(),
                    "description": description[:DESCRIPTION_LENGTH],
                },
            )
        )


def adopt_payment_intent(intent_id: str, *, uuid: str) -> Intent:
    """An intent that was declined off-session goes on in the browser: it names the checkout that pays it now, and saves
    the card that pays. Setting, so repeating is harmless. Raises ``IntentMoved`` if it was paid or cancelled.

    Source: https://docs.stripe.com/payments/save-and-reuse
    """
    with translated("adopt_payment_intent"):
        return intent(
            client().v1.payment_intents.update(
                intent_id,
                {
                    "metadata": {"checkout": uuid},
                    "setup_future_usage": "off_session",
                    "payment_method_options": {"card": {"setup_credential_usage": USAGE}},
                },
            )
        )


def cancel_payment_intent(intent_id: str) -> Intent:
    """Make sure that nothing can be charged on it. Raises ``IntentMoved`` if it was paid or cancelled already."""
    with translated("cancel_payment_intent"):
        return intent(client().v1.payment_intents.cancel(intent_id, {"cancellation_reason": "abandoned"}))


def list_payment_intents(*, since: datetime, until: datetime, after: str = "", customer_id: str = "") -> Page[Intent]:
    """One call's worth (100) of the intents made in the time given, both ends included, newest first.

    ``after`` is the last id of the page before; ``customer_id`` narrows it to one customer. Raises ``StripeRefused``,
    ``StripeUnreachable``.
    """
    with translated("list_payment_intents"):
        page = client().v1.payment_intents.list(
            {
                "created": {"gte": int(since.timestamp()), "lte": int(until.timestamp())},
                "limit": PAGE_SIZE,
                **({"starting_after": after} if after else {}),
                **({"customer": customer_id} if customer_id else {}),
            }
        )
        return Page(intents=tuple(map(intent, page.data)), has_more=bool(page.has_more and page.data))
