"""The steps of a sign-up as the page's script takes them, and what is then true; for tests of the page."""

import re
from html import unescape
from typing import Any

from checkout.flows import sign_up
from example_checkout.tests.plans import library, plan_of
from example_checkout.tests.shop import Shop, pay_url

JSON = {"accept": "application/json"}


def step(shop: Shop, name: str, **data: str) -> Any:
    return shop.client.post(pay_url(shop), {"step": name, **data}, headers=JSON)


def begin(shop: Shop, **data: str) -> Any:
    shown = sign_up.offer(shop.booking)
    return step(shop, "begin", **{"consent": "yes", "schedule": shown.fingerprint, **data})


def saved(shop: Shop, card: str) -> Shop:
    """The customer agreed and the browser saved the card, and has told nobody yet."""
    assert begin(shop).json() == {"ok": True}
    shop.pay(shop.checkout, card=card)
    return shop


def taken(simulator: Any) -> list[int]:
    return [one.amount for one in library(simulator).charges.list({"limit": 100}).data if one.status == "succeeded"]


def text(answer: Any) -> str:
    """What a person reads of the page, as one line."""
    return " ".join(unescape(re.sub(r"<[^>]+>", " ", answer.content.decode())).split())


def deposit(shop: Shop) -> Any:
    return plan_of(shop.checkout).deposit
