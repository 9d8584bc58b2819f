"""Sign-ups gone wrong or meant ill: steps out of order, no consent, cards tried, the eyes of others."""

from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import pytest
from django.core.cache import cache
from django.test import Client
from django.urls import reverse
from freezegun import freeze_time

from checkout.flows import fulfil, on_session
from checkout.models import Checkout, ObjectPaymentPlan
from example_checkout.models import SalesLedger
from example_checkout.tests.plans import (
    ALWAYS_ASKS,
    FAILS_LATER,
    library,
)
from example_checkout.tests.shop import Shop, plan_url
from example_checkout.tests.sign_ups import begin, deposit, saved, step, taken, text

pytestmark = pytest.mark.django_db
DECLINED = "4000000000000002"


@pytest.fixture(autouse=True)
def counters() -> Iterator[None]:
    cache.clear()
    yield
    cache.clear()


@pytest.fixture
def shop(stripe_simulator: Any, pay: Any, stripe_trouble: Any, settings: Any) -> Shop:
    return Shop(pay, stripe_trouble, settings, action="payment_plan")


# what is asked for in the wrong place or order


@pytest.mark.parametrize("name", ["finish", "another_card", "begin"])
@pytest.mark.parametrize("action", ["payment", "invoice"])
def test_a_step_of_a_sign_up_does_nothing_elsewhere(
    stripe_simulator: Any, pay: Any, stripe_trouble: Any, settings: Any, name: str, action: str
) -> None:
    shop = Shop(pay, stripe_trouble, settings, action=action)
    asked = len(stripe_simulator.exchanges)
    answer = step(shop, name, consent="yes", schedule="x")
    assert answer.status_code in (200, 409)
    assert len(stripe_simulator.exchanges) == asked
    assert [row.state_id for row in Checkout.objects.filter(object_id=shop.booking.pk)] == ["pending"]
    assert not ObjectPaymentPlan.objects.exists()


def test_finish_before_the_card_is_saved_sets_nothing_up(shop: Shop) -> None:
    for _turn in range(2):
        answer = step(shop, "finish")
        assert (answer.status_code, answer.json()["ok"]) == (409, False)
        assert "Your card has not been saved." in answer.json()["message"]
        begin(shop)
    assert not ObjectPaymentPlan.objects.exists()
    assert "This cannot be paid" in text(shop.post(step="another_card"))


def test_a_card_saved_without_consent_sets_nothing_up(shop: Shop, stripe_simulator: Any) -> None:
    """Somebody calls Stripe by hand: no agreement, no plan, no charge, and no error page."""
    shop.pay(shop.checkout)
    for answer in (shop.get(), step(shop, "finish"), shop.get("web.checkout.success"), shop.get("web.checkout.fail")):
        assert answer.status_code in (200, 302, 409)
    assert not ObjectPaymentPlan.objects.exists()
    assert taken(stripe_simulator) == []
    fulfil.setups()
    assert not ObjectPaymentPlan.objects.exists()


def test_another_card_when_the_deposit_is_paid_leads_to_the_thanks(shop: Shop) -> None:
    answer = shop.signed_up().post(step="another_card")
    assert answer.url == reverse("web.checkout.success", args=[shop.checkout.uuid])
    assert Checkout.objects.filter(action_id="pay_on_session").count() == 0


def test_another_card_of_a_plan_that_was_stopped_is_refused(shop: Shop) -> None:
    shop.signed_up(FAILS_LATER)
    ObjectPaymentPlan.objects.update(deleted=True)
    answer = shop.post(step="another_card")
    assert answer.status_code == 400
    assert "There is nothing to pay here any more." in text(answer)


def test_another_card_goes_on_with_what_waited_for_the_bank(shop: Shop, stripe_simulator: Any) -> None:
    shop.signed_up(ALWAYS_ASKS)
    (attempt,) = deposit(shop).attempts
    url = shop.post(step="another_card").url
    attempt.refresh_from_db()
    assert attempt.failed
    intent = library(stripe_simulator).payment_intents.retrieve(attempt.payment_intent_id)
    assert intent.metadata["checkout"] == str(deposit(shop).attempts.first().uuid)
    assert "Pay £30.00 now" in text(shop.client.get(url))
    assert "Your deposit has not been paid" in text(shop.get())


def test_an_instalment_offers_its_customer_no_other_way_to_pay(shop: Shop, monkeypatch: Any) -> None:
    from example_checkout import views

    monkeypatch.setattr(views.SalesLedgerCheckoutView, "offer_choice", True)
    shop.signed_up(FAILS_LATER)
    url = shop.post(step="another_card").url
    assert 'id="id_checkout_form"' not in shop.client.get(url).content.decode()
    for action in ("charge", "manual", "payment"):
        shop.client.post(url, {"step": "choose", "action": action})
    assert deposit(shop).state_id == "fail"


