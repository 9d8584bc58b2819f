"""Limits against card testing: refused before Stripe is called, per session, per address and per object."""

from typing import Any

import pytest
from django.core.cache import cache
from django.test import Client
from django.urls import reverse

from checkout.models import Checkout
from example_checkout.models import SalesLedger
from example_checkout.tests.factories import SalesLedgerFactory

pytestmark = pytest.mark.django_db
PLENTY = {"session": "100/d", "address": "100/d", "object": "100/d"}
JSON = {"accept": "application/json"}


@pytest.fixture(autouse=True)
def counters() -> Any:
    cache.clear()
    yield
    cache.clear()


def calls(simulator: Any) -> int:
    return sum(simulator.calls.values())


def allow(settings: Any, kind: str, scope: str, rate: str) -> None:
    settings.CHECKOUT_LIMITS = {"create": PLENTY, "decline": PLENTY, kind: {**PLENTY, scope: rate}}


def visitor(address: str = "192.0.2.1") -> Client:
    return Client(REMOTE_ADDR=address)


def start(client: Client, booking: SalesLedger) -> Any:
    client.session.save()
    session = client.session
    session["example_bookings"] = [*session.get("example_bookings", []), booking.number]
    session.save()
    return client.post(reverse("example.booking.pay", args=[booking.number]), {"action": "payment"})


def report_decline(client: Client, checkout: Checkout) -> int:
    url = reverse("web.checkout", args=[checkout.uuid])
    return client.post(url, {"step": "declined"}, headers=JSON).status_code


@pytest.mark.parametrize("scope", ["session", "address", "object"])
def test_one_intent_too_many_is_a_429_page_and_no_call(stripe_simulator: Any, settings: Any, scope: str) -> None:
    allow(settings, "create", scope, "2/d")
    shared, booking = visitor(), SalesLedgerFactory()
    statuses = []
    for turn in range(3):
        before = calls(stripe_simulator)
        client = shared if scope == "session" else visitor("192.0.2.1" if scope == "address" else f"192.0.2.{turn}")
        answer = start(client, booking if scope == "object" else SalesLedgerFactory())
        statuses.append((answer.status_code, calls(stripe_simulator) - before))
    assert statuses == [(302, 1), (302, 1), (429, 0)]
    assert "Too many attempts" in answer.content.decode()


@pytest.mark.parametrize("scope", ["session", "address", "object"])
def test_one_decline_too_many_closes_the_intent(stripe_simulator: Any, pay: Any, settings: Any, scope: str) -> None:
    allow(settings, "decline", scope, "1/d")
    client, booking = visitor(), SalesLedgerFactory()
    start(client, booking)
    checkout = Checkout.objects.get()
    assert report_decline(client, checkout) == 200
    assert report_decline(client, checkout) == 429
    checkout.refresh_from_db()
    assert checkout.failed
    assert "error" in pay(checkout), "the client secret is still in the tester's browser"


def test_after_too_many_declines_the_page_is_a_429_and_asks_stripe_nothing(
    stripe_simulator: Any, settings: Any
) -> None:
    allow(settings, "decline", "address", "1/d")
    first, second = visitor(), visitor()
    start(first, SalesLedgerFactory())
    report_decline(first, Checkout.objects.get())
    start(second, SalesLedgerFactory())
    checkout = Checkout.objects.first()
    before = calls(stripe_simulator)
    assert second.get(reverse("web.checkout", args=[checkout.uuid])).status_code == 429
    assert calls(stripe_simulator) == before


def test_a_decline_that_is_reported_and_seen_counts_once(stripe_simulator: Any, pay: Any, settings: Any) -> None:
    allow(settings, "decline", "session", "2/d")
    client = visitor()
    start(client, SalesLedgerFactory())
    checkout = Checkout.objects.get()
    url = reverse("web.checkout", args=[checkout.uuid])
    pay(checkout, card="4000000000009995")
    assert report_decline(client, checkout) == 200
    assert [client.get(url).status_code for _ in range(3)] == [200, 200, 200]
    pay(checkout, card="4000000000000002")
    assert client.get(url).status_code == 200
    assert client.get(url).status_code == 429


def test_a_setting_changes_one_rate_and_leaves_the_others(settings: Any) -> None:
    from checkout.conf import DEFAULT_LIMITS
    from checkout.conf import settings as ours

    settings.CHECKOUT_LIMITS = {"create": {"session": "1/h"}}
    assert ours.limits["create"] == {**DEFAULT_LIMITS["create"], "session": "1/h"}
    assert ours.limits["decline"] == DEFAULT_LIMITS["decline"]
