"""Journey 1 at the level of flows: start, show, begin, pay, finish, and what goes wrong in between."""

from decimal import Decimal
from typing import Any
from unittest.mock import ANY

import pytest
from django.contrib.auth.models import AnonymousUser

from checkout import states
from checkout.errors import InProgress, NotPayable, StripeRefused, StripeUnreachable
from checkout.flows import payment
from checkout.models import Checkout, CheckoutAction, Notice
from example_checkout.models import SalesLedger
from example_checkout.tests.factories import SalesLedgerFactory, UserFactory

pytestmark = pytest.mark.django_db


def intents(simulator: Any, **wanted: Any) -> list[dict[str, Any]]:
    """The payment intents that Stripe holds."""
    import stripe

    from checkout.simulator.client import SimulatorHTTPClient

    client = stripe.StripeClient("sk_test_simulator", http_client=SimulatorHTTPClient(simulator))
    found = [intent.to_dict() for intent in client.v1.payment_intents.list({"limit": 100}).auto_paging_iter()]
    return [intent for intent in found if all(intent[name] == value for name, value in wanted.items())]


def start(booking: SalesLedger, user: Any = None) -> Checkout:
    return Checkout.objects.create_checkout(CheckoutAction.objects.payment, booking, user or AnonymousUser())


def test_a_payment_is_recorded_once(stripe_simulator: Any, pay: Any) -> None:
    booking = SalesLedgerFactory()
    checkout = start(booking)
    assert (checkout.state_id, checkout.total, checkout.currency) == ("pending", Decimal("120.00"), "GBP")
    payment.begin(checkout, shown_total=Decimal("120.00"))
    assert checkout.state_id == "request"
    assert pay(checkout)["status"] == "succeeded"

    payment.finish(checkout)
    payment.finish(Checkout.objects.get(pk=checkout.pk))

    booking.refresh_from_db()
    assert checkout.succeeded
    assert booking.paid is not None
    assert intents(stripe_simulator, status="succeeded") == [ANY]


def test_the_intent_has_no_customer_and_names_the_checkout(stripe_simulator: Any) -> None:
    checkout = start(SalesLedgerFactory())
    (intent,) = intents(stripe_simulator)
    assert intent["customer"] is None
    assert intent["metadata"] == {"checkout": str(checkout.uuid)}
    assert intent["amount"] == 12000


def test_a_user_who_starts_again_gets_the_same_checkout(stripe_simulator: Any) -> None:
    booking, user = SalesLedgerFactory(), UserFactory()
    assert start(booking, user) == start(booking, user)
    assert len(intents(stripe_simulator)) == 1


def test_a_lost_answer_makes_no_second_intent(stripe_simulator: Any, stripe_trouble: Any) -> None:
    booking, user = SalesLedgerFactory(), UserFactory()
    stripe_trouble("timeout_after_commit", times=2)
    with pytest.raises(StripeUnreachable):
        start(booking, user)
    checkout = start(booking, user)
    assert checkout.payment_intent_id
    assert len(intents(stripe_simulator)) == 1


def test_a_changed_total_after_a_lost_answer_is_followed(stripe_simulator: Any, stripe_trouble: Any, pay: Any) -> None:
    booking, user = SalesLedgerFactory(), UserFactory()
    stripe_trouble("timeout_after_commit", times=2)
    with pytest.raises(StripeUnreachable):
        start(booking, user)
    booking.product.price = Decimal("95.00")
    booking.product.save()
    checkout = start(booking, user)
    payment.show(Checkout.objects.get(pk=checkout.pk))
    checkout.refresh_from_db()
    assert checkout.total == Decimal("95.00")
    assert [intent["amount"] for intent in intents(stripe_simulator)] == [9500]


@pytest.mark.parametrize("trouble", ["reset_before", "server_error", "conflict", "rate_limit"])
def test_trouble_at_the_start_loses_nothing(stripe_simulator: Any, stripe_trouble: Any, trouble: str) -> None:
    booking, user = SalesLedgerFactory(), UserFactory()
    stripe_trouble(trouble, times=2)
    with pytest.raises(StripeUnreachable):
        start(booking, user)
    stripe_simulator.trouble.clear()
    # Stripe keeps a 500 under its key for a day, so this takes a new attempt with a new key
    assert start(booking, user).payment_intent_id
    assert len(intents(stripe_simulator)) == 1


def test_a_changed_total_is_charged_at_its_new_amount(stripe_simulator: Any, pay: Any) -> None:
    booking = SalesLedgerFactory()
    checkout = start(booking)
    booking.quantity = 2
    booking.save()
    with pytest.raises(payment.AmountChanged):
        payment.begin(Checkout.objects.get(pk=checkout.pk), shown_total=Decimal("120.00"))

    checkout = Checkout.objects.get(pk=checkout.pk)
    intent = payment.show(checkout)
    assert (intent.amount, checkout.total) == (Decimal("240.00"), Decimal("240.00"))
    payment.begin(checkout, shown_total=Decimal("240.00"))
    pay(checkout)
    payment.finish(checkout)
    assert checkout.succeeded
    assert [intent["amount_received"] for intent in intents(stripe_simulator)] == [24000]


