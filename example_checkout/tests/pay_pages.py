"""The pages on which customers pay what came home with a no: how to get there, and what a person reads on them."""

import re
from decimal import Decimal
from html import unescape
from typing import Any

from django.test import Client
from django.urls import reverse

from checkout.models import (
    Checkout,
    Customer,
    CustomerPayment,
    ObjectPaymentPlan,
    ObjectPaymentPlanInstalment,
)
from checkout.notify import links
from example_checkout.tests.factories import ContactFactory, SalesLedgerFactory
from example_checkout.tests.plans import ALWAYS_ASKS, let_fall_due, plan_of, sign_up_with

PAGE = "web.checkout.pay.on.session"
LINK = "web.checkout.pay.on.session.redirect"
CARD = "web.checkout.refresh.card"
CARD_SAVED = "web.checkout.refresh.card.success"
EMAIL = "ann@plans.example"


def declined(pay: Any, card: str = ALWAYS_ASKS, *, price: str = "120.00") -> ObjectPaymentPlanInstalment:
    """The first instalment of somebody who signed up with ``card``, after the run: the bank said no to it."""
    contact = ContactFactory(name="Ann Owner", email=EMAIL, user__email=EMAIL, user__username="ann")
    checkout = sign_up_with(pay, card, booking=SalesLedgerFactory(contact=contact, product__price=Decimal(price)))
    plan = plan_of(checkout)
    if plan.deposit.state_id != "success":
        paid_in_browser(pay, plan.deposit, card=card)
    (pk,) = let_fall_due(plan)
    ObjectPaymentPlanInstalment.objects.process_payments()
    return ObjectPaymentPlanInstalment.objects.with_plan().get(pk=pk)


def paid_in_browser(pay: Any, target: Any, *, card: str) -> Checkout:
    """``target`` paid on session, 3-D Secure completed. A card that says no off-session may say yes here."""
    checkout = Checkout.objects.create_checkout_pay_on_session(target, None)
    answer = pay(checkout, card=card)
    if "error" in answer:
        raise AssertionError(answer["error"]["message"])
    Checkout.objects.payment_intent_on_session_fulfillment()
    checkout.refresh_from_db()
    return checkout


def staff_charge(customer: Customer, amount: str = "25.00") -> CustomerPayment:
    """Staff take an amount from the card on file."""
    return CustomerPayment.objects.charge_customer(
        customer, amount=Decimal(amount), currency="GBP", description="A broken bowl", user=None
    )


def plan_url(plan: ObjectPaymentPlan) -> str:
    return reverse("example.plan", args=[plan.content_object.number])


def link(target: Any) -> str:
    """The path of the link in a mail."""
    return reverse(LINK, args=[links.token(target)])


def text(answer: Any) -> str:
    """What a person reads of a page, as one line; without what its script may say later."""
    shown = re.sub(r"<template.*?</template>", " ", answer.content.decode(), flags=re.DOTALL)
    return " ".join(unescape(re.sub(r"<[^>]+>", " ", shown)).split())


def opened(target: Any, client: Client | None = None) -> tuple[Client, Checkout]:
    """Somebody followed the link: their browser, and the checkout that it led to."""
    client = client or Client()
    answer = client.get(link(target))
    assert answer.status_code == 302, text(answer)
    return client, Checkout.objects.get(uuid=answer.url.split("/")[2])


def page(checkout: Checkout) -> str:
    """The path of the page to pay."""
    return reverse(PAGE, args=[checkout.uuid])
