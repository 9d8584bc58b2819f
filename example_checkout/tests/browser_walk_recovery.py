"""The part of the walk through every page that begins when the bank has said no."""

from collections.abc import Iterator
from typing import Any

from django.urls import reverse

from checkout.models import ObjectPaymentPlanInstalment
from checkout.notify import links
from checkout.simulator.fixtures import Payer
from example_checkout.tests.browser import PAID, bank_says, heading, press_pay, ready, sign_in
from example_checkout.tests.factories import UserFactory
from example_checkout.tests.pay_pages import CARD, LINK, declined, plan_url
from example_checkout.tests.plans import let_fall_due


def recovering(page: Any, site: Any, stripe_server: Any) -> Iterator[str]:
    """Pay on session by the link of a mail, pay now, change the card; yields the name of each page."""
    part = declined(Payer(stripe_server.simulator))
    yield from _by_link(page, site, part)
    let_fall_due(part.object_payment_plan)
    ObjectPaymentPlanInstalment.objects.process_payments()
    yield from _changing_the_card(page, site, part)
    page.context.clear_cookies()


def _by_link(page: Any, site: Any, part: Any) -> Iterator[str]:
    page.goto(links.pay_url(part))
    page.locator("#on-file-submit:enabled").wait_for()
    yield "pay-on-session"
    page.get_by_role("button", name="Pay £30.00 with this card").click()
    bank_says(page, "Fail")
    page.locator("#on-file-message").filter(has_text="could not confirm").wait_for()
    yield "pay-on-session-not-confirmed"
    page.get_by_role("button", name="Use another card").click()
    ready(page)
    yield "pay-on-session-another-card"
    page.get_by_role("button", name="Use the card on file instead").click()
    page.get_by_role("button", name="Pay £30.00 with this card").click()
    bank_says(page, "Complete")
    heading(page, PAID)
    yield "paid-on-session"
    page.goto(links.pay_url(part))
    heading(page, "This has been paid already, thank you")
    yield "link-paid"
    page.goto(site.url + reverse(LINK, args=["made-up"]))
    heading(page, "This link is not complete")
    yield "link-broken"


def _changing_the_card(page: Any, site: Any, part: Any) -> Iterator[str]:
    UserFactory(username="without")
    sign_in(page, site, "without")
    page.goto(site.url + reverse(CARD))
    heading(page, "You have no payment plan")
    yield "card-no-plan"
    page.get_by_role("button", name="Sign out").click()
    sign_in(page, site, "ann")
    page.goto(site.url + plan_url(part.object_payment_plan))
    page.get_by_role("button", name="Pay £30.00 now").wait_for()
    yield "my-plan-pay-now"
    page.get_by_role("link", name="Change card").click()
    ready(page)
    yield "card-refresh"
    press_pay(page)
    heading(page, "Thank you: your new card is saved")
    yield "card-saved"
