"""Journey 7: staff take an amount from a customer's saved card."""

from decimal import Decimal
from typing import Any
from uuid import uuid4

import pytest

from checkout.errors import NotPayable, StripeRefused
from checkout.flows import fulfil_charges
from checkout.models import Checkout, Customer, CustomerPayment, Notice, StaffAction
from checkout.tests.helper import check_checkout
from example_checkout.tests.factories import UserFactory
from example_checkout.tests.plans import GOOD, library, plan_of, sign_up_with
from example_checkout.tests.recovery import ASKS, FAILS, LOST, pay_page, put_on_file, taken

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def customer(stripe_simulator: Any, pay: Any) -> Customer:
    return plan_of(sign_up_with(pay)).customer


def charge(customer: Customer, **changed: Any) -> CustomerPayment:
    said = {"amount": Decimal("12.50"), "currency": "GBP", "description": "A broken loom", **changed}
    made: CustomerPayment = CustomerPayment.objects.charge_customer(
        customer, user=UserFactory(is_staff=True, username=uuid4().hex[:20]), **said
    )
    return made


def with_card(simulator: Any, customer: Customer, card: str) -> None:
    class Part:
        payer = customer

    put_on_file(simulator, Part(), card)  # type: ignore[arg-type]


def test_it_is_charged_once_and_recorded(stripe_simulator: Any, customer: Customer) -> None:
    payment = charge(customer)
    assert payment.state_id == "success"
    assert payment.settled is not None
    assert taken(stripe_simulator) == [1250, 3000]
    sent = library(stripe_simulator).payment_intents.list({"limit": 1}).data[0]
    assert sent.payment_method_options.card.stored_credential_usage == "unscheduled"
    action = StaffAction.objects.get()
    assert (action.verb, action.content_object, action.user) == ("charge_customer", payment, payment.user)


def test_a_double_click_charges_once(stripe_simulator: Any, customer: Customer) -> None:
    uuid = uuid4()
    first, second = charge(customer, uuid=uuid), charge(customer, uuid=uuid)
    assert first == second
    assert taken(stripe_simulator) == [1250, 3000]
    assert StaffAction.objects.count() == 1


@pytest.mark.parametrize(
    "wrong",
    [
        {"amount": Decimal("0")},
        {"amount": Decimal("-1")},
        {"amount": Decimal("0.10")},
        {"amount": Decimal("1.001")},
        {"currency": "XYZ"},
        {"description": "  "},
    ],
)
def test_wrong_input_changes_nothing(stripe_simulator: Any, customer: Customer, wrong: dict[str, Any]) -> None:
    with pytest.raises(NotPayable):
        charge(customer, **wrong)
    assert CustomerPayment.objects.count() == 0
    assert taken(stripe_simulator) == [3000]


def test_without_a_card_or_with_a_refused_one(stripe_simulator: Any, customer: Customer) -> None:
    with_card(stripe_simulator, customer, LOST)
    assert charge(customer).state_id == "fail"
    customer.refresh_from_db()
    assert customer.card_refused
    with pytest.raises(NotPayable):
        charge(customer)
    Customer.objects.update(payment_method_id="")
    customer.refresh_from_db()
    with pytest.raises(NotPayable):
        charge(customer)
    assert CustomerPayment.objects.count() == 1


def test_a_decline_is_for_staff_to_see(stripe_simulator: Any, customer: Customer) -> None:
    with_card(stripe_simulator, customer, FAILS)
    payment = charge(customer)
    assert payment.state_id == "fail"
    assert payment.attempts.get().decline_code == "generic_decline"
    assert Notice.objects.count() == 0


def test_the_bank_wants_the_customer_who_is_mailed_and_pays(
    stripe_simulator: Any, pay: Any, customer: Customer
) -> None:
    with_card(stripe_simulator, customer, ASKS)
    payment = charge(customer)
    assert payment.state_id == "pay_on_session"
    notice = Notice.objects.get()
    assert (notice.kind, notice.recipients) == (Notice.AUTHORISE, [customer.email])
    checkout = Checkout.objects.create_checkout_pay_on_session(payment, None)
    assert checkout.takes_over == payment.attempts.get(action_id="charge")
    pay_page(checkout, pay, GOOD)
    payment.refresh_from_db()
    assert payment.state_id == "success"
    assert Customer.objects.get().last4 == "4242"
    assert taken(stripe_simulator) == [1250, 3000]


def test_an_unknown_outcome_is_found_out_and_never_charged_again(
    stripe_simulator: Any, stripe_trouble: Any, customer: Customer
) -> None:
    stripe_trouble("timeout_after_commit", times=2, path="/v1/payment_intents")
    payment = charge(customer)
    assert payment.state_id == "request"
    with pytest.raises(Exception, match="not known"):
        Checkout.objects.charge(payment, None)
    Checkout.objects.filter(state_id="request").update(ask_after=payment.created)
    assert fulfil_charges.charges().settled == 1
    payment.refresh_from_db()
    assert payment.state_id == "success"
    assert taken(stripe_simulator) == [1250, 3000]


def test_refused_by_stripe_it_is_released_and_may_be_charged(
    stripe_simulator: Any, settings: Any, customer: Customer
) -> None:
    Customer.objects.update(customer_id="cus_nobody")
    customer.refresh_from_db()
    with pytest.raises(StripeRefused):
        charge(customer)
    payment = CustomerPayment.objects.get()
    assert payment.state_id == "pending"
    assert payment.attempts.get().failure.startswith("released")


def test_by_hand(stripe_simulator: Any, customer: Customer) -> None:
    with_card(stripe_simulator, customer, FAILS)
    payment = charge(customer)
    with pytest.raises(NotPayable):
        Checkout.objects.manual(payment, UserFactory())
    Checkout.objects.manual(payment, UserFactory(is_staff=True))
    payment.refresh_from_db()
    assert payment.state_id == "success"


def test_it_follows_the_host_contract(stripe_simulator: Any, customer: Customer) -> None:
    with_card(stripe_simulator, customer, FAILS)
    check_checkout(charge(customer))


def test_a_customer_is_no_amount(customer: Customer) -> None:
    with pytest.raises(NotPayable):
        Checkout.objects.charge(customer, UserFactory(is_staff=True))
