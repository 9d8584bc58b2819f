"""Stripe's objects as the simulator gives them, with the number of a payment put in: real in size and shape."""

from __future__ import annotations

import json
from typing import Any
from urllib.parse import urlencode

from checkout.simulator.engine import Simulator
from webhooks_parts.numbers import AMOUNT, REFUND, REFUND_EVERY, STRANGERS, checkout_uuid

NUMBER, CHECKOUT = "000000000", "checkout-uuid-goes-here"


def _made(simulator: Simulator, method: str, path: str, **params: Any) -> dict[str, Any]:
    body, target = urlencode(params), path
    if method == "GET":
        body, target = "", f"{path}?{body}"
    headers = {"Authorization": "Bearer sk_test_benchmark", "Content-Type": "application/x-www-form-urlencoded"}
    answer = simulator.handle(method, target, headers, body.encode())
    if answer.status != 200:
        raise SystemExit(f"the simulator: {answer.status} {answer.body!r}")
    found: dict[str, Any] = json.loads(answer.body)
    return found


class Shapes:
    """``odd``: what is different about some of the payments, by number; see ``books.odd``."""

    def __init__(self, odd: dict[str, dict[str, Any]] | None = None) -> None:
        simulator = Simulator()
        pay = {"payment_method": "pm_card_visa", "confirm": "true", "return_url": "https://shop.example.com/"}
        made = _made(
            simulator,
            "POST",
            "/v1/payment_intents",
            **pay,
            **{"amount": AMOUNT, "currency": "gbp", "metadata[checkout]": CHECKOUT},
        )
        refund = _made(simulator, "POST", "/v1/refunds", payment_intent=made["id"], amount=REFUND)
        (event,) = (one for one in simulator.events if one["type"] == "payment_intent.succeeded")
        ids = {
            made["id"]: f"pi_{NUMBER}",
            made["latest_charge"]: f"ch_{NUMBER}",
            made["payment_method"]: f"pm_{NUMBER}",
            refund["id"]: f"re_{NUMBER}",
            event["id"]: f"evt_{NUMBER}",
        }
        charge = _made(simulator, "GET", f"/v1/charges/{made['latest_charge']}")
        method = _made(simulator, "GET", f"/v1/payment_methods/{made['payment_method']}")
        self._odd = odd or {}
        self._method = self._text(method, ids)
        self._charge = self._text({**charge, "amount_refunded": 0, "refunded": False}, ids)
        self._charge_given_back = self._text(charge, ids)
        self._intent = self._text(made, ids)
        self._refund = self._text(refund, ids)
        self._event = self._text(event, ids)
        self.account = json.dumps(_made(simulator, "GET", "/v1/account"))

    @staticmethod
    def _text(made: dict[str, Any], ids: dict[str, str]) -> str:
        text = json.dumps(made)
        for known, ours in ids.items():
            text = text.replace(known, ours)
        return text

    def _filled(self, text: str, n: int) -> str:
        whose = "somebody-else" if n >= STRANGERS else str(checkout_uuid(n))
        return text.replace(NUMBER, f"{n:09d}").replace(CHECKOUT, whose)

    def event(self, n: int) -> str:
        """What is posted to a webhook when payment n has succeeded."""
        return self._filled(self._event, n)

    def charge(self, n: int) -> str:
        """The charge; every fiftieth is given back in part, and it may be disputed."""
        text = self._filled(self._charge if n % REFUND_EVERY else self._charge_given_back, n)
        odd = self._odd.get(str(n), {})
        return json.dumps({**json.loads(text), **odd["charge"]}) if "charge" in odd else text

    def intent(self, n: int, *, expanded: bool = False) -> str:
        """The intent, with its charge inside if that is asked for."""
        text, odd = self._filled(self._intent, n), self._odd.get(str(n), {})
        if "intent" in odd:
            text = json.dumps({**json.loads(text), **odd["intent"]})
        return text.replace(f'"ch_{n:09d}"', self.charge(n), 1) if expanded else text

    def method(self, n: int) -> str:
        """The card that it was paid with."""
        return self._filled(self._method, n)

    def refund(self, n: int) -> str:
        """What was given back of payment n."""
        return self._filled(self._refund, n)
