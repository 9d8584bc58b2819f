"""Signing up at the level of flows: what is refused, what is kept, and what is finished later by somebody else."""

from datetime import timedelta
from decimal import Decimal
from typing import Any

import pytest
from django.core.management import CommandError, call_command
from django.utils import timezone

from checkout.errors import AmountChanged, CheckoutError, ConsentMissing, InProgress, NotPayable
from checkout.flows import deposit, fulfil, on_session, payment, sign_up
from checkout.models import (
    Agreement,
    Checkout,
    CheckoutSettings,
    Customer,
    ObjectPaymentPlan,
    ObjectPaymentPlanInstalment,
)
from checkout.tests.factories import PaymentPlanFactory
from example_checkout.models import SalesLedger
from example_checkout.tests.factories import SalesLedgerFactory, UserFactory
from example_checkout.tests.plans import (
    ALWAYS_ASKS,
    FAILS_LATER,
    GOOD,
    consent,
    library,
    offer_plans,
    plan_of,
    sign_up_with,
    start_sign_up,
)

pytestmark = pytest.mark.django_db


def taken(simulator: Any) -> list[int]:
    return [one.amount for one in library(simulator).charges.list({"limit": 100}).data if one.status == "succeeded"]


def begun(booking: SalesLedger | None = None) -> Checkout:
    offer_plans()
    booking = booking or SalesLedgerFactory()
    return Checkout.objects.create_checkout("payment_plan", booking, booking.contact.user)


def test_without_a_tick_nothing_is_kept(stripe_simulator: Any) -> None:
    checkout = begun()
    with pytest.raises(ConsentMissing):
        payment.agree(checkout, consent=consent(checkout, given=False))
    assert not Agreement.objects.exists()
    assert checkout.state_id == "pending"


def test_another_schedule_than_was_shown_is_refused(stripe_simulator: Any) -> None:
    checkout = begun()
    shown = consent(checkout)
    product = checkout.content_object.product
    product.price = Decimal("150.00")
    product.save()
    with pytest.raises(AmountChanged):
        payment.agree(Checkout.objects.get(pk=checkout.pk), consent=shown)
    assert not Agreement.objects.exists()


def test_the_agreement_is_kept_word_for_word(stripe_simulator: Any) -> None:
    checkout = start_sign_up()
    agreement = Agreement.objects.get()
    today = timezone.localdate()
    assert agreement.schedule == agreement.payment_plan.example(today, Decimal("120.00"), currency="GBP")
    assert (agreement.text, agreement.text_version, agreement.address) == ("I agree.", "test", "192.0.2.1")
    assert agreement.user == checkout.user
    assert (agreement.total, agreement.currency) == (Decimal("120.00"), "GBP")
    assert checkout.state_id == "request"


def test_the_setup_is_for_off_session_instalments(stripe_simulator: Any) -> None:
    checkout = start_sign_up()
    setup = library(stripe_simulator).setup_intents.retrieve(checkout.setup_intent_id)
    assert (setup.usage, setup.customer) == ("off_session", checkout.stripe_customer_id)
    assert setup.payment_method_options.card.setup_credential_usage == "installment"
    assert setup.metadata.checkout == str(checkout.uuid)


def test_charges_say_that_they_are_instalments(stripe_simulator: Any, pay: Any) -> None:
    sign_up_with(pay)
    (intent,) = library(stripe_simulator).payment_intents.list().data
    assert intent.payment_method_options.card.stored_credential_usage == "installment"
    assert intent.automatic_payment_methods.allow_redirects == "never"


@pytest.mark.parametrize(("percent", "count"), [(100, 1), (99, 2), (1, 1), (50, 120)])
def test_a_part_below_the_minimum_is_refused_before_anyone_agrees(
    stripe_simulator: Any, percent: int, count: int
) -> None:
    offer_plans(deposit=percent, count=count)
    with pytest.raises(NotPayable):
        sign_up.offer(SalesLedgerFactory(product__price=Decimal("20.00")))


def test_without_a_plan_to_offer_it_says_what_to_do(stripe_simulator: Any) -> None:
    with pytest.raises(NotPayable, match="choose a default one"):
        sign_up.offer(SalesLedgerFactory())
    plan = offer_plans()
    plan.retire()
    with pytest.raises(NotPayable, match="choose a default one"):
        sign_up.offer(SalesLedgerFactory())


def test_a_plan_in_use_cannot_change_and_may_be_retired(stripe_simulator: Any) -> None:
    start_sign_up()
    plan = CheckoutSettings.objects.settings.default_payment_plan
    plan.count = 6
    with pytest.raises(CheckoutError, match="in use"):
        plan.save()
    plan.refresh_from_db()
    assert plan.count == 3
    plan.retire()
    plan.refresh_from_db()
    assert plan.deleted


