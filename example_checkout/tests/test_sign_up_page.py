"""The sign-up page at the level of requests: what it shows, what each step answers, and what is true afterwards."""

import re
from collections.abc import Iterator
from datetime import timedelta
from decimal import Decimal
from typing import Any

import pytest
from django.core.cache import cache
from django.test import Client
from django.urls import reverse
from freezegun import freeze_time

from checkout.flows import sign_up
from checkout.models import Agreement, Checkout
from checkout.views import mandate
from example_checkout.tests.plans import (
    ALWAYS_ASKS,
    FAILS_LATER,
    NO_FUNDS_ONCE_SET_UP,
    offer_plans,
    plan_of,
)
from example_checkout.tests.shop import Shop, pay_url, plan_url
from example_checkout.tests.sign_ups import JSON, begin, deposit, saved, step, taken, text

pytestmark = pytest.mark.django_db
DECLINED_ONCE_ASKED = "4000008400001629"


@pytest.fixture(autouse=True)
def counters() -> Iterator[None]:
    cache.clear()
    yield
    cache.clear()


@pytest.fixture
def shop(stripe_simulator: Any, pay: Any, stripe_trouble: Any, settings: Any) -> Shop:
    return Shop(pay, stripe_trouble, settings, action="payment_plan")


# what is shown and agreed to


def test_the_page_shows_every_date_and_amount_and_the_text_before_the_consent(shop: Shop) -> None:
    with freeze_time("2026-11-24 12:00"):
        answer = shop.get()
    page = text(answer)
    shown = "Today £30.00 Deposit, 24 November 2026 1 January 2027 £30.00 Instalment 1 of 3 1 February 2027 £30.00"
    assert shown in page
    assert "1 March 2027 £30.00 Instalment 3 of 3 Total £120.00" in page
    assert "Agree and pay £30.00 now" in page
    assert (
        "I allow Kiln & Loom to charge this card £30.00 today and £30.00 on each of the 3 later dates shown on this "
        "page, £120.00 in all. If a charge fails, Kiln & Loom may try again within 15 days. I can change the card or "
        "pay early at any time. How to cancel is described in the terms (new tab)" in page
    )
    box = re.search(r'<input id="checkout-consent"[^>]*>', answer.content.decode()).group(0)
    assert "required" in box
    assert "checked" not in box
    assert 'data-client-secret="seti_' in answer.content.decode()


def test_parts_that_differ_and_a_single_one_are_said_exactly(shop: Shop) -> None:
    shop.booking.product.price = Decimal("100.00")
    shop.booking.product.save()
    words = "£25.00 on each of the 3 later dates shown on this page, £100.00 in all"
    assert words in text(shop.get())
    shop.booking.product.price = Decimal("100.01")
    shop.booking.product.save()
    assert "but £25.01 on the last of them, £100.01 in all" in text(shop.get())
    offer_plans(count=1)
    with freeze_time("2026-11-24 12:00"):
        assert "£25.00 today and £75.01 on 1 January 2027, £100.01 in all." in text(shop.get())


def test_the_agreement_is_kept_word_for_word(shop: Shop) -> None:
    answer = shop.client.post(
        pay_url(shop),
        {"step": "begin", "consent": "yes", "schedule": sign_up.offer(shop.booking).fingerprint},
        headers=JSON,
        REMOTE_ADDR="2001:db8::7",
    )
    assert answer.json() == {"ok": True}
    kept = Agreement.objects.get()
    assert (kept.text_version, kept.address) == (mandate.TEXT_VERSION, "2001:db8::7")
    assert kept.text.startswith("I allow Kiln & Loom to charge this card £30.00 today")
    assert kept.text.endswith("How to cancel is described in the terms (new tab) (/terms/).")
    shop.checkout.refresh_from_db()
    assert shop.checkout.state_id == "request"


