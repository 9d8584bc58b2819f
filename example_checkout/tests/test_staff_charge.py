"""Staff charge a customer: what is confirmed is what was shown, once, and each outcome is said."""

import re
from datetime import timedelta
from decimal import Decimal
from typing import Any
from uuid import uuid4

import pytest
from django.core import signing
from django.test import Client
from django.urls import reverse
from django.utils import timezone
from freezegun import freeze_time

from checkout.errors import NotPayable
from checkout.models import Checkout, Customer, CustomerPayment, Notice, StaffAction
from checkout.tests.factories import CustomerFactory, CustomerPaymentFactory
from checkout.views import CustomerChargeCreateView
from checkout.views.staff.charge import ChargeShown
from example_checkout.tests.plans import library, saved_card
from example_checkout.tests.staff import EVERYTHING, press, staff_with, words

pytestmark = [pytest.mark.django_db, pytest.mark.slow]
VALUES = {"amount": "25.00", "currency": "GBP", "description": "A broken mug"}


@pytest.fixture
def staff() -> Client:
    return staff_with(*EVERYTHING, username="clerk")


@pytest.fixture
def ada(stripe_simulator: Any) -> Customer:
    return customer_with(stripe_simulator)


def customer_with(simulator: Any, card: str = "pm_card_visa") -> Customer:
    customer, method = saved_card(library(simulator), card, email="ada@example.com")
    made: Customer = CustomerFactory(
        name="Ada Lovelace", email="ada@example.com", customer_id=customer, payment_method_id=method
    )
    return made


def url_of(customer: Customer) -> str:
    return reverse("checkout.customer.charge", args=[customer.pk])


def fill(client: Client, customer: Customer, **values: str) -> Any:
    """Open the form, fill it in, go on."""
    uuid = re.search(r'name="uuid" value="([^"]+)"', client.get(url_of(customer)).content.decode())
    return client.post(url_of(customer), {**VALUES, "uuid": uuid[1] if uuid else str(uuid4()), **values})


def confirm(client: Client, customer: Customer, page: Any) -> Any:
    return client.post(url_of(customer), {"confirm": page.context["token"]}, follow=True)


def taken(simulator: Any) -> list[int]:
    return [one.amount for one in library(simulator).charges.list({"limit": 100}).data if one.status == "succeeded"]


def test_it_shows_exactly_what_will_happen_and_does_that(staff: Client, ada: Customer, stripe_simulator: Any) -> None:
    page = fill(staff, ada)
    said = words(page)
    for word in ("£25.00", "Ada Lovelace", "ada@example.com", "Visa •••• 4242", "expires 12/2034", "A broken mug"):
        assert word in said
    assert "ada@example.com is mailed a link" in said
    assert not CustomerPayment.objects.exists()
    answer = confirm(staff, ada, page)
    assert answer.redirect_chain == [(reverse("checkout.customer", args=[ada.pk]), 302)]
    assert "£25.00 has been charged." in words(answer)
    payment = CustomerPayment.objects.get()
    assert (payment.state_id, payment.user.username, payment.customer) == ("success", "clerk", ada)
    assert (StaffAction.objects.get().verb, StaffAction.objects.get().content_object) == ("charge_customer", payment)
    assert taken(stripe_simulator) == [2500]
    page = staff.get(reverse("checkout.customer.payment", args=[payment.pk]))
    assert "Charged the customer" in words(page)
    assert "Mark as paid" not in words(page)


def test_a_double_click_the_back_button_and_sending_again_charge_once(
    staff: Client, ada: Customer, stripe_simulator: Any
) -> None:
    form = staff.get(url_of(ada)).content.decode()
    values = {**VALUES, "uuid": re.findall(r'name="uuid" value="([^"]+)"', form)[0]}
    page = staff.post(url_of(ada), values)
    assert "has been charged" in words(confirm(staff, ada, page))
    for again in (confirm(staff, ada, page), staff.post(url_of(ada), values, follow=True)):
        said = words(again)
        assert "This has been sent before, and nothing was charged a second time." in said
        assert "“A broken mug” now: Paid." in said
        assert "has been charged." not in said
    assert taken(stripe_simulator) == [2500]
    assert CustomerPayment.objects.count() == Checkout.objects.count() == StaffAction.objects.count() == 1


def test_the_same_amount_within_a_day_is_pointed_out(staff: Client, ada: Customer, stripe_simulator: Any) -> None:
    assert "within a day" not in words(fill(staff, ada))
    confirm(staff, ada, fill(staff, ada))
    assert "This customer has been charged the same amount within a day: A broken mug" in words(fill(staff, ada))
    assert "within a day" not in words(fill(staff, ada, amount="24.00"))


