"""Events as Stripe sends them, for tests: written by hand and signed, or those of the simulator."""

import json
import time
from datetime import timedelta
from typing import Any
from uuid import uuid4

from django.test import Client
from django.utils import timezone

from checkout import gateway
from checkout.flows import payment
from checkout.models import Checkout, Event
from checkout.simulator.deliveries import sign
from example_checkout.tests.factories import SalesLedgerFactory

PATH = "/stripe/webhook/"
SECRET = "whsec_simulator"


def body_of(**changes: Any) -> bytes:
    """An event about an intent that nobody knows, in one thing different."""
    event = {
        "id": f"evt_{uuid4().hex}",
        "object": "event",
        "type": "payment_intent.succeeded",
        "api_version": gateway.API_VERSION,
        "livemode": False,
        "created": int(time.time()),
        "data": {"object": {"id": "pi_nobody", "object": "payment_intent"}},
    }
    return json.dumps({**event, **changes}).encode()


def header(body: bytes, *, secret: str = SECRET, age: int = 0) -> str:
    """The signature of now, or of ``age`` seconds ago."""
    return sign(body, secret, int(time.time()) - age)


def post(body: bytes, signature: str | None = None, **more: Any) -> Any:
    """As Stripe does; signed well if no other ``signature`` is given. An exception of ours is a 500."""
    client = Client(raise_request_exception=False, enforce_csrf_checks=True)
    headers = {"stripe-signature": header(body) if signature is None else signature}
    return client.post(PATH, data=body, content_type="application/json", headers=headers, **more)


def told_of(simulator: Any, kind: str, object_id: str = "") -> bytes:
    """The newest event of that type that the simulator wrote, as it would be delivered."""
    found = [one for one in simulator.events if one["type"] == kind]
    return json.dumps(next(e for e in reversed(found) if object_id in ("", e["data"]["object"]["id"]))).encode()


def about(intent_id: str, kind: str = "payment_intent.succeeded", **changes: Any) -> bytes:
    """An event about that object."""
    return body_of(type=kind, data={"object": {"id": intent_id, "object": kind.partition(".")[0]}}, **changes)


def endpoint(deliver_webhooks: Any, settings: Any) -> Any:
    """The site's endpoint at the simulator, for ``deliver_webhooks()``."""
    settings.CHECKOUT_WEBHOOK_SECRETS = [SECRET, deliver_webhooks.register(PATH, gateway.EVENT_TYPES)]
    return deliver_webhooks


def begun(booking: Any = None) -> Checkout:
    """A booking whose customer has pressed the button."""
    checkout = payment.start(action="payment", content_object=booking or SalesLedgerFactory(), user=None)
    assert checkout.total is not None
    payment.begin(checkout, shown_total=checkout.total)
    return checkout


def wait() -> None:
    """Time goes by until everything that waits is due again."""
    Event.objects.update(work_after=timezone.now() - timedelta(seconds=1))


def all_events() -> list[tuple[str, str]]:
    """Type and state of each, in the order in which they came."""
    return list(Event.objects.order_by("pk").values_list("type", "state"))