def test_the_dates_are_those_agreed_to_however_late_it_is_settled(
    stripe_simulator: Any, pay: Any, monkeypatch: Any
) -> None:
    checkout = start_sign_up()
    agreed = checkout.agreement.schedule
    pay(checkout)
    later = timezone.localdate() + timedelta(days=40)
    monkeypatch.setattr(timezone, "localdate", lambda *args: later)
    payment.finish(checkout)
    assert [(one.due, one.amount) for one in plan_of(checkout).payments] == agreed


def test_a_host_that_makes_another_plan_than_agreed_is_refused(
    stripe_simulator: Any, pay: Any, monkeypatch: Any
) -> None:
    checkout = start_sign_up()
    pay(checkout)
    other = PaymentPlanFactory(count=6)

    def success(booking: Any, checkout: Any) -> None:
        ObjectPaymentPlan.objects.create_object_payment_plan(booking, other, booking.checkout_total)

    monkeypatch.setattr(SalesLedger, "checkout_success", success)
    with pytest.raises(NotPayable, match="agreed to"):
        sign_up.conclude(checkout, sign_up.retrieve(checkout))
    checkout.refresh_from_db()
    assert checkout.state_id == "request"
    assert not ObjectPaymentPlan.objects.exists()
    assert taken(stripe_simulator) == []


def test_a_host_that_raises_undoes_the_sign_up_and_it_is_tried_again(
    stripe_simulator: Any, pay: Any, monkeypatch: Any
) -> None:
    checkout = start_sign_up()
    pay(checkout)
    with monkeypatch.context() as broken:
        broken.setattr(SalesLedger, "checkout_success", lambda self, checkout: 1 / 0)
        payment.finish(checkout)
    checkout.refresh_from_db()
    assert checkout.state_id == "request"
    assert Customer.objects.get().payment_method_id == ""
    assert fulfil.setups().settled == 1
    assert plan_of(checkout).deposit.state_id == "success"
    assert taken(stripe_simulator) == [3000]


def test_an_object_has_one_plan(stripe_simulator: Any, pay: Any) -> None:
    checkout = sign_up_with(pay)
    booking = checkout.content_object
    with pytest.raises(CheckoutError, match="already"):
        ObjectPaymentPlan.objects.create_object_payment_plan(booking, PaymentPlanFactory(), booking.checkout_total)
    with pytest.raises(CheckoutError, match="already"):
        plan_of(checkout).create_instalments()


def test_a_deposit_whose_process_died_is_charged_by_the_command(stripe_simulator: Any, pay: Any, settings: Any) -> None:
    settings.CHECKOUT_CHARGE_DEPOSIT_AT_SIGN_UP = False
    checkout = sign_up_with(pay)
    assert plan_of(checkout).deposit.state_id == "pending"
    fulfil.setups(now=timezone.now() + timedelta(minutes=3))
    assert taken(stripe_simulator) == []
    settings.CHECKOUT_CHARGE_DEPOSIT_AT_SIGN_UP = True
    fulfil.setups()
    assert taken(stripe_simulator) == [], "whoever has just saved the card is about to charge it"
    fulfil.setups(now=timezone.now() + timedelta(minutes=3))
    fulfil.setups(now=timezone.now() + timedelta(minutes=3))
    assert taken(stripe_simulator) == [3000]


def test_the_host_may_charge_the_deposit_itself(stripe_simulator: Any, pay: Any, settings: Any) -> None:
    settings.CHECKOUT_CHARGE_DEPOSIT_AT_SIGN_UP = False
    checkout = sign_up_with(pay)
    attempt = ObjectPaymentPlan.objects.charge_deposit(checkout.content_object, None)
    assert attempt.succeeded
    assert plan_of(checkout).payment_count == 4
    with pytest.raises(NotPayable):
        plan_of(checkout).charge_deposit(None)


def test_a_lost_answer_to_the_deposit_is_found_by_the_customers_next_look(
    stripe_simulator: Any, pay: Any, stripe_trouble: Any
) -> None:
    checkout = start_sign_up()
    pay(checkout)
    stripe_trouble("timeout_after_commit", times=2, path="/v1/payment_intents")
    payment.finish(checkout)
    assert deposit.look(checkout).step is deposit.Step.WAIT
    Checkout.objects.filter(action_id="charge").update(created=timezone.now() - timedelta(seconds=10))
    assert deposit.look(checkout).step is deposit.Step.PAID
    assert taken(stripe_simulator) == [3000]


