"""What cannot be charged, or not any more, is refused with a page before Stripe is called."""

from collections.abc import Iterator
from decimal import Decimal
from typing import Any

import pytest
from django.core.cache import cache

from checkout.flows import payment
from checkout.models import Checkout
from example_checkout import views
from example_checkout.models import SalesLedger
from example_checkout.tests.shop import Shop, booking_pay, pay_url

pytestmark = pytest.mark.django_db
JSON = {"accept": "application/json"}


@pytest.fixture(autouse=True)
def counters() -> Iterator[None]:
    cache.clear()
    yield
    cache.clear()


@pytest.fixture
def shop(stripe_simulator: Any, pay: Any, stripe_trouble: Any, settings: Any) -> Shop:
    return Shop(pay, stripe_trouble, settings)


# What cannot be charged. (what the host says, whether an invoice for it is refused too)
REFUSED: dict[str, dict[str, Any]] = {
    "zero": {"checkout_total": Decimal(0)},
    "negative": {"checkout_total": Decimal(-5)},
    "too fine": {"checkout_total": Decimal("10.001")},
    "not a number": {"checkout_total": Decimal("NaN")},
    "infinite": {"checkout_total": Decimal("Infinity")},
    "a float": {"checkout_total": 10.5},
    "nothing": {"checkout_total": None},
    "text": {"checkout_total": "10.00"},
    "unknown currency": {"checkout_currency": "XXX"},
    "no currency at all": {"checkout_currency": 12},
    "half a yen": {"checkout_currency": "JPY", "checkout_total": Decimal("100.5")},
    "may not be charged": {"checkout_can_charge": False},
    "not offered": {"checkout_actions": []},
}
CARD_ONLY: dict[str, dict[str, Any]] = {
    "too small": {"checkout_total": Decimal("0.29")},
    "too small in yen": {"checkout_currency": "JPY", "checkout_total": Decimal(49)},
    "too large": {"checkout_total": Decimal("1000000.00")},
}
CASES = {**REFUSED, **CARD_ONLY}


def says(monkeypatch: Any, case: str) -> None:
    for name, value in CASES[case].items():
        monkeypatch.setattr(SalesLedger, name, value)


@pytest.fixture
def plain_booking_page(monkeypatch: Any) -> None:
    """The shop's own page cannot show the hostile totals of these tests; what it says beside them can be read."""
    monkeypatch.setattr(views.BookingView, "template_name", "checkout/base.html")


@pytest.mark.parametrize("case", CASES)
def test_what_cannot_be_charged_is_refused_at_the_start(
    shop: Shop, stripe_simulator: Any, monkeypatch: Any, plain_booking_page: None, case: str
) -> None:
    payment.abandon(shop.checkout)
    says(monkeypatch, case)
    before, asked = Checkout.objects.count(), len(stripe_simulator.exchanges)
    for action in ("payment", "invoice") if case in REFUSED else ("payment",):
        answer = shop.client.post(booking_pay(shop), {"action": action}, follow=True)
        assert answer.status_code == 200
        assert answer.redirect_chain == [(shop.booking.get_absolute_url(), 302)]
        assert 'class="checkout-notice checkout-notice--error"' in answer.content.decode()
    assert Checkout.objects.count() == before
    assert len(stripe_simulator.exchanges) == asked


@pytest.mark.parametrize("case", CASES)
def test_what_can_be_charged_no_more_is_refused_on_the_page(
    shop: Shop, stripe_simulator: Any, monkeypatch: Any, case: str
) -> None:
    says(monkeypatch, case)
    asked = len(stripe_simulator.exchanges)
    answer = shop.get()
    assert answer.status_code == 200
    assert "This cannot be paid at the moment" in answer.content.decode()
    begun = shop.client.post(pay_url(shop), {"step": "begin", "shown_total": "120.00"}, headers=JSON)
    assert (begun.status_code, begun.json()["ok"]) == (409, False)
    if case in REFUSED:
        assert "This cannot be paid" in shop.post(step="choose", action="invoice").content.decode()
    assert len(stripe_simulator.exchanges) == asked
    assert [row.state_id for row in Checkout.objects.filter(object_id=shop.booking.pk)] == ["pending"]


@pytest.mark.parametrize("case", REFUSED)
def test_what_can_be_invoiced_no_more_is_refused(
    pay: Any, stripe_trouble: Any, settings: Any, stripe_simulator: Any, monkeypatch: Any, case: str
) -> None:
    shop = Shop(pay, stripe_trouble, settings, action="invoice")
    says(monkeypatch, case)
    answer = shop.post(step="invoice", contact_name="Ann", address_1="1 High St", email="ann@example.com")
    assert "This cannot be paid at the moment" in answer.content.decode()
    shop.checkout.refresh_from_db()
    assert shop.checkout.is_open


@pytest.mark.parametrize("total", ["", "abc", "NaN", "Infinity", "-1", "1e999999", "120,00", "0x78", "119.99"])
def test_only_the_amount_that_was_shown_begins(shop: Shop, total: str) -> None:
    answer = shop.client.post(pay_url(shop), {"step": "begin", "shown_total": total}, headers=JSON)
    assert (answer.status_code, answer.json()["reason"]) == (409, "changed")


@pytest.mark.parametrize("state", ["open", "paid", "closed"])
@pytest.mark.parametrize("query", [{}, {"redirect_status": "succeeded"}])
@pytest.mark.parametrize("view", ["web.checkout", "web.checkout.success", "web.checkout.fail"])
def test_each_page_works_when_the_object_was_deleted(shop: Shop, view: str, query: Any, state: str) -> None:
    if state != "open":
        getattr(shop, state)()
    shop.booking.delete()
    answer = shop.get(view, **query)
    assert answer.status_code == 200
    body = answer.content.decode()
    assert str(shop.checkout.uuid) in body
    assert ("did not go through" in body) is (view != "web.checkout" and state != "paid")
    assert "Waiting for your bank" not in body, "there is nothing to wait for"


@pytest.mark.parametrize("state", ["open", "paid", "closed"])
@pytest.mark.parametrize("step", ["begin", "declined", "choose", "invoice", ""])
def test_no_step_fails_when_the_object_was_deleted(shop: Shop, step: str, state: str) -> None:
    if state != "open":
        getattr(shop, state)()
    shop.booking.delete()
    assert shop.post(step=step, action="invoice", shown_total="120.00").status_code in (200, 302, 409)
    assert Checkout.objects.filter(uuid=shop.checkout.uuid, state=shop.checkout.state).exists()