@pytest.mark.parametrize(
    ("values", "sentence"),
    [
        ({"amount": "0.29"}, "The smallest amount that a card can be charged is £0.30."),
        ({"amount": "0"}, "It must be more than nothing."),
        ({"amount": "-5"}, "It must be more than nothing."),
        ({"amount": "1.005"}, "GBP has no amounts smaller than 0.01."),
        ({"amount": "10.50", "currency": "JPY"}, "JPY has no amounts smaller than 1."),
        ({"amount": "99999999"}, "It is more than a card can be charged at once."),
        ({"amount": "NaN"}, "Enter a number."),
        ({"amount": "1e999"}, ""),
        ({"amount": "twelve"}, "Enter a number."),
        ({"amount": ""}, "This field is required."),
        ({"currency": "XYZ"}, "“XYZ” is no currency that a card can be charged in."),
        ({"currency": "<b>"}, "is no currency"),
        ({"description": "  "}, "This field is required."),
        ({"description": "x" * 201}, "at most 200 characters"),
        ({"description": "a\x00b"}, "Null characters are not allowed."),
        ({"uuid": "nonsense"}, "The page is broken. Please start again."),
    ],
)
def test_wrong_input_is_said_and_changes_nothing(staff: Client, ada: Customer, values: Any, sentence: str) -> None:
    answer = fill(staff, ada, **values)
    assert answer.status_code == 422
    assert sentence in words(answer)
    assert not CustomerPayment.objects.exists()


def test_a_currency_is_tidied_and_the_reason_is_one_line(staff: Client, ada: Customer) -> None:
    shown = fill(staff, ada, currency=" eur ", description=" A broken\n mug ").context["shown"]
    assert (shown.currency, shown.description) == ("EUR", "A broken mug")


@pytest.mark.parametrize(
    ("values", "reason"),
    [
        ({"payment_method_id": ""}, "There is no card on file."),
        ({"customer_id": ""}, "There is no card on file."),
        ({"refused": True}, "The bank has refused the card on file for good: another card is needed."),
    ],
)
def test_a_card_that_cannot_be_charged(staff: Client, ada: Customer, values: Any, reason: str) -> None:
    page = fill(staff, ada)
    if values.pop("refused", False):
        values = {"refused_payment_method_id": ada.payment_method_id}
    Customer.objects.filter(pk=ada.pk).update(**values)
    get = staff.get(url_of(ada))
    assert reason in words(get)
    assert 'name="amount"' not in get.content.decode()
    assert fill(staff, ada).status_code == 422
    assert "£25.00 has been charged" not in words(confirm(staff, ada, page))
    assert not CustomerPayment.objects.exists()


def test_declined(staff: Client, ada: Customer, stripe_trouble: Any, stripe_simulator: Any) -> None:
    stripe_trouble("decline", code="insufficient_funds", times=1)
    said = words(confirm(staff, ada, fill(staff, ada)))
    assert "The charge of £25.00 was declined: there was not enough money. Nothing has been charged." in said
    assert CustomerPayment.objects.get().state_id == "fail"
    assert not Notice.objects.exists()
    assert taken(stripe_simulator) == []


def test_the_bank_wants_the_customer(staff: Client, ada: Customer, stripe_trouble: Any) -> None:
    stripe_trouble("authentication", times=1)
    said = words(confirm(staff, ada, fill(staff, ada)))
    assert "A mail with a link goes out within minutes; nothing is charged until then." in said
    payment, notice = CustomerPayment.objects.get(), Notice.objects.get()
    assert payment.state_id == "pay_on_session"
    assert (notice.kind, notice.recipients) == (Notice.AUTHORISE, ["ada@example.com"])
    page = words(staff.get(reverse("checkout.customer.payment", args=[payment.pk])))
    assert "Mail a new link" in page
    assert "Waiting to be sent" in page


@pytest.mark.parametrize("trouble", ["timeout_after_commit", "reset_before", "server_error"])
def test_not_known_yet_and_then_not_again(
    staff: Client, ada: Customer, stripe_trouble: Any, trouble: str, stripe_simulator: Any
) -> None:
    page = fill(staff, ada)
    stripe_trouble(trouble, times=None, method="POST")
    assert "It is not known yet whether £25.00 was charged" in words(confirm(staff, ada, page))
    assert "now: Outcome not known yet." in words(confirm(staff, ada, page))
    payment = CustomerPayment.objects.get()
    paid = reverse("checkout.customer.payment.paid", args=[payment.pk])
    assert "its outcome is not known yet" in words(press(staff, paid)) + words(staff.get(paid))
    assert taken(stripe_simulator) == ([2500] if trouble == "timeout_after_commit" else [])


def test_refused_by_stripe_can_be_confirmed_again(staff: Client, ada: Customer, stripe_simulator: Any) -> None:
    page = fill(staff, ada)
    good = ada.payment_method_id
    Customer.objects.filter(pk=ada.pk).update(payment_method_id="pm_nobodys")
    assert "the customer has another card now" in words(confirm(staff, ada, page))
    broken = fill(staff, ada)
    assert "Stripe refused the request" in words(confirm(staff, ada, broken))
    assert CustomerPayment.objects.get().state_id == "pending"
    Customer.objects.filter(pk=ada.pk).update(payment_method_id=good)
    assert taken(stripe_simulator) == []