@pytest.mark.parametrize("address", ["unix:", "10.0.0.1, 10.0.0.2"])
def test_an_address_that_is_none_is_not_kept(shop: Shop, address: str) -> None:
    data = {"step": "begin", "consent": "yes", "schedule": sign_up.offer(shop.booking).fingerprint}
    assert shop.client.post(pay_url(shop), data, headers=JSON, REMOTE_ADDR=address).json() == {"ok": True}
    assert Agreement.objects.get().address is None


@pytest.mark.parametrize("consent", ["", "no", "on", "YES", "yes\x00", "1", "x" * 70_000])
def test_without_a_tick_nothing_begins(shop: Shop, consent: str) -> None:
    answer = begin(shop, consent=consent)
    assert (answer.status_code, answer.json()["reason"]) == (422, "consent")
    assert "tick the box" in answer.json()["message"]
    assert not Agreement.objects.exists()
    shop.checkout.refresh_from_db()
    assert shop.checkout.state_id == "pending"


@pytest.mark.parametrize("schedule", ["", "f" * 64, "\x00", "<script>", "9" * 70_000])
def test_another_schedule_than_was_shown_does_not_begin(shop: Shop, schedule: str) -> None:
    answer = begin(shop, schedule=schedule)
    assert (answer.status_code, answer.json()["reason"]) == (409, "changed")
    assert "dates or amounts have changed" in answer.json()["message"]
    assert not Agreement.objects.exists()


def test_a_schedule_of_yesterday_is_not_agreed_to_today(shop: Shop) -> None:
    yesterday = sign_up.offer(shop.booking).fingerprint
    with freeze_time(shop.checkout.created + timedelta(days=1)):
        assert begin(shop, schedule=yesterday).json()["reason"] == "changed"


def test_a_plan_that_is_offered_no_longer_is_refused_before_stripe_is_asked(shop: Shop, stripe_simulator: Any) -> None:
    plan = sign_up.plan_for(shop.booking)
    plan.retire()
    asked = len(stripe_simulator.exchanges)
    assert "This cannot be paid at the moment" in text(shop.get())
    assert step(shop, "begin", consent="yes", schedule="x").json()["ok"] is False
    other = Client()
    sent = {"quantity": "1", "name": "Bo", "email": "bo@example.com", "action": "payment_plan"}
    assert other.post(shop.product.get_absolute_url(), sent).status_code == 200
    assert len(stripe_simulator.exchanges) == asked


# saved: what the script is told


def test_finish_takes_the_deposit_and_leads_to_the_thanks(shop: Shop, stripe_simulator: Any) -> None:
    answer = step(saved(shop, "4242424242424242"), "finish")
    thanks = reverse("web.checkout.success", args=[shop.checkout.uuid])
    assert answer.json() == {"ok": True, "step": "paid", "url": thanks}
    page = text(shop.client.get(thanks))
    assert "Thank you: your payment plan is set up" in page
    assert "We received your deposit of £30.00. The next payment is £30.00 on 1" in page
    assert taken(stripe_simulator) == [3000]
    # a second tab, a double click, a lost answer
    assert step(shop, "finish").json() == answer.json()
    assert taken(stripe_simulator) == [3000]


def test_finish_hands_over_what_the_deposit_is_authenticated_with(shop: Shop, stripe_simulator: Any) -> None:
    answer = step(saved(shop, ALWAYS_ASKS), "finish").json()
    assert (answer["ok"], answer["step"], answer["url"]) == (True, "authenticate", None)
    what = answer["authenticate"]
    (attempt,) = deposit(shop).attempts
    assert what["client_secret"].startswith(f"{attempt.payment_intent_id}_secret_")
    assert (what["payment_method"], what["total"]) == (attempt.payment_method_id, "£30.00")
    assert "_secret_" not in shop.client.get(plan_url(shop)).content.decode()
    shop.pay(attempt, card=ALWAYS_ASKS)
    assert step(shop, "finish").json()["step"] == "paid"
    assert taken(stripe_simulator) == [3000]


