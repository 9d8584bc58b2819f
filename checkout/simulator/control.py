"""What the simulator answers besides Stripe's API: trouble, clock, 3-D Secure, a stand-in for Stripe.js.

Everything lives under ``/_simulator/``; a sentence explains each refusal.
"""

from __future__ import annotations

import http.client
import json
from collections.abc import Callable, Mapping
from html import escape
from importlib.resources import files
from typing import Any
from urllib.parse import parse_qs, parse_qsl, urlencode, urlsplit, urlunsplit

from checkout.simulator.engine import Response, Simulator
from checkout.simulator.trouble import CALLS, CODES, EVENTS

PREFIX = "/_simulator/"
_ICON_PATH = "/favicon.ico"
_SCRIPT_PATHS = ("/stripe.js", "/endive/stripe.js")
_SCRIPT_PARTS = (
    "wire.js",
    "style.js",
    "card.js",
    "element.js",
    "elements.js",
    "authenticate.js",
    "stripe.js",
)
_STATIC = {"redirect.css": "text/css; charset=utf-8"}
_WEBHOOK_TIMEOUT = 20
_OUTCOMES = ("complete", "fail", "cancel")
_TROUBLE_OPTIONS = {"times", "share", "path", "method", "code", "delay", *CODES}
_TROUBLE_NAMES = CALLS + EVENTS
_PAGE = """<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>3-D Secure test authentication</title>
<link rel="stylesheet" href="/_simulator/static/redirect.css">
</head>
<body>
<main>
<h1>3-D Secure test authentication</h1>
<p>A real bank would ask you here to approve the payment. Here you choose what it says.</p>
<form method="post">
<button name="outcome" value="complete">Complete</button>
<button name="outcome" value="fail">Fail</button>
</form>
</main>
</body>
</html>
"""


class BadRequest(Exception):
    """The caller sent something unusable; the message says what to send instead."""


def is_control_path(path: str) -> bool:
    """Say whether ``path`` is ours rather than Stripe's API."""
    return path.startswith(PREFIX) or path in (*_SCRIPT_PATHS, _ICON_PATH)


def post_webhook(url: str, body: bytes, headers: Mapping[str, str]) -> int:
    """Deliver one event over HTTP. Returns the answer's status, 0 when nobody answered."""
    parts = urlsplit(url)
    if parts.scheme != "http":
        return 0
    connection = http.client.HTTPConnection(parts.hostname or "", parts.port or 80, timeout=_WEBHOOK_TIMEOUT)
    path = f"{parts.path or '/'}?{parts.query}" if parts.query else parts.path or "/"
    try:
        connection.request("POST", path, body=body, headers=dict(headers))
        return connection.getresponse().status
    except (OSError, http.client.HTTPException):
        return 0
    finally:
        connection.close()


