"""What becomes of a link, and of the page behind it, while something else happens: at Stripe, by hand, in a run."""

import json
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
from django.test import Client
from django.urls import reverse
from django.utils import timezone
from freezegun import freeze_time

from checkout.errors import InProgress
from checkout.flows import audit, expiry, payment, plan
from checkout.models import Checkout, CustomerPayment, Notice, ObjectPaymentPlan, ObjectPaymentPlanInstalment
from checkout.notify import links
from example_checkout.tests.factories import UserFactory
from example_checkout.tests.pay_pages import link, opened, page, plan_url, staff_charge, text
from example_checkout.tests.plans import ALWAYS_ASKS, let_fall_due, library
from example_checkout.tests.recovery import (
    ASKS,
    FAILS,
    charge_due,
    days_later,
    declined_with,
    fresh,
    put_on_file,
    taken,
)

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.slow, pytest.mark.usefixtures("counters")]

JSON = {"accept": "application/json"}
SUCCESS = "web.checkout.success"
BEGIN = {"step": "begin", "shown_total": "30.00"}


@pytest.fixture
def wanted(stripe_simulator: Any, pay: Any) -> ObjectPaymentPlanInstalment:
    """An instalment that the bank wants the customer for."""
    return declined_with(stripe_simulator, pay, ASKS)


def thanks(checkout: Checkout) -> str:
    return reverse(SUCCESS, args=[checkout.uuid])


# the customer is deleted at Stripe


@pytest.mark.parametrize("behaves", [ASKS, FAILS])
@pytest.mark.parametrize("page_open", [False, True])
def test_the_customer_was_deleted_at_stripe_before_the_link_was_followed(
    stripe_simulator: Any, pay: Any, behaves: str, page_open: bool
) -> None:
    """The intent of the charge is the old customer's: the card that pays on it is no card of the new one's."""
    part = declined_with(stripe_simulator, pay, behaves)
    if page_open:
        opened(part)
    library(stripe_simulator).customers.delete(part.payer.customer_id)
    assert expiry.forget_customer(part.payer)
    client, checkout = opened(part)
    assert client.get(page(checkout)).status_code == 200
    assert "error" not in pay(checkout)
    payment.finish(checkout)
    assert fresh(part).state_id == "success"
    assert fresh(part).payer.last4 == "4242"
    let_fall_due(part.object_payment_plan)
    assert charge_due().count("success") == 1
    # nobody is told of a charge that failed: the customer has paid
    assert not [one for one in Notice.objects.filter(kind=Notice.PAYMENT_FAILED) if _is_true(one)]
    assert Checkout.objects.filter(state_id="pay_on_session").count() == 0


def _is_true(notice: Notice) -> bool:
    from checkout.notify import truth

    return truth.still_true(notice)


# charged by a run while the page is open


@pytest.fixture
def being_charged(
    stripe_simulator: Any, pay: Any, stripe_trouble: Any
) -> tuple[ObjectPaymentPlanInstalment, Client, Checkout]:
    """The customer has opened the page, and left it; the retry of the run has had no answer."""
    part = declined_with(stripe_simulator, pay, FAILS)
    client, checkout = opened(part)
    put_on_file(stripe_simulator, part, "pm_card_visa")
    ObjectPaymentPlanInstalment.objects.filter(pk=part.pk).update(retry_due=timezone.localdate())
    stripe_trouble("timeout_after_commit", times=2, path="/v1/payment_intents")
    charge_due()
    assert fresh(part).state_id == "request"
    return fresh(part), client, checkout


