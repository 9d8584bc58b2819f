"""A customer saves a new card for all payment plans in a real browser."""

from typing import Any

import pytest

from checkout.models import Customer, ObjectPaymentPlanInstalment
from example_checkout.tests.browser import GOOD, bank_says, heading, press_pay, ready, said, sign_in, taken
from example_checkout.tests.pay_pages import declined, plan_url
from example_checkout.tests.plans import library
from example_checkout.tests.test_browser_pages import tab_to

pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True)]

SAVED = "Thank you: your new card is saved"


@pytest.fixture
def part(site: Any, pay_there: Any) -> ObjectPaymentPlanInstalment:
    """An instalment for which the bank wants its customer."""
    return declined(pay_there)


def change(page: Any, site: Any, part: Any) -> None:
    """From the page of the plan to the page of the card."""
    sign_in(page, site, "ann")
    page.goto(site.url + plan_url(part.object_payment_plan))
    page.get_by_role("link", name="Change card").click()
    ready(page)


def default_card(stripe_server: Any) -> str:
    payer = Customer.objects.get()
    at_stripe = library(stripe_server.simulator).customers.retrieve(payer.customer_id)
    return str(at_stripe.invoice_settings.default_payment_method)


@pytest.mark.parametrize("width", [360, 1280])
@pytest.mark.parametrize("number", ["4000002500003155", "4000002760003184"])
def test_a_card_with_3d_secure_is_saved(
    page: Any, site: Any, part: Any, stripe_server: Any, number: str, width: int
) -> None:
    page.set_viewport_size({"width": width, "height": 740})
    before = Customer.objects.get().payment_method_id
    change(page, site, part)
    press_pay(page, number)
    bank_says(page, "Complete")
    heading(page, SAVED)
    assert page.get_by_text(f"ending in {number[-4:]}").is_visible()
    assert page.get_by_text("Instalment 1 of 3").is_visible()
    assert "secret" not in page.url
    payer = Customer.objects.get()
    assert payer.payment_method_id != before
    assert payer.payment_method_id == default_card(stripe_server)
    assert taken(stripe_server) == [3000]


def test_what_goes_wrong_is_said_and_the_old_card_stays(
    page: Any, site: Any, part: Any, stripe_server: Any, console_errors: list[str]
) -> None:
    before = Customer.objects.get().payment_method_id
    change(page, site, part)
    press_pay(page, "4000000000000002")
    assert "Your card on file stays as it is." in said(page, "declined")
    assert "402" in console_errors.pop()
    press_pay(page, "4000002500003155")
    bank_says(page, "Fail")
    said(page, "so the card has not been saved")
    assert page.evaluate("document.activeElement.id") == "payment-message"
    assert Customer.objects.get().payment_method_id == before
    press_pay(page, GOOD)
    heading(page, SAVED)
    assert Customer.objects.get().last4 == "4242"


def test_two_tabs_save_one_card(page: Any, site: Any, part: Any, stripe_server: Any, console_errors: list[str]) -> None:
    change(page, site, part)
    second = page.context.new_page()
    second.goto(page.url)
    ready(second)
    press_pay(page)
    heading(page, SAVED)
    press_pay(second, "5555555555554444")
    # the first tab has finished: the second one shows that, and saves nothing
    heading(second, SAVED)
    assert Customer.objects.get().last4 == "4242"
    assert "409" in console_errors.pop()


def test_by_keyboard_alone(page: Any, site: Any, part: Any, stripe_server: Any) -> None:
    change(page, site, part)
    for name, text in (("cc-number", "4000002500003155"), ("cc-exp", "1234"), ("cc-csc", "123")):
        tab_to(page, f"[name={name}]")
        page.keyboard.type(text)
    tab_to(page, "#payment-submit")
    page.keyboard.press("Enter")
    page.get_by_role("dialog").wait_for()
    page.keyboard.press("Enter")
    heading(page, SAVED)


def test_without_javascript_it_says_what_is_missing(page: Any, site: Any, part: Any, browser: Any) -> None:
    change(page, site, part)
    plain = browser.new_context(java_script_enabled=False)
    plain.add_cookies(page.context.cookies())
    bare = plain.new_page()
    bare.goto(page.url)
    assert "that needs JavaScript" in bare.locator("main").inner_text()
    assert bare.locator("#payment-submit").is_disabled()
    plain.close()