class Control:
    """The ``/_simulator/...`` calls of one simulator."""

    def __init__(self, simulator: Simulator) -> None:
        self.simulator = simulator
        self._routes: dict[tuple[str, str], Callable[[bytes], Any]] = {
            ("POST", "trouble"): self._add_trouble,
            ("DELETE", "trouble"): self._clear_trouble,
            ("POST", "clock"): self._clock,
            ("POST", "rate"): self._rate,
            ("POST", "reset"): self._reset,
            ("GET", "calls"): lambda body: {"calls": dict(self.simulator.calls)},
            ("GET", "events"): lambda body: {"events": list(self.simulator.events)},
            ("POST", "deliver"): lambda body: {"delivered": self.simulator.deliver_pending(post_webhook)},
            ("POST", "authenticate"): self._authenticate,
            ("POST", "legacy_card"): self._legacy_card,
            ("POST", "replace_card"): self._replace_card,
        }

    def handle(self, method: str, path: str, query: str, headers: Mapping[str, str], body: bytes) -> Response:
        """Answer one call."""
        if path in _SCRIPT_PATHS:
            return _script()
        if path == _ICON_PATH:
            return Response(204, {"Cache-Control": "max-age=86400"}, b"")
        name = path.removeprefix(PREFIX).strip("/")
        try:
            if name.startswith("static/"):
                return self._static_file(name.removeprefix("static/"))
            if name.startswith("redirect/"):
                return self._redirect(method, name.removeprefix("redirect/"), query, headers, body)
            route = self._routes.get((method, name))
            if route is None:
                return _json(404, _message(f"The simulator has no {method} {path}."))
            return _json(200, route(body))
        except BadRequest as bad:
            return _json(400, _message(str(bad)))

    def _add_trouble(self, body: bytes) -> dict[str, Any]:
        options = _object(body)
        name = options.pop("name", None)
        if name not in _TROUBLE_NAMES:
            raise BadRequest(f'Name one of these troubles in "name": {", ".join(_TROUBLE_NAMES)}.')
        unknown = sorted(set(options) - _TROUBLE_OPTIONS)
        if unknown:
            raise BadRequest(f"Unknown option {unknown[0]!r}. Options: {', '.join(sorted(_TROUBLE_OPTIONS))}.")
        try:
            self.simulator.trouble.add(name, **options)
        except (TypeError, ValueError) as wrong:
            raise BadRequest(f"This trouble cannot be had: {wrong}.") from wrong
        return {"added": name}

    def _clear_trouble(self, body: bytes) -> dict[str, Any]:
        self.simulator.trouble.clear()
        return {"cleared": True}

    def _clock(self, body: bytes) -> dict[str, Any]:
        seconds = _object(body).get("seconds")
        if isinstance(seconds, bool) or not isinstance(seconds, int) or seconds < 0:
            raise BadRequest(
                'Send {"seconds": N} with a whole number of seconds from 0 up: the clock only goes forward.'
            )
        self.simulator.clock.advance(seconds)
        return {"now": self.simulator.clock.now()}

    def _rate(self, body: bytes) -> dict[str, Any]:
        sent = _object(body)
        rate = sent.get("per_second")
        try:
            if "per_second" not in sent or isinstance(rate, bool):
                raise ValueError
            self.simulator.rate = rate
        except (TypeError, ValueError) as wrong:
            raise BadRequest('Send {"per_second": N} with a number above 0, or null for no limit.') from wrong
        return {"per_second": rate}

    def _legacy_card(self, body: bytes) -> dict[str, Any]:
        given = _fields(body, {"customer": str}, {"number": str, "exp_month": int, "exp_year": int})
        customer = given.pop("customer")
        try:
            return {"id": self.simulator.legacy_card(customer, **given)}
        except (LookupError, ValueError) as wrong:
            raise BadRequest(f"This card cannot be given: {wrong}.") from wrong

    def _replace_card(self, body: bytes) -> dict[str, Any]:
        wanted = {"payment_method": str, "exp_month": int, "exp_year": int}
        given = _fields(body, wanted, {"last4": str})
        try:
            return self.simulator.replace_card(given.pop("payment_method"), **given)
        except (LookupError, ValueError) as wrong:
            raise BadRequest(f"This card cannot be replaced: {wrong}.") from wrong

    def _reset(self, body: bytes) -> dict[str, Any]:
        self.simulator.reset()
        return {"reset": True}

    def _authenticate(self, body: bytes) -> dict[str, Any]:
        sent = _object(body)
        secret, outcome = sent.get("client_secret"), sent.get("outcome")
        if not isinstance(secret, str) or "_secret" not in secret:
            raise BadRequest('Send the intent\'s "client_secret".')
        intent_id = secret.partition("_secret")[0]
        return self._outcome(intent_id, outcome, secret)

    def _outcome(self, intent_id: str, outcome: object, secret: str | None) -> dict[str, Any]:
        if outcome not in _OUTCOMES:
            raise BadRequest('Send "outcome": "complete", "fail" or "cancel".')
        try:
            return self.simulator.authenticate(intent_id, outcome, client_secret=secret)
        except (LookupError, ValueError) as wrong:
            raise BadRequest(f"{intent_id} cannot be authenticated: {wrong}.") from wrong

    def _static_file(self, name: str) -> Response:
        kind = _STATIC.get(name)
        return _static(name, kind) if kind else _json(404, _message("The simulator has no such file."))

    def _redirect(self, method: str, intent_id: str, query: str, headers: Mapping[str, str], body: bytes) -> Response:
        """Show the bank's page, or take its answer and go back to the shop's ``return_url``."""
        if method == "GET":
            return Response(200, {"Content-Type": "text/html; charset=utf-8"}, _PAGE.encode())
        outcome = parse_qs(body.decode("utf-8", "replace")).get("outcome", [""])[0]
        return_url = self._return_url(intent_id)
        intent = self._outcome(intent_id, outcome, None)
        if not return_url:
            raise BadRequest(f"{escape(intent_id)} was confirmed without a return_url.")
        return Response(303, {"Location": return_address(return_url, intent), "Cache-Control": "no-store"}, b"")

    def _return_url(self, intent_id: str) -> str:
        kind = "setup_intents" if intent_id.startswith("seti_") else "payment_intents"
        headers = {"Authorization": "Bearer sk_test_simulator"}
        answer = self.simulator.handle("GET", f"/v1/{kind}/{intent_id}", headers, b"")
        intent = json.loads(answer.body)
        if answer.status != 200:
            raise BadRequest(intent["error"]["message"])
        action = (intent.get("next_action") or {}).get("redirect_to_url") or {}
        return str(action.get("return_url") or "")


