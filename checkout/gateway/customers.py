"""Stripe's customers and their saved cards."""

from typing import Any

from checkout.gateway.answers import Card, CardOnFile, CustomerPage, card, card_on_file
from checkout.gateway.client import NoSuchIntent, client, translated
from checkout.gateway.payment_intents import PAGE_SIZE


class CustomerGone(NoSuchIntent):
    """The customer has been deleted at Stripe."""


DEFAULT = "invoice_settings.default_payment_method"


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
    """A saved card as it is now, also one from before SCA (``card_...``).

    Raises ``NoSuchIntent``, ``StripeRefused``, ``StripeUnreachable``.
    """
    with translated("retrieve_card"):
        return card(client().v1.payment_methods.retrieve(payment_method_id))


def retrieve_card_on_file(customer_id: str) -> CardOnFile:
    """The card that Stripe has as the customer's default. Raises ``CustomerGone`` and the gateway's errors."""
    with translated("retrieve_customer"):
        found = client().v1.customers.retrieve(customer_id, {"expand": [DEFAULT]})
        if getattr(found, "deleted", False):
            raise CustomerGone(f"retrieve_customer: {customer_id} has been deleted")
        return card_on_file(found)


def customer_is_gone(customer_id: str) -> bool:
    """Deleted at Stripe, or unknown there. Nothing is expanded: a deleted one has nothing left to expand."""
    try:
        with translated("retrieve_customer"):
            return bool(getattr(client().v1.customers.retrieve(customer_id), "deleted", False))
    except NoSuchIntent:
        return True


def list_cards_on_file(*, after: str = "") -> CustomerPage:
    """One call's worth (100) of customers, each with the default card, newest first. Raises the gateway's errors."""
    with translated("list_customers"):
        params: Any = {"limit": PAGE_SIZE, "expand": [f"data.{DEFAULT}"]}
        page = client().v1.customers.list({**params, **({"starting_after": after} if after else {})})
        found = tuple(map(card_on_file, page.data))
        last = page.data[-1].id if page.data else ""
        return CustomerPage(cards=found, last=last, has_more=bool(page.has_more and page.data))
