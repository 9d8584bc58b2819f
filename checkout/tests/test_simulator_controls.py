"""The simulator's own controls of cards and declines; customers in pages."""

import json
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from typing import Any

import pytest
import stripe

from checkout.simulator.client import default_client
from checkout.simulator.control import Control
from checkout.simulator.engine import Simulator

from .simulated import World

SECURE, POOR = "4000002500003155", "4000000000009995"


@pytest.fixture
def world() -> Iterator[World]:
    made = World()
    yield made
    made.check()


def control(world: World, name: str, content: Any) -> tuple[int, Any]:
    """A call of the simulator's own, as it comes in over HTTP."""
    answer = Control(world.simulator).handle("POST", f"/_simulator/{name}", "", {}, json.dumps(content).encode())
    return answer.status, json.loads(answer.body)


class TestReplacing:
    def test_over_http(self, world: World) -> None:
        method = world.save_card("visa", world.customer())
        sent = {"payment_method": method, "exp_month": 3, "exp_year": 2050, "last4": "1111"}
        status, body = control(world, "replace_card", sent)
        assert (status, body["id"], body["card"]["last4"]) == (200, method, "1111")
        card = world.v1.payment_methods.retrieve(method).card
        assert (card.exp_month, card.exp_year, card.last4) == (3, 2050, "1111")
        event = world.simulator.events[-1]
        assert event["type"] == "payment_method.automatically_updated"
        assert event["data"]["previous_attributes"]["card"]["last4"] == "4242"

    def test_the_number_may_stay(self, world: World) -> None:
        method = world.save_card("visa", world.customer())
        status, body = control(world, "replace_card", {"payment_method": method, "exp_month": 3, "exp_year": 2050})
        assert (status, body["card"]["last4"]) == (200, "4242")


class TestOverHttp:
    def test_a_legacy_card(self, world: World) -> None:
        customer = world.customer()
        sent = {"customer": customer, "number": SECURE, "exp_month": 3, "exp_year": 2031}
        status, body = control(world, "legacy_card", sent)
        assert (status, list(body)) == (200, ["id"])
        assert world.v1.customers.retrieve(customer).default_source == body["id"]
        card = world.v1.payment_methods.retrieve(body["id"]).card
        assert (card.last4, card.exp_month, card.exp_year) == ("3155", 3, 2031)

    def test_what_may_be_left_out(self, world: World) -> None:
        status, body = control(world, "legacy_card", {"customer": world.customer()})
        assert status == 200
        assert world.v1.payment_methods.retrieve(body["id"]).card.last4 == "4242"

    @pytest.mark.parametrize(
        ("name", "sent", "words"),
        [
            ("legacy_card", {}, "'customer'"),
            ("legacy_card", {"customer": "cus_none"}, "no such customer"),
            ("legacy_card", {"customer": 7}, "'customer'"),
            ("legacy_card", {"customer": "{customer}", "number": "4242424242424241"}, "not a card number"),
            ("legacy_card", {"customer": "{customer}", "exp_month": True}, "a whole number"),
            ("legacy_card", {"customer": "{customer}", "exp_month": 13}, "1 to 12"),
            ("legacy_card", {"customer": "{customer}", "last4": "4242"}, "'last4'"),
            ("replace_card", {"payment_method": "pm_none", "exp_month": 1, "exp_year": 2040}, "no such payment method"),
            ("replace_card", {"payment_method": "{method}", "exp_month": 1}, "'exp_year'"),
            ("replace_card", {"payment_method": "{method}", "exp_month": 1, "exp_year": 40}, "four digits"),
            (
                "replace_card",
                {"payment_method": "{method}", "exp_month": 1, "exp_year": 2040, "last4": "42"},
                "four digits",
            ),
        ],
    )
    def test_bad_input_is_refused_in_a_sentence(
        self, world: World, name: str, sent: dict[str, Any], words: str
    ) -> None:
        customer = world.customer()
        known = {"{customer}": customer, "{method}": world.save_card("visa", customer)}
        before = world.events()
        status, body = control(world, name, {key: known.get(str(one), one) for key, one in sent.items()})
        assert status == 400
        assert words in body["error"]["message"]
        assert world.events() == before


def test_customers_come_by_the_hundred_with_their_default_cards(world: World) -> None:
    made = []
    for at in range(103):
        customer = world.customer()
        method = None
        if at % 3:
            method = world.v1.payment_methods.attach("pm_card_visa", {"customer": customer}).id
            world.v1.customers.update(customer, {"invoice_settings": {"default_payment_method": method}})
        made.append((customer, method))
    paths = ["data.invoice_settings.default_payment_method"]
    first = world.v1.customers.list({"limit": 100, "expand": paths})
    second = world.v1.customers.list({"limit": 100, "starting_after": first.data[-1].id, "expand": paths})
    assert (len(first.data), first.has_more, len(second.data), second.has_more) == (100, True, 3, False)
    found = []
    for one in [*first.data, *second.data]:
        default = one.invoice_settings.default_payment_method
        assert default is None or (default.object, default.card.last4) == ("payment_method", "4242")
        found.append((one.id, default and default.id))
    assert found == made[::-1]


