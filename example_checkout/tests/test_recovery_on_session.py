"""Journey 4: the bank wants the customer, who pays in the browser, with the card on file or any other."""

from typing import Any

import pytest
from django.contrib.auth.models import AnonymousUser

from checkout.errors import AlreadySettled, InProgress, NotPayable, StripeUnreachable
from checkout.flows import audit, fulfil, on_session, payment, plan
from checkout.models import Checkout, ObjectPaymentPlanInstalment
from example_checkout.models import SalesLedger
from example_checkout.tests.factories import UserFactory
from example_checkout.tests.plans import ALWAYS_ASKS, GOOD, library
from example_checkout.tests.recovery import (
    ASKS,
    FAILS,
    charge_due,
    declined_with,
    fresh,
    pay_page,
    put_on_file,
    taken,
)

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def wanted(stripe_simulator: Any, pay: Any) -> ObjectPaymentPlanInstalment:
    """An instalment that the bank wants the customer for."""
    return declined_with(stripe_simulator, pay, ASKS)


def start(part: ObjectPaymentPlanInstalment) -> Checkout:
    made: Checkout = Checkout.objects.create_checkout_pay_on_session(part, AnonymousUser())
    return made


def test_the_intent_is_kept_and_gone_on_with(stripe_simulator: Any, wanted: ObjectPaymentPlanInstalment) -> None:
    charge = wanted.attempts.get()
    assert (wanted.state_id, charge.state_id) == ("pay_on_session", "pay_on_session")
    checkout = start(wanted)
    charge.refresh_from_db()
    assert checkout.is_pay_on_session
    assert checkout.payment_intent_id == charge.payment_intent_id
    assert checkout.takes_over == charge
    assert charge.failed
    assert charge.claim is None
    assert fresh(wanted).state_id == "pay_on_session"
    intent = library(stripe_simulator).payment_intents.retrieve(checkout.payment_intent_id)
    assert intent.metadata["checkout"] == str(checkout.uuid)
    assert intent.setup_future_usage == "off_session"


def test_the_host_hears_nothing_of_the_handing_over(
    wanted: ObjectPaymentPlanInstalment, monkeypatch: pytest.MonkeyPatch
) -> None:
    told: list[str] = []
    monkeypatch.setattr(SalesLedger, "checkout_fail", lambda self, due=None: told.append("fail"))
    start(wanted)
    assert told == []


def test_the_card_on_file_pays_once_it_is_authenticated(
    stripe_simulator: Any, wanted: ObjectPaymentPlanInstalment
) -> None:
    checkout = start(wanted)
    payment.begin(checkout, shown_total=checkout.total)
    answer = _confirm_on_file(stripe_simulator, checkout, wanted.payer.payment_method_id)
    assert answer["status"] == "requires_action"
    stripe_simulator.authenticate(checkout.payment_intent_id, "complete", client_secret=answer["client_secret"])
    payment.finish(checkout)
    assert checkout.succeeded
    assert fresh(wanted).state_id == "success"
    assert fresh(wanted).payer.payment_method_id == wanted.payer.payment_method_id
    assert taken(stripe_simulator) == [3000, 3000]


def _confirm_on_file(simulator: Any, checkout: Checkout, method: str) -> dict[str, Any]:
    from checkout.simulator.fixtures import PUBLISH_KEY, _call

    secret = library(simulator).payment_intents.retrieve(checkout.payment_intent_id).client_secret
    sent = {
        "client_secret": secret,
        "payment_method": method,
        "return_url": "https://example.com/",
        "use_stripe_sdk": "true",
    }
    return _call(simulator, "POST", f"/v1/payment_intents/{checkout.payment_intent_id}/confirm", PUBLISH_KEY, sent)


