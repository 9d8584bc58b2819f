"""What payment and setup intents share when they are confirmed: the method, 3-D Secure and card errors."""

from __future__ import annotations

from typing import Any

from .call import Call
from .cards import Card, Decline
from .errors import invalid, refused
from .payment_methods import for_use, from_details
from .render import render
from .store import Obj

_ONLY_CONFIRMING = ("off_session", "error_on_requires_action", "return_url", "mandate", "mandate_data")
_EXCLUSIVE = (
    "allowed_payment_method_types",
    "excluded_payment_method_types",
    "automatic_payment_methods",
    "payment_method_configuration",
)
AUTHENTICATION = Decline(
    "authentication_required",
    "authentication_required",
    "Your card was declined. This transaction requires authentication.",
)
NOT_HANDLED = Decline(
    "authentication_required",
    "authentication_not_handled",
    "The payment requires authentication, which this request does not allow.",
)


def check_methods(params: Obj) -> None:
    """Refuse parameters that exclude each other, or that need ``confirm``."""
    given = [name for name in _EXCLUSIVE if params.get(name) not in (None, "")]
    if len(given) > 1:
        raise invalid(f"You may only specify one of these parameters: {', '.join(given)}.", param=given[1])


def check_confirming(params: Obj) -> None:
    """Refuse what only goes with ``confirm=true``."""
    for name in _ONLY_CONFIRMING:
        if name in params and not params.get("confirm"):
            raise invalid(f"You cannot pass {name} unless confirm is set to true.", param=name)


def allowed_types(params: Obj) -> Obj:
    """The fields that say which kinds of payment method are allowed."""
    automatic = params.get("automatic_payment_methods")
    if automatic is not None:
        automatic = {"allow_redirects": automatic.get("allow_redirects", "always"), **automatic}
    elif not any(params.get(name) for name in _EXCLUSIVE[:2]):
        automatic = {"allow_redirects": "always", "enabled": True}
    return {
        "allowed_payment_method_types": params.get("allowed_payment_method_types") or None,
        "automatic_payment_methods": automatic,
        "excluded_payment_method_types": params.get("excluded_payment_method_types") or None,
        "payment_method_configuration_details": None,
        "payment_method_types": ["card"],
    }


def method_from(call: Call, params: Obj) -> Obj | None:
    """The payment method that a request brings, if any."""
    if "confirmation_token" in params:
        raise refused(
            f"No such confirmation token: '{params['confirmation_token']}'",
            code="resource_missing",
            param="confirmation_token",
        )
    if call.card is not None:
        return from_details(call, params.get("payment_method_data") or call.card_details, call.card)
    if "payment_method_data" in params:
        data = params["payment_method_data"]
        if data.get("type") != "card":
            raise invalid("Only cards are simulated.", param="payment_method_data[type]")
        return from_details(call, data, data.get("card"))
    if params.get("payment_method"):
        return for_use(call, params["payment_method"])
    return None


def check_return_url(call: Call, intent: Obj, params: Obj) -> None:
    """A server that confirms must give a ``return_url`` when some method might redirect."""
    automatic = intent["automatic_payment_methods"]
    if call.browser or params.get("return_url") or params.get("use_stripe_sdk"):
        return
    if automatic and automatic.get("enabled") and automatic.get("allow_redirects") != "never":
        embedded: dict[str, Any] = {intent["object"]: render(intent)}
        raise refused(
            "This intent is configured to accept payment methods enabled in your Dashboard. Because some of "
            "these payment methods might redirect your customer off of your page, you must provide a "
            "`return_url`. If you don't want to accept redirect-based payment methods, set "
            "`automatic_payment_methods[enabled]` to `true` and `automatic_payment_methods[allow_redirects]` "
            "to `never` when creating Setup Intents and Payment Intents.",
            **embedded,
        )


def needs_authentication(call: Call, card: Card, method: Obj, off_session: bool, options: Obj | None) -> bool:
    """Whether the issuer asks for 3-D Secure now."""
    if call.account.trouble.take("authentication", call.method, call.path):
        return True
    if card.asks == "always":
        return True
    if card.asks == "unless_set_up":
        return not (off_session and method["_set_up"])
    if card.asks == "on_session":
        return not off_session
    wish = ((options or {}).get("card") or {}).get("request_three_d_secure")
    return card.asks == "requested" and not off_session and wish in ("any", "challenge")


def next_action(call: Call, intent: Obj, params: Obj) -> Obj:
    """Where the customer goes for 3-D Secure."""
    url = f"{call.account.origin}/_simulator/redirect/{intent['id']}"
    if params.get("return_url") and not call.browser and not params.get("use_stripe_sdk"):
        return {
            "redirect_to_url": {"return_url": params["return_url"], "url": url},
            "type": "redirect_to_url",
        }
    sdk = {"type": "three_d_secure_redirect", "stripe_js": url, "source": f"src_{call.store.token(24)}"}
    return {"type": "use_stripe_sdk", "use_stripe_sdk": sdk}


def card_error(no: Decline, method: Obj, charge: Obj | None) -> Obj:
    """The error that is kept on the intent, with the full payment method in it."""
    fields: dict[str, Any] = {
        "advice_code": no.advice,
        "charge": charge["id"] if charge else None,
        "code": no.code,
        "decline_code": no.reason,
        "doc_url": f"https://stripe.com/docs/error-codes/{no.code.replace('_', '-')}",
        "message": no.message,
        "network_advice_code": charge["outcome"]["network_advice_code"] if charge else None,
        "network_decline_code": charge["outcome"]["network_decline_code"] if charge else None,
        "param": no.param,
        "payment_method": render(method),
        "type": "card_error",
    }
    return {key: value for key, value in fields.items() if value is not None}


def check_client_secret(call: Call, intent: Obj) -> None:
    """A browser proves with the client secret that the intent is its own."""
    if call.client_secret is None and not call.browser:
        return
    if call.client_secret is None:
        raise invalid("Missing required param: client_secret.", code="parameter_missing", param="client_secret")
    if call.client_secret != intent["client_secret"]:
        raise invalid(
            f"The client_secret provided does not match any associated {intent['object']} on this account.",
            param="client_secret",
        )
