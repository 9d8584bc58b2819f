"""Who may come in: API keys, the version header and what a browser may ask."""

from __future__ import annotations

import base64
import binascii
import re
from collections.abc import Mapping
from typing import Any

from .call import ACCOUNT_ID, API_VERSION, Call
from .errors import StripeFault, invalid
from .routes import Route

_VERSION = re.compile(r"\d{4}-\d{2}-\d{2}(\.(acacia|basil|clover|dahlia|endive))?\Z")
#: Keys such as ``sk_test_other_shop``, for tests of a site whose key is of another account than it was.
_OTHER = re.compile(r"(sk|rk|pk)_test_other")
#: Restricted keys that may do everything but read the account.
_NARROW = re.compile(r"rk_test_narrow")
OTHER_ACCOUNT_ID = "acct_1SimulatedOther00"
#: What Stripe.js adds to its requests and no server sends.
_BROWSER_ONLY = (
    "key",
    "_stripe_version",
    "_stripe_account",
    "expected_payment_method_type",
    "client_attribution_metadata",
)


def api_key(headers: Mapping[str, str], params: dict[str, Any]) -> str:
    """The key of a request: bearer, basic, or (from a browser) a parameter."""
    scheme, _, value = headers.get("authorization", "").partition(" ")
    key = value.strip()
    if scheme.lower() == "basic":
        try:
            key = base64.b64decode(key, validate=True).decode().partition(":")[0]
        except (binascii.Error, UnicodeDecodeError):
            key = ""
    if not key and isinstance(params.get("key"), str):
        key = params["key"]
    if not key:
        raise StripeFault(
            401,
            "You did not provide an API key. You need to provide your API key in the Authorization header, using "
            "Bearer auth (e.g. 'Authorization: Bearer YOUR_SECRET_KEY').",
            saved=False,
        )
    if re.match(r"(sk|rk|pk)_live_", key):
        raise StripeFault(
            401, "This is a simulator: it never takes a live key. Use a test key, sk_test_...", saved=False
        )
    if not re.match(r"(sk|rk|pk)_test_\w*\Z", key):
        raise StripeFault(401, f"Invalid API Key provided: {_masked(key)}", saved=False)
    return key


def _masked(key: str) -> str:
    return key[:8] + "*" * max(0, len(key) - 12) + key[-4:] if len(key) > 12 else "*" * len(key)


def account_of(key: str) -> str:
    """Whose key it is. The keys of the other account share the objects of this one: it only has another name."""
    return OTHER_ACCOUNT_ID if _OTHER.match(key) else ACCOUNT_ID


def check_rights(key: str, route: Route) -> None:
    """What a restricted key may not do."""
    if route.operation == "account_retrieve_current" and _NARROW.match(key):
        raise StripeFault(
            403,
            f"The provided key '{_masked(key)}' does not have the required permissions for this endpoint on account "
            f"'{account_of(key)}'.",
            saved=False,
        )


def check_version(headers: Mapping[str, str]) -> str:
    """The API version that is answered in."""
    version = headers.get("stripe-version", API_VERSION)
    if not _VERSION.match(version):
        raise invalid(f"Invalid Stripe API version: {version}")
    return version


def admit_browser(call: Call, route: Route, params: dict[str, Any]) -> None:
    """Let a browser in where it may be, and take aside what only it may send."""
    if not route.browser:
        raise StripeFault(
            403,
            "This API call cannot be made with a publishable API key. Please use a secret API key. You can find a "
            "list of your API keys at https://dashboard.stripe.com/account/apikeys.",
            code="secret_key_required",
            saved=False,
        )
    call.browser = True
    for name in _BROWSER_ONLY:
        params.pop(name, None)
    data = params.get("payment_method_data")
    if isinstance(data, dict):
        for name in ("guid", "muid", "sid", "payment_user_agent", "referrer", "time_on_page"):
            data.pop(name, None)
        if isinstance(data.get("card"), dict):
            call.card = data.pop("card")
            # The SDK's types are a server's, and to a server "card" is no type of payment_method_data.
            if data.get("type") == "card":
                params.pop("payment_method_data")
                call.card_details = {name: data[name] for name in ("billing_details", "metadata") if name in data}
    if route.operation == "payment_method_create" and isinstance(params.get("card"), dict):
        call.card = params.pop("card")


def take_client_secret(call: Call, params: dict[str, Any]) -> None:
    """Keep the client secret of a browser apart: not every operation's SDK type has it."""
    secret = params.pop("client_secret", None)
    if isinstance(secret, str):
        call.client_secret = secret
