"""A pytest plugin for sites that take payments: ``pytest_plugins = ["checkout.simulator.fixtures"]``.

========================  ==========================================================================
fixture                   what it does
========================  ==========================================================================
``stripe_simulator``      a fresh simulator in this process; the site's Stripe calls go to it
``pay``                   pays as the customer's browser would, with a test card
``legacy_card``           gives a customer a card saved before payment methods: ``legacy_card("cus_...")``
``stripe_trouble``        makes the next calls fail: ``stripe_trouble("timeout_after_commit")``
``move_clock``            moves the simulator's clock: ``move_clock(days=30)``
``deliver_webhooks``      posts waiting events to the Django test client
``stripe_server``         a simulator over HTTP on a free port, for browser tests
========================  ==========================================================================

Needs pytest-django.
"""

from __future__ import annotations

import importlib
import importlib.util
import json
from collections.abc import Callable, Iterator, Mapping
from datetime import timedelta
from typing import TYPE_CHECKING, Any
from urllib.parse import urlencode, urlsplit

import pytest

if TYPE_CHECKING:
    from django.test import Client

    from checkout.simulator.engine import Simulator
    from checkout.simulator.server import LiveServer

SECRET_KEY = "sk_test_simulator"  # noqa: S105
PUBLISH_KEY = "pk_test_simulator"
_RETURN_URL = "https://example.com/return"


def _forget_stripe_client() -> None:
    """Drop the site's cached Stripe client, if it has one, so that the next call sees the settings."""
    if importlib.util.find_spec("checkout.gateway") is None:
        return
    reset = getattr(importlib.import_module("checkout.gateway"), "reset", None)
    if reset is not None:
        reset()


def _call(simulator: Simulator, method: str, path: str, key: str, params: Mapping[str, str]) -> dict[str, Any]:
    headers = {"Authorization": f"Bearer {key}", "Content-Type": "application/x-www-form-urlencoded"}
    answer = simulator.handle(method, path, headers, urlencode(params).encode())
    content: dict[str, Any] = json.loads(answer.body)
    return content


@pytest.fixture
def stripe_simulator(settings: Any) -> Iterator[Simulator]:
    """Give a fresh ``Simulator`` that answers every Stripe call of the site during this test.

    The stripe library runs for real, with ``CHECKOUT_STRIPE_HTTP_CLIENT`` as its wire and with test keys.
    """
    from checkout.simulator import client
    from checkout.simulator.engine import Simulator

    simulator = Simulator()
    client.set_simulator(simulator)
    settings.CHECKOUT_STRIPE_HTTP_CLIENT = "checkout.simulator.client.default_client"
    settings.STRIPE_SECRET_KEY = SECRET_KEY
    settings.STRIPE_PUBLISH_KEY = PUBLISH_KEY
    _forget_stripe_client()
    yield simulator
    client.set_simulator(None)
    simulator.close()
    _forget_stripe_client()


class Payer:
    """The customer at the payment page: confirms with the publishable key and answers 3-D Secure."""

    def __init__(self, simulator: Simulator) -> None:
        self._simulator = simulator

    def __call__(
        self,
        target: Any,
        card: str = "4242424242424242",
        authenticate: str | None = "complete",
        *,
        exp_month: str | int = "12",
        exp_year: str | int = "2034",
    ) -> dict[str, Any]:
        """Confirm ``target`` (an intent's id, or an object with ``payment_intent_id``) with a card number.

        ``authenticate`` is what the customer does if the bank asks for 3-D Secure: ``"complete"``,
        ``"fail"``, ``"cancel"``, or ``None`` to walk away. ``exp_month`` and ``exp_year`` are the card's
        expiry, for a card that soon runs out. Returns what Stripe answers: the intent, or
        ``{"error": ...}`` for a decline. May be called again, as a customer who tries another card.
        """
        intent_id = _intent_id(target)
        kind = "setup_intents" if intent_id.startswith("seti_") else "payment_intents"
        intent = _call(self._simulator, "GET", f"/v1/{kind}/{intent_id}", SECRET_KEY, {})
        if "error" in intent:
            raise ValueError(intent["error"]["message"])
        params = {
            "client_secret": intent["client_secret"],
            "return_url": _RETURN_URL,
            "use_stripe_sdk": "true",
            "payment_method_data[type]": "card",
            "payment_method_data[card][number]": card,
            "payment_method_data[card][exp_month]": str(exp_month),
            "payment_method_data[card][exp_year]": str(exp_year),
            "payment_method_data[card][cvc]": "123",
        }
        answer = _call(self._simulator, "POST", f"/v1/{kind}/{intent_id}/confirm", PUBLISH_KEY, params)
        if answer.get("status") == "requires_action" and authenticate is not None:
            return self._simulator.authenticate(intent_id, authenticate, client_secret=intent["client_secret"])
        return answer