def test_another_card_becomes_the_plans_card(
    stripe_simulator: Any, pay: Any, wanted: ObjectPaymentPlanInstalment
) -> None:
    before = wanted.payer.payment_method_id
    checkout = start(wanted)
    pay_page(checkout, pay, "5555555555554444")
    payer = fresh(wanted).payer
    assert checkout.succeeded
    assert payer.payment_method_id not in ("", before)
    assert (payer.brand, payer.last4) == ("mastercard", "4444")
    customer = library(stripe_simulator).customers.retrieve(payer.customer_id)
    assert customer.invoice_settings.default_payment_method == payer.payment_method_id


def test_failed_authentication_can_be_tried_again(
    stripe_simulator: Any, pay: Any, wanted: ObjectPaymentPlanInstalment
) -> None:
    checkout = start(wanted)
    payment.begin(checkout, shown_total=checkout.total)
    pay(checkout, card=ALWAYS_ASKS, authenticate="fail")
    payment.finish(checkout)
    assert checkout.is_open
    assert fresh(wanted).state_id == "pay_on_session"
    pay_page(checkout, pay, ALWAYS_ASKS)
    assert checkout.succeeded
    assert taken(stripe_simulator) == [3000, 3000]


def test_a_link_followed_twice_makes_one_checkout_and_one_intent(
    stripe_simulator: Any, wanted: ObjectPaymentPlanInstalment
) -> None:
    intents = library(stripe_simulator).payment_intents.list({"limit": 100}).data
    first, second = start(wanted), start(wanted)
    third = Checkout.objects.create_checkout_pay_on_session(wanted, UserFactory())
    assert first == second == third
    assert len(library(stripe_simulator).payment_intents.list({"limit": 100}).data) == len(intents)


def test_after_payment_there_is_nothing_to_pay(pay: Any, wanted: ObjectPaymentPlanInstalment) -> None:
    pay_page(start(wanted), pay, GOOD)
    with pytest.raises(NotPayable):
        start(wanted)
    assert Checkout.objects.open_on_session().count() == 0


def test_paid_at_stripe_and_not_heard_of_is_settled_and_not_asked_for_again(
    stripe_simulator: Any, pay: Any, wanted: ObjectPaymentPlanInstalment
) -> None:
    checkout = start(wanted)
    payment.begin(checkout, shown_total=checkout.total)
    pay(checkout, card=GOOD)
    with pytest.raises(AlreadySettled):
        start(wanted)
    assert fresh(wanted).state_id == "success"
    assert taken(stripe_simulator) == [3000, 3000]


def test_the_answer_to_the_adoption_is_lost(
    stripe_simulator: Any, pay: Any, stripe_trouble: Any, wanted: ObjectPaymentPlanInstalment
) -> None:
    stripe_trouble("reset_before", times=2, method="POST")
    with pytest.raises(StripeUnreachable):
        start(wanted)
    checkout = Checkout.objects.open_on_session().get()
    assert payment.show(checkout).checkout_uuid == str(checkout.uuid)
    assert start(wanted) == checkout
    pay_page(checkout, pay, GOOD)
    assert checkout.succeeded
    assert fresh(wanted).payer.last4 == "4242"


def test_paid_before_the_intent_was_adopted_it_still_counts(
    stripe_simulator: Any, pay: Any, stripe_trouble: Any, wanted: ObjectPaymentPlanInstalment
) -> None:
    """An old page of the deposit may have had the secret: the money is recorded, the card on file stays."""
    charge = wanted.attempts.get()
    stripe_trouble("reset_before", times=2, method="POST")
    with pytest.raises(StripeUnreachable):
        start(wanted)
    pay(charge, card="5555555555554444")
    assert fulfil.on_session().settled == 1
    assert fresh(wanted).state_id == "success"
    assert fresh(wanted).payer.payment_method_id == wanted.payer.payment_method_id
    assert taken(stripe_simulator) == [3000, 3000]


def test_the_audit_does_not_take_the_old_attempt_for_a_lost_payment(
    pay: Any, wanted: ObjectPaymentPlanInstalment
) -> None:
    pay_page(start(wanted), pay, GOOD)
    assert audit.failed_checkouts().findings == []