def return_address(return_url: str, intent: Mapping[str, Any]) -> str:
    """Return ``return_url`` with what Stripe adds to it: the intent, its secret and how it went."""
    kind = "setup_intent" if intent["object"] == "setup_intent" else "payment_intent"
    status = {"requires_payment_method": "failed", "canceled": "failed", "processing": "pending"}
    added = {
        kind: intent["id"],
        f"{kind}_client_secret": intent["client_secret"],
        "redirect_status": status.get(intent["status"], "succeeded"),
    }
    parts = urlsplit(return_url)
    query = urlencode([*parse_qsl(parts.query, keep_blank_values=True), *added.items()])
    return urlunsplit(parts._replace(query=query))


def _object(body: bytes) -> dict[str, Any]:
    try:
        sent = json.loads(body)
    except ValueError as wrong:
        raise BadRequest(f"The body is not JSON: {wrong}.") from wrong
    if not isinstance(sent, dict):
        raise BadRequest("Send a JSON object.")
    return sent


def _fields(body: bytes, needed: Mapping[str, type], optional: Mapping[str, type]) -> dict[str, Any]:
    """The JSON object of a call that takes just these fields, each of its type."""
    sent = _object(body)
    types = {**needed, **optional}
    words = {str: "a text", int: "a whole number"}
    wrong = [name for name in sent if name not in types] or [name for name in needed if name not in sent]
    # A bool is an int to Python, though not to JSON.
    wrong += [name for name in sent if name in types and type(sent[name]) is not types[name]]
    if wrong:
        known = ", ".join(
            f'"{name}" ({words[kind]}{", may be left out" if name in optional else ""})' for name, kind in types.items()
        )
        raise BadRequest(f"Something is wrong with {wrong[0]!r}. Send {known}.")
    return sent


def _message(text: str) -> dict[str, Any]:
    return {"error": {"type": "invalid_request_error", "message": text}}


def _json(status: int, content: Any) -> Response:
    body = json.dumps(content, default=_plain).encode()
    return Response(status, {"Content-Type": "application/json", "Cache-Control": "no-store"}, body)


def _plain(value: Any) -> Any:
    return vars(value) if hasattr(value, "__dict__") else str(value)


def _read(name: str) -> str:
    return files("checkout.simulator").joinpath("static", name).read_text(encoding="utf-8")


def _script() -> Response:
    # One scope for all parts, so that a page sees nothing but the global Stripe.
    parts = "\n".join(_read(name) for name in _SCRIPT_PARTS)
    content = f'(() => {{\n"use strict";\n{parts}\n}})();\n'
    headers = {"Content-Type": "text/javascript; charset=utf-8", "Cache-Control": "no-cache"}
    return Response(200, headers, content.encode())


def _static(name: str, kind: str) -> Response:
    content = _read(name).encode()
    return Response(200, {"Content-Type": kind, "Cache-Control": "no-cache"}, content)
