""" "My payment plan": what of it can be paid now, and the button that leads there."""

from datetime import date, timedelta
from typing import Any

import pytest
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from checkout.flows import deposit
from checkout.models import Checkout, Customer, ObjectPaymentPlan, ObjectPaymentPlanInstalment
from checkout.views import timeline
from example_checkout import views
from example_checkout.tests.factories import SalesLedgerFactory, UserFactory
from example_checkout.tests.pay_pages import CARD, PAGE, declined, paid_in_browser, plan_url, text
from example_checkout.tests.plans import ALWAYS_ASKS, FAILS_LATER, GOOD, plan_of, sign_up_with

pytestmark = [pytest.mark.django_db, pytest.mark.slow, pytest.mark.usefixtures("counters")]


@pytest.fixture
def part(stripe_simulator: Any, pay: Any) -> ObjectPaymentPlanInstalment:
    return declined(pay)


def mine(plan: ObjectPaymentPlan) -> Client:
    client = Client()
    client.force_login(plan.content_object.contact.user)
    return client


def test_pay_now_goes_on_to_the_page_of_that_part(part: Any) -> None:
    plan = part.object_payment_plan
    client = mine(plan)
    shown = client.get(plan_url(plan))
    assert "Pay £30.00 now (Instalment 1 of 3)" in text(shown)
    assert "Pay it here, and your bank asks you to confirm it." in text(shown)
    assert shown.content.decode().count('name="part"') == 1
    urls = {client.post(plan_url(plan), {"part": part.pk}).url for _press in range(3)}
    checkout = Checkout.objects.get(action_id="pay_on_session", state_id="pending")
    assert urls == {reverse(PAGE, args=[checkout.uuid])}
    assert checkout.content_object == part
    assert client.get(urls.pop()).status_code == 200


@pytest.mark.parametrize(
    ("values", "note"),
    [
        ({"state": "fail", "retry_due": date(2099, 1, 1)}, "You need not wait for that"),
        ({"state": "fail", "retry_due": None}, "Your card was declined, and we do not try it again by ourselves."),
        ({"state": "pending"}, "It is charged to your card by itself, or you pay it now."),
        ({"state": "request"}, None),
        ({"state": "success"}, None),
        ({"state": "pending", "due": date(2099, 1, 1)}, None),
    ],
)
def test_every_state_says_what_can_be_done(part: Any, values: dict[str, Any], note: str | None) -> None:
    ObjectPaymentPlanInstalment.objects.filter(pk=part.pk).update(**values)
    plan = part.object_payment_plan
    read = text(mine(plan).get(plan_url(plan)))
    assert ("Pay £30.00 now" in read) is (note is not None)
    assert (note or "") in read


def test_a_stopped_plan_offers_nothing_and_takes_nothing(part: Any, stripe_simulator: Any) -> None:
    plan = part.object_payment_plan
    ObjectPaymentPlan.objects.update(deleted=True)
    client, calls = mine(plan), len(stripe_simulator.exchanges)
    assert 'name="part"' not in client.get(plan_url(plan)).content.decode()
    answer = client.post(plan_url(plan), {"part": part.pk})
    assert answer.status_code == 409
    assert "There is nothing to pay here any more." in text(answer)
    assert "This payment plan has been stopped" in text(answer)
    assert len(stripe_simulator.exchanges) == calls


def test_paid_meanwhile_it_says_so(part: Any, pay: Any) -> None:
    client, plan = mine(part.object_payment_plan), part.object_payment_plan
    paid_in_browser(pay, part, card=ALWAYS_ASKS)
    answer = client.post(plan_url(plan), {"part": part.pk})
    assert answer.status_code == 409
    assert 'role="alert"' in answer.content.decode()
    assert "Paid £60.00" in text(answer)


def test_only_parts_of_this_plan_can_be_named(part: Any, pay: Any) -> None:
    plan = part.object_payment_plan
    other = plan_of(sign_up_with(pay, GOOD)).deposit
    client, before = mine(plan), Checkout.objects.count()
    for name in (str(other.pk), "0", "-1", "x", "", "٣", "9" * 40):
        assert client.post(plan_url(plan), {"part": name}).status_code == 404
    assert Checkout.objects.count() == before


def test_only_those_who_see_the_plan_can_pay(part: Any) -> None:
    before = Checkout.objects.count()
    stranger = Client()
    stranger.force_login(UserFactory())
    for client in (Client(), stranger):
        assert client.post(plan_url(part.object_payment_plan), {"part": part.pk}).status_code == 404
    assert Checkout.objects.count() == before


def test_when_stripe_is_away_it_is_a_503_page(part: Any, stripe_trouble: Any) -> None:
    stripe_trouble("reset_before", times=None)
    answer = mine(part.object_payment_plan).post(plan_url(part.object_payment_plan), {"part": part.pk})
    assert answer.status_code == 503


