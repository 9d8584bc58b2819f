"""Payment intents: made, changed, cancelled, captured. Confirming lives in ``payments``."""

from __future__ import annotations

from .attempts import allowed_types, check_client_secret, check_confirming, check_methods, method_from
from .call import Call
from .charges import collect
from .common import find, live_customer, metadata, page, shipping, unset, update_fields
from .disputes import open_all
from .errors import StripeFault, invalid, refused
from .payment_methods import card_of, check_usable
from .payments import OPEN, confirm_with
from .render import render
from .rules import check_amount, check_currency, check_positive
from .store import Obj

_PLAIN = ("description", "receipt_email", "setup_future_usage", "statement_descriptor_suffix", "transfer_group")
#: What can still be changed on an intent that has ended.
_AFTERWARDS = frozenset(("description", "metadata", "receipt_email", "shipping", "expand", "transfer_group"))
_CARD_OPTIONS = {"installments": None, "mandate_options": None, "network": None, "request_three_d_secure": "automatic"}


def unexpected(intent: Obj, message: str, param: str | None = None) -> StripeFault:
    """The wrong moment for what was asked."""
    return refused(message, code="payment_intent_unexpected_state", param=param, payment_intent=render(intent))


def _find(call: Call) -> Obj:
    intent = find(call, "payment_intent", call.ids[0], "intent")
    check_client_secret(call, intent)
    return intent


def _options(before: Obj | None, given: Obj | None) -> Obj:
    card = {**_CARD_OPTIONS, **((before or {}).get("card") or {})}
    wanted = (given or {}).get("card") or {}
    shown = {
        "capture_method",
        "network",
        "request_three_d_secure",
        "require_cvc_recollection",
        "setup_credential_usage",
        "setup_future_usage",
        "stored_credential_usage",
    }
    for key, value in wanted.items():
        if key not in shown:
            continue
        if value == "":
            card.pop(key, None)
        else:
            card[key] = value
    return {"card": card}


def create(call: Call, params: Obj) -> Obj:
    """POST /v1/payment_intents"""
    check_positive(params["amount"])
    currency = check_currency(params["currency"])
    check_methods(params)
    check_confirming(params)
    _check_descriptor(params)
    check_amount(params["amount"], currency)
    if "customer" in params:
        live_customer(call, params["customer"])
    extra = metadata(None, params.get("metadata"))
    method = method_from(call, params)
    intent = _new(call, params, currency, extra)
    call.emit("payment_intent.created", intent)
    if method is not None:
        check_usable(method, intent["customer"], intent)
        intent["payment_method"] = method["id"]
        intent["status"] = "requires_confirmation"
        call.store.touch(intent)
    if params.get("confirm"):
        confirm_with(call, intent, method, params)
    return render(intent)


def _check_descriptor(params: Obj) -> None:
    if params.get("statement_descriptor"):
        raise refused(
            "The `statement_descriptor` parameter is not supported for card payments; use "
            "`statement_descriptor_suffix`.",
            param="statement_descriptor",
        )


def _new(call: Call, params: Obj, currency: str, extra: Obj) -> Obj:
    intent = call.new(
        "payment_intent",
        {
            "amount": params["amount"],
            "amount_capturable": 0,
            "amount_details": {"tip": {}},
            "amount_received": 0,
            "application": None,
            "application_fee_amount": None,
            **allowed_types(params),
            "canceled_at": None,
            "cancellation_reason": None,
            "capture_method": params.get("capture_method", "automatic_async"),
            "client_secret": None,
            "confirmation_method": params.get("confirmation_method", "automatic"),
            "currency": currency,
            "customer": params.get("customer"),
            "customer_account": None,
            "description": None,
            "last_payment_error": None,
            "latest_charge": None,
            "managed_payments": None,
            "metadata": extra,
            "next_action": None,
            "on_behalf_of": None,
            "payment_method": None,
            "payment_method_options": _options(None, params.get("payment_method_options")),
            "payment_record": None,
            "processing": None,
            "receipt_email": None,
            "review": None,
            "setup_future_usage": None,
            "shipping": shipping(params.get("shipping")),
            "source": None,
            "statement_descriptor": None,
            "statement_descriptor_suffix": None,
            "status": "requires_payment_method",
            "transfer_data": None,
            "transfer_group": None,
            "_attempts": 0,
            "_authenticated": None,
        },
    )
    intent["client_secret"] = f"{intent['id']}_secret_{call.store.token(25)}"
    for name in _PLAIN:
        if name in params:
            intent[name] = unset(params[name])
    return intent


def retrieve(call: Call, params: Obj) -> Obj:
    """GET /v1/payment_intents/{intent}"""
    return render(_find(call))


def list_all(call: Call, params: Obj) -> Obj:
    """GET /v1/payment_intents"""
    return page(call, "payment_intent", params, customer=params.get("customer"))


