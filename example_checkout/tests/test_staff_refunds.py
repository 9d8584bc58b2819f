"""Staff give money back: what is confirmed is what was shown, once, and each outcome is said."""

import re
from datetime import timedelta
from decimal import Decimal
from typing import Any
from uuid import uuid4

import pytest
from django.test import Client
from django.urls import reverse
from django.utils import timezone
from freezegun import freeze_time

from checkout.flows import by_hand, refund
from checkout.models import Checkout, CustomerPayment, Refund, StaffAction
from checkout.models.environment import forget
from checkout.tests.factories import CheckoutFactory, CustomerFactory, EnvironmentFactory
from example_checkout.tests.factories import SalesLedgerFactory
from example_checkout.tests.money_back import (
    DISPUTED,
    FAILS_LATER,
    PENDING,
    REFUNDS,
    at_stripe,
    give,
    given_back,
    held,
    paid,
    resolve_in,
)
from example_checkout.tests.plans import let_fall_due, library, plan_of, saved_card, sign_up_with
from example_checkout.tests.staff import EVERYTHING, part_url, staff_with, words

pytestmark = [pytest.mark.django_db, pytest.mark.slow]
# Whoever sees these has got what they did not ask for.
TWICE = "This has been sent before, and nothing was given back a second time."


@pytest.fixture
def staff() -> Client:
    return staff_with(*EVERYTHING, username="clerk")


@pytest.fixture
def bought(stripe_simulator: Any, pay: Any) -> Checkout:
    """Paid in the browser: £120.00."""
    return paid(pay)


def url_of(checkout: Checkout) -> str:
    return reverse("checkout.refund", args=[checkout.pk])


def page_of(checkout: Checkout) -> str:
    return reverse("checkout.checkout", args=[checkout.pk])


def fill(client: Client, checkout: Checkout, **values: str) -> Any:
    """Open the form, fill it in, go on."""
    html = client.get(url_of(checkout)).content.decode()
    found = {name: re.search(rf'name="{name}" value="([^"]*)"', html) for name in ("uuid", "amount")}
    shown = {name: match[1] if match else "" for name, match in found.items()}
    return client.post(url_of(checkout), {**shown, "reason": "requested_by_customer", "note": "", **values})


def confirm(client: Client, checkout: Checkout, page: Any) -> Any:
    return client.post(url_of(checkout), {"confirm": page.context["token"]}, follow=True)


def test_all_of_it_as_the_form_offers(staff: Client, bought: Checkout, stripe_simulator: Any) -> None:
    page = fill(staff, bought, note=" a friend\n is ill ")
    said = words(page)
    for word in ("Give £120.00 back?", "Then left £0.00", "The customer asked for it", "“a friend is ill”"):
        assert word in said
    assert not Refund.objects.exists()
    assert at_stripe(stripe_simulator) == []
    answer = confirm(staff, bought, page)
    assert answer.redirect_chain == [(page_of(bought), 302)]
    said = words(answer)
    assert "£120.00 has been given back." in said
    assert "Paid £120.00 Given back £120.00 Kept £0.00" in said
    assert "by clerk Given back" in said
    assert "Gave money back" in said
    assert ">Give money back<" not in answer.content.decode()
    made = Refund.objects.get()
    assert (made.reason, made.note, made.user.username) == ("requested_by_customer", "a friend is ill", "clerk")
    assert at_stripe(stripe_simulator) == [12000]
    assert given_back(bought) == 120
    assert "All of it has been given back, or is on its way." in words(staff.get(url_of(bought)))


def test_some_of_it_then_the_rest(staff: Client, bought: Checkout, stripe_simulator: Any) -> None:
    assert "Then left £99.99" in words(fill(staff, bought, amount="20.01"))
    assert "Kept £99.99" in words(confirm(staff, bought, fill(staff, bought, amount="20.01")))
    page = fill(staff, bought)
    assert page.context["amount"] == Decimal("99.99")
    assert "Kept £0.00" in words(confirm(staff, bought, page))
    assert at_stripe(stripe_simulator) == [2001, 9999]


