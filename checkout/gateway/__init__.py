"""The only production room that speaks to Stripe: our verbs and ``Decimal`` in, frozen dataclasses out.

``stripe`` is imported at the first call and not before, because it costs more than the rest of the package. No function
here opens a transaction, and none may be called inside one. Errors are translated once: ``StripeRefused`` means that
nothing moved, ``StripeUnreachable`` that we do not know.
"""

from checkout.gateway.answers import (
    Answer,
    Card,
    CardOnFile,
    ClientSecret,
    CustomerPage,
    Decline,
    Intent,
    IntentStatus,
    Page,
    Setup,
)
from checkout.gateway.client import IntentMoved, KeyReused, NoSuchIntent, StripeLimited, prepare, reset
from checkout.gateway.customers import (
    create_customer,
    find_customer,
    list_cards_on_file,
    retrieve_card,
    retrieve_card_on_file,
    set_default_card,
)
from checkout.gateway.payment_intents import (
    PAGE_SIZE,
    ChargeRequest,
    adopt_payment_intent,
    cancel_payment_intent,
    charge,
    create_payment_intent,
    list_payment_intents,
    retrieve_payment_intent,
    update_payment_intent,
)
from checkout.gateway.setup_intents import (
    cancel_setup_intent,
    create_setup_intent,
    list_setup_intents,
    retrieve_setup_intent,
)

__all__ = [
    "PAGE_SIZE",
    "Answer",
    "Card",
    "CardOnFile",
    "ChargeRequest",
    "ClientSecret",
    "CustomerPage",
    "Decline",
    "Intent",
    "IntentMoved",
    "IntentStatus",
    "KeyReused",
    "NoSuchIntent",
    "Page",
    "Setup",
    "StripeLimited",
    "adopt_payment_intent",
    "cancel_payment_intent",
    "cancel_setup_intent",
    "charge",
    "create_customer",
    "create_payment_intent",
    "create_setup_intent",
    "find_customer",
    "list_cards_on_file",
    "list_payment_intents",
    "list_setup_intents",
    "prepare",
    "reset",
    "retrieve_card",
    "retrieve_card_on_file",
    "retrieve_payment_intent",
    "retrieve_setup_intent",
    "set_default_card",
    "update_payment_intent",
]