def update(call: Call, params: Obj) -> Obj:
    """POST /v1/payment_intents/{intent}"""
    intent = _find(call)
    check_methods(params)
    _check_descriptor(params)
    late = [name for name in params if name not in _AFTERWARDS]
    if late and intent["status"] not in OPEN:
        name = "amount" if "amount" in late else late[0]
        raise unexpected(
            intent,
            f"This PaymentIntent's {name} could not be updated because it has a status of {intent['status']}.",
            name,
        )
    # All that can be refused comes first: a refused update changes nothing.
    customer = live_customer(call, params["customer"])["id"] if "customer" in params else intent["customer"]
    metadata(intent["metadata"], params.get("metadata"))
    method = method_from(call, params)
    if method is not None:
        check_usable(method, customer, intent)
    _update_money(intent, params)
    intent["customer"] = customer
    if method is not None:
        intent["payment_method"], intent["status"] = method["id"], "requires_confirmation"
        intent["next_action"] = None
    elif params.get("payment_method") == "":
        intent["payment_method"], intent["status"] = None, "requires_payment_method"
        intent["next_action"] = None
    update_fields(intent, params, _PLAIN)
    if "capture_method" in params:
        intent["capture_method"] = params["capture_method"]
    if "shipping" in params:
        intent["shipping"] = shipping(params["shipping"])
    if "payment_method_options" in params:
        intent["payment_method_options"] = _options(intent["payment_method_options"], params["payment_method_options"])
    if "allowed_payment_method_types" in params or "excluded_payment_method_types" in params:
        intent.update(allowed_types(params))
    intent["last_payment_error"] = None
    call.store.touch(intent)
    return render(intent)


def _update_money(intent: Obj, params: Obj) -> None:
    amount = params["amount"] if "amount" in params else intent["amount"]
    check_positive(amount)
    currency = check_currency(params["currency"] if "currency" in params else intent["currency"])
    if "amount" in params or "currency" in params:
        check_amount(amount, currency)
        intent["amount"], intent["currency"] = amount, currency


def confirm(call: Call, params: Obj) -> Obj:
    """POST /v1/payment_intents/{intent}/confirm"""
    intent = _find(call)
    check_methods(params)
    if intent["status"] not in OPEN:
        reason = (
            "it has already succeeded after being previously confirmed"
            if intent["status"] == "succeeded"
            else f"it has a status of {intent['status']}"
        )
        raise unexpected(intent, f"You cannot confirm this PaymentIntent because {reason}.")
    if call.browser and intent["confirmation_method"] == "manual":
        raise invalid("This PaymentIntent's confirmation_method is manual: it can only be confirmed with a secret key.")
    update_fields(intent, params, ("receipt_email", "setup_future_usage"))
    if "shipping" in params:
        intent["shipping"] = shipping(params["shipping"])
    if "payment_method_options" in params:
        intent["payment_method_options"] = _options(intent["payment_method_options"], params["payment_method_options"])
    if "allowed_payment_method_types" in params or "excluded_payment_method_types" in params:
        intent.update(allowed_types(params))
    confirm_with(call, intent, method_from(call, params), params)
    return render(intent)


def cancel(call: Call, params: Obj) -> Obj:
    """POST /v1/payment_intents/{intent}/cancel"""
    intent = _find(call)
    if intent["status"] not in (*OPEN, "requires_capture"):
        raise unexpected(
            intent,
            f"You cannot cancel this PaymentIntent because it has a status of {intent['status']}. Only a "
            "PaymentIntent with one of the following statuses may be canceled: requires_payment_method, "
            "requires_capture, requires_reauthorization, requires_confirmation, requires_action, processing, "
            "expired.",
        )
    end(call, intent, params.get("cancellation_reason"))
    return render(intent)


def end(call: Call, intent: Obj, reason: str | None) -> None:
    """Cancel, and let go of what was held."""
    held = intent["status"] == "requires_capture"
    intent.update(
        amount_capturable=0,
        canceled_at=call.now,
        cancellation_reason=reason,
        next_action=None,
        status="canceled",
    )
    call.store.touch(intent)
    if held:
        charge = find(call, "charge", intent["latest_charge"], "charge")
        charge.update(amount_refunded=charge["amount"], refunded=True)
        call.store.touch(charge)
        call.emit("charge.expired" if reason == "automatic" else "charge.refunded", charge)
    call.emit("payment_intent.canceled", intent)


def capture(call: Call, params: Obj) -> Obj:
    """POST /v1/payment_intents/{intent}/capture"""
    intent = _find(call)
    if intent["status"] != "requires_capture":
        raise unexpected(
            intent,
            "This PaymentIntent could not be captured because it has a status of "
            f"{intent['status']}. Only a PaymentIntent with one of the following statuses may be captured: "
            "requires_capture.",
        )
    amount = params["amount_to_capture"] if "amount_to_capture" in params else intent["amount_capturable"]
    check_positive(amount, "amount_to_capture")
    if amount > intent["amount_capturable"]:
        raise refused(
            f"The amount to capture is greater than the amount you can capture: {intent['amount_capturable']}.",
            code="amount_too_large",
            param="amount_to_capture",
        )
    charge = find(call, "charge", intent["latest_charge"], "charge")
    charge.update(amount_captured=amount, captured=True, amount_refunded=charge["amount"] - amount)
    call.store.touch(charge)
    intent.update(amount_capturable=0, amount_received=amount, status="succeeded")
    update_fields(intent, params, ("statement_descriptor_suffix",))
    call.store.touch(intent)
    collect(call, charge, "automatic_async")
    call.emit("charge.captured", charge)
    open_all(call, charge, card_of(find(call, "payment_method", charge["payment_method"], "payment_method")))
    call.emit("payment_intent.succeeded", intent)
    return render(intent)
