"""Everything done twice, over HTTP: two tabs, double clicks, reloads, the back button. One payment, told once."""

import json
from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import Any
from unittest.mock import ANY

import pytest
from django.core.cache import cache
from django.test import Client

from checkout import gateway
from checkout.flows import fulfil
from checkout.models import Checkout, Notice
from example_checkout.models import SalesLedger
from example_checkout.tests.factories import SalesLedgerFactory

pytestmark = pytest.mark.django_db
JSON = {"accept": "application/json"}
TOTAL = "120.00"
HELD = "We have received your payment and are checking it"


class Tab:
    """A browser in which the customer started to pay for a booking."""

    def __init__(self, booking: SalesLedger) -> None:
        self.client = Client()
        session = self.client.session
        session["example_bookings"] = [booking.number]
        session.save()
        answer = self.client.post(f"{booking.get_absolute_url()}pay/", {"action": "payment"})
        assert answer.status_code == 302
        self.url = str(answer.url)
        self.checkout = Checkout.objects.latest("pk")

    @property
    def state(self) -> str:
        self.checkout.refresh_from_db()
        return self.checkout.state_id

    def look(self) -> Any:
        return self.client.get(self.url)

    def begin(self) -> Any:
        return self.client.post(self.url, {"step": "begin", "shown_total": TOTAL}, headers=JSON)

    def returns(self, **query: str) -> Any:
        return self.client.get(f"{self.url}thanks/", query)

    def asks(self) -> Any:
        return self.client.get(f"{self.url}thanks/", headers=JSON).json()

    def failed(self) -> Any:
        return self.client.get(f"{self.url}failed/")


@pytest.fixture
def booking(stripe_simulator: Any) -> Iterator[SalesLedger]:
    cache.clear()
    yield SalesLedgerFactory()
    cache.clear()


@pytest.fixture
def tab(booking: SalesLedger) -> Tab:
    return Tab(booking)


@pytest.fixture
def bank_thinks(stripe_simulator: Any, monkeypatch: pytest.MonkeyPatch) -> Callable[[], None]:
    """The bank takes its time: Stripe calls a paid intent "processing" until the returned function is called."""
    original = stripe_simulator.handle

    def handle(*args: Any, **kwargs: Any) -> Any:
        answer = original(*args, **kwargs)
        body = json.loads(answer.body)
        if body.get("object") == "payment_intent" and body["status"] == "succeeded":
            body.update(status="processing", amount_received=0)
        return replace(answer, body=json.dumps(body).encode())

    monkeypatch.setattr(stripe_simulator, "handle", handle)
    return lambda: monkeypatch.setattr(stripe_simulator, "handle", original)


def charged(simulator: Any) -> list[int]:
    """What Stripe has taken, payment by payment."""
    answer = simulator.handle("GET", "/v1/charges?limit=100", {"Authorization": "Bearer sk_test_simulator"}, b"")
    return [charge["amount"] for charge in json.loads(answer.body)["data"] if charge["paid"]]


def test_two_tabs_the_later_begin_closes_the_earlier_one_at_stripe(
    stripe_simulator: Any, booking: SalesLedger, pay: Any, told: list[int]
) -> None:
    first, second = Tab(booking), Tab(booking)
    assert first.url != second.url
    assert first.begin().json() == {"ok": True}
    assert second.begin().json() == {"ok": True}
    # cancelled before the second may be paid, so the first tab's button cannot charge
    assert gateway.retrieve_payment_intent(first.checkout.payment_intent_id).stripe_status == "canceled"
    assert "error" in pay(first.checkout)

    pay(second.checkout)
    assert second.returns().status_code == 200
    assert (first.state, second.state) == ("fail", "success")
    assert told == [second.checkout.pk]
    assert charged(stripe_simulator) == [12000]
    assert Notice.objects.count() == 0


def test_the_closed_tab_of_a_paid_booking_never_says_that_it_failed(
    stripe_simulator: Any, booking: SalesLedger, pay: Any
) -> None:
    first, second = Tab(booking), Tab(booking)
    first.begin()
    second.begin()
    assert "The payment did not go through" in first.failed().content.decode()
    pay(second.checkout)
    second.returns()
    for answer in (first.look(), first.failed(), first.client.get(f"{first.url}thanks/", follow=True)):
        assert answer.status_code == 200
        assert "did not go through" not in answer.content.decode()
        assert "Try again" not in answer.content.decode()
    assert first.begin().json()["ok"] is False
    assert charged(stripe_simulator) == [12000]


