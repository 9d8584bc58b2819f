"""A customer pays in a real browser what the bank would not pay without them."""

import re
from typing import Any

import pytest
from django.utils import timezone

from checkout.flows import card, payment
from checkout.models import Checkout, Customer, ObjectPaymentPlanInstalment
from checkout.notify import links
from checkout.notify.outbox import send_unsent
from example_checkout.tests.browser import (
    ASKS_3DS,
    GOOD,
    PAID,
    bank_says,
    heading,
    press_pay,
    ready,
    said,
    sign_in,
    taken,
)
from example_checkout.tests.pay_pages import declined, plan_url, staff_charge
from example_checkout.tests.plans import FAILS_LATER, NO_FUNDS_ONCE_SET_UP, let_fall_due, library, plan_of, sign_up_with
from example_checkout.tests.test_browser_pages import tab_to

pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True)]

WITH_THIS = "Pay £30.00 with this card"
MASTERCARD = "5555555555554444"


@pytest.fixture
def part(site: Any, pay_there: Any) -> ObjectPaymentPlanInstalment:
    """An instalment for which the bank wants its customer."""
    return declined(pay_there)


def follow(page: Any, part: Any) -> None:
    """Open the link of the mail."""
    page.goto(links.pay_url(part))
    page.wait_for_url("**/on-session/")


def on_file(page: Any, text: str) -> str:
    """Wait until what is announced beside the card on file holds ``text``; all it says."""
    alert = page.locator("#on-file-message[role=alert]")
    alert.filter(has_text=text).wait_for()
    return str(alert.inner_text())


def state(part: Any) -> str:
    return str(ObjectPaymentPlanInstalment.objects.get(pk=part.pk).state_id)


def of_part(part: Any) -> list[str]:
    return sorted(part.attempts.values_list("state_id", flat=True))


@pytest.mark.parametrize("width", [360, 1280])
def test_from_the_charge_through_the_link_to_paid(page: Any, part: Any, stripe_server: Any, width: int) -> None:
    page.set_viewport_size({"width": width, "height": 740})
    assert taken(stripe_server) == [3000]
    follow(page, part)
    # nothing of the card form is loaded before it is asked for
    assert page.get_by_label("Card number").count() == 0
    page.get_by_role("button", name=WITH_THIS).click()
    bank_says(page, "Complete")
    heading(page, PAID)
    assert page.get_by_text("We received your payment of £30.00.").is_visible()
    assert "secret" not in page.url
    assert taken(stripe_server) == [3000, 3000]
    assert (state(part), of_part(part)) == ("success", ["fail", "success"])
    assert page.evaluate("document.documentElement.scrollWidth") <= width


def test_failed_once_then_completed_with_the_same_card(page: Any, part: Any, stripe_server: Any) -> None:
    follow(page, part)
    for answer in ("Fail", "Cancel"):
        page.get_by_role("button", name=WITH_THIS).click()
        bank_says(page, answer)
        assert "nothing has been charged" in on_file(page, "Your bank could not confirm that it was you")
        assert page.evaluate("document.activeElement.id") == "on-file-message"
        assert page.get_by_role("button", name="Use another card").is_enabled()
    assert taken(stripe_server) == [3000]
    page.get_by_role("button", name=WITH_THIS).click()
    bank_says(page, "Complete")
    heading(page, PAID)
    assert taken(stripe_server) == [3000, 3000]