def test_another_card_pays_a_declined_deposit_and_becomes_the_card(stripe_simulator: Any, pay: Any) -> None:
    checkout = sign_up_with(pay, FAILS_LATER)
    assert deposit.look(checkout).step is deposit.Step.DECLINED
    first = Customer.objects.get().payment_method_id
    instalment = deposit.deposit_of(checkout)
    paying = on_session.start(instalment, user=checkout.user)
    payment.begin(paying, shown_total=Decimal("30.00"))
    pay(paying, card=GOOD)
    payment.finish(paying)
    plan = plan_of(checkout)
    assert [one.state_id for one in plan.payments] == ["success", "pending", "pending", "pending"]
    customer = Customer.objects.get()
    assert customer.payment_method_id != first
    assert customer.last4 == "4242"
    at_stripe = library(stripe_simulator).customers.retrieve(customer.customer_id)
    assert at_stripe.invoice_settings.default_payment_method == customer.payment_method_id
    assert taken(stripe_simulator) == [3000]


def test_another_card_goes_on_with_the_intent_of_the_charge_that_waited(stripe_simulator: Any, pay: Any) -> None:
    checkout = sign_up_with(pay, ALWAYS_ASKS)
    instalment = deposit.deposit_of(checkout)
    waiting = instalment.attempts.get()
    paying = on_session.start(instalment, user=checkout.user)
    waiting.refresh_from_db()
    assert waiting.failed
    assert paying.takes_over == waiting
    assert paying.payment_intent_id == waiting.payment_intent_id
    payment.begin(paying, shown_total=Decimal("30.00"))
    pay(paying, card=GOOD)
    payment.finish(paying)
    assert taken(stripe_simulator) == [3000]


def test_by_hand_what_waits_for_the_customer_is_closed_at_stripe_first(stripe_simulator: Any, pay: Any) -> None:
    checkout = sign_up_with(pay, ALWAYS_ASKS)
    instalment = deposit.deposit_of(checkout)
    waiting = instalment.attempts.get()
    Checkout.objects.manual(instalment, UserFactory(is_staff=True))
    assert "error" in pay(waiting, card=GOOD)
    assert plan_of(checkout).deposit.state_id == "success"
    assert taken(stripe_simulator) == []


def test_by_hand_is_refused_while_the_outcome_is_unknown(stripe_simulator: Any, pay: Any, stripe_trouble: Any) -> None:
    checkout = start_sign_up()
    pay(checkout)
    stripe_trouble("timeout_after_commit", times=2, path="/v1/payment_intents")
    payment.finish(checkout)
    instalment = deposit.deposit_of(checkout)
    staff = UserFactory(is_staff=True)
    with pytest.raises((InProgress, NotPayable)):
        Checkout.objects.manual(instalment, staff)
    with pytest.raises(InProgress):
        Checkout.objects.charge(instalment, staff)
    assert ObjectPaymentPlanInstalment.objects.get().state_id == "request"


def test_a_customer_who_confirms_in_that_very_moment_is_not_lost(stripe_simulator: Any, pay: Any) -> None:
    checkout = start_sign_up()
    Checkout.objects.filter(pk=checkout.pk).update(created=timezone.now() - timedelta(minutes=61))
    # listed as waiting, confirmed a moment later, and only then cancelled
    setup = sign_up.retrieve(checkout)
    pay(checkout)
    assert setup.waiting
    assert sign_up.abandon(checkout) is True
    assert checkout.succeeded
    assert plan_of(checkout).deposit.state_id == "success"


def test_the_audit_finds_a_card_that_was_saved_after_all(stripe_simulator: Any, pay: Any, capsys: Any) -> None:
    checkout = start_sign_up()
    pay(checkout)
    Checkout.objects.filter(pk=checkout.pk).update(state_id="fail", claim=None)
    with pytest.raises(CommandError, match="--fix"):
        call_command("audit_failed_checkout")
    assert checkout.setup_intent_id in capsys.readouterr().out
    call_command("audit_failed_checkout", "--fix")
    checkout.refresh_from_db()
    assert checkout.succeeded
    assert plan_of(checkout).deposit.state_id == "success"
    assert taken(stripe_simulator) == [3000]


def test_one_sign_up_that_stripe_refuses_does_not_stop_the_others(stripe_simulator: Any, pay: Any) -> None:
    offer_plans()
    poisoned, good = start_sign_up(), start_sign_up()
    pay(poisoned)
    pay(good)
    library(stripe_simulator).customers.delete(poisoned.stripe_customer_id)
    report = fulfil.setups()
    assert (report.settled, report.errors) == (1, 1)
    good.refresh_from_db()
    assert good.succeeded