def test_an_open_tab_of_a_booking_that_was_paid_in_another_is_not_told_to_try_again(
    stripe_simulator: Any, booking: SalesLedger, pay: Any
) -> None:
    first, second = Tab(booking), Tab(booking)
    second.begin()
    pay(second.checkout)
    second.returns()
    for page in ("", "thanks/", "failed/"):
        text = first.client.get(first.url + page, follow=True).content.decode()
        assert "nothing to pay here any more" in text
        assert "did not go through" not in text
    assert first.begin().json()["ok"] is False
    assert charged(stripe_simulator) == [12000]


@pytest.mark.parametrize("heard", ["the tabs return", "the command runs"])
def test_two_tabs_paid_at_webhook_speed_are_one_success_and_one_held(
    stripe_simulator: Any,
    booking: SalesLedger,
    pay: Any,
    told: list[int],
    mailoutbox: list[Any],
    django_capture_on_commit_callbacks: Any,
    heard: str,
) -> None:
    first, second = Tab(booking), Tab(booking)
    pay(first.checkout)
    pay(second.checkout)
    with django_capture_on_commit_callbacks(execute=True):
        if heard == "the command runs":
            fulfil.payments()
        answers = [first.returns(), second.returns(), first.returns(), second.returns()]
    assert [answer.status_code for answer in answers] == [200] * 4
    assert sorted([first.state, second.state]) == ["pending", "success"]
    aside = first if first.state == "pending" else second
    assert "paid again" in aside.checkout.quarantine
    assert len(told) == 1
    assert Notice.objects.count() == 1
    assert len(mailoutbox) == 1
    assert sum(HELD in answer.content.decode() for answer in answers) == 2


@pytest.fixture
def held(tab: Tab, pay: Any) -> Tab:
    """Paid, but not what was asked."""
    tab.begin()
    Checkout.objects.filter(pk=tab.checkout.pk).update(total="999.00")
    pay(tab.checkout)
    return tab


def test_a_customer_whose_payment_is_held_is_told_the_truth(held: Tab, stripe_simulator: Any) -> None:
    for _look in range(2):
        answer = held.returns()
        text = answer.content.decode()
        assert answer.status_code == 200
        assert HELD in text
        assert "Please do not pay again." in text
        # nothing on the page asks again, and nothing says why: that is for the staff
        assert "data-poll-url" not in text
        assert "http-equiv" not in text
        assert "asked 999" not in text
    assert held.state == "request"
    assert "asked 999" in held.checkout.quarantine
    assert Notice.objects.count() == 1


def test_the_waiting_page_learns_that_a_payment_is_held(held: Tab) -> None:
    assert held.asks() == {"state": "request", "url": None, "held": True}


def test_nothing_leads_a_held_customer_to_pay_again_or_says_failed(held: Tab, stripe_simulator: Any) -> None:
    held.returns()
    for path in ("", "failed/", "thanks/?payment_intent_client_secret=secret"):
        answer = held.client.get(held.url + path, follow=True)
        assert answer.redirect_chain[-1][0] == f"{held.url}thanks/"
        assert HELD in answer.content.decode()
    assert charged(stripe_simulator) == [12000]


def test_a_held_payment_that_staff_put_right_is_thanked_for(held: Tab, told: list[int]) -> None:
    held.returns()
    Checkout.objects.filter(pk=held.checkout.pk).update(total=TOTAL)
    assert "Thank you" in held.returns().content.decode()
    assert held.asks() == {"state": "success", "url": f"{held.url}thanks/"}
    assert told == [held.checkout.pk]


def test_a_double_click_begins_once(tab: Tab, stripe_simulator: Any) -> None:
    assert [tab.begin().json() for _click in range(3)] == [{"ok": True}] * 3
    assert tab.state == "request"
    assert Checkout.objects.get().claim


