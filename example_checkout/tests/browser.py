"""What the browser tests share: how a customer books and pays, and what Stripe then holds."""

from typing import Any
from urllib.parse import urlsplit

import stripe

from checkout.models import Checkout
from example_checkout.models import Product, SalesLedger
from example_checkout.tests.factories import ProductFactory

GOOD = "4242424242424242"
ASKS_3DS = "4000002760003184"
NO_FUNDS = "4000000000009995"
PAY_BUTTON = "#payment-submit"
PAID = "Thank you: you have paid"


def book(page: Any, site: Any, product: Product | None = None, *, how: str = "By card, now") -> Checkout:
    """Book a place on the course's page, as a passer-by, and arrive on the page to pay."""
    product = product or ProductFactory()
    page.goto(site.url + product.get_absolute_url())
    if page.get_by_label("Your name").count():
        page.get_by_label("Your name").fill("Ada Lovelace")
        page.get_by_label("Your email").fill("ada@example.com")
    page.get_by_label(how).check()
    page.get_by_role("button", name="Book and go to payment").click()
    page.wait_for_url("**/pay/*/")
    if how.startswith("By card"):
        ready(page)
    return shown(page)


def shown(page: Any) -> Checkout:
    """The checkout whose page is open."""
    return Checkout.objects.get(uuid=urlsplit(page.url).path.split("/")[2])


def ready(page: Any) -> None:
    """Wait until the card form can be used."""
    page.locator(f"{PAY_BUTTON}:enabled").wait_for()


def enter_card(page: Any, number: str = GOOD) -> None:
    page.get_by_label("Card number").fill(number)
    page.get_by_label("Expiry (MM / YY)").fill("12 / 34")
    page.get_by_label("Security code (CVC)").fill("123")


def press_pay(page: Any, number: str = GOOD) -> None:
    """Enter a card and press the button."""
    enter_card(page, number)
    page.click(PAY_BUTTON)


def bank_says(page: Any, answer: str) -> None:
    """Answer the bank's dialog: ``Complete``, ``Fail`` or ``Cancel``."""
    dialog = page.get_by_role("dialog", name="3-D Secure test authentication")
    dialog.get_by_role("button", name=answer).click()


def heading(page: Any, text: str) -> None:
    """Wait for the page with that heading."""
    page.get_by_role("heading", name=text, level=1).wait_for()


def said(page: Any, text: str) -> str:
    """Wait until the region that screen readers announce holds ``text``; all that it says."""
    alert = page.locator("#payment-message[role=alert]")
    alert.filter(has_text=text).wait_for()
    return str(alert.inner_text())


def library(stripe_server: Any) -> stripe.StripeClient:
    return stripe.StripeClient("sk_test_simulator", base_addresses={"api": stripe_server.url})


def taken(stripe_server: Any) -> list[int]:
    """The amounts of the succeeded charges, in minor units."""
    charges = library(stripe_server).v1.charges.list({"limit": 100})
    return sorted(charge.amount for charge in charges if charge.status == "succeeded")


def intents(stripe_server: Any) -> list[stripe.PaymentIntent]:
    return list(library(stripe_server).v1.payment_intents.list({"limit": 100}))


def recorded(checkout: Checkout) -> tuple[str, bool]:
    """The state of the checkout, and whether its booking is paid, as the database has them now."""
    booking = SalesLedger.objects.get(pk=checkout.object_id)
    return Checkout.objects.get(pk=checkout.pk).state_id, booking.paid is not None


def sign_in(page: Any, site: Any, username: str) -> None:
    page.goto(f"{site.url}/accounts/login/")
    page.get_by_label("Username").fill(username)
    page.get_by_label("Password").fill("letmein")
    page.get_by_role("button", name="Sign in").click()
    page.get_by_role("button", name="Sign out").wait_for()


def problems(page: Any) -> list[str]:
    """What axe finds wrong on the page."""
    from axe_playwright_python.sync_playwright import Axe

    found = Axe().run(page).response["violations"]
    return [f"{one['id']}: {node['html'][:160]}" for one in found for node in one["nodes"]]


def fill_invoice(page: Any) -> None:
    values = {
        "company_name": "Analytical Engines Ltd",
        "contact_name": "Ada Lovelace",
        "address_1": "1 Canal Street",
        "town": "Marlow",
        "postcode": "SL7 1AA",
        "country": "United Kingdom",
        "email": "accounts@engines.example.com",
    }
    for name, value in values.items():
        page.locator(f"#invoice-form [name={name}]").fill(value)