def _intent_id(target: Any) -> str:
    if isinstance(target, str):
        return target
    for name in ("payment_intent_id", "setup_intent_id"):
        found = getattr(target, name, None)
        if found:
            return str(found)
    raise ValueError(f"{target!r} has no intent yet: open its payment page first, or pass the intent's id.")


@pytest.fixture
def pay(stripe_simulator: Simulator) -> Payer:
    """Pay as a browser would: ``pay(checkout)``, ``pay(checkout, card="4000000000009995")``."""
    return Payer(stripe_simulator)


@pytest.fixture
def legacy_card(stripe_simulator: Simulator) -> Callable[..., str]:
    """Give a customer a card saved before payment methods, as ``default_source``; the ``card_...`` id.

    ``legacy_card("cus_...", number="4000002500003155", exp_month=1, exp_year=2030)``
    """
    return stripe_simulator.legacy_card


@pytest.fixture
def stripe_trouble(stripe_simulator: Simulator) -> Iterator[Callable[..., Any]]:
    """Ask for trouble by name: ``stripe_trouble("decline", code="insufficient_funds", times=1)``.

    Names: decline, authentication, timeout_after_commit, reset_before, conflict, rate_limit, server_error,
    slow, event_duplicate, event_reorder, event_delay, event_lost.
    Options: times, share, path, method, code, delay; for a decline advice_code, network_advice_code and
    network_decline_code too.
    """
    yield stripe_simulator.trouble.add
    stripe_simulator.trouble.clear()


@pytest.fixture
def move_clock(stripe_simulator: Simulator) -> Callable[..., None]:
    """Move the simulator's clock forward; arguments as for ``timedelta``: ``move_clock(days=30)``."""

    def move(**span: float) -> None:
        stripe_simulator.clock.advance(int(timedelta(**span).total_seconds()))

    return move


class WebhookDelivery:
    """Events of the simulator, posted to the site through the Django test client."""

    def __init__(self, simulator: Simulator, client: Client) -> None:
        self._simulator = simulator
        self._client = client
        self.statuses: list[int] = []

    def register(self, path: str, events: tuple[str, ...] = ("*",)) -> str:
        """Make a webhook endpoint for the site's ``path``. Returns its signing secret."""
        params = {f"enabled_events[{index}]": event for index, event in enumerate(events)}
        params["url"] = f"http://127.0.0.1{path}"
        answer = _call(self._simulator, "POST", "/v1/webhook_endpoints", SECRET_KEY, params)
        if "error" in answer:
            raise ValueError(answer["error"]["message"])
        return str(answer["secret"])

    def __call__(self) -> int:
        """Post every event that waits. Returns how many were posted; their answers are in ``statuses``."""
        return self._simulator.deliver_pending(self._post)

    def _post(self, url: str, body: bytes, headers: Mapping[str, str]) -> int:
        sent = {name: value for name, value in headers.items() if name.lower() != "content-type"}
        answer = self._client.post(urlsplit(url).path, data=body, content_type="application/json", headers=sent)
        self.statuses.append(answer.status_code)
        return answer.status_code


@pytest.fixture
def deliver_webhooks(stripe_simulator: Simulator, client: Client) -> WebhookDelivery:
    """Deliver events: ``secret = deliver_webhooks.register("/stripe/")``, then ``deliver_webhooks()``."""
    return WebhookDelivery(stripe_simulator, client)


@pytest.fixture
def stripe_server() -> Iterator[LiveServer]:
    """Give a simulator over HTTP on a free loopback port: ``.url`` and ``.simulator``. Needs uvicorn.

    Point the site at it with ``CHECKOUT_STRIPE_API_BASE = stripe_server.url`` and
    ``CHECKOUT_STRIPE_JS_URL = stripe_server.url + "/stripe.js"``.
    """
    from checkout.simulator.server import LiveServer

    with LiveServer() as server:
        yield server