def test_a_double_click_the_back_button_and_sending_again_give_back_once(
    staff: Client, bought: Checkout, stripe_simulator: Any
) -> None:
    uuid = str(uuid4())
    page = fill(staff, bought, amount="20", uuid=uuid)
    assert "£20.00 has been given back." in words(confirm(staff, bought, page))
    for again in (
        confirm(staff, bought, page),
        staff.post(url_of(bought), {"uuid": uuid, "amount": "20"}, follow=True),
        staff.post(url_of(bought), {"uuid": uuid, "amount": "30"}, follow=True),
    ):
        said = words(again)
        assert f"{TWICE} The refund of £20.00 now: Given back." in said
        assert "£20.00 has been given back." not in said
    assert at_stripe(stripe_simulator) == [2000]
    assert Refund.objects.count() == StaffAction.objects.count() == 1


def test_what_a_colleague_gave_back_meanwhile_is_looked_at_first(
    staff: Client, bought: Checkout, stripe_simulator: Any
) -> None:
    page = fill(staff, bought, amount="20")
    give(bought, "20.00")
    answer = confirm(staff, bought, page)
    assert "some of it was given back meanwhile. Please look again." in words(answer)
    assert answer.redirect_chain == [(url_of(bought), 302)]
    assert at_stripe(stripe_simulator) == [2000]


@pytest.mark.parametrize(
    ("values", "sentence"),
    [
        ({"amount": "0"}, "It must be more than nothing."),
        ({"amount": "-5"}, "It must be more than nothing."),
        ({"amount": "120.01"}, "No more than £120.00 can be given back."),
        ({"amount": "1.005"}, "GBP has no amounts smaller than 0.01."),
        ({"amount": "99999999999999"}, "No more than £120.00 can be given back."),
        ({"amount": "9" * 400}, "no more than 14 digits"),
        ({"amount": "1e999"}, "no more than 14 digits"),
        ({"amount": "NaN"}, "Enter a number."),
        ({"amount": "-Infinity"}, "Enter a number."),
        ({"amount": "twelve"}, "Enter a number."),
        ({"amount": "1\x002"}, "Enter a number."),
        ({"amount": ""}, "This field is required."),
        ({"reason": "because"}, "because is not one of the available choices."),
        ({"reason": "a\x00b"}, "is not one of the available choices."),
        ({"note": "x" * 201}, "at most 200 characters"),
        ({"note": "a\x00b"}, "Null characters are not allowed."),
        ({"uuid": "nonsense"}, "The page is broken. Please start again."),
        ({"uuid": ""}, "The page is broken. Please start again."),
    ],
)
def test_wrong_input_is_said_and_changes_nothing(
    staff: Client, bought: Checkout, stripe_simulator: Any, values: Any, sentence: str
) -> None:
    answer = fill(staff, bought, **values)
    assert answer.status_code == 422
    assert sentence in words(answer)
    assert not Refund.objects.exists()
    assert at_stripe(stripe_simulator) == []


def test_the_units_of_a_currency_without_decimals(staff: Client, stripe_simulator: Any, pay: Any) -> None:
    checkout = paid(pay, price="500", currency="JPY")
    assert 'value="500"' in staff.get(url_of(checkout)).content.decode()
    assert "JPY has no amounts smaller than 1." in words(fill(staff, checkout, amount="10.5"))
    assert "¥200 has been given back." in words(confirm(staff, checkout, fill(staff, checkout, amount="200")))
    assert at_stripe(stripe_simulator) == [200]


def test_a_token_of_another_page_is_worth_nothing(staff: Client, bought: Checkout, pay: Any) -> None:
    page, other = fill(staff, bought), paid(pay)
    colleague = staff_with(*EVERYTHING)
    with freeze_time(timezone.now() + timedelta(minutes=61)):
        assert "open for too long" in words(confirm(staff, bought, page))
    tampered = page.context["token"][:-1] + ("a" if page.context["token"][-1] != "a" else "b")
    for client, checkout, token in (
        (staff, other, page.context["token"]),
        (colleague, bought, page.context["token"]),
        (staff, bought, tampered),
        (staff, bought, ""),
        (staff, bought, "a\x00b"),
    ):
        said = words(client.post(url_of(checkout), {"confirm": token}, follow=True))
        assert "Nothing has been given back: the page was open for too long. Please start again." in said
    assert not Refund.objects.exists()


def test_who_may_not_gives_nothing_back(staff: Client, bought: Checkout) -> None:
    page = fill(staff, bought)
    reader = staff_with(*(set(EVERYTHING) - {"refund"}))
    assert reader.post(url_of(bought), {"confirm": page.context["token"]}).status_code == 403
    assert ">Give money back<" not in reader.get(page_of(bought)).content.decode()
    assert not Refund.objects.exists()


