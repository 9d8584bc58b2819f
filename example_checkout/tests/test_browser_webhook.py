"""The customer's tab waits, and Stripe tells the shop: by real deliveries, over HTTP, signed."""

import time
from collections.abc import Callable
from typing import Any

import pytest
from django.core import mail

from checkout.flows import inbox
from checkout.models import Event
from example_checkout.tests.browser import (
    ASKS_3DS,
    PAID,
    bank_says,
    book,
    heading,
    library,
    press_pay,
    recorded,
    taken,
)

pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True)]

SECRET = "whsec_of_this_test"


@pytest.fixture
def told_by_stripe(site: Any, stripe_server: Any, settings: Any) -> None:
    settings.CHECKOUT_WEBHOOK_SECRETS = ["whsec_the_old_one", SECRET]
    stripe_server.simulator.add_webhook_endpoint(f"{site.url}/stripe/webhook/", SECRET)


def until(true: Callable[[], bool]) -> None:
    end = time.monotonic() + 15
    while not true():
        assert time.monotonic() < end, "it did not happen"
        time.sleep(0.05)


def test_a_payment_succeeds_by_webhook_while_the_tab_waits(
    page: Any, site: Any, stripe_server: Any, told_by_stripe: None, told: list[int], console_errors: list[str]
) -> None:
    checkout = book(page, site)
    press_pay(page, ASKS_3DS)
    page.get_by_role("dialog", name="3-D Secure test authentication").wait_for()
    assert recorded(checkout) == ("request", False)
    # the customer says yes in the bank's own app, while the tab still shows the bank's dialog
    intent = library(stripe_server).v1.payment_intents.retrieve(checkout.payment_intent_id)
    stripe_server.simulator.authenticate(intent.id, "complete", client_secret=intent.client_secret)
    until(lambda: recorded(checkout) == ("success", True))
    bank_says(page, "Complete")
    heading(page, PAID)
    until(lambda: not Event.objects.filter(state="waiting").exists())
    assert "settled as success" in Event.objects.values_list("outcome", flat=True)
    assert told == [checkout.pk]
    assert taken(stripe_server) == [12000]
    assert mail.outbox == []
    console_errors.clear()


def test_the_waiting_page_goes_on_when_stripe_has_told_the_shop(
    page: Any, site: Any, stripe_server: Any, told_by_stripe: None, told: list[int], console_errors: list[str]
) -> None:
    checkout = book(page, site)
    stripe_server.simulator.trouble.add("server_error", path="/v1/payment_intents/*", method="GET", times=None)
    press_pay(page)
    heading(page, "Waiting for your bank")
    until(lambda: Event.objects.exclude(last_error="").exists())
    assert recorded(checkout) == ("request", False)
    stripe_server.simulator.trouble.clear()
    Event.objects.update(work_after=checkout.created)
    inbox.work_due()
    heading(page, PAID)
    assert told == [checkout.pk]
    console_errors.clear()
