"""When an answer is lost the page claims neither yes nor no before it knows; and what it says without JavaScript."""

from typing import Any

import pytest

from example_checkout.tests.browser import PAID, book, enter_card, heading, press_pay, recorded, said, taken

pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True)]

CONFIRM = "/v1/payment_intents/*/confirm"


def test_an_answer_lost_after_the_banks_yes_is_found_out(
    page: Any, site: Any, stripe_server: Any, console_errors: list[str]
) -> None:
    checkout = book(page, site)
    # for good, because a browser may send a request once more when its connection breaks
    stripe_server.simulator.trouble.add("timeout_after_commit", path=CONFIRM, times=None)
    press_pay(page)
    heading(page, PAID)
    assert recorded(checkout) == ("success", True)
    assert taken(stripe_server) == [12000]
    console_errors.clear()


def test_while_stripe_cannot_say_the_customer_is_told_not_to_pay_again(
    page: Any, site: Any, stripe_server: Any, console_errors: list[str]
) -> None:
    checkout = book(page, site)
    enter_card(page)
    # for good, because a browser may send a request once more when its connection breaks
    stripe_server.simulator.trouble.add("timeout_after_commit", path=CONFIRM, times=None)
    stripe_server.simulator.trouble.add("server_error", path="/v1/payment_intents/*", method="GET", times=None)
    page.click("#payment-submit")
    said(page, "Please do not pay again")
    assert page.locator("#payment-submit").is_disabled()
    assert recorded(checkout) == ("request", False)
    stripe_server.simulator.trouble.clear()
    page.get_by_role("button", name="Check my payment").click()
    heading(page, PAID)
    assert recorded(checkout) == ("success", True)
    assert taken(stripe_server) == [12000]
    console_errors.clear()


def test_without_javascript_the_page_says_what_is_missing(page: Any, site: Any, browser: Any) -> None:
    checkout = book(page, site)
    address = page.url
    cookies = page.context.cookies()
    plain = browser.new_context(java_script_enabled=False)
    plain.add_cookies(cookies)
    bare = plain.new_page()
    bare.goto(address)
    assert "that needs JavaScript" in bare.locator("main").inner_text()
    assert bare.locator("#payment-submit").is_disabled()
    plain.close()
    assert recorded(checkout) == ("pending", False)
