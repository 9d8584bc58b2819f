"""Payment methods: cards, how they are made, attached and detached, and whose they are."""

from __future__ import annotations

import datetime
import hashlib
import re
from typing import Any

from .call import Call
from .cards import Card, by_name, by_number, check_details, luhn
from .common import address, find, live_customer, metadata, page, unset
from .errors import StripeFault, invalid, missing, refused
from .legacy import as_card, is_legacy
from .params import absent
from .render import as_list, render
from .store import Obj

_RAW = (
    "Sending credit card numbers directly to the Stripe API is generally unsafe. "
    "We suggest you use test tokens that map to the test card you are using."
)


def card_of(method: Obj) -> Card:
    """What the card behind a payment method does."""
    return by_name("pm_card_" + method["_card"]) or by_number(method["_card"])


def _new(call: Call, card: Card, month: int, year: int, cvc: bool, given: Obj, **own: Any) -> Obj:
    billing = given.get("billing_details") or {}
    fingerprint = hashlib.sha256(card.number.encode()).hexdigest()[:16]
    return call.new(
        "payment_method",
        {
            "allow_redisplay": given.get("allow_redisplay", "unspecified"),
            "billing_details": _billing({}, billing),
            "card": {
                "brand": card.brand,
                "checks": {
                    "address_line1_check": None,
                    "address_postal_code_check": card.zip_check,
                    "cvc_check": "unchecked" if cvc else None,
                },
                "country": card.country,
                "display_brand": card.brand,
                "exp_month": month,
                "exp_year": year,
                "fingerprint": fingerprint,
                "funding": card.funding,
                "generated_from": None,
                "last4": card.number[-4:],
                "networks": {"available": [card.brand], "preferred": None},
                "regulated_status": "unregulated",
                "three_d_secure_usage": {"supported": card.supports_3ds},
                "wallet": None,
            },
            "customer": None,
            "customer_account": None,
            "metadata": metadata(None, given.get("metadata")),
            "type": "card",
            "_card": card.name,
            "_cvc": cvc,
            "_set_up": False,
            "_used": False,
            "_detached": False,
            **own,
        },
    )


def _billing(before: Obj, given: Obj) -> Obj:
    return {
        "address": address({**(before.get("address") or {}), **(unset(given.get("address")) or {})}),
        **{key: unset(given.get(key, before.get(key))) for key in ("email", "name", "phone", "tax_id")},
    }


def _next_year(call: Call) -> int:
    return datetime.datetime.fromtimestamp(call.now, datetime.UTC).year + 1


def from_details(call: Call, given: Obj, card: Any) -> Obj:
    """A payment method from a ``card`` hash: a number typed in a browser, or a test token."""
    if not isinstance(card, dict):
        raise absent("card")
    if "token" in card:
        known = by_name(card["token"])
        if known is None:
            raise missing("token", card["token"], "card[token]", 400)
        return _new(call, known, 8, _next_year(call), True, given)
    if not call.browser:
        raise StripeFault(402, _RAW, saved=False)
    for name in ("number", "exp_month", "exp_year"):
        if not card.get(name):
            raise absent(f"card[{name}]")
    number = str(card["number"]).replace(" ", "")
    numbers = [str(card[name]) for name in ("exp_month", "exp_year")]
    for name, value in zip(("exp_month", "exp_year"), numbers, strict=True):
        if not value.isdecimal():
            raise invalid(f"Invalid integer: {value}", code="parameter_invalid_integer", param=f"card[{name}]")
    month, year = (int(value) for value in numbers)
    today = datetime.datetime.fromtimestamp(call.now, datetime.UTC)
    cvc = str(card["cvc"]) if card.get("cvc") else None
    check_details(number, month, year, cvc, (today.year, today.month))
    return _new(call, by_number(number), month, year + 2000 if year < 100 else year, cvc is not None, given)