def test_nobody_is_told_that_there_is_nothing_to_pay_or_that_it_failed(being_charged: Any) -> None:
    part, client, checkout = being_charged
    answer = client.get(link(part), follow=True)
    assert (answer.status_code, answer.redirect_chain) == (409, [])
    assert "Your payment is in progress" in text(answer)
    shown = [client.get(url, follow=True) for url in (page(checkout), thanks(checkout))]
    for answer in shown:
        assert "Another payment for this is in progress." in text(answer)
        assert "_secret_" not in answer.content.decode()
    said = client.post(page(checkout), BEGIN, headers=JSON)
    assert (said.status_code, said.json()["reason"]) == (409, "busy")
    owner = Client()
    owner.force_login(part.object_payment_plan.content_object.contact.user)
    answer = owner.post(plan_url(part.object_payment_plan), {"part": part.pk})
    assert answer.status_code == 409
    assert "Another payment for this is in progress." in text(answer)
    with pytest.raises(InProgress):
        Checkout.objects.create_checkout_pay_on_session(part, None)


def test_then_it_turns_out_to_be_paid_and_the_page_charges_nothing(
    being_charged: Any, stripe_simulator: Any, pay: Any
) -> None:
    part, client, checkout = being_charged
    Checkout.objects.filter(action_id="charge", state_id="request").update(ask_after=timezone.now())
    Checkout.objects.payment_intent_fulfillment()
    assert fresh(part).state_id == "success"
    assert "This has been paid already, thank you" in text(client.get(link(part)))
    assert client.post(page(checkout), BEGIN, headers=JSON).status_code == 409
    # a browser that does not ask us first: the money is put aside, and nothing is fulfilled twice
    pay(checkout)
    payment.finish(checkout)
    assert checkout.held
    assert "Please do not pay again." in text(client.get(thanks(checkout)))
    assert fresh(part).state_id == "success"


@pytest.mark.parametrize("path", ["link", "plan"])
def test_while_the_bank_is_at_work_on_the_customers_own_payment(
    wanted: Any, stripe_simulator: Any, pay: Any, monkeypatch: pytest.MonkeyPatch, path: str
) -> None:
    original = stripe_simulator.handle

    def handle(*args: Any, **kwargs: Any) -> Any:
        answer = original(*args, **kwargs)
        body = json.loads(answer.body)
        if body.get("object") == "payment_intent" and body["status"] == "succeeded":
            body.update(status="processing", amount_received=0)
        return replace(answer, body=json.dumps(body).encode())

    client, checkout = opened(wanted)
    monkeypatch.setattr(stripe_simulator, "handle", handle)
    assert client.post(page(checkout), BEGIN, headers=JSON).json() == {"ok": True}
    pay(checkout)
    if path == "link":
        answer = Client().get(link(wanted))
        assert (answer.status_code, answer.url) == (302, thanks(checkout))
    else:
        owner = Client()
        owner.force_login(wanted.object_payment_plan.content_object.contact.user)
        answer = owner.post(plan_url(wanted.object_payment_plan), {"part": wanted.pk})
        assert "Another payment for this is in progress." in text(answer)
    assert taken(stripe_simulator) == [3000, 3000]


# closed while it is open


def test_cancelled_in_stripes_dashboard_while_the_page_is_open(
    wanted: ObjectPaymentPlanInstalment, stripe_simulator: Any, pay: Any
) -> None:
    """Whoever came by a link has no other page to try again on."""
    client, checkout = opened(wanted)
    library(stripe_simulator).payment_intents.cancel(checkout.payment_intent_id)
    client.post(page(checkout), BEGIN, headers=JSON)
    assert "error" in pay(checkout)
    failed = client.get(thanks(checkout), follow=True)
    assert "Nothing has been charged." in text(failed)
    assert f'href="{page(checkout)}"' in failed.content.decode()
    checkout.refresh_from_db()
    assert checkout.failed
    again = client.get(page(checkout))
    second = Checkout.objects.get(action_id="pay_on_session", state_id="pending")
    assert (again.status_code, again.url) == (302, page(second))
    # an hour later too: this session has opened it
    Checkout.objects.filter(pk=second.pk).update(created=timezone.now() - timedelta(hours=2))
    assert client.get(page(second)).status_code == 200
    assert client.get(page(checkout)).url == page(second)
    assert "error" not in pay(second)
    payment.finish(second)
    assert fresh(wanted).state_id == "success"
    assert "This checkout is closed" in text(client.get(page(checkout)))
    assert taken(stripe_simulator) == [3000, 3000]


