"""A German browser pays on a phone: longer words must fit, and our script must say the German sentences."""

from collections.abc import Iterator
from typing import Any

import pytest

from example_checkout.tests.browser import (
    NO_FUNDS,
    book,
    fill_invoice,
    heading,
    press_pay,
    problems,
    recorded,
    said,
    taken,
)

pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True)]


@pytest.fixture
def phone(browser: Any, stripe_server: Any) -> Iterator[Any]:
    """Give a page of a German phone; no script of ours may fail on it."""
    context = browser.new_context(viewport={"width": 360, "height": 740}, locale="de-DE", reduced_motion="reduce")
    context.set_default_timeout(15_000)
    failures: list[str] = []
    context.on("weberror", lambda problem: failures.append(str(problem.error)))
    yield context.new_page()
    context.close()
    assert failures == []


def look(page: Any) -> None:
    """Nothing is wider than the phone, and axe is content."""
    assert page.locator("html").get_attribute("lang") == "de"
    assert page.evaluate("document.documentElement.scrollWidth") <= 360
    assert problems(page) == []


def test_a_german_customer_pays_on_a_phone_after_a_declined_card(phone: Any, site: Any, stripe_server: Any) -> None:
    checkout = book(phone, site)
    assert phone.get_by_role("button", name="Jetzt £120,00 bezahlen").is_enabled()
    look(phone)
    press_pay(phone, NO_FUNDS)
    assert "Es wurde nichts abgebucht." in said(phone, "andere Karte")
    look(phone)
    press_pay(phone)
    heading(phone, "Vielen Dank: Sie haben bezahlt")
    look(phone)
    assert recorded(checkout) == ("success", True)
    assert taken(stripe_server) == [12000]


def test_a_german_customer_asks_for_an_invoice_on_a_phone(phone: Any, site: Any, stripe_server: Any) -> None:
    checkout = book(phone, site, how="By invoice")
    ask = phone.get_by_role("button", name="Rechnung über £120,00 anfordern")
    phone.get_by_label("Name", exact=True).fill("")
    ask.click()
    phone.get_by_text("Bitte korrigieren Sie die unten markierten Felder.").wait_for()
    look(phone)
    fill_invoice(phone)
    ask.click()
    heading(phone, "Vielen Dank: Sie erhalten eine Rechnung")
    look(phone)
    assert recorded(checkout) == ("success", False)
    assert taken(stripe_server) == []
