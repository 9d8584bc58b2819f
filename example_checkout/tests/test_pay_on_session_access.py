"""Who may open a payment in the browser, and until when."""

from datetime import timedelta
from typing import Any
from uuid import uuid4

import pytest
from django.test import Client
from django.urls import reverse
from django.utils import timezone
from freezegun import freeze_time

from checkout import access
from checkout.flows import payment
from checkout.models import Checkout, ObjectPaymentPlanInstalment
from example_checkout.tests.factories import UserFactory
from example_checkout.tests.pay_pages import PAGE, declined, opened, page
from example_checkout.tests.plans import ALWAYS_ASKS

pytestmark = [pytest.mark.django_db, pytest.mark.slow, pytest.mark.usefixtures("counters")]

JSON = {"accept": "application/json"}
SUCCESS = "web.checkout.success"


@pytest.fixture
def part(stripe_simulator: Any, pay: Any) -> ObjectPaymentPlanInstalment:
    """An instalment for which the bank wants its customer."""
    return declined(pay)


def visitor(name: str, part: Any, checkout: Checkout) -> tuple[Client, str]:
    client, query = Client(), ""
    if name == "owner":
        Checkout.objects.filter(pk=checkout.pk).update(user=part.object_payment_plan.content_object.contact.user)
        client.force_login(part.object_payment_plan.content_object.contact.user)
    elif name in ("other", "staff"):
        client.force_login(UserFactory(is_staff=name == "staff"))
    elif name == "session":
        client, _same = opened(part)
    elif name == "link":
        query = f"?token={access.sign(checkout.uuid)}"
    elif name == "expired-link":
        with freeze_time(timezone.now() - timedelta(days=7, seconds=1)):
            query = f"?token={access.sign(checkout.uuid)}"
    elif name == "link-of-another":
        query = f"?token={access.sign(uuid4())}"
    return client, query


@pytest.mark.parametrize("view", [PAGE, SUCCESS])
@pytest.mark.parametrize(
    ("name", "later"),
    [
        ("anonymous", False),
        ("other", False),
        ("expired-link", False),
        ("link-of-another", False),
        ("session", True),
        ("owner", True),
        ("staff", True),
        ("link", True),
    ],
)
def test_its_uuid_opens_it_for_an_hour_and_then_only_its_people(part: Any, name: str, later: bool, view: str) -> None:
    _client, checkout = opened(part)
    client, query = visitor(name, part, checkout)
    url = reverse(view, args=[checkout.uuid])
    yes = 200 if view == PAGE else 302
    for age, opens in (
        (timedelta(0), True),
        (timedelta(minutes=59, seconds=55), True),
        (timedelta(hours=1, seconds=5), later),
    ):
        Checkout.objects.filter(pk=checkout.pk).update(created=timezone.now() - age)
        answer = client.get(url + query)
        assert answer.status_code == (yes if opens else 403), age
        if not opens:
            assert "_secret_" not in answer.content.decode()
            assert client.post(url, {"step": "begin"}, headers=JSON).status_code in (403, 405)


def test_the_hour_ends_to_the_second(part: Any) -> None:
    _client, checkout = opened(part)
    request = Client().get("/").wsgi_request
    with freeze_time(checkout.created + timedelta(hours=1)):
        access.check_access(request, checkout)
    with freeze_time(checkout.created + timedelta(hours=1, seconds=1)), pytest.raises(access.CheckoutExpired):
        access.check_access(request, checkout)


def test_the_hour_is_for_this_kind_alone(part: Any) -> None:
    sign_up = Checkout.objects.get(action_id="payment_plan")
    Checkout.objects.filter(pk=sign_up.pk).update(created=timezone.now())
    assert Client().get(reverse("web.checkout", args=[sign_up.uuid])).status_code == 403


def test_for_a_visitor_the_thanks_close_ten_minutes_after_the_payment(part: Any, pay: Any) -> None:
    client, checkout = opened(part)
    pay(checkout, card=ALWAYS_ASKS)
    url = reverse(SUCCESS, args=[checkout.uuid])
    assert client.get(url).status_code == 200
    Checkout.objects.filter(pk=checkout.pk).update(settled=timezone.now() - timedelta(minutes=11))
    assert client.get(url).status_code == 403


def test_a_post_without_its_token_is_refused(part: Any) -> None:
    client, checkout = opened(part)
    strict = Client(enforce_csrf_checks=True)
    strict.cookies = client.cookies
    assert strict.post(page(checkout), {"step": "begin", "shown_total": "30.00"}, headers=JSON).status_code == 403
    checkout.refresh_from_db()
    assert checkout.state_id == "pending"


def test_the_page_never_shows_a_secret_of_what_is_paid(part: Any, pay: Any) -> None:
    client, checkout = opened(part)
    assert "_secret_" in client.get(page(checkout)).content.decode()
    payment.begin(checkout, shown_total=checkout.total)
    pay(checkout, card=ALWAYS_ASKS)
    assert "_secret_" not in client.get(page(checkout)).content.decode()
