"""The page of a payment that its customer makes in the browser."""

from datetime import timedelta
from typing import Any

import pytest
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from checkout.flows import on_file
from checkout.gateway import Decline
from checkout.models import Checkout, Customer, ObjectPaymentPlanInstalment
from example_checkout.models import SalesLedger
from example_checkout.tests.factories import SalesLedgerFactory
from example_checkout.tests.pay_pages import declined, link, opened, page, staff_charge, text
from example_checkout.tests.plans import ALWAYS_ASKS, GOOD, let_fall_due, plan_of, sign_up_with

pytestmark = [pytest.mark.django_db, pytest.mark.slow, pytest.mark.usefixtures("counters")]

JSON = {"accept": "application/json"}
SUCCESS = "web.checkout.success"


@pytest.fixture
def part(stripe_simulator: Any, pay: Any) -> ObjectPaymentPlanInstalment:
    """An instalment for which the bank wants its customer."""
    return declined(pay)


def test_the_card_on_file_comes_first_where_the_bank_wants_its_owner(part: Any, stripe_simulator: Any) -> None:
    client, checkout = opened(part)
    calls = len(stripe_simulator.exchanges)
    shown = client.get(page(checkout))
    assert len(stripe_simulator.exchanges) == calls + 1
    read, html = text(shown), shown.content.decode()
    assert "Your bank wants you to confirm this payment" in read
    assert "Visa ending in 3184 expires 12/2034" in read
    assert "Pay £30.00 with this card" in read
    assert "Instalment 1 of 3" in read
    assert "The card that pays becomes the card of your payment plan" in read
    payer = Customer.objects.get()
    assert f'data-payment-method="{payer.payment_method_id}"' in html
    assert 'id="other-card" aria-labelledby="other-card-title" hidden' in html
    assert 'data-lazy="true"' in html
    assert html.count('data-override-success="true"') == 2
    assert "checkout/js/pay_on_session.js" in html
    assert "checkout/js/on_file.js" in html
    assert "id_checkout_form" not in html


@pytest.mark.parametrize(
    ("code", "first"),
    [
        ("insufficient_funds", True),
        ("generic_decline", True),
        ("lost_card", False),
        ("expired_card", False),
        ("incorrect_cvc", False),
    ],
)
def test_the_last_no_says_whether_the_card_on_file_comes_first(
    stripe_simulator: Any, pay: Any, stripe_trouble: Any, code: str, first: bool
) -> None:
    part = refused(pay, stripe_trouble, code)
    client, checkout = opened(part)
    shown = client.get(page(checkout))
    assert ("with this card" in text(shown)) is first
    assert ("Please pay it with another card." in text(shown)) is not first
    assert ('data-lazy="true"' in shown.content.decode()) is first


def refused(pay: Any, trouble: Any, code: str) -> Any:
    """The instalment of a good card, which the bank said no to this time."""
    found = plan_of(sign_up_with(pay, GOOD))
    (pk,) = let_fall_due(found)
    trouble("decline", code=code)
    ObjectPaymentPlanInstalment.objects.process_payments()
    return ObjectPaymentPlanInstalment.objects.with_plan().get(pk=pk)


@pytest.mark.parametrize(
    ("values", "first"),
    [
        ({}, True),
        ({"payment_method_id": "card_1OldSource", "brand": "", "last4": "", "expiry_date": None}, True),
        ({"payment_method_id": ""}, False),
        ({"customer_id": ""}, False),
        ({"refused_payment_method_id": "same"}, False),
        ({"expiry_date": timezone.localdate() - timedelta(days=1)}, False),
        ({"expiry_date": timezone.localdate()}, True),
    ],
)
def test_which_card_on_file_comes_first(part: Any, values: dict[str, Any], first: bool) -> None:
    _client, checkout = opened(part)
    payer = Customer.objects.get()
    if "refused_payment_method_id" in values:
        values = {"refused_payment_method_id": payer.payment_method_id}
    Customer.objects.update(**values)
    found = on_file.look(Checkout.objects.get(pk=checkout.pk))
    assert (found.card is not None) is first
    assert found.why == "authenticate"


def test_a_no_to_a_card_that_has_been_replaced_does_not_count(
    stripe_simulator: Any, pay: Any, stripe_trouble: Any
) -> None:
    part = refused(pay, stripe_trouble, "expired_card")
    _client, checkout = opened(part)
    Customer.objects.update(payment_method_id="pm_new", last4="1111")
    found = on_file.look(Checkout.objects.get(pk=checkout.pk))
    assert found.card is not None
    assert found.card.last4 == "1111"


def test_what_was_said_no_to_on_the_page_counts_too(part: Any, stripe_simulator: Any) -> None:
    _client, checkout = opened(part)
    mine = Customer.objects.get().payment_method_id
    for method, code, first in (
        (mine, "lost_card", False),
        (mine, "insufficient_funds", True),
        ("pm_x", "lost_card", True),
    ):
        said = Decline(code="card_declined", decline_code=code, reference="ch_1", payment_method_id=method)
        assert (on_file.look(checkout, decline=said).card is not None) is first