def test_another_card_that_pays_becomes_the_plans(
    page: Any, part: Any, stripe_server: Any, console_errors: list[str]
) -> None:
    follow(page, part)
    page.get_by_role("button", name=WITH_THIS).click()
    bank_says(page, "Fail")
    on_file(page, "Your bank could not confirm that it was you")
    page.get_by_role("button", name="Use another card").click()
    assert page.evaluate("document.activeElement.id") == "other-card-title"
    ready(page)
    assert not page.get_by_role("button", name=WITH_THIS).is_visible()
    press_pay(page, "4000000000009995")
    said(page, "insufficient funds")
    assert "402" in console_errors.pop()
    press_pay(page, MASTERCARD)
    heading(page, PAID)
    assert taken(stripe_server) == [3000, 3000]
    payer = Customer.objects.get()
    assert (payer.brand, payer.last4) == ("mastercard", "4444")
    at_stripe = library(stripe_server.simulator).customers.retrieve(payer.customer_id)
    assert at_stripe.invoice_settings.default_payment_method == payer.payment_method_id
    # and the next one is charged to it, without anybody
    let_fall_due(part.object_payment_plan)
    assert ObjectPaymentPlanInstalment.objects.process_payments() == 1


def test_to_another_card_and_back(page: Any, part: Any, stripe_server: Any) -> None:
    follow(page, part)
    page.get_by_role("button", name="Use another card").click()
    ready(page)
    page.get_by_role("button", name="Use the card on file instead").click()
    assert page.evaluate("document.activeElement.id") == "on-file-submit"
    assert not page.get_by_label("Card number").is_visible()
    page.get_by_role("button", name="Use another card").click()
    # loaded once, and what was typed is still there
    page.get_by_label("Card number").wait_for()
    assert page.get_by_label("Card number").count() == 1
    press_pay(page, ASKS_3DS)
    # while the bank is asked there is no way to the other card
    page.get_by_role("dialog").wait_for()
    assert page.locator("#on-file-back").is_disabled()
    bank_says(page, "Complete")
    heading(page, PAID)
    assert taken(stripe_server) == [3000, 3000]


def test_no_money_is_paid_with_another_card(page: Any, site: Any, pay_there: Any, stripe_server: Any) -> None:
    plan = plan_of(sign_up_with(pay_there, GOOD))
    part = declined_with_new_card(pay_there, plan, NO_FUNDS_ONCE_SET_UP)
    follow(page, part)
    page.get_by_text("You can try the card once more, or use another one.").wait_for()
    page.get_by_role("button", name=WITH_THIS).click()
    bank_says(page, "Complete")
    assert "Nothing has been charged" in on_file(page, "insufficient funds")
    page.get_by_role("button", name="Use another card").click()
    ready(page)
    press_pay(page)
    heading(page, PAID)
    assert taken(stripe_server) == [3000, 3000]
    assert Customer.objects.get().last4 == "4242"
    assert state(part) == "success"


def declined_with_new_card(pay: Any, plan: Any, number: str) -> Any:
    """The first instalment after a card refresh with ``number`` and a run."""
    checkout = card.start_refresh(plan.customer, user=plan.content_object.contact.user)
    pay(checkout, card=number)
    payment.finish(checkout)
    (pk,) = let_fall_due(plan)
    ObjectPaymentPlanInstalment.objects.process_payments()
    part = ObjectPaymentPlanInstalment.objects.with_plan().get(pk=pk)
    assert part.state_id == "fail"
    return part


def test_a_card_saved_before_payment_methods_is_on_file_too(page: Any, part: Any, stripe_server: Any) -> None:
    payer = part.customer
    old = stripe_server.simulator.legacy_card(payer.customer_id, number=ASKS_3DS)
    Customer.objects.update(payment_method_id=old, brand="", last4="", expiry_date=None)
    plan = part.object_payment_plan
    (pk,) = let_fall_due(plan)
    ObjectPaymentPlanInstalment.objects.process_payments()
    another = ObjectPaymentPlanInstalment.objects.with_plan().get(pk=pk)
    assert another.state_id == "pay_on_session"
    follow(page, another)
    page.get_by_text("Your card on file").wait_for()
    page.get_by_role("button", name=WITH_THIS).click()
    bank_says(page, "Complete")
    heading(page, PAID)
    assert state(another) == "success"
    assert taken(stripe_server) == [3000, 3000]


