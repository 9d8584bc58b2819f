""" "My payment plan": what its customer reads in each state, and the timeline that hosts may use."""

import re
from datetime import date, timedelta
from decimal import Decimal
from html import unescape
from typing import Any

import pytest
from django.core.management import call_command
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from checkout.models import CheckoutSettings, Customer, ObjectPaymentPlan, ObjectPaymentPlanInstalment, PaymentPlan
from checkout.views import mandate, timeline
from example_checkout.models import SalesLedger
from example_checkout.tests.factories import ProductFactory, SalesLedgerFactory
from example_checkout.tests.plans import ALWAYS_ASKS, offer_plans, plan_of, sign_up_with

pytestmark = pytest.mark.django_db


def text(answer: Any) -> str:
    assert answer.status_code == 200
    return " ".join(unescape(re.sub(r"<[^>]+>", " ", answer.content.decode())).split())


def mine(plan: ObjectPaymentPlan) -> Client:
    client = Client()
    client.force_login(plan.content_object.contact.user)
    return client


def page(plan: ObjectPaymentPlan) -> str:
    return text(mine(plan).get(reverse("example.plan", args=[plan.content_object.number])))


@pytest.fixture
def plan(stripe_simulator: Any, pay: Any) -> ObjectPaymentPlan:
    return plan_of(sign_up_with(pay))


def test_paid_left_and_next_at_a_glance_and_the_card(plan: ObjectPaymentPlan) -> None:
    read = page(plan)
    following = plan.payments.get(count=2)
    day = f"{following.due.day} {following.due:%B %Y}"
    assert f"Paid £30.00 Left £90.00 Next £30.00 on {day}" in read
    assert f"{day} £30.00 Instalment 1 of 3 Planned" in read
    assert "Deposit Paid" in read
    assert "Total £120.00" in read
    assert "Visa ending in 4242 expires 12/2034" in read


@pytest.mark.parametrize(
    ("values", "words", "tone"),
    [
        ({"state": "success"}, "Paid", "success"),
        ({"state": "request"}, "Being charged", "request"),
        ({"state": "pay_on_session"}, "Your bank wants you to confirm it", "pay_on_session"),
        ({"state": "fail", "retry_due": date(2027, 3, 5)}, "Declined, we try again on 5 March 2027", "fail"),
        ({"state": "fail"}, "Not paid", "fail"),
        ({"state": "pending", "due": date(2026, 1, 1)}, "Due now", "request"),
        ({"state": "pending", "due": date(2099, 1, 1)}, "Planned", ""),
    ],
)
def test_every_state_has_its_words_and_its_colour(
    plan: ObjectPaymentPlan, values: dict[str, Any], words: str, tone: str
) -> None:
    ObjectPaymentPlanInstalment.objects.filter(object_payment_plan=plan, count=2).update(**values)
    line = timeline.summary(plan).lines[1]
    assert (line.state, line.tone) == (words, tone)
    assert words in page(plan)


def test_a_plan_that_was_stopped_says_so(plan: ObjectPaymentPlan) -> None:
    ObjectPaymentPlan.objects.update(deleted=True)
    plan.refresh_from_db()
    read = page(plan)
    assert "This payment plan has been stopped: nothing further is charged." in read
    assert "Next Stopped" in read
    assert "Instalment 1 of 3 Stopped" in read
    assert "Deposit Paid" in read


def test_a_plan_that_is_paid_says_so(plan: ObjectPaymentPlan) -> None:
    ObjectPaymentPlanInstalment.objects.update(state="success")
    SalesLedger.objects.update(paid=timezone.now())
    assert "Paid £120.00 Left £0.00 Next All paid" in page(plan)
    booking = mine(plan).get(plan.content_object.get_absolute_url())
    assert re.search(r"checkout-state--success\">Paid<", booking.content.decode())


def test_a_deposit_that_waits_can_be_paid_from_here_by_whoever_signed_up(stripe_simulator: Any, pay: Any) -> None:
    checkout = sign_up_with(pay, ALWAYS_ASKS)
    plan = plan_of(checkout)
    read = page(plan)
    assert "Your deposit of £30.00 has not been paid yet." in read
    # agreed, though their rows are not written before the deposit is paid
    assert "Instalment 3 of 3 Planned" in read
    assert "Left £120.00" in read
    answer = mine(plan).get(reverse("example.plan", args=[plan.content_object.number]))
    assert f'href="{reverse("web.checkout", args=[checkout.uuid])}"' in answer.content.decode()