def test_what_is_confirmed_must_be_ours_hers_yours_and_fresh(
    staff: Client, ada: Customer, stripe_simulator: Any
) -> None:
    token = fill(staff, ada).context["token"]
    other = CustomerFactory()
    forged = signing.dumps({"uuid": str(uuid4())}, salt=ChargeShown.SALT)
    tries = [(staff, ada, text) for text in ("", "nonsense", token[:-2], forged, "\x00", "x" * 10_000)]
    tries += [(staff, other, token), (staff_with("charge"), ada, token)]
    for client, customer, text in tries:
        said = words(client.post(url_of(customer), {"confirm": text}, follow=True))
        assert "Nothing has been charged: the page was open for too long." in said
    with freeze_time(timezone.now() + timedelta(hours=2)):
        late = staff_with("charge")
        late.cookies = staff.cookies
        assert "was open for too long" in words(late.post(url_of(ada), {"confirm": token}, follow=True))
    assert not CustomerPayment.objects.exists()
    assert taken(stripe_simulator) == []


def test_the_uuid_of_somebody_elses_payment_charges_nobody(staff: Client, ada: Customer, stripe_simulator: Any) -> None:
    foreign = CustomerPaymentFactory(state_id="pending")
    said = words(staff.post(url_of(ada), {**VALUES, "uuid": str(foreign.uuid)}, follow=True))
    assert "nothing was charged a second time" in said
    assert taken(stripe_simulator) == []


@pytest.mark.parametrize("differs", [{"amount": Decimal(30)}, {"currency": "EUR"}, {"customer": "another"}])
def test_a_key_that_stands_for_another_payment_charges_nothing(
    ada: Customer, differs: dict[str, Any], stripe_simulator: Any
) -> None:
    """A host's code that uses a key twice must not charge what the first one said, to whom the first one said."""
    made = CustomerPaymentFactory(customer=ada, amount=25, currency="GBP", state_id="pending")
    asked = {"customer": ada, "amount": Decimal(25), "currency": "GBP", "description": "A mug", "user": None, **differs}
    if "customer" in differs:
        asked["customer"] = CustomerFactory(customer_id=f"{ada.customer_id}x")
    with pytest.raises(NotPayable, match="stands for another payment"):
        CustomerPayment.objects.charge_customer(asked.pop("customer"), uuid=made.uuid, **asked)
    assert not Checkout.objects.exists()
    assert taken(stripe_simulator) == []


def test_marked_as_paid_by_hand_closes_what_waits(
    staff: Client, ada: Customer, stripe_trouble: Any, stripe_simulator: Any
) -> None:
    stripe_trouble("authentication", times=1)
    confirm(staff, ada, fill(staff, ada))
    payment = CustomerPayment.objects.get()
    url = reverse("checkout.customer.payment.paid", args=[payment.pk])
    assert "£25.00 has been paid" in words(staff.get(url))
    assert "“A broken mug” is marked as paid. No card has been charged." in words(press(staff, url))
    payment.refresh_from_db()
    assert payment.state_id == "success"
    intent = Checkout.objects.filter(action_id="charge").get().payment_intent_id
    assert library(stripe_simulator).payment_intents.retrieve(intent).status == "canceled"
    assert "It has been paid." in words(press(staff, url)) + words(staff.get(url))
    assert list(StaffAction.objects.order_by("pk").values_list("verb", flat=True)) == ["charge_customer", "mark_paid"]
    assert taken(stripe_simulator) == []


def test_the_view_is_public_and_can_be_extended() -> None:
    assert CustomerChargeCreateView.model is CustomerPayment
    assert CustomerChargeCreateView.permission_required == "checkout.charge"


def test_what_stripe_refused_can_be_charged_again(staff: Client, ada: Customer, stripe_simulator: Any) -> None:
    right = ada.customer_id
    Customer.objects.update(customer_id="cus_nobody")
    confirm(staff, ada, fill(staff, ada))
    payment = CustomerPayment.objects.get()
    assert payment.state_id == "pending"
    Customer.objects.update(customer_id=right)
    page = staff.get(reverse("checkout.customer.payment", args=[payment.pk]))
    url = reverse("checkout.customer.payment.charge", args=[payment.pk])
    assert url in page.content.decode()
    seen = {"seen": staff.get(url).context["seen"]}
    assert "£25.00 has been charged." in words(staff.post(url, seen, follow=True))
    assert "Nothing has been done" in words(staff.post(url, seen, follow=True))
    assert "It has been tried already." in words(staff.get(url))
    assert taken(stripe_simulator) == [2500]