def test_begin_claims_and_paying_settles_the_instalment_and_keeps_the_card(part: Any, pay: Any) -> None:
    client, checkout = opened(part)
    url = page(checkout)
    assert client.post(url, {"step": "begin", "shown_total": "1.00"}, headers=JSON).json()["reason"] == "changed"
    begun = client.post(url, {"step": "begin", "shown_total": "30.00"}, headers=JSON)
    assert (begun.status_code, begun.json()) == (200, {"ok": True})
    pay(checkout, card="5555555555554444")
    answer = client.get(reverse(SUCCESS, args=[checkout.uuid]))
    assert "We received your payment of £30.00." in text(answer)
    part.refresh_from_db()
    assert part.state_id == "success"
    payer = Customer.objects.get()
    assert (payer.brand, payer.last4) == ("mastercard", "4444")
    again = client.post(url, {"step": "begin", "shown_total": "30.00"}, headers=JSON)
    assert (again.status_code, again.json()["reason"]) == (409, "paid")
    assert "This has been settled already" in text(client.get(url))


def test_only_begin_and_declined_can_be_posted(part: Any) -> None:
    client, checkout = opened(part)
    before = list(Checkout.objects.values())
    for step in ("choose", "invoice", "finish", "another_card", "", "get_object"):
        answer = client.post(page(checkout), {"step": step, "action": "invoice"})
        assert (answer.status_code, answer.url) == (302, page(checkout))
    assert list(Checkout.objects.values()) == before


def test_a_checkout_of_another_kind_has_no_such_page(part: Any) -> None:
    sign_up = Checkout.objects.get(action_id="payment_plan")
    client = Client()
    client.force_login(sign_up.user)
    assert client.get(page(sign_up)).status_code == 404


def test_declines_are_counted_and_close_the_intent(part: Any, settings: Any, stripe_simulator: Any) -> None:
    settings.CHECKOUT_LIMITS = {"decline": {"session": "1/h"}}
    client, checkout = opened(part)
    assert client.post(page(checkout), {"step": "declined"}, headers=JSON).status_code == 200
    assert client.post(page(checkout), {"step": "declined"}, headers=JSON).status_code == 429
    checkout.refresh_from_db()
    assert checkout.state_id == "fail"
    assert client.get(page(checkout)).status_code == 429


def test_an_amount_of_staff_is_paid_without_a_plan(part: Any, pay: Any, stripe_simulator: Any) -> None:
    amount = staff_charge(Customer.objects.get())
    assert amount.state_id == "pay_on_session"
    client, checkout = opened(amount)
    read = text(client.get(page(checkout)))
    assert "A broken bowl" in read
    assert "Pay £25.00 with this card" in read
    assert "Your payment plan" not in read
    assert "is kept as your card on file" in read
    assert client.get(reverse(SUCCESS, args=[checkout.uuid])).url == page(checkout)
    pay(checkout, card=ALWAYS_ASKS)
    thanks = text(client.get(reverse(SUCCESS, args=[checkout.uuid])))
    assert "We received your payment of £25.00." in thanks
    assert "Go to the start page" in thanks
    amount.refresh_from_db()
    assert amount.state_id == "success"


def test_who_came_by_a_link_is_not_sent_to_pages_that_are_not_theirs(part: Any, pay: Any) -> None:
    client, checkout = opened(part)
    assert "Go back without paying" not in text(client.get(page(checkout)))
    owner = Client()
    owner.force_login(part.object_payment_plan.content_object.contact.user)
    assert "Go back without paying" in text(owner.get(page(checkout)))
    pay(checkout, card=ALWAYS_ASKS)
    assert "See what you booked" not in text(client.get(reverse(SUCCESS, args=[checkout.uuid])))
    assert "See what you booked" in text(owner.get(reverse(SUCCESS, args=[checkout.uuid])))


def test_an_object_of_the_host_that_was_charged_is_paid_here_too(
    part: Any, pay: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(SalesLedger, "checkout_actions", property(lambda self: ["charge"]))
    booking = SalesLedgerFactory(contact=part.object_payment_plan.content_object.contact)
    charge = Checkout.objects.charge(booking, None)
    assert charge.state_id == "pay_on_session"
    client, checkout = opened(booking)
    read = text(client.get(page(checkout)))
    assert "Pay £120.00 with this card" in read
    assert "Your payment plan" not in read
    pay(checkout, card=ALWAYS_ASKS)
    assert "We received your payment of £120.00." in text(client.get(reverse(SUCCESS, args=[checkout.uuid])))
    booking.refresh_from_db()
    assert booking.paid is not None
    assert "This has been paid already, thank you" in text(Client().get(link(booking)))
