"""Whatever a customer clicks, presses or opens: one booking is paid once."""

from typing import Any

import pytest

from checkout.models import Checkout
from example_checkout.tests.browser import (
    PAID,
    PAY_BUTTON,
    book,
    enter_card,
    fill_invoice,
    heading,
    intents,
    press_pay,
    ready,
    recorded,
    said,
    taken,
)

pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True)]

CONFIRM = "/v1/payment_intents/*/confirm"


def test_a_double_click_pays_once(page: Any, site: Any, stripe_server: Any) -> None:
    checkout = book(page, site)
    confirmed: list[str] = []
    page.on("request", lambda request: confirmed.append(request.url) if request.url.endswith("/confirm") else None)
    enter_card(page)
    page.dblclick(PAY_BUTTON)
    heading(page, PAID)
    assert len(confirmed) == 1
    assert recorded(checkout) == ("success", True)
    assert taken(stripe_server) == [12000]


def test_enter_while_the_bank_is_asked_starts_nothing(page: Any, site: Any, stripe_server: Any) -> None:
    checkout = book(page, site)
    stripe_server.simulator.trouble.add("slow", path=CONFIRM, delay=0.5)
    confirmed: list[str] = []
    page.on("request", lambda request: confirmed.append(request.url) if request.url.endswith("/confirm") else None)
    press_pay(page)
    page.get_by_role("status").filter(has_text="Talking to your bank").wait_for()
    button = page.locator(PAY_BUTTON)
    assert button.is_disabled()
    assert button.get_attribute("aria-busy") == "true"
    page.get_by_label("Card number").press("Enter")
    heading(page, PAID)
    assert len(confirmed) == 1
    assert recorded(checkout) == ("success", True)
    assert taken(stripe_server) == [12000]


def test_two_tabs_that_pay_at_once_pay_once(
    page: Any, site: Any, stripe_server: Any, console_errors: list[str]
) -> None:
    checkout = book(page, site)
    other = page.context.new_page()
    other.goto(page.url)
    ready(other)
    for tab in (page, other):
        enter_card(tab)
    # Both tabs are past our server and with the bank before it answers either.
    stripe_server.simulator.trouble.add("slow", path=CONFIRM, delay=0.5, times=2)
    for tab in (page, other):
        tab.evaluate("id => document.querySelector(id).click()", PAY_BUTTON)
    for tab in (page, other):
        heading(tab, PAID)
    assert recorded(checkout) == ("success", True)
    assert taken(stripe_server) == [12000]
    assert Checkout.objects.count() == 1
    # The second confirmation was refused by Stripe, which Chromium notes.
    assert all("400" in line or "409" in line for line in console_errors), console_errors
    console_errors.clear()


def test_a_tab_left_open_learns_that_another_has_paid(
    page: Any, site: Any, stripe_server: Any, console_errors: list[str]
) -> None:
    checkout = book(page, site)
    other = page.context.new_page()
    other.goto(page.url)
    ready(other)
    press_pay(page)
    heading(page, PAID)
    press_pay(other)
    heading(other, PAID)
    assert "409" in console_errors.pop()
    assert recorded(checkout) == ("success", True)
    assert taken(stripe_server) == [12000]


def test_card_in_one_tab_and_invoice_in_the_other_is_one_of_both(
    page: Any, site: Any, stripe_server: Any, console_errors: list[str]
) -> None:
    card = book(page, site)
    page.get_by_role("link", name="Go back without paying").click()
    with page.context.expect_page() as opened:
        page.get_by_role("button", name="Pay by invoice").click(modifiers=["Control"])
    other = opened.value
    other.wait_for_url("**/pay/*/")
    page.go_back()
    ready(page)
    press_pay(page)
    heading(page, PAID)
    fill_invoice(other)
    other.get_by_role("button", name="Send me an invoice").click()
    other.get_by_text("There is nothing to pay here any more.").wait_for()
    assert recorded(card) == ("success", True)
    booking = card.content_object
    assert booking.invoiced is None
    assert taken(stripe_server) == [12000]
    console_errors.clear()


def test_reloading_the_payment_page_keeps_the_intent(page: Any, site: Any, stripe_server: Any) -> None:
    checkout = book(page, site)
    for _ in range(2):
        page.reload()
        ready(page)
    press_pay(page)
    heading(page, PAID)
    page.reload()
    heading(page, PAID)
    assert recorded(checkout) == ("success", True)
    assert len(intents(stripe_server)) == 1
    assert taken(stripe_server) == [12000]


def test_reloading_while_the_bank_works_pays_once(
    page: Any, site: Any, stripe_server: Any, console_errors: list[str]
) -> None:
    checkout = book(page, site)
    stripe_server.simulator.trouble.add("slow", path=CONFIRM, delay=0.5)
    with page.expect_request("**/confirm"):
        press_pay(page)
    page.reload()
    # Wherever the reload found the bank: the form is back, and paying with it takes nothing more, or all is done.
    settled = "This has been settled already"
    page.locator(f"{PAY_BUTTON}:enabled, h1:text-is('{PAID}'), h1:text-is('{settled}')").first.wait_for()
    if page.locator(PAY_BUTTON).count():
        press_pay(page)
        heading(page, PAID)
    console_errors.clear()
    assert recorded(checkout) == ("success", True)
    assert taken(stripe_server) == [12000]


def test_the_back_button_after_paying_offers_nothing_to_pay(page: Any, site: Any, stripe_server: Any) -> None:
    checkout = book(page, site)
    press_pay(page)
    heading(page, PAID)
    page.go_back()
    heading(page, "This has been settled already")
    assert page.locator(PAY_BUTTON).count() == 0
    page.get_by_role("link", name="Go to your order").click()
    page.get_by_text("We look forward to seeing you").wait_for()
    assert page.get_by_role("button", name="Pay by card").count() == 0
    assert recorded(checkout) == ("success", True)
    assert taken(stripe_server) == [12000]


def test_a_price_that_changed_meanwhile_is_said_and_the_old_one_not_charged(
    page: Any, site: Any, stripe_server: Any, console_errors: list[str]
) -> None:
    checkout = book(page, site)
    product = checkout.content_object.product
    product.price = 150
    product.save()
    press_pay(page)
    said(page, "The amount has changed. Nothing has been charged.")
    assert "409" in console_errors.pop()
    assert taken(stripe_server) == []
    page.get_by_role("button", name="Reload the page").click()
    page.get_by_role("button", name="Pay £150.00 now").wait_for()
    ready(page)
    press_pay(page)
    heading(page, PAID)
    checkout.refresh_from_db()
    assert (checkout.state_id, checkout.total) == ("success", 150)
    assert taken(stripe_server) == [15000]
