"""The page on which a signed-in customer saves a new card, and the thanks."""

from datetime import timedelta
from typing import Any

import pytest
from django.test import Client
from django.urls import reverse
from django.utils import timezone
from django.views.generic import UpdateView

from checkout.models import Checkout, Customer, ObjectPaymentPlan, ObjectPaymentPlanInstalment
from checkout.views import ObjectPaymentPlanSetupIntentCardRefreshMixin
from example_checkout.tests.factories import UserFactory
from example_checkout.tests.pay_pages import CARD, CARD_SAVED, EMAIL, declined, text
from example_checkout.tests.plans import GOOD, library, sign_up_with

pytestmark = [pytest.mark.django_db, pytest.mark.slow, pytest.mark.usefixtures("counters")]

JSON = {"accept": "application/json"}


@pytest.fixture
def part(stripe_simulator: Any, pay: Any) -> ObjectPaymentPlanInstalment:
    """An instalment that waits for the customer's bank; the card on file is the one that asks always."""
    return declined(pay)


@pytest.fixture
def ann(part: Any) -> Client:
    return signed_in(part.object_payment_plan.content_object.contact.user)


def signed_in(user: Any) -> Client:
    client = Client()
    client.force_login(user)
    return client


def refresh(client: Client) -> tuple[Any, Checkout]:
    answer = client.get(reverse(CARD))
    assert answer.status_code == 200, text(answer)
    return answer, Checkout.objects.filter(action_id="card_refresh").first()


def setups(simulator: Any) -> int:
    return len(library(simulator).setup_intents.list({"limit": 100}).data)


def test_the_page_says_which_card_and_which_plans_and_what_is_permitted(ann: Client) -> None:
    answer, checkout = refresh(ann)
    read, context = text(answer), answer.context
    assert "Visa ending in 3184 expires 12/2034" in read
    assert "The new card pays what is left of" in read
    assert "£90.00" in read
    assert "By saving this card you allow Kiln & Loom to charge it" in read
    assert "Save this card" in read
    assert context["client_secret"].startswith(f"{checkout.setup_intent_id}_secret_")
    assert context["success_url"] == reverse(CARD_SAVED, args=[checkout.uuid])
    assert context["return_url"] == f"http://testserver{context['success_url']}"
    assert context["stripe_publish_key"] == "pk_test_simulator"
    assert context["step_url"] == reverse(CARD)
    assert [one.left for one in context["plans"]] == [90]
    assert (checkout.action_id, checkout.total, checkout.user.username) == ("card_refresh", None, "ann")
    assert "no-store" in answer.headers["Cache-Control"]


def test_looking_again_is_the_same_attempt(ann: Client, stripe_simulator: Any) -> None:
    before = setups(stripe_simulator)
    secrets = {refresh(ann)[0].context["client_secret"] for _look in range(3)}
    assert len(secrets) == 1
    assert setups(stripe_simulator) == before + 1


@pytest.mark.parametrize(
    ("values", "words"),
    [
        ({"refresh": True}, "The card on file expires soon."),
        ({"expiry_date": timezone.localdate() + timedelta(days=5)}, "The card on file expires soon."),
        ({"refused_payment_method_id": "same"}, "Your bank has refused the card on file for good"),
        ({}, "The new card takes the place of the card on file"),
        ({"last4": "", "brand": "", "expiry_date": None}, "No card is saved."),
    ],
)
def test_why_a_new_card_is_wanted(ann: Client, values: dict[str, Any], words: str) -> None:
    if "refused_payment_method_id" in values:
        values = {"refused_payment_method_id": Customer.objects.get().payment_method_id}
    Customer.objects.update(**values)
    assert words in text(refresh(ann)[0])


