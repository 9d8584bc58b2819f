"""Whose link it is: handed on, of another instalment, changed, or of a site that has named its pages otherwise."""

from typing import Any

import pytest
from django.core.exceptions import ImproperlyConfigured
from django.test import Client
from django.urls import reverse

from checkout.flows import payment
from checkout.models import Checkout, ObjectPaymentPlanInstalment
from checkout.notify import links
from example_checkout import views
from example_checkout.tests.factories import SalesLedgerFactory, UserFactory
from example_checkout.tests.pay_pages import LINK, link, opened, page, text
from example_checkout.tests.plans import let_fall_due
from example_checkout.tests.recovery import ASKS, charge_due, declined_with, fresh

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.slow, pytest.mark.usefixtures("counters")]

SUCCESS = "web.checkout.success"


@pytest.fixture
def wanted(stripe_simulator: Any, pay: Any) -> ObjectPaymentPlanInstalment:
    """An instalment that the bank wants the customer for."""
    return declined_with(stripe_simulator, pay, ASKS)


def thanks(checkout: Checkout) -> str:
    return reverse(SUCCESS, args=[checkout.uuid])


def test_a_link_that_was_handed_on_pays_and_shows_nothing_else(
    wanted: ObjectPaymentPlanInstalment, pay: Any, stripe_simulator: Any
) -> None:
    """Somebody who is signed in as somebody else may pay; the pages of the customer's order are not theirs."""
    friend = Client()
    friend.force_login(UserFactory(email="friend@example.com"))
    order = wanted.object_payment_plan.content_object.get_absolute_url()
    assert friend.get(order).status_code == 404
    friend, checkout = opened(wanted, friend)
    for answer in (friend.get(page(checkout)), friend.get(thanks(checkout), follow=True)):
        assert f'href="{order}"' not in answer.content.decode()
    # the customer comes after that, and it is the same page
    assert opened(wanted)[1] == checkout
    pay(checkout)
    read = friend.get(thanks(checkout)).content.decode()
    assert f'href="{order}"' not in read
    owner = Client()
    owner.force_login(wanted.object_payment_plan.content_object.contact.user)
    assert f'href="{order}"' in owner.get(thanks(checkout)).content.decode()
    assert fresh(wanted).state_id == "success"


def test_the_link_of_one_instalment_pays_that_one(
    wanted: ObjectPaymentPlanInstalment, stripe_simulator: Any, pay: Any
) -> None:
    (other,) = let_fall_due(wanted.object_payment_plan)
    charge_due()
    second = ObjectPaymentPlanInstalment.objects.with_plan().get(pk=other)
    assert second.state_id == "pay_on_session"
    client, checkout = opened(second)
    same, first = opened(wanted, client)
    assert first != checkout
    pay(checkout)
    payment.finish(checkout)
    assert fresh(second).state_id == "success"
    # what waited for a card is put back in line, and its page closed: it starts anew where it can be paid
    assert fresh(wanted).state_id == "fail"
    assert same.get(page(first)).status_code == 302


def test_no_letter_of_a_token_can_be_changed() -> None:
    booking = SalesLedgerFactory()
    good = links.token(booking)
    assert links.read(good) == booking
    for place, letter in enumerate(good):
        for other in {"A", "b", "0", "_", "-", ":", "é", "\x00"} - {letter}:
            with pytest.raises(links.LinkBroken):
                links.read(good[:place] + other + good[place + 1 :])


# a site that has named its pages otherwise


def test_without_a_page_of_its_own_the_link_leads_to_the_page_to_pay(
    wanted: ObjectPaymentPlanInstalment, settings: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings.CHECKOUT_PAY_ON_SESSION_PAGE_URL_NAME = "nowhere"
    client = Client()
    answer = client.get(link(wanted))
    checkout = Checkout.objects.get(action_id="pay_on_session")
    assert (answer.status_code, answer.url) == (302, reverse("web.checkout", args=[checkout.uuid]))
    assert "£30.00" in text(client.get(answer.url))
    monkeypatch.setattr(views.InstalmentLinkView, "checkout_url_name", "nowhere.either")
    with pytest.raises(ImproperlyConfigured, match="CHECKOUT_PAY_ON_SESSION_PAGE_URL_NAME"):
        client.get(reverse(LINK, args=[links.token(wanted)]))


def test_a_page_whose_address_has_another_keyword_says_which_it_needs(rf: Any) -> None:
    with pytest.raises(ImproperlyConfigured, match="uuid"):
        views.InstalmentPayView.as_view()(rf.get("/"), pk=1)
