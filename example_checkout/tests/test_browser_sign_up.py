"""A customer signs up for a payment plan in a real browser: the card saved, the deposit taken there and then."""

from typing import Any

import pytest

from checkout.models import Agreement, Checkout, ObjectPaymentPlan
from example_checkout.tests.browser import (
    ASKS_3DS,
    GOOD,
    PAID,
    PAY_BUTTON,
    bank_says,
    enter_card,
    heading,
    press_pay,
    ready,
    said,
    shown,
    taken,
)
from example_checkout.tests.browser_plans import (
    AGREE,
    CONFIRM_DEPOSIT,
    CONSENT,
    DECLINED,
    MY_PLAN,
    NOT_PAID,
    THANKS,
    agree,
    deposit_said,
    sign_up,
    start,
)
from example_checkout.tests.plans import FAILS_LATER, plan_of

pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True)]


def deposit_state(checkout: Checkout) -> str:
    return str(plan_of(checkout).deposit.state_id)


def test_a_good_card_signs_up_and_pays_the_deposit(page: Any, site: Any, stripe_server: Any) -> None:
    checkout = start(page, site)
    order = page.locator(".checkout-summary")
    assert order.get_by_text("Today", exact=True).is_visible()
    assert order.get_by_text("Instalment 3 of 3").is_visible()
    assert not page.get_by_label(CONSENT).is_checked()
    sign_up(page, GOOD)
    heading(page, THANKS)
    assert page.get_by_text("We received your deposit of £30.00.").is_visible()
    assert "secret" not in page.url
    assert taken(stripe_server) == [3000]
    assert deposit_state(checkout) == "success"
    assert Agreement.objects.get().text.startswith("I allow Kiln & Loom to charge this card £30.00 today")
    page.get_by_role("link", name="See what you booked").click()
    page.get_by_role("link", name=MY_PLAN).click()
    heading(page, MY_PLAN)
    assert page.get_by_text("Visa", exact=True).is_visible()
    assert page.get_by_text("ending in 4242").is_visible()


def test_a_box_that_is_not_ticked_is_announced_and_nothing_is_sent(page: Any, site: Any, stripe_server: Any) -> None:
    start(page, site)
    enter_card(page)
    sent: list[str] = []
    page.on("request", lambda request: sent.append(request.url))
    page.get_by_role("button", name=AGREE).click()
    error = page.locator("#checkout-consent-error[role=alert]")
    error.filter(has_text="Please tick the box to agree").wait_for()
    box = page.get_by_label(CONSENT)
    assert page.evaluate("document.activeElement.id") == "checkout-consent"
    assert box.get_attribute("aria-invalid") == "true"
    assert "checkout-consent-error" in box.get_attribute("aria-describedby")
    assert sent == []
    # ticking it takes the complaint back, and the card is still there
    box.press("Space")
    assert error.inner_text() == ""
    assert box.get_attribute("aria-invalid") is None
    page.get_by_role("button", name=AGREE).click()
    heading(page, THANKS)
    assert taken(stripe_server) == [3000]


def test_the_bank_wants_card_and_deposit_confirmed_in_the_page(page: Any, site: Any, stripe_server: Any) -> None:
    checkout = start(page, site)
    address = page.url
    sign_up(page, ASKS_3DS)
    bank_says(page, "Complete")
    # the second dialog, without another click and on the same page
    heading(page, CONFIRM_DEPOSIT)
    bank_says(page, "Complete")
    heading(page, THANKS)
    assert address != page.url
    assert taken(stripe_server) == [3000]
    assert deposit_state(checkout) == "success"


@pytest.mark.parametrize("answer", ["Fail", "Cancel"])
def test_a_deposit_that_is_not_confirmed_is_said_and_tried_again(
    page: Any, site: Any, stripe_server: Any, answer: str
) -> None:
    checkout = start(page, site)
    sign_up(page, ASKS_3DS)
    bank_says(page, "Complete")
    heading(page, CONFIRM_DEPOSIT)
    bank_says(page, answer)
    assert "nothing has been charged" in deposit_said(page, "Your bank could not confirm that it was you")
    assert page.evaluate("document.activeElement.id") == "deposit-message"
    assert page.get_by_role("button", name="Use another card").is_enabled()
    assert taken(stripe_server) == []
    page.get_by_role("button", name="Try again").click()
    bank_says(page, "Complete")
    heading(page, THANKS)
    assert taken(stripe_server) == [3000]
    assert deposit_state(checkout) == "success"


