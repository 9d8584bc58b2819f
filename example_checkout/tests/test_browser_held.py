"""A customer who waits is told when the payment came but needs a person."""

from typing import Any

import pytest

from checkout.models import Checkout
from example_checkout.tests.browser import book, heading, press_pay, recorded, taken

pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True)]


def test_the_waiting_page_becomes_the_page_of_a_held_payment(page: Any, site: Any, stripe_server: Any) -> None:
    checkout = book(page, site)
    # what we asked of Stripe is 120.00; our own record comes to differ while the customer waits
    stripe_server.simulator.trouble.add("server_error", path="/v1/payment_intents/*", method="GET", times=None)
    press_pay(page)
    heading(page, "Waiting for your bank")
    Checkout.objects.filter(pk=checkout.pk).update(total="999.00")
    stripe_server.simulator.trouble.clear()
    heading(page, "We are checking your payment")
    assert "Please do not pay again." in page.locator("main").inner_text()
    assert recorded(checkout) == ("request", False)
    assert taken(stripe_server) == [12000]
