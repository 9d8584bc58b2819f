"""The pytest plugin, used as a host's suite uses it."""

from __future__ import annotations

import importlib
import json
from collections.abc import Callable
from types import SimpleNamespace
from typing import Any

import pytest
import stripe
from django.http import HttpRequest, HttpResponse
from django.urls import path

from checkout.simulator import Simulator
from checkout.simulator.client import default_client, get_simulator

GOOD, SECURE, POOR = "4242424242424242", "4000002760003184", "4000000000009995"
heard: list[tuple[bytes, str]] = []


def hook(request: HttpRequest) -> HttpResponse:
    """A host's webhook view."""
    heard.append((request.body, request.headers["Stripe-Signature"]))
    return HttpResponse(status=200)


hook.csrf_exempt = True  # type: ignore[attr-defined]
urlpatterns = [path("stripe/hook/", hook)]


@pytest.fixture
def library(stripe_simulator: Simulator, settings: Any) -> stripe.StripeClient:
    """What a site builds from the settings that the fixture made."""
    module, _, name = settings.CHECKOUT_STRIPE_HTTP_CLIENT.rpartition(".")
    client = getattr(importlib.import_module(module), name)()
    return stripe.StripeClient(settings.STRIPE_SECRET_KEY, http_client=client)


def an_intent(library: stripe.StripeClient) -> Any:
    return library.v1.payment_intents.create({"amount": 5000, "currency": "gbp"})


def test_the_site_talks_to_the_simulator(stripe_simulator: Simulator, library: stripe.StripeClient) -> None:
    an_intent(library)
    assert get_simulator() is stripe_simulator is default_client().simulator
    assert [event["type"] for event in stripe_simulator.events] == ["payment_intent.created"]


def test_each_test_has_a_simulator_of_its_own(stripe_simulator: Simulator) -> None:
    assert stripe_simulator.events == []
    assert not stripe_simulator.calls


@pytest.mark.parametrize(
    ("card", "authenticate", "status"),
    [
        (GOOD, None, "succeeded"),
        (SECURE, "complete", "succeeded"),
        (SECURE, "fail", "requires_payment_method"),
        (SECURE, "cancel", "requires_payment_method"),
        (SECURE, None, "requires_action"),
        (POOR, None, "requires_payment_method"),
    ],
)
def test_pay(
    library: stripe.StripeClient, pay: Callable[..., Any], card: str, authenticate: str | None, status: str
) -> None:
    intent = an_intent(library)
    pay(intent.id, card=card, authenticate=authenticate)
    assert library.v1.payment_intents.retrieve(intent.id).status == status


def test_a_customer_tries_another_card(library: stripe.StripeClient, pay: Callable[..., Any]) -> None:
    checkout = SimpleNamespace(payment_intent_id=an_intent(library).id)
    assert pay(checkout, card=POOR)["error"]["code"] == "card_declined"
    assert pay(checkout)["status"] == "succeeded"


def test_a_card_is_saved(library: stripe.StripeClient, pay: Callable[..., Any]) -> None:
    setup = library.v1.setup_intents.create({})
    assert pay(SimpleNamespace(setup_intent_id=setup.id))["status"] == "succeeded"


def test_pay_without_an_intent_says_what_to_do(pay: Callable[..., Any]) -> None:
    with pytest.raises(ValueError, match="open its payment page first"):
        pay(SimpleNamespace(payment_intent_id=""))
    with pytest.raises(ValueError, match="No such"):
        pay("pi_none")


def test_trouble_by_name(library: stripe.StripeClient, stripe_trouble: Callable[..., Any]) -> None:
    stripe_trouble("server_error", times=1)
    with pytest.raises(stripe.APIError):
        an_intent(library)
    assert an_intent(library).amount == 5000


def test_the_clock(library: stripe.StripeClient, stripe_simulator: Simulator, move_clock: Callable[..., None]) -> None:
    before = stripe_simulator.clock.now()
    move_clock(days=30)
    assert an_intent(library).created >= before + 30 * 86400


@pytest.mark.urls(__name__)
def test_webhooks_reach_the_site(library: stripe.StripeClient, pay: Callable[..., Any], deliver_webhooks: Any) -> None:
    heard.clear()
    secret = deliver_webhooks.register("/stripe/hook/", events=("payment_intent.succeeded",))
    intent = an_intent(library)
    assert deliver_webhooks() == 0
    pay(intent.id)
    assert deliver_webhooks() == 1
    assert deliver_webhooks.statuses == [200]
    body, signature = heard[0]
    assert stripe.Webhook.construct_event(body, signature, secret).type == "payment_intent.succeeded"
    assert json.loads(body)["data"]["object"]["id"] == intent.id


def test_a_webhook_endpoint_that_stripe_would_refuse(deliver_webhooks: Any) -> None:
    with pytest.raises(ValueError, match="event"):
        deliver_webhooks.register("/stripe/hook/", events=())


def test_a_server_for_browser_tests(stripe_server: Any) -> None:
    library = stripe.StripeClient("sk_test_simulator", base_addresses={"api": stripe_server.url})
    intent = an_intent(library)
    assert stripe_server.simulator.events[0]["data"]["object"]["id"] == intent.id
