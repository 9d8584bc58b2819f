"""Staff find a payment that was put aside in the work queue, see what differs, and accept it: in a browser."""

from typing import Any

import pytest
from django.urls import reverse

from checkout.models import Checkout, StaffAction
from example_checkout.tests.browser import book, heading, press_pay, recorded, sign_in, taken
from example_checkout.tests.factories import UserFactory
from example_checkout.tests.test_browser_pages import faults

pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True)]


def test_from_the_queue_to_paid(page: Any, site: Any, stripe_server: Any, console_errors: list[str]) -> None:
    checkout = book(page, site)
    # what we asked of Stripe is 120.00; our own record comes to differ before it is settled
    stripe_server.simulator.trouble.add("server_error", path="/v1/payment_intents/*", method="GET", times=None)
    press_pay(page)
    heading(page, "Waiting for your bank")
    Checkout.objects.filter(pk=checkout.pk).update(total="125.00")
    stripe_server.simulator.trouble.clear()
    heading(page, "We are checking your payment")
    console_errors.clear()
    page.context.clear_cookies()

    UserFactory(username="staff", is_staff=True, is_superuser=True)
    sign_in(page, site, "staff")
    page.goto(site.url + reverse("checkout.work"))
    page.get_by_text("Paid 120.00, asked 125.00").wait_for()
    page.get_by_role("link", name="Accept as paid").click()
    heading(page, "Accept as paid")
    page.get_by_text("£5.00 less than was asked for").wait_for()
    assert faults(page) == {}
    page.set_viewport_size({"width": 1280, "height": 900})
    page.get_by_role("button", name="Accept £120.00 as paid").dblclick()
    page.wait_for_url(f"**{reverse('checkout.work')}")
    page.get_by_text("All clear: nothing needs you today").wait_for()
    assert recorded(checkout) == ("success", True)
    assert StaffAction.objects.get().verb == "accept"
    page.go_back()
    page.goto(site.url + reverse("checkout.accept", args=[checkout.pk]))
    page.get_by_text("It has been settled already.").wait_for()
    assert faults(page) == {}
    page.set_viewport_size({"width": 1280, "height": 900})
    page.goto(site.url + reverse("checkout.checkout", args=[checkout.pk]))
    page.get_by_text("Accepted what was put aside as paid").wait_for()
    assert faults(page) == {}
    assert taken(stripe_server) == [12000]
    assert console_errors == []
