"""Confirming a payment intent: the card is charged, parked for 3-D Secure, or declined."""

from __future__ import annotations

from typing import NoReturn

from .attempts import (
    AUTHENTICATION,
    NOT_HANDLED,
    card_error,
    check_return_url,
    needs_authentication,
    next_action,
)
from .call import Call
from .cards import Card, Decline
from .charges import decline_of, forced_decline, make
from .common import find
from .disputes import open_all
from .errors import StripeFault, refused
from .payment_methods import card_of, check_usable, keep
from .render import render
from .schedule import later, task
from .store import Obj

#: The statuses from which an intent can still be paid.
OPEN = ("requires_payment_method", "requires_confirmation", "requires_action")
#: Stripe's limit varies; past this many refusals the intent is canceled.
MAX_ATTEMPTS = 20
_HOLD = 7 * 86400
_FAILED = Decline(
    "payment_intent_authentication_failure",
    "",
    "We are unable to authenticate your payment method. Please choose a different payment method and try again.",
)


def confirm_with(call: Call, intent: Obj, method: Obj | None, params: Obj) -> None:
    """Try to take the money; a refusal is raised, and leaves the intent behind."""
    if method is None:
        method = _fallback(call, intent, params)
    check_usable(method, intent["customer"], intent)
    check_return_url(call, intent, params)
    intent["_attempts"] += 1
    intent.update(last_payment_error=None, next_action=None, payment_method=method["id"])
    intent["_off_session"] = bool(params.get("off_session"))
    call.store.touch(intent)
    card = card_of(method)
    if intent["_authenticated"] != method["id"] and needs_authentication(
        call, card, method, intent["_off_session"], intent["payment_method_options"]
    ):
        if intent["_off_session"]:
            _refuse(call, intent, method, AUTHENTICATION, None)
        if params.get("error_on_requires_action"):
            _refuse(call, intent, method, NOT_HANDLED, None)
        intent.update(status="requires_action", next_action=next_action(call, intent, params))
        call.emit("payment_intent.requires_action", intent)
        return
    no = charge(call, intent, method, card, intent["_authenticated"] == method["id"])
    if no is not None:
        raise _fault(intent)


def _fallback(call: Call, intent: Obj, params: Obj) -> Obj:
    ident = intent["payment_method"]
    if ident is None and intent["customer"]:
        customer = find(call, "customer", intent["customer"], "customer", 400)
        ident = customer["invoice_settings"]["default_payment_method"]
        # Only create has ``confirm``, and only create is said to fall back to the legacy card.
        if ident is None and params.get("confirm"):
            ident = intent["source"] = customer["default_source"]
    if ident is None:
        raise refused(
            "You cannot confirm this PaymentIntent because it's missing a payment method. You can either update "
            "the PaymentIntent with a payment method and then confirm it again, or confirm it again directly "
            "with a payment method or ConfirmationToken.",
            code="payment_intent_unexpected_state",
            payment_intent=render(intent),
        )
    return find(call, "payment_method", ident, "payment_method", 400)


def charge(call: Call, intent: Obj, method: Obj, card: Card, authenticated: bool) -> Decline | None:
    """Charge the card now; the decline, if it came to that."""
    no = forced_decline(call) or decline_of(card, method)
    made = make(call, intent, method, card, no, authenticated)
    intent["latest_charge"] = made["id"]
    if no is not None:
        call.emit("charge.failed", made)
        fail(call, intent, card_error(no, method, made))
        return no
    method["_used"] = True
    intent["next_action"] = None
    _keep_card(call, intent, method)
    call.store.touch(method)
    call.emit("charge.succeeded", made)
    if intent["capture_method"] == "manual":
        intent.update(status="requires_capture", amount_capturable=intent["amount"])
        later(call, _HOLD, "release_hold", intent)
        call.emit("payment_intent.amount_capturable_updated", intent)
    else:
        intent.update(status="succeeded", amount_received=intent["amount"])
        open_all(call, made, card)
        call.emit("payment_intent.succeeded", intent)
    call.store.touch(intent)
    return None


def _keep_card(call: Call, intent: Obj, method: Obj) -> None:
    options = (intent["payment_method_options"] or {}).get("card") or {}
    usage = options.get("setup_future_usage") or intent["setup_future_usage"]
    if usage in ("off_session", "on_session"):
        method["_set_up"] = method["_set_up"] or usage == "off_session"
        if intent["customer"] and method["customer"] is None:
            keep(call, method, intent["customer"])


def fail(call: Call, intent: Obj, error: Obj) -> None:
    """An attempt failed: the intent waits for another card, or ends after too many attempts."""
    intent.update(last_payment_error=error, next_action=None, payment_method=None, status="requires_payment_method")
    intent["_authenticated"] = None
    call.store.touch(intent)
    call.emit("payment_intent.payment_failed", intent)
    if intent["_attempts"] >= MAX_ATTEMPTS:
        intent.update(status="canceled", canceled_at=call.now, cancellation_reason="automatic")
        call.emit("payment_intent.canceled", intent)


def _refuse(call: Call, intent: Obj, method: Obj, no: Decline, made: Obj | None) -> NoReturn:
    fail(call, intent, card_error(no, method, made))
    raise _fault(intent)


def _fault(intent: Obj) -> StripeFault:
    error = dict(intent["last_payment_error"])
    kind = error.pop("type")
    message = error.pop("message")
    code, param = error.pop("code"), error.pop("param", None)
    return StripeFault(402, message, kind=kind, code=code, param=param, payment_intent=render(intent), **error)


def authenticated(call: Call, intent: Obj, passed: bool) -> None:
    """The customer came back from 3-D Secure."""
    method = find(call, "payment_method", intent["payment_method"], "payment_method")
    intent["next_action"] = None
    if not passed:
        error = card_error(_FAILED, method, None)
        error.pop("decline_code")
        error["type"] = "invalid_request_error"
        fail(call, intent, error)
        return
    intent["_authenticated"] = method["id"]
    if intent["confirmation_method"] == "manual":
        intent["status"] = "requires_confirmation"
        call.store.touch(intent)
        return
    charge(call, intent, method, card_of(method), True)


@task("release_hold", "payment_intent")
def _release(call: Call, intent: Obj) -> None:
    from .intents import end

    if intent["status"] == "requires_capture":
        end(call, intent, "automatic")