def test_the_new_card_serves_every_plan_and_puts_back_what_waited(ann: Client, part: Any, pay: Any) -> None:
    _answer, checkout = refresh(ann)
    assert ann.post(reverse(CARD), {"step": "begin"}, headers=JSON).json() == {"ok": True}
    pay(checkout, card="4000002500003155")
    url = reverse(CARD_SAVED, args=[checkout.uuid])
    assert ann.get(url, {"setup_intent": "x", "setup_intent_client_secret": "y"}).url == url
    read = text(ann.get(url))
    assert "Thank you: your new card is saved" in read
    assert "Visa ending in 3155" in read
    assert "What has been waiting is charged to it automatically, within a day or two:" in read
    assert "Instalment 1 of 3" in read
    assert "£30.00" in read
    payer = Customer.objects.get()
    assert (payer.last4, payer.refresh) == ("3155", False)
    part.refresh_from_db()
    assert (part.state_id, part.retry_due) == ("fail", timezone.localdate() + timedelta(days=1))
    answer, another = refresh(ann)
    assert another.pk != checkout.pk
    assert "ending in 3155" in text(answer)


def test_nothing_waited_nothing_is_said_of_it(stripe_simulator: Any, pay: Any) -> None:
    plan = ObjectPaymentPlan.objects.for_content_object(sign_up_with(pay, GOOD).content_object)
    assert plan is not None
    user = UserFactory(email=plan.customer.email.upper())
    client = signed_in(user)
    _answer, checkout = refresh(client)
    pay(checkout, card="5555555555554444")
    read = text(client.get(reverse(CARD_SAVED, args=[checkout.uuid])))
    assert "Mastercard ending in 4444" in read
    assert "has been waiting" not in read


def test_a_card_that_was_not_saved_leads_back_to_the_page(ann: Client, pay: Any) -> None:
    _answer, checkout = refresh(ann)
    pay(checkout, card="4000000000000002")
    answer = ann.get(reverse(CARD_SAVED, args=[checkout.uuid]))
    assert (answer.status_code, answer.url) == (302, reverse(CARD))
    read = text(ann.get(reverse("web.checkout.fail", args=[checkout.uuid])))
    assert "Your card was not saved" in read
    assert "Your card on file stays as it is" in read
    assert refresh(ann)[1].pk == checkout.pk


def test_finished_in_another_tab_the_page_goes_to_the_thanks_and_a_reload_is_fresh(ann: Client, pay: Any) -> None:
    _answer, checkout = refresh(ann)
    pay(checkout, card=GOOD)
    answer = ann.get(reverse(CARD))
    assert (answer.status_code, answer.url) == (302, reverse(CARD_SAVED, args=[checkout.uuid]))
    assert refresh(ann)[1].pk != checkout.pk
    # the old tab's button
    Checkout.objects.filter(state_id="pending", action_id="card_refresh").delete()
    assert ann.post(reverse(CARD), {"step": "begin"}, headers=JSON).json()["reason"] == "paid"


def test_closed_because_it_was_open_for_too_long_the_page_starts_anew(
    ann: Client, stripe_simulator: Any, settings: Any
) -> None:
    _answer, checkout = refresh(ann)
    library(stripe_simulator).setup_intents.cancel(checkout.setup_intent_id)
    _answer, fresh = refresh(ann)
    checkout.refresh_from_db()
    assert (checkout.state_id, fresh.state_id) == ("fail", "pending")
    assert fresh.pk != checkout.pk


def test_the_page_of_a_payment_sends_a_card_refresh_to_its_own(ann: Client) -> None:
    _answer, checkout = refresh(ann)
    assert ann.get(reverse("web.checkout", args=[checkout.uuid])).url == reverse(CARD)


# who may


def test_nobody_signed_in_is_sent_to_sign_in(part: Any, stripe_simulator: Any) -> None:
    calls, before = len(stripe_simulator.exchanges), Checkout.objects.count()
    for answer in (Client().get(reverse(CARD)), Client().post(reverse(CARD), {"step": "begin"})):
        assert (answer.status_code, answer.url) == (302, f"{reverse('login')}?next={reverse(CARD)}")
    assert (len(stripe_simulator.exchanges), Checkout.objects.count()) == (calls, before)


def test_a_host_that_forgets_login_required_is_safe(part: Any, rf: Any) -> None:
    class Forgetful(ObjectPaymentPlanSetupIntentCardRefreshMixin, UpdateView):
        pass

    view = Forgetful.as_view()
    for headers, status in (({}, 302), (JSON, 403)):
        request = rf.get("/card/", headers=headers)
        request.user = Client().get("/").wsgi_request.user
        assert view(request).status_code == status


