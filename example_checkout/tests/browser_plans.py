"""What the browser tests of payment plans share: how a customer signs up, and what they then read."""

from typing import Any

from checkout.models import Checkout, CheckoutSettings
from example_checkout.models import Product
from example_checkout.tests.browser import book, enter_card, ready
from example_checkout.tests.plans import offer_plans

DECLINED = "4000000000000002"
THANKS = "Thank you: your payment plan is set up"
CONFIRM_DEPOSIT = "Confirm your deposit"
NOT_PAID = "Your deposit has not been paid"
MY_PLAN = "My payment plan"
CONSENT = "I agree to this, and to the dates and amounts shown."
AGREE = "Agree and pay £30.00 now"


def start(page: Any, site: Any, product: Product | None = None) -> Checkout:
    """Book in instalments, as a passer-by, and arrive on the page of the sign-up."""
    if CheckoutSettings.objects.settings.default_payment_plan is None:
        offer_plans()
    checkout = book(page, site, product, how="In instalments")
    ready(page)
    return checkout


def agree(page: Any) -> None:
    page.get_by_label(CONSENT).check()


def sign_up(page: Any, number: str) -> None:
    """Enter a card, agree and press the button."""
    enter_card(page, number)
    agree(page)
    page.get_by_role("button", name=AGREE).click()


def deposit_said(page: Any, text: str) -> str:
    """Wait until the region beside the deposit's buttons that screen readers announce holds ``text``; all it says."""
    alert = page.locator("#deposit-message[role=alert]")
    alert.filter(has_text=text).wait_for()
    return str(alert.inner_text())
