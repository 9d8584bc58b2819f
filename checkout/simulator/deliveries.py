"""Events and their signed deliveries to webhook endpoints."""

from __future__ import annotations

import hashlib
import hmac
import json
from collections.abc import Callable
from typing import TYPE_CHECKING

from .call import API_VERSION
from .render import copy, render
from .store import Obj, Store

if TYPE_CHECKING:
    from .call import Call

Post = Callable[[str, bytes, dict[str, str]], int]
#: Seconds before each of the three further attempts of a sandbox.
BACK_OFF = (60, 3600, 4 * 3600)


def sign(body: bytes, secret: str, moment: int) -> str:
    """The ``Stripe-Signature`` header of a delivery."""
    digest = hmac.new(secret.encode(), f"{moment}.".encode() + body, hashlib.sha256).hexdigest()
    # Test events carry a second scheme, which a site must ignore.
    dummy = hashlib.sha256(digest.encode()).hexdigest()
    return f"t={moment},v1={digest},v0={dummy}"


class Publisher:
    """Writes events and queues a delivery of each to every endpoint that wants it."""

    def __init__(self, store: Store) -> None:
        self._store = store

    def emit(self, call: Call, kind: str, obj: Obj, previous: Obj | None = None) -> Obj:
        """Write an event; it is rendered once and never changes."""
        data: Obj = {"object": render(obj)}
        if previous is not None:
            data["previous_attributes"] = copy(previous)
        endpoints = [one for one in self._store.kinds["webhook_endpoint"].values() if wants(one, kind)]
        event = call.new(
            "event",
            {
                "api_version": API_VERSION,
                "data": data,
                "pending_webhooks": len(endpoints),
                "request": {"id": call.request_id, "idempotency_key": call.idempotency_key},
                "type": kind,
                "_failed": False,
            },
        )
        if endpoints:
            self._queue(call, event, endpoints)
        return event

    def _queue(self, call: Call, event: Obj, endpoints: list[Obj]) -> None:
        take = call.account.trouble.take
        kind = event["type"]
        if take("event_lost", "POST", kind):
            event["_failed"] = True
            return
        delay = take("event_delay", "POST", kind)
        reorder = take("event_reorder", "POST", kind)
        copies = 2 if take("event_duplicate", "POST", kind) else 1
        due = call.now + (int(delay.delay) or 60 if delay else 0)
        for endpoint in endpoints:
            for _ in range(copies):
                entry = self._store.add(
                    "delivery",
                    {
                        "id": self._store.new_id("delivery"),
                        "event": event["id"],
                        "endpoint": endpoint["id"],
                        "due": due,
                        "attempts": 0,
                        "sending": False,
                    },
                )
                # One late: the event after this one is delivered first.
                entry["place"] = entry["_seq"] + (2 * len(endpoints) * copies + 4 if reorder else 0)

    def due(self, now: int) -> list[Obj]:
        """The deliveries to make now, in order; they are marked as being sent."""
        ready = [one for one in self._store.kinds["delivery"].values() if one["due"] <= now and not one["sending"]]
        ready.sort(key=lambda one: one["place"])
        for one in ready:
            one["sending"] = True
        return ready

    def request_for(self, delivery: Obj, now: int) -> tuple[str, bytes, dict[str, str]] | None:
        """URL, body and headers of a delivery; None when its endpoint is gone."""
        endpoint = self._store.get("webhook_endpoint", delivery["endpoint"])
        event = self._store.get("event", delivery["event"])
        if endpoint is None or event is None:
            self._store.drop(delivery)
            return None
        body = json.dumps(render(event), indent=2).encode()
        headers = {
            "Content-Type": "application/json; charset=utf-8",
            "User-Agent": "Stripe/1.0 (+https://stripe.com/docs/webhooks)",
            "Stripe-Signature": sign(body, endpoint["_secret"], now),
        }
        return endpoint["url"], body, headers

    def settle(self, delivery: Obj, status: int, now: int) -> None:
        """Note how an attempt went: done, to be retried, or given up."""
        event = self._store.get("event", delivery["event"])
        delivery["sending"] = False
        delivery["attempts"] += 1
        ok = 200 <= status < 300
        if not ok and delivery["attempts"] <= len(BACK_OFF):
            delivery["due"] = now + BACK_OFF[delivery["attempts"] - 1]
            self._store.touch(delivery)
            return
        self._store.drop(delivery)
        if event is not None:
            event["pending_webhooks"] = max(0, event["pending_webhooks"] - 1)
            event["_failed"] = event["_failed"] or not ok
            self._store.touch(event)


def wants(endpoint: Obj, kind: str) -> bool:
    """Whether an endpoint asked for events of that type."""
    return endpoint["status"] == "enabled" and ("*" in endpoint["enabled_events"] or kind in endpoint["enabled_events"])