class TestDeclinesWithNetworkCodes:
    def test_the_networks_codes(self, world: World) -> None:
        world.simulator.trouble.add(
            "decline", code="generic_decline", network_decline_code="R1", network_advice_code="03"
        )
        error = world.declined(lambda: world.pay()).error
        assert (error.decline_code, error.network_decline_code, error.network_advice_code) == (
            "generic_decline",
            "R1",
            "03",
        )
        kept = world.intent(error.payment_intent.id).last_payment_error
        outcome = world.v1.charges.retrieve(error.charge).outcome
        for one in (kept, outcome):
            assert (one.network_decline_code, one.network_advice_code) == ("R1", "03")
        assert error.advice_code == outcome.advice_code == "try_again_later"

    def test_stripes_advice(self, world: World) -> None:
        world.simulator.trouble.add("decline", code="insufficient_funds", advice_code="do_not_try_again")
        error = world.declined(lambda: world.pay()).error
        kept = world.intent(error.payment_intent.id).last_payment_error
        outcome = world.v1.charges.retrieve(error.charge).outcome
        assert error.advice_code == kept.advice_code == outcome.advice_code == "do_not_try_again"
        assert (error.network_decline_code, outcome.network_advice_code) == ("51", None)

    def test_after_three_d_secure(self, world: World) -> None:
        made = world.pay("authenticationRequired")
        world.simulator.trouble.add("decline", network_decline_code="59")
        world.simulator.authenticate(made.id, "complete")
        assert world.intent(made.id).last_payment_error.network_decline_code == "59"

    def test_the_card_comes_back(self, world: World) -> None:
        world.simulator.trouble.add("decline", network_decline_code="R1")
        world.declined(lambda: world.pay())
        outcome = world.v1.charges.retrieve(world.pay().latest_charge).outcome
        assert (outcome.network_decline_code, outcome.network_advice_code) == (None, None)

    def test_a_setup_intent_has_none(self, world: World) -> None:
        world.simulator.trouble.add(
            "decline", network_decline_code="R1", network_advice_code="03", advice_code="do_not_try_again"
        )
        error = world.declined(lambda: world.save_card("visa", world.customer())).error
        assert (error.network_decline_code, error.network_advice_code) == (None, None)
        assert error.advice_code == "try_again_later"

    def test_over_http(self, world: World) -> None:
        sent = {"name": "decline", "network_decline_code": "R1", "advice_code": "do_not_try_again"}
        assert control(world, "trouble", sent)[0] == 200
        error = world.declined(lambda: world.pay()).error
        assert (error.network_decline_code, error.advice_code) == ("R1", "do_not_try_again")

    @pytest.mark.parametrize(
        ("sent", "words"),
        [
            ({"name": "slow", "network_decline_code": "R1"}, "only a decline"),
            ({"name": "decline", "network_decline_code": 51}, "network_decline_code is a text"),
            ({"name": "decline", "advice_code": "pray"}, "advice_code is one of"),
        ],
    )
    def test_what_cannot_be(self, world: World, sent: dict[str, Any], words: str) -> None:
        status, body = control(world, "trouble", sent)
        assert status == 400
        assert words in body["error"]["message"]
        assert world.simulator.trouble.rules == []


class TestFixtures:
    @pytest.fixture
    def library(self, stripe_simulator: Simulator) -> stripe.StripeClient:
        return stripe.StripeClient("sk_test_simulator", http_client=default_client())

    def test_a_legacy_card(self, library: stripe.StripeClient, legacy_card: Callable[..., str]) -> None:
        customer = library.v1.customers.create({}).id
        card = legacy_card(customer, number=POOR, exp_month=5, exp_year=2030)
        assert library.v1.customers.retrieve(customer).default_source == card

    @pytest.mark.parametrize("text", [True, False])
    def test_a_card_that_soon_runs_out(
        self, library: stripe.StripeClient, stripe_simulator: Simulator, pay: Callable[..., Any], text: bool
    ) -> None:
        today = datetime.fromtimestamp(stripe_simulator.clock.now(), UTC)
        made = library.v1.setup_intents.create({"customer": library.v1.customers.create({}).id})
        month, year = (str(today.month), str(today.year)) if text else (today.month, today.year)
        saved = pay(made.id, exp_month=month, exp_year=year)["payment_method"]
        card = library.v1.payment_methods.retrieve(saved).card
        assert (card.exp_month, card.exp_year) == (today.month, today.year)

    def test_a_card_that_ran_out(self, library: stripe.StripeClient, pay: Callable[..., Any]) -> None:
        made = library.v1.setup_intents.create({})
        assert pay(made.id, exp_year="2019")["error"]["code"] == "invalid_expiry_year"

    def test_the_usual_expiry(self, library: stripe.StripeClient, pay: Callable[..., Any]) -> None:
        made = library.v1.setup_intents.create({})
        card = library.v1.payment_methods.retrieve(pay(made.id)["payment_method"]).card
        assert (card.exp_month, card.exp_year) == (12, 2034)

    def test_trouble(self, library: stripe.StripeClient, stripe_trouble: Callable[..., Any]) -> None:
        stripe_trouble("decline", code="generic_decline", network_decline_code="R1", advice_code="do_not_try_again")
        sent = {
            "amount": 2000,
            "currency": "gbp",
            "payment_method": "pm_card_visa",
            "confirm": True,
            "return_url": "https://shop.example/",
        }
        with pytest.raises(stripe.CardError) as caught:
            library.v1.payment_intents.create(sent)
        assert (caught.value.error.network_decline_code, caught.value.error.advice_code) == ("R1", "do_not_try_again")