def test_a_browser_that_never_came_back_is_settled_by_the_command(
    stripe_simulator: Any, pay: Any, wanted: ObjectPaymentPlanInstalment
) -> None:
    checkout = start(wanted)
    payment.begin(checkout, shown_total=checkout.total)
    pay(checkout, card=GOOD)
    assert Checkout.objects.payment_intent_on_session_fulfillment() == 1
    assert fresh(wanted).state_id == "success"
    assert fresh(wanted).payer.last4 == "4242"


def test_a_page_left_open_is_closed_and_the_demand_stands(wanted: ObjectPaymentPlanInstalment, settings: Any) -> None:
    from datetime import timedelta

    checkout = start(wanted)
    payment.begin(checkout, shown_total=checkout.total)
    settings.CHECKOUT_ABANDON_AFTER = timedelta(0)
    assert fulfil.on_session().settled == 1
    checkout.refresh_from_db()
    assert checkout.failed
    assert fresh(wanted).state_id == "pay_on_session"
    again = start(wanted)
    assert again.payment_intent_id not in ("", checkout.payment_intent_id)


def test_an_overdue_instalment_is_paid_whatever_the_reason(stripe_simulator: Any, pay: Any) -> None:
    part = declined_with(stripe_simulator, pay, FAILS)
    assert part.state_id == "fail"
    checkout = start(part)
    pay_page(checkout, pay, GOOD)
    assert fresh(part).state_id == "success"
    assert taken(stripe_simulator) == [3000, 3000]
    put_on_file(stripe_simulator, part, "pm_card_visa")
    charge_due()
    assert taken(stripe_simulator) == [3000, 3000]


def test_a_stopped_plan_is_not_paid(wanted: ObjectPaymentPlanInstalment) -> None:
    plan.delete(wanted.object_payment_plan, user=None)
    with pytest.raises(NotPayable):
        start(wanted)


def test_a_charge_of_unknown_outcome_forbids_it(stripe_simulator: Any, pay: Any, stripe_trouble: Any) -> None:
    from example_checkout.tests.recovery import due_with

    part = due_with(stripe_simulator, pay, "pm_card_visa")
    stripe_trouble("timeout_after_commit", times=2, path="/v1/payment_intents")
    charge_due()
    assert fresh(part).state_id == "request"
    with pytest.raises((NotPayable, InProgress)):
        start(part)


def test_by_hand_closes_the_page_of_the_customer_first(pay: Any, wanted: ObjectPaymentPlanInstalment) -> None:
    checkout = start(wanted)
    Checkout.objects.manual(wanted, UserFactory(is_staff=True))
    assert "error" in pay(checkout, card=GOOD)
    assert fresh(wanted).state_id == "success"


def test_pay_on_session_for_email_is_without_case(wanted: ObjectPaymentPlanInstalment) -> None:
    found = ObjectPaymentPlanInstalment.objects.pay_on_session_for_email(wanted.payer.email.upper())
    assert list(found) == [wanted]
    assert list(ObjectPaymentPlanInstalment.objects.pay_on_session_for_email("nobody@example.com")) == []


def test_an_object_of_the_host_is_charged_and_its_customer_comes(
    stripe_simulator: Any, pay: Any, monkeypatch: pytest.MonkeyPatch, wanted: ObjectPaymentPlanInstalment
) -> None:
    """``Checkout.objects.charge`` takes any object that offers the action."""
    from example_checkout.tests.factories import SalesLedgerFactory

    booking = SalesLedgerFactory(contact__email=wanted.payer.email)
    with pytest.raises(NotPayable):
        Checkout.objects.charge(booking, UserFactory(is_staff=True))
    monkeypatch.setattr(SalesLedger, "checkout_actions", ["charge"])
    charge = Checkout.objects.charge(booking, UserFactory(is_staff=True))
    assert charge.state_id == "pay_on_session"
    checkout = on_session.start(booking, user=None)
    assert checkout.takes_over == charge
    pay_page(checkout, pay, GOOD)
    booking.refresh_from_db()
    assert booking.paid is not None
