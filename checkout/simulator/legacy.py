"""Cards that were saved before payment methods existed: the Card object that old API calls made.

Stripe keeps such a card under its ``card_...`` id and lets it be used as a payment method. Here there is one
object for both, the payment method, and the Card object is a view of it: so the two can never disagree.
"""

from __future__ import annotations

from .store import Obj

#: Card objects name brands as people write them, payment methods as machines do.
_BRANDS = {
    "amex": "American Express",
    "diners": "Diners Club",
    "discover": "Discover",
    "jcb": "JCB",
    "mastercard": "MasterCard",
    "unionpay": "UnionPay",
    "visa": "Visa",
}


def is_legacy(method: Obj) -> bool:
    """Whether a payment method is a legacy card (data files of older simulators know none)."""
    return bool(method.get("_legacy"))


def as_card(method: Obj) -> Obj:
    """The Card object behind a legacy card."""
    shown, billing = method["card"], method["billing_details"]
    where = billing["address"] or {}
    checks = shown["checks"]
    return {
        "id": method["id"],
        "object": "card",
        "address_city": where.get("city"),
        "address_country": where.get("country"),
        "address_line1": where.get("line1"),
        "address_line1_check": checks["address_line1_check"],
        "address_line2": where.get("line2"),
        "address_state": where.get("state"),
        "address_zip": where.get("postal_code"),
        "address_zip_check": checks["address_postal_code_check"],
        "allow_redisplay": method["allow_redisplay"],
        "brand": _BRANDS.get(shown["brand"], "Unknown"),
        "country": shown["country"],
        "customer": method["customer"],
        "cvc_check": checks["cvc_check"],
        "dynamic_last4": None,
        "exp_month": shown["exp_month"],
        "exp_year": shown["exp_year"],
        "fingerprint": shown["fingerprint"],
        "funding": shown["funding"],
        "last4": shown["last4"],
        "metadata": dict(method["metadata"]),
        "name": billing["name"],
        "regulated_status": shown["regulated_status"],
        "tokenization_method": None,
        "wallet": None,
    }