def test_cancelled_in_the_dashboard_before_the_link_was_followed(
    wanted: ObjectPaymentPlanInstalment, stripe_simulator: Any, pay: Any
) -> None:
    library(stripe_simulator).payment_intents.cancel(wanted.attempts.get().payment_intent_id)
    _client, checkout = opened(wanted)
    assert checkout.takes_over is None
    pay(checkout)
    payment.finish(checkout)
    assert fresh(wanted).state_id == "success"
    assert audit.failed_checkouts().findings == []


def test_a_closed_page_starts_anew_only_for_those_who_may_open_it(
    wanted: ObjectPaymentPlanInstalment, stripe_simulator: Any
) -> None:
    _client, checkout = opened(wanted)
    library(stripe_simulator).payment_intents.cancel(checkout.payment_intent_id)
    payment.finish(checkout)
    Checkout.objects.filter(pk=checkout.pk).update(created=timezone.now() - timedelta(hours=2))
    before = Checkout.objects.count()
    assert Client().get(page(checkout)).status_code == 403
    assert Checkout.objects.count() == before


def test_who_tried_too_many_cards_is_not_given_another_intent(
    wanted: ObjectPaymentPlanInstalment, settings: Any
) -> None:
    settings.CHECKOUT_LIMITS = {"decline": {"session": "1/h"}}
    client, checkout = opened(wanted)
    assert [client.post(page(checkout), {"step": "declined"}, headers=JSON).status_code for _no in "12"] == [200, 429]
    before = Checkout.objects.count()
    assert client.get(page(checkout)).status_code == 429
    assert Checkout.objects.count() == before


def test_paid_by_hand_while_the_page_is_open(wanted: ObjectPaymentPlanInstalment, pay: Any) -> None:
    client, checkout = opened(wanted)
    Checkout.objects.manual(wanted, UserFactory(is_staff=True))
    said = client.post(page(checkout), BEGIN, headers=JSON).json()
    assert (said["ok"], said["reason"]) == (False, "paid")
    assert "error" in pay(checkout)
    before = Checkout.objects.count()
    for url in (page(checkout), thanks(checkout)):
        assert "This checkout is closed" in text(client.get(url, follow=True))
    assert "This has been paid already, thank you" in text(client.get(link(wanted)))
    assert Checkout.objects.count() == before


def test_the_plan_is_stopped_while_the_page_is_open(wanted: ObjectPaymentPlanInstalment, pay: Any) -> None:
    client, checkout = opened(wanted)
    plan.delete(wanted.object_payment_plan, user=UserFactory(is_staff=True))
    assert client.post(page(checkout), BEGIN, headers=JSON).json()["ok"] is False
    assert "error" in pay(checkout)
    assert "This checkout is closed" in text(client.get(page(checkout)))
    assert Checkout.objects.open_on_session().count() == 0


def test_a_plan_that_was_paused_since_can_still_be_paid(
    wanted: ObjectPaymentPlanInstalment, stripe_simulator: Any, pay: Any
) -> None:
    """The customer disputes another payment: nothing is charged by itself, but whoever comes may pay."""
    ObjectPaymentPlan.objects.update(paused=timezone.now())
    client, checkout = opened(wanted)
    assert client.post(page(checkout), BEGIN, headers=JSON).json() == {"ok": True}
    pay(checkout)
    assert "We received your payment of £30.00." in text(client.get(thanks(checkout)))
    assert taken(stripe_simulator) == [3000, 3000]
    # and the card that was saved by it charges nothing of a paused plan
    let_fall_due(wanted.object_payment_plan)
    charge_due()
    assert taken(stripe_simulator) == [3000, 3000]


def test_the_link_expires_while_the_page_is_open(wanted: ObjectPaymentPlanInstalment, pay: Any) -> None:
    url = link(wanted)
    with freeze_time(timezone.now() + timedelta(days=6, hours=23), tick=True):
        client = Client()
        checkout = Checkout.objects.get(uuid=client.get(url).url.split("/")[2])
    with freeze_time(timezone.now() + timedelta(days=7, hours=1), tick=True):
        assert client.get(url).status_code == 410
        assert client.post(page(checkout), BEGIN, headers=JSON).json() == {"ok": True}
        pay(checkout)
        assert "We received your payment" in text(client.get(thanks(checkout)))