def for_use(call: Call, ident: str, param: str = "payment_method", status: int = 400) -> Obj:
    """The payment method with that id; a test id such as ``pm_card_visa`` is copied to a new one."""
    method = call.store.get("payment_method", ident)
    if method is not None:
        return method
    card = by_name(ident)
    if card is None:
        raise missing("PaymentMethod", ident, param, status)
    return _new(call, card, 8, _next_year(call), True, {})


def check_usable(method: Obj, customer: str | None, intent: Obj | None = None) -> None:
    """Refuse a payment method that is somebody else's, detached or used up."""
    embedded: dict[str, Any] = {intent["object"]: render(intent)} if intent else {}
    for_payment = "payment_intent" in embedded
    if method["_detached"]:
        raise refused(
            "The provided PaymentMethod was previously used with a PaymentIntent without Customer attachment, "
            "shared with a connected account without Customer attachment, or was detached from a Customer. "
            "It may not be used again. To use a PaymentMethod multiple times, you must attach it to a Customer "
            "first.",
            **embedded,
        )
    owner = method["customer"]
    if owner is not None and customer is None:
        raise refused(
            f"The payment method you provided is attached to a customer so for security purposes you must "
            f"provide the customer in the request: {owner}.",
            code="parameter_missing",
            param="source" if for_payment else "customer",
            **embedded,
        )
    if owner is not None and owner != customer:
        raise refused(
            f"PaymentMethod {method['id']} does not belong to customer {customer}.",
            param="payment_method",
            **embedded,
        )
    if owner is None and method["_used"]:
        raise refused(
            "The provided PaymentMethod was previously used with a PaymentIntent without Customer attachment. "
            "It may not be used again.",
            **embedded,
        )


def attach_to(call: Call, method: Obj, customer: Obj) -> None:
    """Attach for later use, with its event; again for the same customer changes nothing."""
    if method["_detached"] or (method["customer"] is None and method["_used"]):
        raise refused(
            "This PaymentMethod was previously used without being attached to a Customer or was detached from "
            "a Customer, and may not be used again."
        )
    if method["customer"] == customer["id"]:
        return
    if method["customer"] is not None:
        raise refused("The payment method you provided has already been attached to a customer.")
    card = card_of(method)
    if card.decline and not card.charges_only and card.asks == "never":
        no = card.decline
        raise StripeFault(
            402,
            no.message,
            kind="card_error",
            code=no.code,
            decline_code=no.reason,
            advice_code=no.advice,
            param=no.param,
        )
    keep(call, method, customer["id"])


def keep(call: Call, method: Obj, customer: str) -> None:
    """The attaching itself."""
    method["customer"] = customer
    if method["card"]["checks"]["cvc_check"] == "unchecked":
        method["card"]["checks"]["cvc_check"] = card_of(method).cvc_check
    call.store.touch(method)
    call.emit("payment_method.attached", method)


def create(call: Call, params: Obj) -> Obj:
    """POST /v1/payment_methods"""
    if params.get("type", "card") != "card":
        raise invalid("Only cards are simulated.", param="type")
    if "type" not in params:
        raise absent("type")
    return render(from_details(call, params, call.card or params.get("card")))


def retrieve(call: Call, params: Obj) -> Obj:
    """GET /v1/payment_methods/{payment_method}"""
    return render(for_use(call, call.ids[0], status=404))


def update(call: Call, params: Obj) -> Obj:
    """POST /v1/payment_methods/{payment_method}"""
    method = find(call, "payment_method", call.ids[0], "payment_method")
    if method["customer"] is None:
        raise refused("You must save this PaymentMethod to a customer before you can update it.")
    before = render(method)
    if "billing_details" in params:
        method["billing_details"] = _billing(method["billing_details"], unset(params["billing_details"]) or {})
    card = params.get("card") or {}
    month = card.get("exp_month", method["card"]["exp_month"])
    if not 1 <= month <= 12:
        raise invalid("Your card's expiration month is invalid.", code="invalid_expiry_month", param="card[exp_month]")
    method["card"].update({key: value for key, value in card.items() if key in ("exp_month", "exp_year")})
    if "allow_redisplay" in params:
        method["allow_redisplay"] = params["allow_redisplay"]
    method["metadata"] = metadata(method["metadata"], params.get("metadata"))
    changed = {key: before[key] for key in before if before[key] != method[key]}
    call.store.touch(method)
    if changed:
        call.emit("payment_method.updated", method, changed)
    return render(method)


