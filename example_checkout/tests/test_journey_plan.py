"""Journey 2 at the level of flows: sign-up, deposit, instalments; and what goes wrong in between."""

from datetime import timedelta
from decimal import Decimal
from typing import Any

import pytest
from django.utils import timezone

from checkout.flows import payment
from checkout.models import Checkout, Customer
from example_checkout.tests.plans import ALWAYS_ASKS, FAILS_LATER, library, plan_of, sign_up_with, start_sign_up

pytestmark = pytest.mark.django_db


def charges(simulator: Any) -> list[tuple[str, int]]:
    return [(one.status, one.amount) for one in library(simulator).charges.list({"limit": 100}).data]


def test_a_sign_up_saves_the_card_and_takes_the_deposit(stripe_simulator: Any, pay: Any) -> None:
    checkout = sign_up_with(pay)
    assert checkout.succeeded
    plan = plan_of(checkout)
    customer = plan.customer
    assert (customer.brand, customer.last4, str(customer.expiry_date)) == ("visa", "4242", "2034-12-31")
    at_stripe = library(stripe_simulator).customers.retrieve(customer.customer_id)
    assert at_stripe.invoice_settings.default_payment_method == customer.payment_method_id
    assert [(one.deposit, one.amount, one.state_id) for one in plan.payments] == [
        (True, Decimal("30.00"), "success"),
        (False, Decimal("30.00"), "pending"),
        (False, Decimal("30.00"), "pending"),
        (False, Decimal("30.00"), "pending"),
    ]
    assert charges(stripe_simulator) == [("succeeded", 3000)]
    booking = checkout.content_object
    assert booking.on_plan
    assert not booking.paid


def test_the_bank_wants_the_deposit_authenticated(stripe_simulator: Any, pay: Any) -> None:
    checkout = sign_up_with(pay, ALWAYS_ASKS)
    deposit = plan_of(checkout).deposit
    assert (checkout.state_id, deposit.state_id) == ("success", "pay_on_session")
    (attempt,) = deposit.attempts
    assert (attempt.state_id, attempt.failure) == ("pay_on_session", "authentication_required")
    assert attempt.payment_intent_id
    pay(attempt, card=ALWAYS_ASKS)
    assert Checkout.objects.payment_intent_on_session_fulfillment() == 1
    assert [one.state_id for one in plan_of(checkout).payments] == ["success", "pending", "pending", "pending"]


def test_a_declined_deposit_leaves_the_plan_without_instalments(stripe_simulator: Any, pay: Any) -> None:
    checkout = sign_up_with(pay, FAILS_LATER)
    deposit = plan_of(checkout).deposit
    assert (checkout.state_id, deposit.state_id) == ("success", "fail")
    assert deposit.attempts.get().failure == "card_declined generic_decline"
    assert plan_of(checkout).payment_count == 1


def test_the_customer_is_made_once(stripe_simulator: Any) -> None:
    first = start_sign_up()
    contact = first.content_object.contact
    contact.email = contact.email.upper()
    contact.save()
    Customer.objects.init_customer(first.content_object)
    assert Customer.objects.count() == 1
    assert len(library(stripe_simulator).customers.list().data) == 1


def test_fulfilment_finishes_what_the_browser_left(stripe_simulator: Any, pay: Any) -> None:
    checkout = start_sign_up()
    pay(checkout)
    assert Checkout.objects.setup_intent_fulfillment() == 1
    assert plan_of(checkout).deposit.state_id == "success"
    assert Checkout.objects.setup_intent_fulfillment() == 0
    assert charges(stripe_simulator) == [("succeeded", 3000)]


def test_a_sign_up_that_is_left_is_cancelled_at_stripe_first(stripe_simulator: Any, pay: Any) -> None:
    checkout = start_sign_up()
    Checkout.objects.filter(pk=checkout.pk).update(created=timezone.now() - timedelta(minutes=61))
    assert Checkout.objects.setup_intent_fulfillment() == 1
    checkout.refresh_from_db()
    assert checkout.failed
    assert library(stripe_simulator).setup_intents.retrieve(checkout.setup_intent_id).status == "canceled"
    assert "error" in pay(checkout)
    payment.finish(checkout)
    assert checkout.failed
