"""A customer pays in a real browser: from the course's page to the page that says thank you."""

from typing import Any

import pytest

from checkout.models import CheckoutAdditional
from example_checkout.models import SalesLedger
from example_checkout.tests.browser import (
    ASKS_3DS,
    NO_FUNDS,
    PAID,
    PAY_BUTTON,
    bank_says,
    book,
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


def test_a_good_card_pays(page: Any, site: Any, stripe_server: Any) -> None:
    checkout = book(page, site)
    button = page.locator(PAY_BUTTON)
    assert button.inner_text().strip() == "Pay £120.00 now"
    press_pay(page)
    heading(page, PAID)
    assert page.get_by_text("We received your payment of £120.00").is_visible()
    assert "secret" not in page.url
    assert recorded(checkout) == ("success", True)
    assert taken(stripe_server) == [12000]


def test_3d_secure_completed_pays(page: Any, site: Any, stripe_server: Any) -> None:
    checkout = book(page, site)
    press_pay(page, ASKS_3DS)
    page.get_by_role("dialog").wait_for()
    assert recorded(checkout) == ("request", False)
    assert taken(stripe_server) == []
    bank_says(page, "Complete")
    heading(page, PAID)
    assert recorded(checkout) == ("success", True)
    assert taken(stripe_server) == [12000]


@pytest.mark.parametrize("answer", ["Fail", "Cancel"])
def test_3d_secure_not_completed_takes_nothing_and_another_card_pays(
    page: Any, site: Any, stripe_server: Any, answer: str
) -> None:
    checkout = book(page, site)
    press_pay(page, ASKS_3DS)
    bank_says(page, answer)
    assert "nothing has been charged" in said(page, "Your bank could not confirm that it was you")
    assert recorded(checkout) == ("request", False)
    assert taken(stripe_server) == []
    press_pay(page)
    heading(page, PAID)
    assert recorded(checkout) == ("success", True)
    assert taken(stripe_server) == [12000]


def test_a_declined_card_is_announced_and_another_card_pays(
    page: Any, site: Any, stripe_server: Any, console_errors: list[str]
) -> None:
    checkout = book(page, site)
    press_pay(page, NO_FUNDS)
    assert "Nothing has been charged" in said(page, "Your card has insufficient funds.")
    # The message has the focus too, so that whoever cannot see it is at the right place.
    assert page.evaluate("document.activeElement.id") == "payment-message"
    assert len(console_errors) == 1
    assert "402" in console_errors.pop()
    assert recorded(checkout) == ("request", False)
    press_pay(page)
    heading(page, PAID)
    assert recorded(checkout) == ("success", True)
    assert taken(stripe_server) == [12000]
    assert len(intents(stripe_server)) == 1


def test_an_unfinished_card_is_not_sent_anywhere(page: Any, site: Any, stripe_server: Any) -> None:
    checkout = book(page, site)
    sent: list[str] = []
    page.on("request", lambda request: sent.append(request.url))
    page.get_by_label("Card number").fill("4242")
    page.click(PAY_BUTTON)
    said(page, "Your card number is incomplete.")
    assert page.get_by_label("Card number").get_attribute("aria-invalid") == "true"
    assert sent == []
    assert recorded(checkout) == ("pending", False)


def test_an_invoice_charges_nothing_and_records_who_to_invoice(
    page: Any, site: Any, stripe_server: Any, console_errors: list[str]
) -> None:
    checkout = book(page, site, how="By invoice")
    page.locator("[name=email]").fill("nonsense")
    page.get_by_role("button", name="Send me an invoice for £120.00").click()
    page.get_by_role("alert").filter(has_text="Nothing has been sent").wait_for()
    assert "422" in console_errors.pop()
    assert page.locator("[name=email]").get_attribute("aria-invalid") == "true"
    assert recorded(checkout) == ("pending", False)

    fill_invoice(page)
    page.get_by_role("button", name="Send me an invoice for £120.00").click()
    heading(page, "Thank you: we will invoice you")
    assert recorded(checkout) == ("success", False)
    assert SalesLedger.objects.get().invoiced is not None
    details = CheckoutAdditional.objects.get(checkout=checkout)
    assert (details.company_name, details.email) == ("Analytical Engines Ltd", "accounts@engines.example.com")
    assert intents(stripe_server) == []


def test_the_return_page_waits_for_the_bank_and_then_moves_on(page: Any, site: Any, stripe_server: Any) -> None:
    checkout = book(page, site)
    trouble = stripe_server.simulator.trouble
    trouble.add("server_error", method="GET", path="/v1/payment_intents/*", times=None)
    press_pay(page)
    heading(page, "Waiting for your bank")
    status = page.get_by_role("status").filter(has_text="This page updates itself")
    assert status.is_visible()
    assert page.get_by_text("You will not be charged twice.").is_visible()
    # Honest: Stripe has said yes, but nobody here knows that yet.
    assert taken(stripe_server) == [12000]
    assert recorded(checkout) == ("request", False)

    trouble.clear()
    heading(page, PAID)
    assert recorded(checkout) == ("success", True)
    assert taken(stripe_server) == [12000]


def test_a_redirect_back_from_the_bank_hides_the_secret(page: Any, site: Any, stripe_server: Any) -> None:
    checkout = book(page, site)
    secret = page.locator("#payment-form").get_attribute("data-client-secret")
    press_pay(page)
    heading(page, PAID)
    page.goto(f"{page.url}?payment_intent=x&payment_intent_client_secret={secret}&redirect_status=succeeded")
    heading(page, PAID)
    assert "secret" not in page.url
    assert recorded(checkout) == ("success", True)
    assert taken(stripe_server) == [12000]


def test_the_form_says_what_to_do_when_stripe_js_cannot_be_loaded(
    page: Any, site: Any, settings: Any, console_errors: list[str]
) -> None:
    checkout = book(page, site)
    page.route("**/stripe.js", lambda route: route.abort())
    page.reload()
    assert "Nothing has been charged" in said(page, "could not be loaded")
    assert page.locator(PAY_BUTTON).is_disabled()
    console_errors.clear()
    page.unroute("**/stripe.js")
    page.get_by_role("button", name="Reload the page").click()
    ready(page)
    press_pay(page)
    heading(page, PAID)
    assert recorded(checkout) == ("success", True)
