"""A simulated Stripe account as the simulator's own tests use it: with the real stripe library in front."""

import json
from collections.abc import Callable, Mapping
from typing import Any
from urllib.parse import urlencode

import pytest
import stripe

from checkout.simulator.client import SimulatorHTTPClient
from checkout.simulator.engine import Response, Simulator

from .contract import check_exchanges

SECRET = {"Authorization": "Bearer sk_test_simulated"}
PUBLIC = {"Authorization": "Bearer pk_test_simulated"}
#: What a server sends so that it need not give a return_url.
NO_REDIRECTS = {"automatic_payment_methods": {"enabled": True, "allow_redirects": "never"}}


class World:
    """One simulator and the library's client for it; every exchange is recorded."""

    def __init__(self, **options: Any) -> None:
        self.simulator = Simulator(**options)
        self.simulator.record = True
        http = SimulatorHTTPClient(self.simulator)
        self.v1 = stripe.StripeClient("sk_test_simulated", http_client=http, max_network_retries=0).v1

    def check(self) -> None:
        """Nothing that was exchanged breaks Stripe's contract."""
        assert check_exchanges(self.simulator) == []

    def customer(self) -> str:
        return self.v1.customers.create({"email": "ada@example.com"}).id

    def create(self, card: str | None = None, **params: Any) -> Any:
        """A payment intent of 20 pounds, with a test card if one is named."""
        sent: dict[str, Any] = {"amount": 2000, "currency": "gbp", **NO_REDIRECTS, **params}
        if card is not None:
            sent["payment_method"] = f"pm_card_{card}"
        return self.v1.payment_intents.create(sent)

    def pay(self, card: str = "visa", **params: Any) -> Any:
        """Create and confirm in one call."""
        return self.create(card, confirm=True, **params)

    def declined(self, action: Callable[[], Any]) -> stripe.CardError:
        """The card error that an action must raise."""
        with pytest.raises(stripe.CardError) as caught:
            action()
        return caught.value

    def refused(self, action: Callable[[], Any]) -> stripe.InvalidRequestError:
        """The invalid request error that an action must raise."""
        with pytest.raises(stripe.InvalidRequestError) as caught:
            action()
        return caught.value

    def intent(self, ident: str) -> Any:
        return self.v1.payment_intents.retrieve(ident)

    def events(self, after: int = 0) -> list[str]:
        """The types of the events, oldest first, without the first ``after`` of them."""
        return [event["type"] for event in self.simulator.events[after:]]

    def save_card(self, card: str, customer: str, **params: Any) -> str:
        """A payment method that a setup intent has set up for off-session use."""
        made = self.v1.setup_intents.create(
            {"customer": customer, "payment_method": f"pm_card_{card}", "confirm": True, **NO_REDIRECTS, **params}
        )
        if made.status == "requires_action":
            self.simulator.authenticate(made.id, "complete")
        saved = self.v1.setup_intents.retrieve(made.id)
        assert saved.status == "succeeded"
        return str(saved.payment_method)

    def send(
        self, method: str, target: str, params: Mapping[str, Any] | str = "", headers: Mapping[str, str] = SECRET
    ) -> tuple[int, dict[str, Any], Response]:
        """A raw request, for what the library would not send."""
        body = params if isinstance(params, str) else urlencode(params)
        answer = self.simulator.handle(method, target, headers, body.encode())
        return answer.status, json.loads(answer.body), answer

    def browser_confirm(self, intent: Any, number: str = "4242424242424242", **params: Any) -> tuple[int, Any]:
        """What Stripe.js sends when the customer presses the button."""
        kind = "setup_intents" if intent.id.startswith("seti_") else "payment_intents"
        sent = {
            "client_secret": intent.client_secret,
            "payment_method_data[type]": "card",
            "payment_method_data[card][number]": number,
            "payment_method_data[card][exp_month]": "12",
            "payment_method_data[card][exp_year]": "2040",
            "payment_method_data[card][cvc]": "123",
            "payment_method_data[billing_details][name]": "Ada Lovelace",
            "return_url": "https://shop.example/back",
            **params,
        }
        status, body, _ = self.send("POST", f"/v1/{kind}/{intent.id}/confirm", sent, PUBLIC)
        return status, body