@pytest.mark.parametrize("trouble", ["timeout_after_commit", "reset_before"])
def test_a_lost_answer_while_repricing_is_no_mismatch(
    stripe_simulator: Any, stripe_trouble: Any, pay: Any, trouble: str
) -> None:
    booking = SalesLedgerFactory()
    checkout = start(booking)
    booking.quantity = 3
    booking.save()
    stripe_trouble(trouble, times=2)
    checkout = Checkout.objects.get(pk=checkout.pk)
    with pytest.raises(StripeUnreachable):
        payment.show(checkout)
    # a customer in another tab, who had begun before, pays whatever amount the intent has now
    paid = pay(checkout)["amount_received"]

    payment.finish(Checkout.objects.get(pk=checkout.pk))

    checkout.refresh_from_db()
    assert checkout.succeeded
    assert checkout.total == Decimal(paid) / 100
    assert not checkout.quarantine


def test_only_one_checkout_of_an_object_can_be_paid(stripe_simulator: Any, pay: Any) -> None:
    booking = SalesLedgerFactory()
    first, second = start(booking), start(booking)
    payment.begin(first, shown_total=Decimal("120.00"))
    payment.begin(second, shown_total=Decimal("120.00"))
    assert "error" in pay(first), "the older intent must be dead before the newer may be paid"
    pay(second)
    payment.finish(second)
    first.refresh_from_db()
    assert (first.state_id, second.state_id) == ("fail", "success")
    assert len(intents(stripe_simulator, status="succeeded")) == 1


def test_a_rival_that_was_paid_is_settled_instead(stripe_simulator: Any, pay: Any) -> None:
    booking = SalesLedgerFactory()
    first, second = start(booking), start(booking)
    payment.begin(first, shown_total=Decimal("120.00"))
    pay(first)
    with pytest.raises(payment.AlreadySettled):
        payment.begin(second, shown_total=Decimal("120.00"))
    first.refresh_from_db()
    assert first.succeeded
    assert len(intents(stripe_simulator, status="succeeded")) == 1


def test_an_unknown_rival_blocks(stripe_simulator: Any, stripe_trouble: Any) -> None:
    booking = SalesLedgerFactory()
    first, second = start(booking), start(booking)
    payment.begin(first, shown_total=Decimal("120.00"))
    stripe_trouble("reset_before", times=2)
    with pytest.raises(StripeUnreachable):
        payment.begin(second, shown_total=Decimal("120.00"))
    second.refresh_from_db()
    assert second.state_id == "pending"


def test_a_declined_card_leaves_the_same_intent_to_pay(stripe_simulator: Any, pay: Any) -> None:
    checkout = start(SalesLedgerFactory())
    payment.begin(checkout, shown_total=Decimal("120.00"))
    assert pay(checkout, card="4000000000009995")["error"]["decline_code"] == "insufficient_funds"
    intent = payment.finish(checkout)
    assert intent is not None
    assert intent.waiting
    assert intent.decline is not None
    assert checkout.state_id == "request"
    pay(checkout)
    payment.finish(checkout)
    assert checkout.succeeded
    assert len(intents(stripe_simulator)) == 1


@pytest.mark.parametrize(("answer", "state"), [("complete", "success"), ("fail", "request"), ("cancel", "request")])
def test_three_d_secure(stripe_simulator: Any, pay: Any, answer: str, state: str) -> None:
    checkout = start(SalesLedgerFactory())
    payment.begin(checkout, shown_total=Decimal("120.00"))
    pay(checkout, card="4000002760003184", authenticate=answer)
    payment.finish(checkout)
    assert checkout.state_id == state


def test_when_the_answer_is_lost_nothing_is_said_to_have_failed(
    stripe_simulator: Any, stripe_trouble: Any, pay: Any
) -> None:
    checkout = start(SalesLedgerFactory())
    payment.begin(checkout, shown_total=Decimal("120.00"))
    pay(checkout)
    stripe_trouble("reset_before", times=2, method="GET")
    assert payment.finish(checkout) is None
    assert checkout.state_id == "request"
    payment.finish(checkout)
    assert checkout.succeeded