def test_a_deposit_that_is_declined_says_so_and_another_card_pays_it(shop: Shop, stripe_simulator: Any) -> None:
    assert step(saved(shop, FAILS_LATER), "finish").json() == {"ok": True, "step": "declined", "url": None}
    page = text(shop.get())
    assert "Your deposit has not been paid" in page
    assert "Nothing has been charged." in page
    moved = shop.post(step="another_card")
    other = Checkout.objects.get(uuid=moved.url.split("/")[2])
    assert (other.action_id, other.total) == ("pay_on_session", Decimal("30.00"))
    # the same page, not a second intent, when it is asked for again
    assert shop.post(step="another_card").url == moved.url
    page = text(shop.client.get(moved.url))
    assert "Pay £30.00 now" in page
    assert "becomes the card of your payment plan" in page
    begun = shop.client.post(moved.url, {"step": "begin", "shown_total": "30.00"}, headers=JSON)
    assert begun.json() == {"ok": True}
    shop.pay(other)
    page = text(shop.client.get(f"{moved.url}thanks/"))
    assert "Thank you: you have paid" in page
    assert "We received your deposit of £30.00." in page
    assert taken(stripe_simulator) == [3000]
    assert "This has been settled already" in text(shop.get())
    assert plan_of(shop.checkout).customer.last4 == "4242"


def test_the_deposit_paid_on_another_page_that_nobody_came_back_from_is_found(shop: Shop) -> None:
    saved(shop, FAILS_LATER)
    step(shop, "finish")
    url = shop.post(step="another_card").url
    shop.client.post(url, {"step": "begin", "shown_total": "30.00"}, headers=JSON)
    assert "Your deposit has not been paid" in text(shop.get())
    shop.pay(Checkout.objects.get(uuid=url.split("/")[2]))
    assert "This has been settled already" in text(shop.get())
    assert "Thank you" in text(shop.get("web.checkout.success"))
    assert deposit(shop).state_id == "success"


def test_the_way_back_from_a_bank_saves_charges_and_asks_for_the_deposit(shop: Shop) -> None:
    saved(shop, ALWAYS_ASKS)
    back = {"setup_intent": "seti_x", "setup_intent_client_secret": "seti_x_secret_y", "redirect_status": "succeeded"}
    answer = shop.get("web.checkout.success", **back)
    assert (answer.status_code, answer.url) == (302, pay_url(shop))
    page = shop.get()
    assert "Confirm the deposit of £30.00" in text(page)
    assert 'data-client-secret="pi_' in page.content.decode()
    # and back from the bank's page for the deposit
    (attempt,) = deposit(shop).attempts
    shop.pay(attempt, card=ALWAYS_ASKS)
    answer = shop.get("web.checkout.success", payment_intent="x", payment_intent_client_secret="x_secret_y")
    assert (answer.status_code, answer.url) == (302, reverse("web.checkout.success", args=[shop.checkout.uuid]))
    assert "Thank you: your payment plan is set up" in text(shop.client.get(answer.url))


def test_a_card_that_was_not_saved_leads_to_a_page_that_says_so(shop: Shop) -> None:
    begin(shop)
    shop.pay(shop.checkout, card=ALWAYS_ASKS, authenticate="fail")
    answer = shop.get("web.checkout.success", redirect_status="failed")
    assert answer.url == reverse("web.checkout.fail", args=[shop.checkout.uuid])
    page = shop.client.get(answer.url)
    assert "Your card was not saved" in text(page)
    assert f'href="{pay_url(shop)}"' in page.content.decode()


def test_a_tab_closed_after_the_card_was_saved_is_finished_by_the_next_look(shop: Shop, stripe_simulator: Any) -> None:
    saved(shop, "4242424242424242")
    assert "This has been settled already" in text(shop.get())
    assert taken(stripe_simulator) == [3000]