@pytest.mark.parametrize("email", ["other@example.com", ""])
@pytest.mark.parametrize("staff", [False, True])
def test_without_a_plan_it_is_a_404_page_that_says_so(
    part: Any, stripe_simulator: Any, email: str, staff: bool
) -> None:
    calls = len(stripe_simulator.exchanges)
    client = signed_in(UserFactory(email=email, is_staff=staff))
    for answer in (client.get(reverse(CARD)), client.post(reverse(CARD), {"step": "begin"})):
        assert answer.status_code == 404
        assert "You have no payment plan" in text(answer)
        assert "3184" not in text(answer)
    assert len(stripe_simulator.exchanges) == calls


def test_the_address_is_compared_without_case(part: Any) -> None:
    assert refresh(signed_in(UserFactory(email=EMAIL.upper())))[0].status_code == 200


def test_the_thanks_are_for_whoever_saved_it(ann: Client, pay: Any) -> None:
    _answer, checkout = refresh(ann)
    pay(checkout)
    url = reverse(CARD_SAVED, args=[checkout.uuid])
    assert [client.get(url).status_code for client in (Client(), signed_in(UserFactory()))] == [403, 403]
    assert ann.get(url).status_code == 200
    assert signed_in(UserFactory(is_staff=True)).get(url).status_code == 200


def test_a_plan_that_was_stopped_has_no_card_to_change(ann: Client) -> None:
    ObjectPaymentPlan.objects.update(deleted=True)
    assert ann.get(reverse(CARD)).status_code == 404


# limits, trouble


def test_declines_are_counted_and_close_the_intent(ann: Client, settings: Any) -> None:
    settings.CHECKOUT_LIMITS = {"decline": {"session": "1/h"}}
    _answer, checkout = refresh(ann)
    assert ann.post(reverse(CARD), {"step": "declined"}, headers=JSON).status_code == 200
    assert ann.post(reverse(CARD), {"step": "declined"}, headers=JSON).status_code == 429
    checkout.refresh_from_db()
    assert checkout.state_id == "fail"
    assert ann.get(reverse(CARD)).status_code == 429


def test_a_decline_that_no_script_reported_is_counted_when_it_is_seen(ann: Client, pay: Any, settings: Any) -> None:
    settings.CHECKOUT_LIMITS = {"decline": {"session": "1/h"}}
    _answer, checkout = refresh(ann)
    pay(checkout, card="4000000000000002")
    assert ann.get(reverse(CARD)).status_code == 200
    assert ann.get(reverse(CARD)).status_code == 429


def test_new_attempts_are_limited_and_a_reload_is_none(ann: Client, pay: Any, settings: Any) -> None:
    settings.CHECKOUT_LIMITS = {"create": {"session": "1/h"}}
    _answer, checkout = refresh(ann)
    assert refresh(ann)[1].pk == checkout.pk
    pay(checkout)
    assert ann.get(reverse(CARD)).status_code == 302
    assert ann.get(reverse(CARD)).status_code == 429


def test_when_stripe_is_away_the_page_says_so(ann: Client, stripe_trouble: Any, stripe_simulator: Any) -> None:
    stripe_trouble("reset_before", times=None)
    assert ann.get(reverse(CARD)).status_code == 503
    stripe_simulator.trouble.clear()
    refresh(ann)


def test_an_unknown_step_does_nothing(ann: Client) -> None:
    refresh(ann)
    before = list(Checkout.objects.values())
    assert ann.post(reverse(CARD), {"step": "free of charge"}).url == reverse(CARD)
    assert list(Checkout.objects.values()) == before


def test_a_post_without_its_token_is_refused(ann: Client) -> None:
    refresh(ann)
    strict = Client(enforce_csrf_checks=True)
    strict.cookies = ann.cookies
    assert strict.post(reverse(CARD), {"step": "begin"}, headers=JSON).status_code == 403