def test_a_host_that_raises_undoes_the_settling(stripe_simulator: Any, pay: Any, monkeypatch: Any) -> None:
    booking = SalesLedgerFactory()
    checkout = start(booking)
    pay(checkout)

    def broken(self: SalesLedger, checkout: Checkout) -> None:
        SalesLedger.objects.filter(pk=self.pk).update(title="half done")
        raise RuntimeError("host is broken")

    with monkeypatch.context() as patched:
        patched.setattr(SalesLedger, "checkout_success", broken)
        payment.finish(checkout)
    booking.refresh_from_db()
    checkout.refresh_from_db()
    assert checkout.is_open
    assert booking.title != "half done"
    payment.finish(checkout)
    assert checkout.succeeded


def test_a_payment_that_differs_is_put_aside(
    stripe_simulator: Any, pay: Any, settings: Any, mailoutbox: Any, django_capture_on_commit_callbacks: Any
) -> None:
    settings.CHECKOUT_NOTIFY_EMAILS = ["staff@example.com"]
    booking = SalesLedgerFactory()
    checkout = start(booking)
    Checkout.objects.filter(pk=checkout.pk).update(total=Decimal("999.00"))
    pay(checkout)
    with django_capture_on_commit_callbacks(execute=True):
        payment.finish(checkout)
        payment.finish(checkout)
    booking.refresh_from_db()
    assert checkout.is_open
    assert "paid 120" in checkout.quarantine
    assert booking.paid is None
    assert Notice.objects.count() == 1
    assert [mail.to for mail in mailoutbox] == [["staff@example.com"]]


def test_an_object_that_was_deleted_is_still_recorded_as_paid(stripe_simulator: Any, pay: Any) -> None:
    booking = SalesLedgerFactory()
    checkout = start(booking)
    pay(checkout)
    booking.delete()
    checkout = Checkout.objects.get(pk=checkout.pk)
    payment.finish(checkout)
    assert checkout.succeeded
    assert "deleted object" in str(checkout)
    assert Notice.objects.count() == 1


@pytest.mark.parametrize("price", ["0", "-5", "0.29", "10.001"])
def test_what_cannot_be_charged_is_refused_before_stripe(stripe_simulator: Any, price: str) -> None:
    booking = SalesLedgerFactory(product__price=Decimal(price))
    with pytest.raises(NotPayable):
        start(booking)
    assert not intents(stripe_simulator)
    assert not Checkout.objects.exists()


def test_an_action_that_is_not_offered_is_refused(stripe_simulator: Any) -> None:
    with pytest.raises(NotPayable, match="does not offer"):
        Checkout.objects.create_checkout(states.CHARGE, SalesLedgerFactory(), AnonymousUser())


def test_a_wrong_key_is_our_fault_and_moves_nothing(stripe_simulator: Any, settings: Any) -> None:
    from checkout import gateway

    settings.STRIPE_SECRET_KEY = "sk_live_123"
    gateway.reset()
    with pytest.raises(StripeRefused):
        start(SalesLedgerFactory())


def test_an_invoice_needs_no_stripe(stripe_simulator: Any) -> None:
    booking = SalesLedgerFactory()
    checkout = Checkout.objects.create_checkout(states.INVOICE, booking, AnonymousUser())
    payment.invoice(checkout, details={"contact_name": "Ann", "address_1": "1 High St", "email": "ann@example.com"})
    booking.refresh_from_db()
    assert checkout.succeeded
    assert checkout.invoice_data is not None
    assert checkout.invoice_data.contact_name == "Ann"
    assert booking.invoiced is not None
    assert not intents(stripe_simulator)


def test_choosing_an_invoice_kills_the_intent_first(stripe_simulator: Any, pay: Any) -> None:
    checkout = start(SalesLedgerFactory())
    chosen = payment.choose(checkout, action=states.INVOICE, user=AnonymousUser())
    assert chosen.is_invoice
    assert chosen.uuid != checkout.uuid
    assert "error" in pay(checkout)


def test_manual_is_for_staff(stripe_simulator: Any) -> None:
    booking = SalesLedgerFactory()
    with pytest.raises(NotPayable):
        Checkout.objects.manual(booking, UserFactory())
    checkout = Checkout.objects.manual(booking, UserFactory(is_staff=True))
    booking.refresh_from_db()
    assert checkout.succeeded
    assert booking.paid is not None


def test_manual_waits_for_a_payment_in_flight(stripe_simulator: Any) -> None:
    booking = SalesLedgerFactory()
    payment.begin(start(booking), shown_total=Decimal("120.00"))
    with pytest.raises(InProgress):
        Checkout.objects.manual(booking, UserFactory(is_staff=True))
    booking.refresh_from_db()
    assert booking.paid is None


def test_stripe_is_never_called_inside_a_transaction(stripe_simulator: Any) -> None:
    from django.db import transaction

    from checkout.errors import CheckoutError

    checkout = start(SalesLedgerFactory())
    with transaction.atomic(), pytest.raises(CheckoutError, match="inside a transaction"):
        payment.show(checkout)