def test_double_clicks_ask_once(page: Any, part: Any, stripe_server: Any) -> None:
    follow(page, part)
    page.locator("#on-file-submit:enabled").wait_for()
    page.evaluate("""() => {
      const form = document.getElementById("on-file-form");
      for (let time = 0; time < 5; time += 1) form.requestSubmit();
    }""")
    assert page.locator("#on-file-other").is_disabled()
    bank_says(page, "Complete")
    heading(page, PAID)
    assert taken(stripe_server) == [3000, 3000]


def test_two_tabs_pay_once(page: Any, part: Any, stripe_server: Any, console_errors: list[str]) -> None:
    follow(page, part)
    second = page.context.new_page()
    follow(second, part)
    assert second.url == page.url
    for tab in (page, second):
        tab.locator("#on-file-submit:enabled").wait_for()
    page.get_by_role("button", name=WITH_THIS).click()
    bank_says(page, "Complete")
    heading(page, PAID)
    second.get_by_role("button", name=WITH_THIS).click()
    heading(second, PAID)
    assert taken(stripe_server) == [3000, 3000]
    assert "409" in console_errors.pop()


def test_two_tabs_in_the_dialog_pay_once(page: Any, part: Any, stripe_server: Any, console_errors: list[str]) -> None:
    follow(page, part)
    second = page.context.new_page()
    follow(second, part)
    for tab in (page, second):
        tab.get_by_role("button", name=WITH_THIS).click()
        tab.get_by_role("dialog").wait_for()
    bank_says(page, "Complete")
    heading(page, PAID)
    bank_says(second, "Complete")
    heading(second, PAID)
    assert taken(stripe_server) == [3000, 3000]
    console_errors.clear()


def test_a_lost_answer_is_looked_up_and_nothing_is_claimed(
    page: Any, part: Any, stripe_server: Any, console_errors: list[str]
) -> None:
    follow(page, part)
    page.locator("#on-file-submit:enabled").wait_for()
    trouble = stripe_server.simulator.trouble
    page.route("**/confirm", lambda route: route.abort())
    trouble.add("server_error", method="GET", path="/v1/payment_intents/*", times=None)
    page.get_by_role("button", name=WITH_THIS).click()
    assert "Please do not pay again: check your payment first." in on_file(page, "we do not know yet")
    assert page.locator("#on-file-submit").is_disabled()
    assert page.locator("#on-file-other").is_disabled()
    trouble.clear()
    page.unroute("**/confirm")
    page.get_by_role("button", name="Check my payment").click()
    heading(page, "The payment did not go through")
    assert taken(stripe_server) == [3000]
    page.get_by_role("link", name="Try again").click()
    page.get_by_role("button", name=WITH_THIS).click()
    bank_says(page, "Complete")
    heading(page, PAID)
    console_errors.clear()


def test_the_link_after_the_payment_takes_nothing(page: Any, part: Any, stripe_server: Any) -> None:
    follow(page, part)
    page.get_by_role("button", name=WITH_THIS).click()
    bank_says(page, "Complete")
    heading(page, PAID)
    for browser in (page, page.context.new_page()):
        browser.goto(links.pay_url(part))
        heading(browser, "This has been paid already, thank you")
    assert taken(stripe_server) == [3000, 3000]
    assert Checkout.objects.filter(action_id="pay_on_session", object_id=str(part.pk)).count() == 1


def test_the_script_of_stripe_never_hears_the_token(page: Any, part: Any, stripe_server: Any) -> None:
    url = links.pay_url(part)
    token = url.rstrip("/").rsplit("/", 1)[1]
    referrers: list[str] = []
    page.on("request", lambda request: referrers.append(request.headers.get("referer", "")))
    follow(page, part)
    page.locator("#on-file-submit:enabled").wait_for()
    assert referrers
    assert not [one for one in referrers if token in one]


def test_pay_now_on_my_plan(page: Any, site: Any, part: Any, stripe_server: Any) -> None:
    sign_in(page, site, "ann")
    page.goto(site.url + plan_url(part.object_payment_plan))
    page.get_by_role("button", name="Pay £30.00 now").click()
    page.get_by_role("button", name=WITH_THIS).click()
    bank_says(page, "Complete")
    heading(page, PAID)
    page.get_by_role("link", name="See what you booked").click()
    page.get_by_role("link", name="My payment plan").click()
    assert page.get_by_role("button", name="Pay £30.00 now").count() == 0
    assert taken(stripe_server) == [3000, 3000]