def test_a_process_that_died_before_the_deposit_is_made_up_for(
    shop: Shop, settings: Any, stripe_simulator: Any
) -> None:
    settings.CHECKOUT_CHARGE_DEPOSIT_AT_SIGN_UP = False
    saved(shop, "4242424242424242")
    assert step(shop, "finish").json()["step"] == "none"
    page = text(shop.get("web.checkout.success"))
    assert "Your card is saved. The deposit of £30.00 has not been taken yet." in page
    assert taken(stripe_simulator) == []
    settings.CHECKOUT_CHARGE_DEPOSIT_AT_SIGN_UP = True
    assert step(shop, "finish").json()["step"] == "paid"
    assert taken(stripe_simulator) == [3000]


def test_while_the_deposit_is_unknown_nobody_claims_that_it_is_paid(
    shop: Shop, stripe_trouble: Any, stripe_simulator: Any
) -> None:
    saved(shop, "4242424242424242")
    stripe_trouble("timeout_after_commit", method="POST", path="/v1/payment_intents", times=None)
    thanks = reverse("web.checkout.success", args=[shop.checkout.uuid])
    assert step(shop, "finish").json() == {"ok": True, "step": "wait", "url": thanks}
    asked = len(stripe_simulator.exchanges)
    assert shop.client.get(thanks, headers=JSON).json() == {"state": "request", "url": None}
    assert "Waiting for your bank" in text(shop.client.get(thanks))
    assert shop.get().url == thanks
    # right after the charge its answer may still be on the way
    assert len(stripe_simulator.exchanges) == asked
    stripe_simulator.trouble.clear()
    with freeze_time(deposit(shop).attempts.get().created + timedelta(seconds=10)):
        assert shop.client.get(thanks, headers=JSON).json() == {"state": "success", "url": thanks}
    assert len(stripe_simulator.exchanges) == asked + 1
    assert taken(stripe_simulator) == [3000]


def test_while_the_card_is_unknown_the_page_waits(shop: Shop) -> None:
    saved(shop, "4242424242424242").unreachable()
    thanks = reverse("web.checkout.success", args=[shop.checkout.uuid])
    assert step(shop, "finish").json() == {"ok": True, "step": "wait", "url": thanks}
    assert shop.client.get(thanks, headers=JSON).json() == {"state": "request", "url": None}
    assert "Waiting for your bank" in text(shop.client.get(thanks))


def test_the_poll_tells_where_to_go_for_the_deposit(shop: Shop) -> None:
    saved(shop, ALWAYS_ASKS)
    thanks = reverse("web.checkout.success", args=[shop.checkout.uuid])
    assert shop.client.get(thanks, headers=JSON).json() == {"state": "pay_on_session", "url": pay_url(shop)}


def test_authenticated_and_then_declined_is_said_as_a_decline(shop: Shop, stripe_simulator: Any) -> None:
    saved(shop, ALWAYS_ASKS)
    step(shop, "finish")
    (attempt,) = deposit(shop).attempts
    shop.pay(attempt, card=DECLINED_ONCE_ASKED)
    assert step(shop, "finish").json()["step"] == "declined"
    assert "Your deposit has not been paid" in text(shop.get())
    assert taken(stripe_simulator) == []


def test_insufficient_funds_once_saved_is_a_declined_deposit(shop: Shop, stripe_simulator: Any) -> None:
    assert step(saved(shop, NO_FUNDS_ONCE_SET_UP), "finish").json()["step"] == "declined"
    assert taken(stripe_simulator) == []


def test_a_held_deposit_is_neither_paid_nor_asked_for_again(shop: Shop, stripe_simulator: Any) -> None:
    saved(shop, ALWAYS_ASKS)
    step(shop, "finish")
    (attempt,) = deposit(shop).attempts
    Checkout.objects.filter(pk=attempt.pk).update(total=999)
    shop.pay(attempt, card=ALWAYS_ASKS)
    thanks = reverse("web.checkout.success", args=[shop.checkout.uuid])
    assert step(shop, "finish").json()["url"] == thanks
    assert "We are checking your payment" in text(shop.client.get(thanks))
    assert shop.client.get(thanks, headers=JSON).json()["held"] is True
    assert shop.get().url == thanks
    assert taken(stripe_simulator) == [3000]