def test_without_its_token_it_is_refused(part: Any) -> None:
    strict = Client(enforce_csrf_checks=True)
    strict.cookies = mine(part.object_payment_plan).cookies
    assert strict.post(plan_url(part.object_payment_plan), {"part": part.pk}).status_code == 403


def test_the_card_can_be_changed_by_whose_it_is(part: Any) -> None:
    plan = part.object_payment_plan
    link = f'href="{reverse(CARD)}"'
    # also in the terms of the shop, but those are another page
    assert link in mine(plan).get(plan_url(plan)).content.decode()
    staff = Client()
    staff.force_login(UserFactory(is_staff=True))
    assert link not in staff.get(plan_url(plan)).content.decode()
    Customer.objects.update(email="another@example.com")
    assert link not in mine(plan).get(plan_url(plan)).content.decode()


def test_my_bookings_lead_to_the_card_where_there_is_a_plan(part: Any) -> None:
    client = mine(part.object_payment_plan)
    link = f'href="{reverse(CARD)}"'
    assert link in client.get(reverse("example.bookings")).content.decode()
    other = SalesLedgerFactory()
    client.force_login(other.contact.user)
    assert link not in client.get(reverse("example.bookings")).content.decode()


def test_the_thanks_say_what_else_waits(stripe_simulator: Any, pay: Any) -> None:
    part = declined(pay)
    plan = part.object_payment_plan
    today = timezone.localdate()
    plan.payments.filter(count=3).update(due=today, state="fail")
    checkout = paid_in_browser(pay, part, card=ALWAYS_ASKS)
    # paid with the card that the other one was not tried with, so that it stays as it is
    plan.payments.filter(count=3).update(due=today, state="fail", retry_due=None)
    read = text(mine(plan).get(reverse("web.checkout.success", args=[checkout.uuid])))
    assert "We received your payment of £30.00." in read
    assert "Another payment of £30.00 could not be charged without you" in read
    plan.payments.filter(state_id__in=("fail", "pending")).update(state="success")
    read = text(mine(plan).get(reverse("web.checkout.success", args=[checkout.uuid])))
    assert "everything has been paid" in read


# a deposit whose intent an older tab still shows


@pytest.mark.parametrize("answered", [True, False])
def test_an_old_tab_may_pay_the_intent_that_another_page_took_over(
    stripe_simulator: Any, pay: Any, stripe_trouble: Any, answered: bool
) -> None:
    sign_up = sign_up_with(pay, ALWAYS_ASKS)
    part = plan_of(sign_up).deposit
    charge = part.attempts.get(action_id="charge")
    other = Checkout.objects.create_checkout_pay_on_session(part, sign_up.user)
    assert other.payment_intent_id == charge.payment_intent_id
    assert deposit.look(sign_up).step is deposit.Step.DECLINED
    pay(charge.payment_intent_id, card=ALWAYS_ASKS)
    if not answered:
        stripe_trouble("reset_before", method="GET", times=None)
        assert deposit.look(sign_up).step is deposit.Step.WAIT
        stripe_simulator.trouble.clear()
    assert deposit.look(sign_up).step is deposit.Step.PAID
    other.refresh_from_db()
    part.refresh_from_db()
    assert (other.state_id, part.state_id) == ("success", "success")


def test_a_page_for_another_card_that_nobody_used_leaves_the_deposit_declined(stripe_simulator: Any, pay: Any) -> None:
    sign_up = sign_up_with(pay, FAILS_LATER)
    part = plan_of(sign_up).deposit
    Checkout.objects.create_checkout_pay_on_session(part, sign_up.user)
    before = len(stripe_simulator.exchanges)
    assert deposit.look(sign_up).step is deposit.Step.DECLINED
    assert len(stripe_simulator.exchanges) == before + 1


def test_a_summary_asks_once_however_many_parts(part: Any, django_assert_num_queries: Any) -> None:
    plan = timeline.plan_of(part.object_payment_plan.content_object)
    assert plan is not None
    plan.payments.update(due=timezone.localdate() - timedelta(days=1))
    with django_assert_num_queries(1):
        found = timeline.summary(plan)
    assert [line.payable is not None for line in found.lines] == [False, True, True, True]


def test_a_site_without_a_page_to_pay_on_shows_no_button(
    part: Any, settings: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings.CHECKOUT_PAY_ON_SESSION_PAGE_URL_NAME = "nowhere"
    plan, before = part.object_payment_plan, Checkout.objects.count()
    assert 'name="part"' in mine(plan).get(plan_url(plan)).content.decode()
    monkeypatch.setattr(views.SalesLedgerPlanView, "checkout_url_name", "nowhere.either")
    assert 'name="part"' not in mine(plan).get(plan_url(plan)).content.decode()
    assert mine(plan).post(plan_url(plan), {"part": part.pk}).status_code == 404
    assert Checkout.objects.count() == before
    monkeypatch.setattr(views.SalesLedgerPlanView, "checkout_url_name", "web.checkout")
    assert mine(plan).post(plan_url(plan), {"part": part.pk}).url.startswith("/pay/")
