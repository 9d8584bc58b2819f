"""Setup intents: a card is saved for later."""

from __future__ import annotations

from .attempts import (
    allowed_types,
    card_error,
    check_client_secret,
    check_methods,
    check_return_url,
    method_from,
    needs_authentication,
    next_action,
)
from .call import Call
from .cards import Decline
from .charges import decline_of, forced_decline
from .common import find, live_customer, metadata, page, update_fields
from .errors import StripeFault, invalid, refused
from .params import absent
from .payment_methods import card_of, check_usable, keep
from .render import render
from .store import Obj

_OPEN = ("requires_payment_method", "requires_confirmation", "requires_action")
_CARD_OPTIONS = {"mandate_options": None, "network": None, "request_three_d_secure": "automatic"}
_SHOWN = ("network", "request_three_d_secure", "setup_credential_usage")
_FAILED = Decline(
    "setup_intent_authentication_failure",
    "",
    "We are unable to authenticate your payment method. Please choose a different payment method and try again.",
)


def _unexpected(intent: Obj, message: str) -> StripeFault:
    return refused(message, code="setup_intent_unexpected_state", setup_intent=render(intent))


def _find(call: Call) -> Obj:
    intent = find(call, "setup_intent", call.ids[0], "intent")
    check_client_secret(call, intent)
    return intent


def _options(before: Obj | None, given: Obj | None) -> Obj:
    wanted = (given or {}).get("card") or {}
    shown = {key: value for key, value in wanted.items() if key in _SHOWN}
    return {"card": {**_CARD_OPTIONS, **((before or {}).get("card") or {}), **shown}}


def create(call: Call, params: Obj) -> Obj:
    """POST /v1/setup_intents"""
    check_methods(params)
    confirming = params.get("confirm", False)
    if "return_url" in params and not confirming:
        raise invalid("You cannot pass return_url unless confirm is set to true.", param="return_url")
    if "customer" in params:
        live_customer(call, params["customer"])
    extra = metadata(None, params.get("metadata"))
    method = method_from(call, params)
    if method is not None:
        check_usable(method, params.get("customer"))
    intent = _new(call, params, extra)
    call.emit("setup_intent.created", intent)
    if method is not None:
        intent.update(payment_method=method["id"], status="requires_confirmation")
        call.store.touch(intent)
    if confirming:
        _confirm(call, intent, method, params)
    return render(intent)


def _new(call: Call, params: Obj, extra: Obj) -> Obj:
    intent = call.new(
        "setup_intent",
        {
            "application": None,
            **allowed_types(params),
            "cancellation_reason": None,
            "client_secret": None,
            "customer": params.get("customer"),
            "customer_account": None,
            "description": params.get("description"),
            "flow_directions": None,
            "last_setup_error": None,
            "latest_attempt": None,
            "mandate": None,
            "metadata": extra,
            "next_action": None,
            "on_behalf_of": None,
            "payment_method": None,
            "payment_method_options": _options(None, params.get("payment_method_options")),
            "single_use_mandate": None,
            "status": "requires_payment_method",
            "usage": params.get("usage", "off_session"),
            "_authenticated": None,
        },
    )
    intent["client_secret"] = f"{intent['id']}_secret_{call.store.token(25)}"
    return intent


def retrieve(call: Call, params: Obj) -> Obj:
    """GET /v1/setup_intents/{intent}"""
    return render(_find(call))


def list_all(call: Call, params: Obj) -> Obj:
    """GET /v1/setup_intents"""
    return page(
        call,
        "setup_intent",
        params,
        customer=params.get("customer"),
        payment_method=params.get("payment_method"),
    )


