"""Stripe's customers and their saved cards."""

from checkout.gateway.answers import Card, card
from checkout.gateway.client import client, translated
from checkout.gateway.payment_intents import PAGE_SIZE


def create_customer(*, uuid: str, email: str, name: str) -> str:
    """The id of a new customer; the same ``uuid`` gives the same one for a day. Raises the gateway's errors."""
    with translated("create_customer"):
        made = client().v1.customers.create(
            {"email": email, "name": name[:256], "metadata": {"checkout": uuid}},
            {"idempotency_key": f"checkout-customer-{uuid}"},
        )
        return made.id


def find_customer(*, uuid: str, email: str) -> str:
    """The id of the customer that an earlier call for ``uuid`` made, or nothing. Raises the gateway's errors."""
    with translated("find_customer"):
        page = client().v1.customers.list({"email": email, "limit": PAGE_SIZE})
        for one in page.data:
            if str(getattr(one.metadata, "checkout", "") or "") == uuid:
                return one.id
        return ""


def set_default_card(*, customer_id: str, payment_method_id: str) -> None:
    """Make a saved card the customer's default at Stripe. Setting, so repeating is harmless."""
    with translated("set_default_card"):
        client().v1.customers.update(customer_id, {"invoice_settings": {"default_payment_method": payment_method_id}})


def retrieve_card(payment_method_id: str) -> Card:
    """A saved card as it is now. Raises ``NoSuchIntent``, ``StripeRefused``, ``StripeUnreachable``."""
    with translated("retrieve_card"):
        return card(client().v1.payment_methods.retrieve(payment_method_id))
