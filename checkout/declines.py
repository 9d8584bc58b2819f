"""Decline codes of a customer who is present: what to count, and what may be said. Data.

The reason of a hard decline (lost, stolen, fraud) is never shown. Source: https://docs.stripe.com/declines/codes
"""

from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _

GENERIC: Promise = _("The card was declined. Nothing has been charged. Please try another card.")

MESSAGES: dict[str, Promise] = {
    "insufficient_funds": _("The card has insufficient funds. Nothing has been charged. Please try another card."),
    "expired_card": _("The card has expired. Nothing has been charged. Please try another card."),
    "incorrect_cvc": _("The card's security code was not right. Nothing has been charged. Please try again."),
    "processing_error": _("The bank could not process the card. Nothing has been charged. Please try again."),
    "payment_intent_authentication_failure": _(
        "The payment was not confirmed with the bank. Nothing has been charged. Please try again."
    ),
}


def customer_message(code: str, decline_code: str) -> str | Promise:
    """One safe sentence for the customer about a decline."""
    return MESSAGES.get(decline_code) or MESSAGES.get(code) or GENERIC