def test_an_amount_of_staff_is_authorised_by_its_customer(page: Any, part: Any, stripe_server: Any) -> None:
    amount = staff_charge(part.customer)
    follow(page, amount)
    page.get_by_role("button", name="Pay £25.00 with this card").click()
    bank_says(page, "Complete")
    heading(page, PAID)
    assert page.get_by_text("We received your payment of £25.00.").is_visible()
    assert taken(stripe_server) == [2500, 3000]


@pytest.mark.parametrize("width", [360, 1280])
def test_by_keyboard_alone(page: Any, part: Any, stripe_server: Any, width: int) -> None:
    page.set_viewport_size({"width": width, "height": 740})
    follow(page, part)
    page.locator("#on-file-submit:enabled").wait_for()
    tab_to(page, "#on-file-submit")
    page.keyboard.press("Enter")
    page.get_by_role("dialog").wait_for()
    page.keyboard.press("Tab")
    page.keyboard.press("Enter")
    page.locator("#on-file-message:focus").wait_for()
    tab_to(page, "#on-file-other")
    page.keyboard.press("Enter")
    ready(page)
    for name, text in (("cc-number", MASTERCARD), ("cc-exp", "1234"), ("cc-csc", "123")):
        tab_to(page, f"[name={name}]")
        page.keyboard.type(text)
    tab_to(page, "#payment-submit")
    page.keyboard.press("Enter")
    heading(page, PAID)
    assert taken(stripe_server) == [3000, 3000]


def test_without_javascript_it_says_what_is_missing(page: Any, part: Any, browser: Any, stripe_server: Any) -> None:
    plain = browser.new_context(java_script_enabled=False)
    bare = plain.new_page()
    bare.goto(links.pay_url(part))
    assert "that needs JavaScript" in bare.locator("main").inner_text()
    assert bare.locator("#on-file-submit").is_disabled()
    assert bare.locator("#on-file-other").is_disabled()
    plain.close()
    assert taken(stripe_server) == [3000]


def test_when_the_script_of_stripe_is_missing_it_says_so(
    page: Any, part: Any, stripe_server: Any, console_errors: list[str]
) -> None:
    page.route("**/stripe.js", lambda route: route.abort())
    follow(page, part)
    assert "Nothing has been charged" in on_file(page, "could not be loaded")
    assert page.get_by_role("button", name="Reload the page").is_visible()
    console_errors.clear()


def test_retries_end_and_the_last_notice_leads_to_another_card(
    page: Any, site: Any, pay_there: Any, stripe_server: Any, mailoutbox: list[Any]
) -> None:
    """0341: saved without complaint, then declined each time."""
    row = declined_with_new_card(pay_there, plan_of(sign_up_with(pay_there, GOOD)), FAILS_LATER)
    for _attempt in range(4):
        # the day of the next attempt has come, where there is one
        ObjectPaymentPlanInstalment.objects.exclude(retry_due=None).update(retry_due=timezone.localdate())
        ObjectPaymentPlanInstalment.objects.process_payments()
    row.refresh_from_db()
    assert (row.state_id, row.retry_due, row.attempts.count()) == ("fail", None, 4)
    send_unsent()
    # the mails about earlier attempts are not true any more
    (mail,) = mailoutbox
    assert "is still open" in mail.subject
    page.goto(re.findall(r"http\S+/pay/link/\S+", mail.body)[0])
    page.wait_for_url("**/on-session/")
    page.get_by_role("button", name="Use another card").click()
    ready(page)
    press_pay(page, MASTERCARD)
    heading(page, PAID)
    assert taken(stripe_server) == [3000, 3000]
    assert (state(row), Customer.objects.get().last4) == ("success", "4444")