def test_on_its_way(staff: Client, stripe_simulator: Any, pay: Any) -> None:
    checkout = paid(pay, card=PENDING)
    said = words(confirm(staff, checkout, fill(staff, checkout, amount="20")))
    assert "£20.00 is on its way back: Stripe has it, the bank not yet." in said
    assert "On its way" in said
    assert "Given back £20.00 Kept £100.00" in said


def test_not_known_yet_and_found_out(
    staff: Client, bought: Checkout, stripe_simulator: Any, stripe_trouble: Any
) -> None:
    stripe_trouble("timeout_after_commit", path=REFUNDS, method="POST", times=None)
    page = fill(staff, bought)
    said = words(confirm(staff, bought, page))
    assert "It is not known yet whether £120.00 was given back." in said
    assert "Outcome not known yet" in said
    assert "The answer was lost. Stripe is asked again by itself." in said
    assert f"{TWICE} The refund of £120.00 now: Outcome not known yet" in words(confirm(staff, bought, page))
    assert "All of it has been given back, or is on its way." in words(staff.get(url_of(bought)))
    stripe_simulator.trouble.clear()
    resolve_in(minutes=6)
    assert "by clerk Given back" in words(staff.get(page_of(bought)))
    assert at_stripe(stripe_simulator) == [12000]


def test_it_looked_well_and_failed_later(staff: Client, stripe_simulator: Any, pay: Any, move_clock: Any) -> None:
    checkout = paid(pay, card=FAILS_LATER)
    assert "£20.00 has been given back." in words(confirm(staff, checkout, fill(staff, checkout, amount="20")))
    move_clock(days=1)
    refund.keep_all_of(payment_intent_id=checkout.payment_intent_id)
    page = staff.get(page_of(checkout))
    said = words(page)
    assert "Failed later" in said
    assert "the money did not reach the customer and has come back" in said
    assert "Given back £0.00 Kept £120.00" in said
    assert ">Give money back<" in page.content.decode()


def test_refused_by_stripe(staff: Client, stripe_simulator: Any, pay: Any) -> None:
    checkout = paid(pay, card=DISPUTED)
    refund_page = confirm(staff, checkout, fill(staff, checkout))
    said = words(refund_page)
    assert "Stripe refused, and nothing has been given back: the cardholder disputes the payment" in said
    assert "Nothing was given back." in said
    assert (Refund.objects.get().state, at_stripe(stripe_simulator)) == ("fail", [])
    # a new form is a new refund: nothing stands in the way
    assert staff.get(url_of(checkout)).context["why_not"] == ""


def test_given_back_at_stripe_and_we_have_not_heard(staff: Client, bought: Checkout, stripe_simulator: Any) -> None:
    page = fill(staff, bought)
    library(stripe_simulator).refunds.create({"payment_intent": bought.payment_intent_id})
    assert "at Stripe all of it has been given back already" in words(confirm(staff, bought, page))
    assert given_back(bought) == 0


def test_a_refusal_that_has_no_words_is_for_a_developer(
    staff: Client, bought: Checkout, stripe_simulator: Any, settings: Any
) -> None:
    page = fill(staff, bought)
    Checkout.objects.filter(pk=bought.pk).update(payment_intent_id="pi_unknown")
    said = words(confirm(staff, bought, page))
    assert "nothing has been given back. For a developer: refund: InvalidRequestError" in said


def test_a_copy_of_the_database_gives_nothing_back(
    staff: Client, bought: Checkout, stripe_simulator: Any, settings: Any
) -> None:
    page = fill(staff, bought)
    EnvironmentFactory()
    settings.CHECKOUT_ENVIRONMENT = "somewhere-else"
    forget()
    said = words(confirm(staff, bought, page))
    assert "Nothing has been given back: This database is not used where it belongs" in said
    assert not Refund.objects.exists()
    assert at_stripe(stripe_simulator) == []


def test_a_payment_that_was_put_aside_closes_when_all_of_it_was_given_back(
    staff: Client, stripe_simulator: Any, pay: Any
) -> None:
    checkout = held(pay)
    said = words(staff.get(page_of(checkout)))
    assert "Put aside:" in said
    assert "once all of it has been given back this closes by itself" in said
    first = fill(staff, checkout, amount="20")
    assert "stays put aside until all of it has been given back" in words(first)
    assert "Put aside:" in words(confirm(staff, checkout, first))
    second = fill(staff, checkout)
    assert second.context["amount"] == 100
    assert "closes by itself" in words(second)
    said = words(confirm(staff, checkout, second))
    assert "£100.00 has been given back. The payment that was put aside is closed with it" in said
    assert "Put aside:" not in said
    checkout.refresh_from_db()
    assert (checkout.state_id, checkout.quarantine) == ("fail", "")


