"""``Checkout.objects.charge`` of an object of the host: declined, refused, lost, and what the customer chooses."""

from decimal import Decimal
from typing import Any

import pytest
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from checkout.errors import InProgress, NotPayable
from checkout.flows import fulfil_charges
from checkout.models import Checkout, Customer
from example_checkout.models import SalesLedger
from example_checkout.tests.factories import SalesLedgerFactory
from example_checkout.tests.plans import plan_of, sign_up_with
from example_checkout.tests.recovery import taken

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def booking(stripe_simulator: Any, pay: Any, monkeypatch: pytest.MonkeyPatch) -> SalesLedger:
    """A booking that offers ``charge``, of a customer with a saved card."""
    customer = plan_of(sign_up_with(pay)).customer
    made: SalesLedger = SalesLedgerFactory(contact__email=customer.email, product__price=Decimal("40.00"))
    monkeypatch.setattr(SalesLedger, "checkout_actions", ["charge", "payment"])
    return made


def fresh(booking: SalesLedger) -> SalesLedger:
    return SalesLedger.objects.get(pk=booking.pk)


def later() -> None:
    """Time goes by until Stripe is asked what became of it."""
    Checkout.objects.filter(state_id="request").update(ask_after=timezone.now())
    fulfil_charges.charges()


def test_it_is_charged_and_the_host_hears_of_it(stripe_simulator: Any, booking: SalesLedger) -> None:
    assert Checkout.objects.charge(booking, None).succeeded
    assert fresh(booking).paid is not None
    with pytest.raises(NotPayable):
        Checkout.objects.charge(fresh(booking), None)
    assert taken(stripe_simulator) == [4000, 3000]


def test_a_hard_no_bars_the_card(stripe_simulator: Any, stripe_trouble: Any, booking: SalesLedger) -> None:
    stripe_trouble("decline", path="/v1/payment_intents", code="lost_card")
    assert Checkout.objects.charge(booking, None).failed
    assert fresh(booking).failed is not None
    assert Customer.objects.get().card_refused
    with pytest.raises(NotPayable):
        Checkout.objects.charge(fresh(booking), None)
    assert taken(stripe_simulator) == [3000]


def test_a_soft_no_leaves_the_card_on_file(stripe_trouble: Any, booking: SalesLedger) -> None:
    stripe_trouble("decline", path="/v1/payment_intents", code="insufficient_funds")
    assert Checkout.objects.charge(booking, None).failed
    assert not Customer.objects.get().card_refused
    assert Checkout.objects.charge(fresh(booking), None).succeeded


@pytest.mark.parametrize("trouble", ["timeout_after_commit", "reset_before"])
def test_a_lost_answer_is_found_out_and_it_is_charged_once(
    stripe_simulator: Any, stripe_trouble: Any, booking: SalesLedger, trouble: str
) -> None:
    stripe_trouble(trouble, times=2, path="/v1/payment_intents")
    checkout = Checkout.objects.charge(booking, None)
    assert checkout.state_id == "request"
    with pytest.raises(InProgress):
        Checkout.objects.charge(fresh(booking), None)
    later()
    assert fresh(booking).paid is not None
    assert taken(stripe_simulator) == [4000, 3000]


def test_what_stripe_refuses_is_released(stripe_simulator: Any, booking: SalesLedger) -> None:
    right = Customer.objects.get().customer_id
    Customer.objects.update(customer_id="cus_nobody")
    with pytest.raises(Exception, match="charge"):
        Checkout.objects.charge(booking, None)
    Customer.objects.update(customer_id=right)
    assert Checkout.objects.charge(fresh(booking), None).succeeded
    assert taken(stripe_simulator) == [4000, 3000]


@pytest.mark.parametrize("action", ["pay_on_session", "charge"])
def test_how_staff_take_money_is_no_choice_of_the_customer(booking: SalesLedger, action: str) -> None:
    """The page answered 500, and had closed the attempt before."""
    checkout = Checkout.objects.create_checkout("payment", booking, booking.contact.user)
    client = Client()
    client.force_login(booking.contact.user)
    url = reverse("web.checkout", args=[checkout.uuid])
    assert client.post(url, {"step": "choose", "action": action}).status_code == 200
    checkout.refresh_from_db()
    assert checkout.is_open
    assert f'value="{action}"' not in client.get(url).content.decode()