def test_the_back_button_after_payment_begins_nothing(
    tab: Tab, stripe_simulator: Any, pay: Any, told: list[int]
) -> None:
    tab.begin()
    pay(tab.checkout)
    tab.returns()
    answer = tab.begin()
    assert answer.status_code == 409
    assert answer.json() == {"ok": False, "reason": "paid", "message": ANY, "url": f"{tab.url}thanks/"}
    assert tab.look().status_code == 200
    assert "client_secret" not in tab.look().context
    assert charged(stripe_simulator) == [12000]
    assert told == [tab.checkout.pk]


def test_the_back_button_before_anybody_asked_stripe_charges_once(
    tab: Tab, stripe_simulator: Any, pay: Any, told: list[int]
) -> None:
    tab.begin()
    pay(tab.checkout)
    # the browser never came to the return page; the customer goes back and looks at the form again
    tab.look()
    assert tab.begin().json()["reason"] == "paid"
    assert "error" in pay(tab.checkout)
    assert charged(stripe_simulator) == [12000]
    assert told == [tab.checkout.pk]


def test_reloading_the_success_page_fulfils_once(tab: Tab, stripe_simulator: Any, pay: Any, told: list[int]) -> None:
    tab.begin()
    pay(tab.checkout)
    assert ["Thank you" in tab.returns().content.decode() for _reload in range(4)] == [True] * 4
    assert told == [tab.checkout.pk]


def test_while_the_bank_thinks_the_customer_waits_and_is_then_told(
    tab: Tab, stripe_simulator: Any, pay: Any, told: list[int], bank_thinks: Callable[[], None]
) -> None:
    tab.begin()
    pay(tab.checkout)
    assert "Waiting for your bank" in tab.returns().content.decode()
    assert tab.asks() == {"state": "request", "url": None}
    # neither the form nor the word "failed" is an answer meanwhile
    assert tab.look().url == f"{tab.url}thanks/"
    assert tab.failed().url == f"{tab.url}thanks/"
    assert told == []
    bank_thinks()
    assert tab.asks() == {"state": "success", "url": f"{tab.url}thanks/"}
    assert "Thank you" in tab.returns().content.decode()
    assert told == [tab.checkout.pk]


def test_when_stripe_does_not_answer_nothing_is_said_to_have_failed(
    tab: Tab, stripe_simulator: Any, stripe_trouble: Any, pay: Any
) -> None:
    tab.begin()
    pay(tab.checkout)
    stripe_trouble("reset_before", times=None, method="GET")
    assert tab.failed().url == f"{tab.url}thanks/"
    assert "Waiting for your bank" in tab.returns().content.decode()
    stripe_simulator.trouble.clear()
    assert tab.failed().url == f"{tab.url}thanks/"
    assert tab.state == "success"


def test_a_late_failure_is_not_shown_for_a_paid_order(tab: Tab, stripe_simulator: Any, pay: Any) -> None:
    tab.begin()
    assert "error" in pay(tab.checkout, card="4000000000009995")
    assert "did not go through" in tab.client.get(f"{tab.url}thanks/", follow=True).content.decode()
    pay(tab.checkout)
    # the first attempt's return address, opened only now, tells of a failure
    late = tab.returns(redirect_status="failed", payment_intent=tab.checkout.payment_intent_id)
    assert "Thank you" in late.content.decode()
    assert tab.client.post(tab.url, {"step": "declined"}, headers=JSON).status_code == 200
    assert tab.state == "success"
    assert charged(stripe_simulator) == [12000]


def test_the_fail_address_of_a_paid_order_leads_to_thanks(tab: Tab, stripe_simulator: Any, pay: Any) -> None:
    tab.begin()
    pay(tab.checkout)
    # nobody has asked Stripe yet: the page does, before it speaks
    assert tab.failed().url == f"{tab.url}thanks/"
    assert tab.state == "success"
    assert tab.failed().url == f"{tab.url}thanks/"


def test_the_fail_page_of_an_unpaid_order_says_so_and_offers_to_try_again(tab: Tab, stripe_simulator: Any) -> None:
    tab.begin()
    text = tab.failed().content.decode()
    assert "did not go through" in text
    assert "Try again" in text
    assert tab.state == "request"
