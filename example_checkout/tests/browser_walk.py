"""A walk through every page of shop and checkout, for what must hold on all of them."""

from collections.abc import Iterator
from typing import Any

from django.utils import timezone

from checkout.models import Checkout
from example_checkout.tests.browser import (
    ASKS_3DS,
    NO_FUNDS,
    PAID,
    bank_says,
    book,
    fill_invoice,
    heading,
    press_pay,
    ready,
    said,
    sign_in,
)
from example_checkout.tests.browser_plans import (
    AGREE,
    CONFIRM_DEPOSIT,
    MY_PLAN,
    NOT_PAID,
    THANKS,
    deposit_said,
    sign_up,
    start,
)
from example_checkout.tests.browser_walk_recovery import recovering
from example_checkout.tests.factories import ProductFactory, SalesLedgerFactory, UserFactory
from example_checkout.tests.plans import FAILS_LATER


def seed_list() -> None:
    """Checkouts for the staff's lists: one paid, one that nobody knows about, one put aside."""
    for state, quarantine in (("success", ""), ("request", ""), ("fail", "amount 100 GBP instead of 120.00 GBP")):
        booking = SalesLedgerFactory()
        Checkout.objects.create(
            action_id="payment",
            state_id=state,
            user=booking.contact.user,
            content_object=booking,
            description="\n".join(booking.checkout_description),
            total=booking.checkout_total,
            currency="GBP",
            quarantine=quarantine,
            payment_intent_id=f"pi_{state}",
            settled=None if state == "request" else timezone.now(),
        )


def every_page(page: Any, site: Any, stripe_server: Any, settings: Any) -> Iterator[str]:
    """Walk through all pages of shop and checkout; yields the name of each while ``page`` shows it."""
    yield from _paying(page, site, stripe_server)
    yield from _invoicing(page, site)
    yield from _signing_up(page, site)
    yield from recovering(page, site, stripe_server)
    yield from _refused(page, site, settings)
    yield from _signed_in(page, site)


def _paying(page: Any, site: Any, stripe_server: Any) -> Iterator[str]:
    product = ProductFactory(name="Throwing on the wheel")
    ProductFactory(name="Bookbinding")
    page.goto(site.url)
    yield "home"
    page.get_by_role("link", name=product.name).click()
    heading(page, product.name)
    yield "course"
    page.get_by_role("button", name="Book and go to payment").click()
    page.get_by_role("alert").first.wait_for()
    yield "course-mistakes"
    checkout = book(page, site, product)
    yield "pay"
    press_pay(page, NO_FUNDS)
    said(page, "insufficient funds")
    yield "pay-declined"
    page.goto(f"{page.url}failed/")
    heading(page, "The payment did not go through")
    yield "fail"
    page.go_back()
    ready(page)
    press_pay(page, ASKS_3DS)
    page.get_by_role("dialog").wait_for()
    yield "pay-3ds"
    stripe_server.simulator.trouble.add("server_error", method="GET", path="/v1/payment_intents/*", times=None)
    bank_says(page, "Complete")
    heading(page, "Waiting for your bank")
    yield "waiting"
    stripe_server.simulator.trouble.clear()
    heading(page, PAID)
    yield "success"
    page.goto(f"{site.url}/pay/{checkout.uuid}/")
    heading(page, "This has been settled already")
    yield "settled"
    page.get_by_role("link", name="Go to your order").click()
    page.get_by_text("We look forward to seeing you").wait_for()
    yield "booking-paid"


def _invoicing(page: Any, site: Any) -> Iterator[str]:
    book(page, site, how="By invoice")
    yield "invoice"
    page.get_by_label("Email").fill("nonsense")
    page.get_by_role("button", name="Send me an invoice").click()
    page.get_by_role("alert").wait_for()
    yield "invoice-mistakes"
    fill_invoice(page)
    page.get_by_role("button", name="Send me an invoice").click()
    heading(page, "Thank you: we will invoice you")
    yield "invoice-success"
    page.get_by_role("link", name="See what you booked").click()
    page.get_by_role("button", name="Pay by card").wait_for()
    yield "booking-open"


def _signing_up(page: Any, site: Any) -> Iterator[str]:
    start(page, site)
    yield "sign-up"
    page.get_by_role("button", name=AGREE).click()
    page.get_by_text("Please tick the box to agree").wait_for()
    yield "sign-up-not-agreed"
    sign_up(page, ASKS_3DS)
    bank_says(page, "Complete")
    heading(page, CONFIRM_DEPOSIT)
    page.get_by_role("dialog").wait_for()
    yield "deposit-3ds"
    bank_says(page, "Fail")
    deposit_said(page, "Your bank could not confirm that it was you")
    yield "deposit-not-confirmed"
    page.reload()
    heading(page, CONFIRM_DEPOSIT)
    yield "deposit-page"
    page.get_by_role("button", name="Confirm the deposit").click()
    bank_says(page, "Complete")
    heading(page, THANKS)
    yield "signed-up"
    page.get_by_role("link", name="See what you booked").click()
    page.get_by_role("link", name=MY_PLAN).click()
    heading(page, MY_PLAN)
    yield "my-plan"
    checkout = start(page, site)
    sign_up(page, FAILS_LATER)
    heading(page, NOT_PAID)
    yield "deposit-declined"
    page.goto(f"{site.url}{checkout.content_object.get_absolute_url()}plan/")
    page.get_by_role("link", name="Pay the deposit").wait_for()
    yield "my-plan-unpaid"
    page.get_by_role("link", name="Pay the deposit").click()
    page.get_by_role("button", name="Use another card").click()
    ready(page)
    yield "pay-instalment"
    press_pay(page)
    heading(page, PAID)
    yield "instalment-paid"
    page.get_by_role("link", name="Terms").click()
    heading(page, "Terms")
    yield "terms"


def _refused(page: Any, site: Any, settings: Any) -> Iterator[str]:
    page.goto(f"{site.url}/nowhere/")
    heading(page, "There is nothing here")
    yield "404"
    checkout = book(page, site)
    page.context.clear_cookies()
    page.goto(f"{site.url}/pay/{checkout.uuid}/")
    heading(page, "This page has closed")
    yield "403"
    settings.CHECKOUT_LIMITS = {"create": {"session": "1/h"}}
    booked = book(page, site)
    page.goto(site.url + booked.content_object.product.get_absolute_url())
    page.get_by_label("Your name").fill("Ada Lovelace")
    page.get_by_label("Your email").fill("ada@example.com")
    page.get_by_role("button", name="Book and go to payment").click()
    heading(page, "Too many attempts")
    yield "429"
    del settings.CHECKOUT_LIMITS


def _signed_in(page: Any, site: Any) -> Iterator[str]:
    page.goto(f"{site.url}/accounts/login/")
    yield "login"
    UserFactory(username="reader")
    sign_in(page, site, "reader")
    page.goto(f"{site.url}/bookings/")
    yield "bookings-empty"
    page.get_by_role("button", name="Sign out").click()
    page.get_by_role("link", name="Sign in").wait_for()
    staff = UserFactory(username="staff", is_staff=True)
    SalesLedgerFactory(contact__user=staff)
    seed_list()
    sign_in(page, site, "staff")
    page.goto(f"{site.url}/bookings/")
    yield "bookings"
    page.goto(f"{site.url}/checkout/")
    page.get_by_role("heading", name="Checkouts", level=1).wait_for()
    yield "staff-list"
    page.get_by_role("link", name="Audit").click()
    heading(page, "Audit")
    yield "staff-audit"