def test_a_deposit_that_is_not_confirmed_is_paid_with_another_card(page: Any, site: Any, stripe_server: Any) -> None:
    checkout = start(page, site)
    sign_up(page, ASKS_3DS)
    bank_says(page, "Complete")
    bank_says(page, "Fail")
    deposit_said(page, "Your bank could not confirm that it was you")
    page.get_by_role("button", name="Use another card").click()
    page.get_by_role("button", name="Pay £30.00 now").wait_for()
    ready(page)
    other = shown(page)
    press_pay(page)
    heading(page, PAID)
    assert page.get_by_text("We received your deposit of £30.00.").is_visible()
    assert taken(stripe_server) == [3000]
    assert (other.action_id, deposit_state(checkout)) == ("pay_on_session", "success")
    assert plan_of(checkout).customer.last4 == "4242"


def test_a_reload_in_the_middle_leads_to_a_page_of_its_own_for_the_deposit(
    page: Any, site: Any, stripe_server: Any
) -> None:
    checkout = start(page, site)
    sign_up(page, ASKS_3DS)
    bank_says(page, "Complete")
    heading(page, CONFIRM_DEPOSIT)
    page.get_by_role("dialog").wait_for()
    page.reload()
    heading(page, CONFIRM_DEPOSIT)
    page.locator("#deposit-submit:enabled").wait_for()
    assert taken(stripe_server) == []
    page.get_by_role("button", name="Confirm the deposit of £30.00").click()
    bank_says(page, "Cancel")
    deposit_said(page, "Your bank could not confirm that it was you")
    page.get_by_role("button", name="Try again").dblclick()
    bank_says(page, "Complete")
    heading(page, THANKS)
    page.go_back()
    heading(page, "This has been settled already")
    assert taken(stripe_server) == [3000]
    assert deposit_state(checkout) == "success"


def test_a_card_that_cannot_be_saved_is_said_and_another_one_works(
    page: Any, site: Any, stripe_server: Any, console_errors: list[str]
) -> None:
    checkout = start(page, site)
    sign_up(page, DECLINED)
    assert "Nothing has been charged" in said(page, "Your card was declined.")
    assert page.evaluate("document.activeElement.id") == "payment-message"
    assert "402" in console_errors.pop()
    assert not ObjectPaymentPlan.objects.exists()
    sign_up(page, GOOD)
    heading(page, THANKS)
    assert taken(stripe_server) == [3000]
    assert deposit_state(checkout) == "success"


def test_a_declined_deposit_is_said_and_another_card_pays_it(page: Any, site: Any, stripe_server: Any) -> None:
    checkout = start(page, site)
    sign_up(page, FAILS_LATER)
    heading(page, NOT_PAID)
    assert "Nothing has been charged." in page.locator("main").inner_text()
    assert deposit_state(checkout) == "fail"
    page.reload()
    heading(page, NOT_PAID)
    page.get_by_role("button", name="Use another card").click()
    ready(page)
    press_pay(page, ASKS_3DS)
    bank_says(page, "Complete")
    heading(page, PAID)
    assert taken(stripe_server) == [3000]
    assert deposit_state(checkout) == "success"
    assert plan_of(checkout).customer.last4 == "3184"


def lose_answers(page: Any, step: str) -> None:
    """Our server does its work, and the browser never hears of it."""

    def lose(route: Any) -> None:
        if f"step={step}" in (route.request.post_data or ""):
            route.fetch()
            route.abort()
        else:
            route.fallback()

    page.route("**/pay/*/", lose)


