"""The link of a mail to pay in the browser: where it leads, however often, late or changed it is followed."""

from datetime import timedelta
from typing import Any
from uuid import uuid4

import pytest
from django.test import Client
from django.urls import reverse
from django.utils import timezone
from freezegun import freeze_time

from checkout import access
from checkout.flows import plan
from checkout.models import Checkout, ObjectPaymentPlanInstalment
from checkout.notify import links
from example_checkout import views
from example_checkout.tests.factories import SalesLedgerFactory, UserFactory
from example_checkout.tests.pay_pages import LINK, declined, link, opened, page, text
from example_checkout.tests.plans import ALWAYS_ASKS, library

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("counters")]

JSON = {"accept": "application/json"}
SUCCESS = "web.checkout.success"


@pytest.fixture
def part(stripe_simulator: Any, pay: Any) -> ObjectPaymentPlanInstalment:
    """An instalment for which the bank wants its customer."""
    return declined(pay)


def paying() -> int:
    return Checkout.objects.filter(action_id="pay_on_session").count()


def intents(simulator: Any) -> int:
    return len(library(simulator).payment_intents.list({"limit": 100}).data)


def test_the_link_goes_on_with_the_intent_of_the_charge_and_takes_nothing(part: Any, stripe_simulator: Any) -> None:
    before = intents(stripe_simulator)
    client, checkout = opened(part)
    assert (checkout.action_id, checkout.state_id, checkout.takes_over.action_id) == (
        "pay_on_session",
        "pending",
        "charge",
    )
    assert intents(stripe_simulator) == before
    part.refresh_from_db()
    assert part.state_id == "pay_on_session"
    assert client.get(page(checkout)).status_code == 200


def test_the_link_followed_again_by_anybody_makes_one_checkout(part: Any, stripe_simulator: Any) -> None:
    before = paying(), intents(stripe_simulator)
    found = {opened(part)[1].pk for _visit in range(5)}
    same, _again = opened(part)
    found.add(opened(part, same)[1].pk)
    assert len(found) == 1
    assert (paying(), intents(stripe_simulator)) == (before[0] + 1, before[1])


def test_a_head_request_makes_nothing(part: Any, stripe_simulator: Any) -> None:
    before, calls = Checkout.objects.count(), len(stripe_simulator.exchanges)
    answer = Client().head(link(part))
    assert (answer.status_code, answer.content) == (200, b"")
    assert (Checkout.objects.count(), len(stripe_simulator.exchanges)) == (before, calls)


def test_the_token_is_no_referrer_and_no_cache_keeps_its_page(part: Any) -> None:
    for url in (link(part), reverse(LINK, args=["nonsense"])):
        answer = Client().get(url)
        assert answer.headers["Referrer-Policy"] == "same-origin"
        assert "no-store" in answer.headers["Cache-Control"]


def test_a_link_that_was_changed_is_a_404_page(part: Any, stripe_simulator: Any) -> None:
    good = links.token(part)
    calls = len(stripe_simulator.exchanges)
    other = links.token(SalesLedgerFactory())
    for token in ("nonsense", good[:-1], good + "x", other.split(":")[0] + ":" + good.split(":", 1)[1]):
        answer = Client().get(reverse(LINK, args=[token]))
        assert answer.status_code == 404
        assert "This link is not complete" in text(answer)
    # of another kind of link, signed by us
    assert Client().get(reverse(LINK, args=[access.sign(uuid4())])).status_code == 404
    assert len(stripe_simulator.exchanges) == calls


def test_a_link_expires_and_says_what_to_do(part: Any, stripe_simulator: Any) -> None:
    url, calls = link(part), len(stripe_simulator.exchanges)
    with freeze_time(timezone.now() + timedelta(days=7, seconds=2)):
        answer = Client().get(url)
    assert answer.status_code == 410
    assert "This link has expired" in text(answer)
    assert f'href="{reverse("login")}"' in answer.content.decode()
    assert "Opening this link has charged nothing." in text(answer)
    assert len(stripe_simulator.exchanges) == calls
    with freeze_time(timezone.now() + timedelta(days=6, hours=23)):
        assert Client().get(url).status_code == 302


def test_after_the_payment_the_link_thanks(part: Any, pay: Any) -> None:
    _client, checkout = opened(part)
    pay(checkout, card=ALWAYS_ASKS)
    Checkout.objects.payment_intent_on_session_fulfillment()
    before = paying()
    answer = Client().get(link(part))
    assert answer.status_code == 200
    assert "This has been paid already, thank you" in text(answer)
    assert paying() == before


def test_paid_at_this_moment_in_another_tab_the_link_thanks(part: Any, pay: Any) -> None:
    _client, checkout = opened(part)
    pay(checkout, card=ALWAYS_ASKS)
    assert "This has been paid already, thank you" in text(Client().get(link(part)))
    checkout.refresh_from_db()
    assert checkout.state_id == "success"


def test_while_the_bank_is_at_work_the_link_leads_to_the_page_that_waits(part: Any) -> None:
    _client, checkout = opened(part)
    ObjectPaymentPlanInstalment.objects.filter(pk=part.pk).update(state="request")
    answer = Client().get(link(part))
    assert answer.status_code == 302
    assert answer.url == reverse(SUCCESS, args=[checkout.uuid])


def test_a_charge_of_unknown_outcome_asks_to_look_again(part: Any) -> None:
    ObjectPaymentPlanInstalment.objects.filter(pk=part.pk).update(state="request")
    url = link(part)
    answer = Client().get(url)
    assert answer.status_code == 409
    assert "Your payment is in progress" in text(answer)
    assert f'href="{url}"' in answer.content.decode()


def test_of_a_stopped_plan_there_is_nothing_to_pay(part: Any, stripe_simulator: Any) -> None:
    client, checkout = opened(part)
    plan.delete(part.object_payment_plan, user=UserFactory(is_staff=True))
    answer = Client().get(link(part))
    assert answer.status_code == 410
    assert "There is nothing to pay here now" in text(answer)
    shown = client.get(page(checkout))
    assert shown.status_code == 200
    assert "This checkout is closed" in text(shown)


def test_what_the_link_was_for_may_be_gone(stripe_simulator: Any) -> None:
    booking = SalesLedgerFactory()
    url = link(booking)
    booking.delete()
    answer = Client().get(url)
    assert answer.status_code == 410
    assert "There is nothing here any more" in text(answer)


def test_when_stripe_is_away_the_link_says_so_and_works_later(
    part: Any, stripe_simulator: Any, stripe_trouble: Any
) -> None:
    stripe_trouble("reset_before", times=None)
    answer = Client().get(link(part))
    assert answer.status_code == 503
    assert answer.headers["Referrer-Policy"] == "same-origin"
    stripe_simulator.trouble.clear()
    assert Client().get(link(part)).status_code == 302


def test_following_links_is_limited_but_not_twice(part: Any, settings: Any, stripe_simulator: Any) -> None:
    settings.CHECKOUT_LIMITS = {"link": {"object": "3/h"}, "create": {"session": "0/h", "address": "0/h"}}
    assert [Client().get(link(part)).status_code for _visit in range(4)] == [302, 302, 302, 429]


def test_no_page_is_inside_a_transaction_of_the_site() -> None:
    pages = (
        views.InstalmentLinkView,
        views.InstalmentPayView,
        views.CheckoutRefreshCardView,
        views.CheckoutRefreshCardSuccessView,
        views.SalesLedgerPlanView,
    )
    assert [view.as_view()._non_atomic_requests for view in pages] == [{"default"}] * len(pages)