def list_all(call: Call, params: Obj) -> Obj:
    """GET /v1/payment_methods (without a customer the list is empty)"""
    if "customer" not in params:
        return as_list((), call.path)
    live_customer(call, params["customer"], 400)
    return page(
        call,
        "payment_method",
        params,
        customer=params["customer"],
        type=params.get("type"),
        allow_redisplay=params.get("allow_redisplay"),
    )


def attach(call: Call, params: Obj) -> Obj:
    """POST /v1/payment_methods/{payment_method}/attach"""
    if "customer" not in params:
        raise absent("customer")
    customer = live_customer(call, params["customer"])
    method = for_use(call, call.ids[0], status=404)
    attach_to(call, method, customer)
    return render(method)


def detach(call: Call, params: Obj) -> Obj:
    """POST /v1/payment_methods/{payment_method}/detach"""
    method = find(call, "payment_method", call.ids[0], "payment_method")
    owner = method["customer"]
    if owner is None:
        raise refused("The payment method you provided is not attached to a customer so detachment is impossible.")
    method["customer"], method["_detached"] = None, True
    customer = find(call, "customer", owner, "customer")
    call.store.touch(method)
    if customer["invoice_settings"]["default_payment_method"] == method["id"]:
        customer["invoice_settings"]["default_payment_method"] = None
        call.store.touch(customer)
    if customer["default_source"] == method["id"]:
        left = (one["id"] for one in call.store.newest_first("payment_method", owner) if is_legacy(one))
        customer["default_source"] = next(left, None)
        call.store.touch(customer)
    call.emit("payment_method.detached", method, {"customer": owner})
    return render(method)


def legacy_card(call: Call, customer: Obj, number: str, exp_month: int, exp_year: int) -> Obj:
    """A card saved before payment methods existed, as its customer's ``default_source``.

    Any card will do, an expired one and one that Stripe would not attach today: it was good once. No event
    tells of it, because it was there before the site listened.
    """
    number = number.replace(" ", "")
    if not number.isdecimal() or not 12 <= len(number) <= 19 or not luhn(number):
        raise ValueError(f"{number!r} is not a card number")
    _check_expiry(exp_month, exp_year)
    method = _new(
        call,
        by_number(number),
        exp_month,
        exp_year,
        True,
        {},
        id=f"card_{call.store.token()}",
        customer=customer["id"],
        _legacy=True,
    )
    method["card"]["checks"]["cvc_check"] = card_of(method).cvc_check
    customer["default_source"] = method["id"]
    call.store.touch(customer)
    return method


def replace_card(call: Call, method: Obj, exp_month: int, exp_year: int, last4: str | None = None) -> None:
    """What the networks' card updater does: new expiry and number behind the same id."""
    _check_expiry(exp_month, exp_year)
    if last4 is not None and not re.fullmatch(r"[0-9]{4}", last4):
        raise ValueError("last4 is a text of four digits")
    before = as_card(method) if is_legacy(method) else render(method)["card"]
    method["card"].update(exp_month=exp_month, exp_year=exp_year)
    if last4 is not None:
        method["card"]["last4"] = last4
    call.store.touch(method)
    if is_legacy(method):
        card = as_card(method)
        changed = {key: before[key] for key in card if before[key] != card[key]}
        call.emit("customer.source.updated", card, changed)
        return
    call.emit("payment_method.automatically_updated", method, {"card": before})


def _check_expiry(month: int, year: int) -> None:
    # Values may come out of JSON, where true is no month although Python counts it as 1.
    if type(month) is not int or not 1 <= month <= 12:
        raise ValueError("exp_month is a whole number from 1 to 12")
    if type(year) is not int or not 2000 <= year <= 2099:
        raise ValueError("exp_year is a year of four digits, such as 2034")