@pytest.mark.parametrize("card", [GOOD, ASKS_3DS])
def test_a_lost_answer_after_the_card_was_saved_is_found_out(
    page: Any, site: Any, stripe_server: Any, console_errors: list[str], card: str
) -> None:
    checkout = start(page, site)
    lose_answers(page, "finish")
    sign_up(page, card)
    if card == ASKS_3DS:
        bank_says(page, "Complete")
    said(page, "Your card is saved, but the connection was lost")
    assert page.locator(PAY_BUTTON).is_disabled()
    page.unroute_all()
    page.get_by_role("button", name="Check my payment plan").click()
    if card == ASKS_3DS:
        page.get_by_role("button", name="Confirm the deposit of £30.00").click()
        bank_says(page, "Complete")
    heading(page, THANKS)
    assert taken(stripe_server) == [3000]
    assert deposit_state(checkout) == "success"
    console_errors.clear()


def test_a_lost_answer_after_the_deposit_was_confirmed_is_found_out(
    page: Any, site: Any, stripe_server: Any, console_errors: list[str]
) -> None:
    start(page, site)
    sign_up(page, ASKS_3DS)
    bank_says(page, "Complete")
    heading(page, CONFIRM_DEPOSIT)
    lose_answers(page, "finish")
    bank_says(page, "Complete")
    deposit_said(page, "Please do not pay again")
    page.unroute_all()
    page.get_by_role("button", name="Check my deposit").click()
    heading(page, THANKS)
    assert taken(stripe_server) == [3000]
    console_errors.clear()


def test_two_tabs_sign_up_once(page: Any, site: Any, stripe_server: Any, console_errors: list[str]) -> None:
    start(page, site)
    other = page.context.new_page()
    other.goto(page.url)
    ready(other)
    sign_up(page, GOOD)
    heading(page, THANKS)
    sign_up(other, GOOD)
    heading(other, THANKS)
    assert "409" in console_errors.pop()
    assert taken(stripe_server) == [3000]
    assert ObjectPaymentPlan.objects.count() == 1


def test_a_double_click_signs_up_once(page: Any, site: Any, stripe_server: Any) -> None:
    start(page, site)
    enter_card(page)
    agree(page)
    page.dblclick(PAY_BUTTON)
    heading(page, THANKS)
    assert taken(stripe_server) == [3000]
    page.reload()
    heading(page, THANKS)
    assert taken(stripe_server) == [3000]


def test_a_price_that_changed_meanwhile_is_said_and_nothing_saved(
    page: Any, site: Any, stripe_server: Any, console_errors: list[str]
) -> None:
    checkout = start(page, site)
    product = checkout.content_object.product
    product.price = 160
    product.save()
    sign_up(page, GOOD)
    said(page, "The dates or amounts have changed.")
    assert "409" in console_errors.pop()
    page.get_by_role("button", name="Reload the page").click()
    page.get_by_role("button", name="Agree and pay £40.00 now").wait_for()
    ready(page)
    assert not page.get_by_label(CONSENT).is_checked()
    enter_card(page)
    agree(page)
    page.click(PAY_BUTTON)
    heading(page, THANKS)
    assert taken(stripe_server) == [4000]


def test_the_thanks_wait_for_a_deposit_that_is_not_known_yet(
    page: Any, site: Any, stripe_server: Any, console_errors: list[str]
) -> None:
    start(page, site)
    trouble = stripe_server.simulator.trouble
    trouble.add("timeout_after_commit", method="POST", path="/v1/payment_intents", times=None)
    sign_up(page, GOOD)
    heading(page, "Waiting for your bank")
    # honest: Stripe has said yes, but nobody here knows that yet
    assert taken(stripe_server) == [3000]
    trouble.clear()
    page.get_by_role("heading", name=THANKS, level=1).wait_for(timeout=30_000)
    assert taken(stripe_server) == [3000]
    console_errors.clear()


def test_without_javascript_the_sign_up_says_what_is_missing(page: Any, site: Any, browser: Any) -> None:
    start(page, site)
    plain = browser.new_context(java_script_enabled=False)
    plain.add_cookies(page.context.cookies())
    bare = plain.new_page()
    bare.goto(page.url)
    assert "that needs JavaScript" in bare.locator("main").inner_text()
    assert bare.locator(PAY_BUTTON).is_disabled()
    plain.close()
