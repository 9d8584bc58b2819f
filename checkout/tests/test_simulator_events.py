"""Events in their order, and their signed deliveries."""

import json
from collections.abc import Iterator
from typing import Any

import pytest
import stripe

from .simulated import World

URL = "http://127.0.0.1:8000/hook/"


@pytest.fixture
def world() -> Iterator[World]:
    made = World()
    yield made
    made.check()


FLOWS = [
    ("visa", {}, ["charge.succeeded", "payment_intent.succeeded"]),
    ("authenticationRequired", {}, ["payment_intent.requires_action"]),
    (
        "visa",
        {"capture_method": "manual"},
        ["charge.succeeded", "payment_intent.amount_capturable_updated"],
    ),
    (
        "createDispute",
        {},
        [
            "charge.succeeded",
            "charge.dispute.created",
            "charge.dispute.funds_withdrawn",
            "payment_intent.succeeded",
        ],
    ),
]


@pytest.mark.parametrize(("card", "extra", "order"), FLOWS, ids=["paid", "3ds", "held", "disputed"])
def test_the_order_of_a_payment(world: World, card: str, extra: dict[str, Any], order: list[str]) -> None:
    world.pay(card, **extra)
    assert world.events() == ["payment_intent.created", *order]


def test_the_balance_transaction_comes_later(world: World) -> None:
    paid = world.pay(expand=["latest_charge"])
    assert paid.latest_charge.balance_transaction is None
    world.simulator.clock.advance(60)
    assert world.events()[-1] == "charge.updated"
    assert world.v1.charges.retrieve(paid.latest_charge.id).balance_transaction.startswith("txn_")


def test_capture_and_refund(world: World) -> None:
    held = world.pay(capture_method="manual")
    before = len(world.events())
    world.v1.payment_intents.capture(held.id)
    world.v1.refunds.create({"payment_intent": held.id, "amount": 500})
    assert world.events(before) == [
        "charge.captured",
        "payment_intent.succeeded",
        "refund.created",
        "charge.refunded",
    ]


def test_a_dispute_card_is_disputed_when_it_is_captured(world: World) -> None:
    held = world.pay("createDispute", capture_method="manual")
    assert world.v1.disputes.list().data == []
    world.v1.payment_intents.capture(held.id)
    assert len(world.v1.disputes.list().data) == 1


def test_an_event_names_its_request(world: World) -> None:
    world.v1.payment_intents.create({"amount": 2000, "currency": "gbp"}, {"idempotency_key": "k"})
    event = world.simulator.events[0]
    assert event["request"]["id"].startswith("req_")
    assert event["request"]["idempotency_key"] == "k"
    assert (event["api_version"], event["livemode"]) == ("2026-10-28.endive", False)


def test_listing_by_type_and_for_thirty_days(world: World) -> None:
    world.pay()
    found = world.v1.events.list({"type": "payment_intent.*"}).data
    assert [one.type for one in found] == ["payment_intent.succeeded", "payment_intent.created"]
    found = world.v1.events.list({"types": ["charge.succeeded", "refund.created"]}).data
    assert [one.type for one in found] == ["charge.succeeded"]
    world.simulator.clock.advance(31 * 86400)
    assert world.v1.events.list().data == []


class Site:
    """Collects deliveries and answers with a status."""

    def __init__(self, world: World, *events: str) -> None:
        sent: Any = {"url": URL, "enabled_events": list(events or ("*",))}
        self.endpoint = world.v1.webhook_endpoints.create(sent)
        self.world, self.status, self.got = world, 200, []

    def post(self, url: str, body: bytes, headers: dict[str, str]) -> int:
        assert url == URL
        self.got.append((body, headers["Stripe-Signature"]))
        return self.status

    def deliver(self) -> list[str]:
        before = len(self.got)
        self.world.simulator.deliver_pending(self.post)
        return [json.loads(body)["type"] for body, _ in self.got[before:]]


class TestDeliveries:
    def test_signed_so_that_the_library_accepts(self, world: World) -> None:
        site = Site(world, "payment_intent.created")
        world.create()
        assert site.deliver() == ["payment_intent.created"]
        body, signature = site.got[0]
        event = stripe.Webhook.construct_event(body, signature, site.endpoint.secret)
        assert event.id == world.simulator.events[0]["id"]
        for wrong in ((body + b" ", site.endpoint.secret), (body, "whsec_other")):
            with pytest.raises(stripe.SignatureVerificationError):
                stripe.Webhook.construct_event(wrong[0], signature, wrong[1])

    def test_a_failure_is_tried_three_times_more(self, world: World) -> None:
        site = Site(world, "payment_intent.created")
        site.status = 500
        world.create()
        for _ in range(6):
            site.deliver()
            world.simulator.clock.advance(5 * 3600)
        assert len(site.got) == 4
        failed = world.v1.events.list({"delivery_success": False}).data
        assert [one.type for one in failed] == ["payment_intent.created"]

    @pytest.mark.parametrize(
        ("trouble", "types"),
        [
            ("event_duplicate", ["payment_intent.created", "payment_intent.created", "charge.succeeded"]),
            ("event_reorder", ["charge.succeeded", "payment_intent.created"]),
            ("event_delay", ["charge.succeeded"]),
            ("event_lost", ["charge.succeeded"]),
        ],
    )
    def test_trouble(self, world: World, trouble: str, types: list[str]) -> None:
        site = Site(world, "payment_intent.created", "charge.succeeded")
        world.simulator.trouble.add(trouble, path="payment_intent.created")
        world.pay()
        assert site.deliver() == types

    def test_an_endpoint_is_changed_and_switched_off(self, world: World) -> None:
        site = Site(world)
        api = world.v1.webhook_endpoints
        assert api.update(site.endpoint.id, {"description": "Shop", "disabled": True}).status == "disabled"
        world.create()
        assert site.deliver() == []
        error = world.refused(lambda: api.update(site.endpoint.id, {"url": "http://shop.example/"}))
        assert (error.code, error.param) == ("url_invalid", "url")
        assert api.delete(site.endpoint.id).deleted
        assert api.list().data == []