def update(call: Call, params: Obj) -> Obj:
    """POST /v1/setup_intents/{intent}"""
    intent = _find(call)
    check_methods(params)
    late = set(params) - {"description", "metadata", "expand"}
    if late and intent["status"] not in _OPEN:
        raise _unexpected(
            intent, f"This SetupIntent could not be updated because it has a status of {intent['status']}."
        )
    if "customer" in params:
        intent["customer"] = live_customer(call, params["customer"])["id"]
    method = method_from(call, params)
    if method is not None:
        check_usable(method, intent["customer"], intent)
        intent.update(payment_method=method["id"], status="requires_confirmation", next_action=None)
    update_fields(intent, params, ("description",))
    if "payment_method_options" in params:
        intent["payment_method_options"] = _options(intent["payment_method_options"], params["payment_method_options"])
    intent["last_setup_error"] = None
    call.store.touch(intent)
    return render(intent)


def confirm(call: Call, params: Obj) -> Obj:
    """POST /v1/setup_intents/{intent}/confirm"""
    intent = _find(call)
    check_methods(params)
    if "payment_method_options" in params:
        intent["payment_method_options"] = _options(intent["payment_method_options"], params["payment_method_options"])
    _confirm(call, intent, method_from(call, params), params)
    return render(intent)


def _confirm(call: Call, intent: Obj, method: Obj | None, params: Obj) -> None:
    # A missing method is found before the wrong state is.
    if method is None:
        if intent["payment_method"] is None:
            raise absent("payment_method")
        method = find(call, "payment_method", intent["payment_method"], "payment_method", 400)
    if intent["status"] not in _OPEN:
        raise _unexpected(intent, f"You cannot confirm this SetupIntent because it has a status of {intent['status']}.")
    check_usable(method, intent["customer"], intent)
    check_return_url(call, intent, params)
    intent.update(last_setup_error=None, next_action=None, payment_method=method["id"])
    call.store.touch(intent)
    options = intent["payment_method_options"]
    if needs_authentication(call, card_of(method), method, False, options):
        intent.update(status="requires_action", next_action=next_action(call, intent, params))
        call.emit("setup_intent.requires_action", intent)
        return
    _finish(call, intent, method)
    error = intent["last_setup_error"]
    if error is not None:
        rest = {key: one for key, one in error.items() if key not in ("type", "message", "code", "param")}
        raise StripeFault(
            402,
            error["message"],
            kind="card_error",
            code=error["code"],
            param=error.get("param"),
            setup_intent=render(intent),
            **rest,
        )


def _finish(call: Call, intent: Obj, method: Obj) -> None:
    card = card_of(method)
    no = forced_decline(call, payment=False) or (None if card.charges_only else decline_of(card, method))
    if no is not None:
        _fail(call, intent, card_error(no, method, None))
        return
    method["_used"] = True
    method["_set_up"] = method["_set_up"] or intent["usage"] == "off_session"
    intent.update(status="succeeded", next_action=None)
    call.store.touch(intent)
    call.store.touch(method)
    if intent["customer"] and method["customer"] is None:
        keep(call, method, intent["customer"])
    call.emit("setup_intent.succeeded", intent)


def _fail(call: Call, intent: Obj, error: Obj) -> None:
    intent.update(last_setup_error=error, next_action=None, payment_method=None, status="requires_payment_method")
    call.store.touch(intent)
    call.emit("setup_intent.setup_failed", intent)


def authenticated(call: Call, intent: Obj, passed: bool) -> None:
    """The customer came back from 3-D Secure."""
    method = find(call, "payment_method", intent["payment_method"], "payment_method")
    if passed:
        _finish(call, intent, method)
        return
    error = card_error(_FAILED, method, None)
    error.pop("decline_code")
    error["type"] = "invalid_request_error"
    _fail(call, intent, error)


def cancel(call: Call, params: Obj) -> Obj:
    """POST /v1/setup_intents/{intent}/cancel"""
    intent = _find(call)
    if intent["status"] not in _OPEN:
        raise _unexpected(intent, f"You cannot cancel this SetupIntent because it has a status of {intent['status']}.")
    intent.update(cancellation_reason=params.get("cancellation_reason"), next_action=None, status="canceled")
    call.store.touch(intent)
    call.emit("setup_intent.canceled", intent)
    return render(intent)