def test_how_much_came_is_not_known_while_stripe_cannot_be_reached(
    staff: Client, stripe_simulator: Any, pay: Any, stripe_trouble: Any
) -> None:
    checkout = held(pay)
    stripe_trouble("server_error", method="GET", times=None)
    page = staff.get(url_of(checkout))
    assert page.status_code == 200
    assert "This cannot be done now. Stripe could not be reached. Nothing has been given back." in words(page)
    answer = staff.post(url_of(checkout), {"uuid": str(uuid4()), "amount": "20"})
    assert answer.status_code == 422
    assert not Refund.objects.exists()


@pytest.mark.parametrize(
    ("values", "sentence"),
    [
        ({"action__slug": "manual", "state__slug": "success"}, "No card was charged by it: there is nothing"),
        ({"action__slug": "invoice", "state__slug": "success"}, "No card was charged by it: there is nothing"),
        ({"action__slug": "payment", "state__slug": "pending", "payment_intent_id": "pi_1"}, "Nothing has been paid"),
        ({"action__slug": "charge", "state__slug": "fail", "payment_intent_id": "pi_1"}, "Nothing has been paid"),
    ],
)
def test_what_took_no_money_gives_none_back(staff: Client, values: Any, sentence: str) -> None:
    checkout = CheckoutFactory(content_object=SalesLedgerFactory(), **values)
    assert ">Give money back<" not in staff.get(page_of(checkout)).content.decode()
    assert sentence in words(staff.get(url_of(checkout)))
    answer = staff.post(url_of(checkout), {"uuid": str(uuid4()), "amount": "20"})
    assert answer.status_code == 422
    assert not Refund.objects.exists()


def test_a_part_of_a_plan_and_an_amount_of_staff_have_the_button(
    staff: Client, stripe_simulator: Any, pay: Any
) -> None:
    plan = plan_of(sign_up_with(pay))
    deposit = plan.deposit
    (due,) = let_fall_due(plan)
    attempt = deposit.attempts.get(state_id="success")
    link = f'href="{url_of(attempt)}"'
    assert link in staff.get(part_url(deposit)).content.decode()
    assert link not in staff_with(*(set(EVERYTHING) - {"refund"})).get(part_url(deposit)).content.decode()
    assert "/refund/" not in staff.get(part_url(plan.payments.get(pk=due))).content.decode().split("<h1")[1]
    assert f'href="{page_of(attempt)}"' in staff.get(plan.get_absolute_url()).content.decode()
    page = fill(staff, attempt, amount="10")
    assert "this part still counts as paid, and is not charged again" in words(page)
    assert "£10.00 has been given back." in words(confirm(staff, attempt, page))
    customer, method = saved_card(library(stripe_simulator), email="ada@example.com")
    ada = CustomerFactory(email="ada@example.com", customer_id=customer, payment_method_id=method)
    payment = CustomerPayment.objects.create(customer=ada, amount=25, currency="GBP", description="A broken mug")
    made = by_hand.charge(payment, user=None)
    shown = staff.get(reverse("checkout.customer.payment", args=[payment.pk])).content.decode()
    assert f'href="{url_of(made)}"' in shown
    assert "£25.00 has been given back." in words(confirm(staff, made, fill(staff, made)))
    assert at_stripe(stripe_simulator) == [1000, 2500]


def test_the_page_of_a_payment_links_back_and_forth(staff: Client, bought: Checkout) -> None:
    for name in ("checkout.list", "checkout.list.audit"):
        aside = {"quarantine": "looked at", "state_id": "fail"} if name.endswith("audit") else {}
        Checkout.objects.filter(pk=bought.pk).update(**aside)
        assert f'href="{page_of(bought)}"' in staff.get(reverse(name)).content.decode()
    said = words(staff.get(page_of(bought)))
    for word in (bought.payment_intent_id, str(bought.uuid), "Nothing has been given back.", "£120.00"):
        assert word in said


def test_a_payment_whose_object_was_deleted(staff: Client, bought: Checkout) -> None:
    bought.content_object.delete()
    assert staff.get(page_of(bought)).status_code == 200
    assert staff.get(url_of(bought)).status_code == 200
