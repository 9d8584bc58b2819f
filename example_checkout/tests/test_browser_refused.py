"""Who may not pay, or not now, gets a page that says why."""

from typing import Any

import pytest

from example_checkout.tests.browser import (
    NO_FUNDS,
    PAID,
    book,
    enter_card,
    heading,
    intents,
    press_pay,
    recorded,
    said,
    taken,
)

pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True)]


def test_another_browser_may_not_open_a_checkout(page: Any, site: Any, browser: Any, stripe_server: Any) -> None:
    checkout = book(page, site)
    stranger = browser.new_context()
    other = stranger.new_page()
    for path in ("", "thanks/", "failed/"):
        answer = other.goto(f"{site.url}/pay/{checkout.uuid}/{path}")
        assert answer.status == 403
        heading(other, "This page has closed")
        assert checkout.payment_intent_id not in other.content()
    stranger.close()
    press_pay(page)
    heading(page, PAID)
    assert taken(stripe_server) == [12000]


def test_a_session_that_ended_is_explained(page: Any, site: Any, stripe_server: Any, console_errors: list[str]) -> None:
    checkout = book(page, site)
    page.context.clear_cookies(name="sessionid")
    press_pay(page)
    assert "Nothing has been charged" in said(page, "Your session has ended")
    with page.expect_response(f"**/pay/{checkout.uuid}/") as answer:
        page.get_by_role("button", name="Continue").click()
    assert answer.value.status == 403
    heading(page, "This page has closed")
    assert page.get_by_role("link", name="See the courses").is_visible()
    assert all("403" in line for line in console_errors), console_errors
    console_errors.clear()
    assert recorded(checkout) == ("pending", False)
    assert taken(stripe_server) == []


def test_too_many_new_checkouts_get_a_429_before_stripe_is_asked(
    page: Any, site: Any, stripe_server: Any, settings: Any, console_errors: list[str]
) -> None:
    settings.CHECKOUT_LIMITS = {"create": {"session": "1/h"}}
    product = book(page, site).content_object.product
    page.goto(site.url + product.get_absolute_url())
    page.get_by_label("Your name").fill("Ada Lovelace")
    page.get_by_label("Your email").fill("ada@example.com")
    with page.expect_response(f"**{product.get_absolute_url()}") as answer:
        page.get_by_role("button", name="Book and go to payment").click()
    assert answer.value.status == 429
    heading(page, "Too many attempts")
    assert "429" in console_errors.pop()
    assert len(intents(stripe_server)) == 1


def test_too_many_declined_cards_close_the_payment(
    page: Any, site: Any, stripe_server: Any, settings: Any, console_errors: list[str]
) -> None:
    settings.CHECKOUT_LIMITS = {"decline": {"session": "1/h"}}
    checkout = book(page, site)
    # the sentence shows before the site has heard of the decline: only the answer says that it was counted
    with page.expect_response(lambda answer: "declined" in (answer.request.post_data or "")):
        press_pay(page, NO_FUNDS)
    said(page, "Your card has insufficient funds.")
    enter_card(page, NO_FUNDS)
    page.get_by_label("Card number").press("Enter")
    said(page, "Too many attempts")
    assert page.locator("#payment-submit").is_disabled()
    answer = page.reload()
    assert answer.status == 429
    heading(page, "Too many attempts")
    console_errors.clear()
    assert taken(stripe_server) == []
    assert recorded(checkout)[1] is False


def test_staff_pages_are_not_for_customers(page: Any, site: Any) -> None:
    page.goto(f"{site.url}/checkout/")
    heading(page, "Sign in")
    assert page.url.endswith("/accounts/login/?next=/checkout/")
