"""What customers read where a day has passed, where they came by a link, and what stands first on a phone."""

from datetime import timedelta
from typing import Any

import pytest
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from checkout.models import ObjectPaymentPlan, ObjectPaymentPlanInstalment
from checkout.templatetags.checkout_tags import checkout_day
from example_checkout.tests.factories import UserFactory
from example_checkout.tests.pay_pages import CARD, LINK, declined, link, opened, page, paid_in_browser, plan_url, text
from example_checkout.tests.plans import FAILS_LATER, GOOD, sign_up_with

pytestmark = [pytest.mark.django_db, pytest.mark.slow, pytest.mark.tables, pytest.mark.usefixtures("counters")]


@pytest.fixture
def part(stripe_simulator: Any, pay: Any) -> ObjectPaymentPlanInstalment:
    """An instalment for which the bank wants its customer, and whose day was three days ago."""
    found = declined(pay)
    found.due -= timedelta(days=3)
    found.save(update_fields=["due"])
    return found


def owner(plan: ObjectPaymentPlan) -> Client:
    client = Client()
    client.force_login(plan.content_object.contact.user)
    return client


def test_no_day_that_has_passed_is_promised_as_the_next_one(part: Any) -> None:
    read = text(owner(part.object_payment_plan).get(plan_url(part.object_payment_plan)))
    assert f"Next £30.00 due {checkout_day(part.due)}" in read
    later = part.object_payment_plan.payments.get(count=3)
    later.due = timezone.localdate() + timedelta(days=1)
    part.move_to("success")
    later.save(update_fields=["due"])
    read = text(owner(part.object_payment_plan).get(plan_url(part.object_payment_plan)))
    assert f"Next £30.00 on {checkout_day(later.due)}" in read


def test_what_is_overdue_is_to_be_paid_now_and_not_due_today(part: Any) -> None:
    client, checkout = opened(part)
    read = text(client.get(page(checkout)))
    assert "To pay now £30.00" in read
    assert "Due today" not in read


def test_the_thanks_promise_no_day_that_has_passed(part: Any, pay: Any) -> None:
    later = part.object_payment_plan.payments.get(count=3)
    later.due = part.due
    later.save(update_fields=["due"])
    client, checkout = opened(part)
    paid_in_browser(pay, part, card=GOOD)
    read = text(client.get(reverse("web.checkout.success", args=[checkout.uuid])))
    assert "Another payment of £30.00 is due already. It is charged to your card automatically" in read
    assert "The next payment is" not in read


def test_whoever_came_by_a_link_is_sent_to_no_page_that_does_not_open(part: Any) -> None:
    client, checkout = opened(part)
    ObjectPaymentPlan.objects.filter(pk=part.object_payment_plan_id).update(deleted=True)
    shown = client.get(reverse("web.checkout.fail", args=[checkout.uuid]))
    assert "Go to your order" not in text(shown)
    assert "Go to the start page" in text(shown)


def test_an_expired_link_does_not_ask_somebody_who_is_signed_in_to_sign_in(part: Any, settings: Any) -> None:
    settings.CHECKOUT_LINK_MAX_AGE = timedelta(seconds=-1)
    for client, words in (
        (Client(), "Sign in and pay from the page of your payment plan"),
        (owner(part.object_payment_plan), "Pay from the page of your payment plan"),
    ):
        answer = client.get(link(part))
        assert answer.status_code == 410
        assert f"for a few days only. {words}, or ask us" in text(answer)
    assert (
        reverse("example.bookings") in owner(part.object_payment_plan).get(reverse(LINK, args=["x"])).content.decode()
    )


def test_a_page_that_has_closed_names_the_mail_as_the_way_back(part: Any) -> None:
    _, checkout = opened(part)
    checkout.created -= timedelta(hours=2)
    checkout.save(update_fields=["created"])
    answer = Client().get(page(checkout))
    assert answer.status_code == 403
    assert "If a mail led you here, open the link in it once more." in text(answer)


def test_what_to_do_about_the_deposit_stands_before_the_plan(stripe_simulator: Any, pay: Any) -> None:
    checkout = sign_up_with(pay, FAILS_LATER)
    client = Client()
    client.force_login(checkout.user)
    read = text(client.get(reverse("web.checkout", args=[checkout.uuid])))
    assert read.index("Your deposit has not been paid") < read.index("Use another card") < read.index("Instalment 1 of")
    assert read.count("Instalment 1 of") == 1
    assert "To pay now £30.00" in read


def test_the_page_to_change_a_card_has_a_way_back(part: Any) -> None:
    shown = owner(part.object_payment_plan).get(reverse(CARD)).content.decode()
    assert f'<a href="{reverse("example.bookings")}">Go back to my bookings</a>' in shown


def test_what_went_wrong_with_a_form_takes_the_focus(client: Client) -> None:
    UserFactory(username="reader")
    answer = client.post(reverse("login"), {"username": "reader", "password": "wrong"})
    assert 'role="alert" tabindex="-1" autofocus' in answer.content.decode()