def test_the_object_of_a_sign_up_may_be_gone(shop: Shop) -> None:
    saved(shop, ALWAYS_ASKS)
    step(shop, "finish")
    SalesLedger.objects.all().delete()
    for view in ("web.checkout", "web.checkout.success", "web.checkout.fail"):
        assert shop.get(view).status_code in (200, 302)
    for name in ("begin", "finish", "another_card", "declined", "choose"):
        assert step(shop, name, consent="yes").status_code < 500


# card testing


def test_declined_cards_close_the_sign_up(shop: Shop, settings: Any, stripe_simulator: Any) -> None:
    settings.CHECKOUT_LIMITS = {"decline": {"session": "2/h"}}
    begin(shop)
    answers = []
    for _turn in range(3):
        shop.pay(shop.checkout, card=DECLINED)
        answers.append(step(shop, "declined").status_code)
    assert answers == [200, 200, 429]
    assert library(stripe_simulator).setup_intents.retrieve(shop.checkout.setup_intent_id).status == "canceled"
    assert "This checkout is closed" in text(shop.get())
    assert begin(shop).status_code == 429


def test_declines_that_nobody_reported_are_seen(shop: Shop, settings: Any, stripe_simulator: Any) -> None:
    settings.CHECKOUT_LIMITS = {"decline": {"session": "1/h"}}
    begin(shop)
    shop.pay(shop.checkout, card=DECLINED)
    assert shop.get().status_code == 200
    shop.pay(shop.checkout, card=DECLINED)
    assert shop.get().status_code == 429
    assert library(stripe_simulator).setup_intents.retrieve(shop.checkout.setup_intent_id).status in (
        "canceled",
        "requires_payment_method",
    )


def test_cards_tried_on_a_deposit_close_it(shop: Shop, settings: Any, stripe_simulator: Any) -> None:
    shop.signed_up(ALWAYS_ASKS)
    settings.CHECKOUT_LIMITS = {"decline": {"session": "1/h"}}
    (attempt,) = deposit(shop).attempts
    assert step(shop, "declined").status_code == 200
    assert step(shop, "declined").status_code == 429
    assert library(stripe_simulator).payment_intents.retrieve(attempt.payment_intent_id).status == "canceled"
    assert shop.get().status_code == 429


def test_another_card_counts_as_a_new_checkout(shop: Shop, settings: Any, stripe_simulator: Any) -> None:
    shop.signed_up(FAILS_LATER).limited("create")
    asked = len(stripe_simulator.exchanges)
    assert shop.post(step="another_card").status_code == 429
    assert len(stripe_simulator.exchanges) == asked


# who reads it, and for how long


@pytest.mark.parametrize(("minutes", "status"), [(9, 200), (11, 403)])
def test_the_thanks_close_ten_minutes_after_the_deposit_was_paid(shop: Shop, minutes: int, status: int) -> None:
    saved(shop, ALWAYS_ASKS)
    step(shop, "finish")
    (attempt,) = deposit(shop).attempts
    shop.checkout.refresh_from_db()
    # an hour later the customer authenticates it
    paid = shop.checkout.settled + timedelta(hours=1)
    shop.pay(attempt, card=ALWAYS_ASKS)
    with freeze_time(paid):
        assert shop.get("web.checkout.success").status_code == 200
    with freeze_time(paid + timedelta(minutes=minutes)):
        assert shop.get("web.checkout.success").status_code == status


def test_a_plan_is_its_customers_alone(shop: Shop) -> None:
    shop.signed_up()
    assert "My payment plan" in text(shop.client.get(plan_url(shop)))
    for stranger in (Client(), shop.signed_in()):
        assert stranger.get(plan_url(shop)).status_code == 404


def test_no_secret_of_a_sign_up_is_logged(shop: Shop, caplog: Any, capfd: Any) -> None:
    caplog.set_level("DEBUG")
    secrets = [shop.get().context["client_secret"]]
    saved(shop, ALWAYS_ASKS)
    secrets.append(step(shop, "finish").json()["authenticate"]["client_secret"])
    shop.get("web.checkout.success", setup_intent_client_secret=secrets[0])
    shop.get()
    on_session.start(deposit(shop), user=None)
    logged = "\n".join([caplog.text, *capfd.readouterr()])
    for word in ("_secret_", ALWAYS_ASKS):
        assert word not in logged