def test_the_amount_was_changed_between_mail_and_click(
    wanted: ObjectPaymentPlanInstalment, stripe_simulator: Any, pay: Any
) -> None:
    """The intent that is gone on with still says the old one."""
    ObjectPaymentPlanInstalment.objects.filter(pk=wanted.pk).update(amount="12.00")
    client, checkout = opened(wanted)
    assert "Pay £12.00 with this card" in text(client.get(page(checkout)))
    assert client.post(page(checkout), BEGIN, headers=JSON).json()["reason"] == "changed"
    assert client.post(page(checkout), {**BEGIN, "shown_total": "12.00"}, headers=JSON).json() == {"ok": True}
    pay(checkout)
    payment.finish(checkout)
    assert checkout.succeeded
    assert taken(stripe_simulator) == [1200, 3000]


def test_the_hosts_object_is_gone_and_the_debt_is_not(wanted: ObjectPaymentPlanInstalment, pay: Any) -> None:
    wanted.object_payment_plan.content_object.delete()
    client, checkout = opened(wanted)
    shown = client.get(page(checkout))
    assert (shown.status_code, shown.context["success_url"]) == (200, "")
    # so Stripe sends the customer back to this very page
    assert shown.context["return_url"] == f"http://testserver{page(checkout)}"
    assert client.post(page(checkout), BEGIN, headers=JSON).json() == {"ok": True}
    pay(checkout)
    assert "This has been settled already" in text(client.get(page(checkout), {"redirect_status": "succeeded"}))
    assert fresh(wanted).state_id == "success"


def test_what_is_to_be_paid_is_deleted_at_the_moment_of_the_click(
    wanted: ObjectPaymentPlanInstalment, monkeypatch: pytest.MonkeyPatch
) -> None:
    url = link(staff_charge(wanted.payer))
    original = links.read

    def read(token: str) -> Any:
        found = original(token)
        CustomerPayment.objects.filter(pk=found.pk).delete()
        return found

    monkeypatch.setattr(links, "read", read)
    answer = Client().get(url)
    assert answer.status_code == 410
    assert "There is nothing here any more" in text(answer)


def test_the_banks_dialog_was_left_and_is_opened_again(
    wanted: ObjectPaymentPlanInstalment, stripe_simulator: Any, pay: Any
) -> None:
    client, checkout = opened(wanted)
    client.post(page(checkout), BEGIN, headers=JSON)
    assert pay(checkout, card=ALWAYS_ASKS, authenticate=None)["status"] == "requires_action"
    assert "Pay £30.00 with this card" in text(client.get(page(checkout)))
    assert "The payment did not go through" in text(client.get(thanks(checkout), follow=True))
    assert client.post(page(checkout), BEGIN, headers=JSON).json() == {"ok": True}
    assert pay(checkout, card=ALWAYS_ASKS)["status"] == "succeeded"
    assert "We received your payment" in text(client.get(thanks(checkout)))
    assert taken(stripe_simulator) == [3000, 3000]


def test_a_retry_by_the_run_leaves_an_open_page_to_its_customer(stripe_simulator: Any, pay: Any) -> None:
    """Whoever has pressed the button holds the claim: the run of that day passes over it."""
    part = declined_with(stripe_simulator, pay, FAILS)
    client, checkout = opened(part)
    put_on_file(stripe_simulator, part, "pm_card_visa")
    assert client.post(page(checkout), BEGIN, headers=JSON).json() == {"ok": True}
    with days_later(3):
        report = charge_due()
    assert (report.count("success"), report.count("skipped")) == (0, 1)
    pay(checkout)
    payment.finish(checkout)
    assert fresh(part).state_id == "success"
    assert taken(stripe_simulator) == [3000, 3000]