def test_without_an_agreement_the_parts_are_counted_from_the_deposit(plan: ObjectPaymentPlan) -> None:
    plan.payments.filter(deposit=False).delete()
    ObjectPaymentPlan.objects.update(agreement=None)
    plan.refresh_from_db()
    found = timeline.summary(plan)
    assert [line.amount for line in found.lines] == [Decimal("30.00")] * 4
    assert found.sign_up is None


def test_a_card_that_is_unknown_or_expires_soon(plan: ObjectPaymentPlan) -> None:
    Customer.objects.update(expiry_date=timezone.localdate() + timedelta(days=5))
    assert "Expires soon" in page(plan)
    Customer.objects.update(last4="", brand="", expiry_date=None)
    assert "No card is saved." in page(plan)


def test_a_booking_says_that_it_is_on_a_plan_and_leads_there(plan: ObjectPaymentPlan) -> None:
    client, booking = mine(plan), plan.content_object
    link = reverse("example.plan", args=[booking.number])
    for url in (booking.get_absolute_url(), reverse("example.bookings")):
        answer = client.get(url)
        assert "On a payment plan" in text(answer)
        assert f'href="{link}"' in answer.content.decode()
    assert "Pay in instalments" not in text(client.get(booking.get_absolute_url()))


def test_a_booking_without_a_plan_has_no_such_page(stripe_simulator: Any) -> None:
    booking = SalesLedgerFactory()
    client = Client()
    client.force_login(booking.contact.user)
    assert client.get(reverse("example.plan", args=[booking.number])).status_code == 404


# the ways to pay that the shop offers


def booking_page() -> str:
    booking = SalesLedgerFactory()
    client = Client()
    client.force_login(booking.contact.user)
    return text(client.get(booking.get_absolute_url()))


def test_instalments_are_offered_where_there_is_a_plan(stripe_simulator: Any) -> None:
    product = ProductFactory()
    assert "In instalments" not in text(Client().get(product.get_absolute_url()))
    assert "Pay in instalments" not in booking_page()
    plan = offer_plans()
    assert "In instalments" in text(Client().get(product.get_absolute_url()))
    assert "In instalments: £30.00 today, the rest in 3 parts from 1" in booking_page()
    plan.retire()
    assert "In instalments" not in text(Client().get(product.get_absolute_url()))
    assert "Pay in instalments" not in booking_page()


def test_too_small_a_booking_cannot_be_paid_in_parts(stripe_simulator: Any) -> None:
    offer_plans()
    product = ProductFactory(price=Decimal("30.00"))
    sent = {"quantity": "1", "name": "Bo", "email": "bo@example.com", "action": "payment_plan"}
    client = Client()
    assert "Instalments start at 60 GBP in all." in text(client.post(product.get_absolute_url(), sent))
    assert not SalesLedger.objects.exists()
    assert client.post(product.get_absolute_url(), {**sent, "quantity": "2"}).status_code == 302
    cheap = ProductFactory(price=Decimal("4.00"))
    assert "In instalments" not in text(client.get(cheap.get_absolute_url()))


def test_the_demonstration_has_a_plan_and_keeps_what_staff_chose() -> None:
    call_command("demo_data", verbosity=0)
    plan = PaymentPlan.objects.get()
    assert (plan.name, plan.deposit, plan.count, plan.interval) == ("Four parts", 25, 3, 1)
    assert CheckoutSettings.objects.settings.default_payment_plan == plan
    own = offer_plans()
    call_command("demo_data", verbosity=0)
    assert CheckoutSettings.objects.settings.default_payment_plan == own
    assert PaymentPlan.objects.count() == 2


def test_the_customer_of_the_demonstration_sees_the_terms(client: Client) -> None:
    assert "Cancelling" in text(client.get(reverse("example.terms")))


@pytest.mark.parametrize(
    ("html", "words"),
    [
        ("<p>I  allow\n it &amp; more.</p>", "I allow it & more."),
        (
            'See <a class="x" href="/terms/?a=1&amp;b=2" rel="y">the <em>terms</em></a>.',
            "See the terms (/terms/?a=1&b=2).",
        ),
    ],
)
def test_the_mandate_is_kept_as_plain_text(html: str, words: str) -> None:
    assert mandate.plain(html) == words
