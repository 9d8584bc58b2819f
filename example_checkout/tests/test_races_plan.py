"""Two at once at one instalment, plan or customer: one wins, the other is told so, and nobody is charged twice."""

import threading
from collections import Counter
from collections.abc import Callable
from typing import Any

import pytest
from django.db import connection, connections

from checkout import gateway
from checkout.errors import AlreadySettled, CheckoutError, InProgress, NotPayable
from checkout.flows import charge, payment, plan, rivals, run, settle, sign_up
from checkout.models import Checkout, Customer, ObjectPaymentPlan, ObjectPaymentPlanInstalment, PaymentRunItem
from example_checkout.tests.factories import UserFactory
from example_checkout.tests.plans import (
    ALWAYS_ASKS,
    fast_pace,
    let_fall_due,
    library,
    many_due,
    plan_of,
    saved_card,
    sign_up_with,
    start_sign_up,
)
from example_checkout.tests.test_races import at_once

pytestmark = pytest.mark.django_db(transaction=True)

one_writer = pytest.mark.skipif(connection.vendor == "sqlite", reason="SQLite lets one write after the other")
# A rival has certainly come to the lock by then.
MOMENT = 0.4


class Rival:
    """Work for ``at_once`` that may lose: keeps what it returned, and the error that it was told."""

    def __init__(self, work: Callable[[], Any]) -> None:
        self.work, self.answer, self.error = work, None, None

    def __call__(self) -> None:
        try:
            self.answer = self.work()
        except (CheckoutError, ValueError) as error:
            # ValueError: the bank's dialog has closed
            self.error = error


def meanwhile(
    monkeypatch: pytest.MonkeyPatch, place: tuple[Any, str], first: Callable[[], Any], second: Callable[[], Any]
) -> None:
    """Stop ``first`` when it comes to ``place`` until ``second`` has ended, or waits for it."""
    arrived, go_on = threading.Event(), threading.Event()
    original = getattr(*place)
    once = threading.Lock()

    def stop(*args: Any, **kwargs: Any) -> Any:
        if threading.current_thread().name == "first" and once.acquire(blocking=False):
            arrived.set()
            go_on.wait(20)
        return original(*args, **kwargs)

    monkeypatch.setattr(*place, stop)

    def work(what: Callable[[], Any]) -> None:
        try:
            what()
        finally:
            connections.close_all()

    threads = [
        threading.Thread(target=work, args=(what,), name=name) for what, name in ((first, "first"), (second, "second"))
    ]
    threads[0].start()
    assert arrived.wait(20), "the first never came there"
    threads[1].start()
    threads[1].join(MOMENT)
    go_on.set()
    for thread in threads:
        thread.join(30)
        assert not thread.is_alive()


def charge_all() -> Any:
    return run.process_payments(pace=fast_pace())


def taken(simulator: Any) -> list[int]:
    return [one.amount for one in library(simulator).charges.list({"limit": 100}) if one.status == "succeeded"]


@pytest.fixture
def one_due(stripe_simulator: Any, pay: Any) -> ObjectPaymentPlanInstalment:
    """An instalment of 30.00 that is due; the deposit has been charged."""
    (pk,) = let_fall_due(plan_of(sign_up_with(pay)))
    return ObjectPaymentPlanInstalment.objects.get(pk=pk)


@pytest.fixture
def staff(db: None) -> Any:
    return UserFactory(is_staff=True)


def assert_nothing_open() -> None:
    assert not Checkout.objects.filter(state_id="request").exists()
    # what waits for the customer's bank keeps its claim, so that nothing else is charged meanwhile
    assert not Checkout.objects.exclude(claim=None).exclude(state_id="pay_on_session").exists()


def assert_paid_once(instalment: ObjectPaymentPlanInstalment, told: list[int]) -> None:
    instalment.refresh_from_db()
    assert instalment.state_id == "success"
    winners = [one.pk for one in instalment.attempts if one.succeeded]
    assert len(winners) == 1
    assert [pk for pk in told if pk in winners] == winners
    assert_nothing_open()


def test_charge_now_and_a_run(stripe_simulator: Any, one_due: Any, staff: Any, told: list[int]) -> None:
    by_staff = Rival(lambda: Checkout.objects.charge(one_due, staff))
    at_once(by_staff, charge_all)
    assert_paid_once(one_due, told)
    assert taken(stripe_simulator) == [3000, 3000]
    assert by_staff.answer or isinstance(by_staff.error, InProgress | NotPayable)


def test_two_runs_share_the_work(stripe_simulator: Any) -> None:
    customer, method = saved_card(library(stripe_simulator))
    due = many_due(60, customer_id=customer, payment_method_id=method)
    runs = [Rival(charge_all) for _number in range(3)]
    at_once(*runs)
    # rows that a rival held at that moment were passed over: the next run has them
    charge_all()
    assert len(taken(stripe_simulator)) == len(due)
    assert Counter(PaymentRunItem.objects.values_list("outcome", flat=True)) == {"success": len(due)}
    assert [one.error for one in runs] == [None] * 3
    assert_nothing_open()


def test_by_hand_and_a_run(stripe_simulator: Any, one_due: Any, staff: Any, told: list[int]) -> None:
    by_hand = Rival(lambda: plan.mark_paid(one_due, user=staff))
    at_once(by_hand, charge_all)
    assert_paid_once(one_due, told)
    assert len(taken(stripe_simulator)) == (1 if by_hand.answer else 2)
    assert by_hand.answer or isinstance(by_hand.error, InProgress | NotPayable | AlreadySettled)


@one_writer
@pytest.mark.parametrize("card", ["pm_card_visa", "pm_card_authenticationRequired", "pm_card_chargeCustomerFail"])
def test_by_hand_when_a_whole_run_comes_between(
    monkeypatch: Any, stripe_simulator: Any, one_due: Any, staff: Any, told: list[int], card: str
) -> None:
    customer = one_due.customer
    method = saved_card(library(stripe_simulator), card)
    Customer.objects.filter(pk=customer.pk).update(customer_id=method[0], payment_method_id=method[1])
    by_hand = Rival(lambda: plan.mark_paid(one_due, user=staff))
    meanwhile(monkeypatch, (payment, "_new"), by_hand, charge_all)
    one_due.refresh_from_db()
    if card == "pm_card_visa":
        assert isinstance(by_hand.error, NotPayable | AlreadySettled | InProgress)
        assert len(taken(stripe_simulator)) == 2
        assert_paid_once(one_due, told)
    elif by_hand.error is None:
        assert_paid_once(one_due, told)
        assert not Checkout.objects.exclude(state_id__in=("success", "fail")).exists(), "the bank could still be asked"
    else:
        assert one_due.state_id in ("fail", "pay_on_session")
    assert_nothing_open()


def test_delete_and_a_run(stripe_simulator: Any, one_due: Any, staff: Any) -> None:
    whole = one_due.object_payment_plan
    deletion = Rival(lambda: plan.delete(whole, user=staff))
    at_once(deletion, charge_all)
    one_due.refresh_from_db()
    assert len(taken(stripe_simulator)) == (2 if one_due.state_id == "success" else 1)
    assert deletion.error is None or isinstance(deletion.error, InProgress)
    assert ObjectPaymentPlan.objects.get().deleted == (deletion.error is None)
    assert_nothing_open()


@one_writer
@pytest.mark.parametrize("who", ["run", "staff"])
def test_nothing_is_charged_of_a_plan_that_is_being_deleted(
    monkeypatch: Any, stripe_simulator: Any, one_due: Any, staff: Any, who: str
) -> None:
    rival = Rival(charge_all if who == "run" else lambda: Checkout.objects.charge(one_due, staff))
    deletion = Rival(lambda: plan.delete(one_due.object_payment_plan, user=staff))
    # the rows are locked, the plan is not marked yet
    meanwhile(monkeypatch, (plan.timezone, "now"), deletion, rival)
    assert deletion.error is None
    assert ObjectPaymentPlan.objects.get().deleted
    assert taken(stripe_simulator) == [3000]
    assert who == "run" or isinstance(rival.error, NotPayable)


def test_two_create_the_instalments(stripe_simulator: Any, one_due: Any) -> None:
    whole = one_due.object_payment_plan
    whole.payments.filter(deposit=False).delete()
    rivals = [Rival(whole.create_instalments) for _number in range(2)]
    at_once(*rivals)
    assert whole.payment_count == 4
    assert [type(one.error) for one in rivals if one.error] == [CheckoutError]


def test_two_sign_ups_of_one_address_make_one_customer(stripe_simulator: Any) -> None:
    first, second = start_sign_up(), start_sign_up()
    for checkout, email in ((first, "ada@example.com"), (second, "ADA@Example.com")):
        checkout.content_object.contact.email = email
        checkout.content_object.contact.save()
        Checkout.objects.filter(pk=checkout.pk).update(customer=None, stripe_customer_id="", setup_intent_id="")
    Customer.objects.all().delete()
    before = len(library(stripe_simulator).customers.list().data)
    fresh = [Checkout.objects.get(pk=checkout.pk) for checkout in (first, second)]
    at_once(*[Rival(lambda one=one: sign_up.ensure_intent(one)) for one in fresh])
    customer = Customer.objects.get()
    assert {row.customer_id for row in Checkout.objects.all()} == {customer.pk}
    assert len(library(stripe_simulator).customers.list().data) == before + 1


def test_two_settle_one_charge(stripe_simulator: Any, one_due: Any, told: list[int]) -> None:
    attempt = charge.claim(one_due, user=None)
    answer = gateway.charge(charge.request_for(attempt))
    rows = [Checkout.objects.get(pk=attempt.pk) for _number in range(3)]
    settled = [Rival(lambda row=row: settle.settle(row, answer)) for row in rows]
    at_once(*settled)
    assert sorted(bool(one.answer) for one in settled) == [False, False, True]
    assert [row.state_id for row in rows] == ["success"] * 3
    assert_paid_once(one_due, told)


@pytest.fixture
def paying(one_due: Any) -> Checkout:
    """Its customer has the page open."""
    return Checkout.objects.create_checkout("pay_on_session", one_due, None)


def test_the_customer_begins_and_a_run_claims(
    stripe_simulator: Any, pay: Any, one_due: Any, paying: Checkout, told: list[int]
) -> None:
    begun = Rival(lambda: payment.begin(paying, shown_total=one_due.amount))
    at_once(begun, charge_all)
    if begun.error is None:
        # the customer may pay: the run left it alone
        assert list(PaymentRunItem.objects.values_list("outcome", flat=True)) in (["skipped"], [])
        pay(paying)
        payment.finish(paying)
    else:
        assert isinstance(begun.error, InProgress | NotPayable | AlreadySettled)
    assert_paid_once(one_due, told)
    assert taken(stripe_simulator) == [3000, 3000]


@one_writer
def test_the_customers_payment_is_settled_while_a_run_claims(
    monkeypatch: Any, stripe_simulator: Any, pay: Any, one_due: Any, paying: Checkout, told: list[int]
) -> None:
    payment.begin(paying, shown_total=one_due.amount)
    pay(paying)
    charged = Rival(charge_all)
    # the claim is given back but not committed, which a run's insert waits for
    meanwhile(monkeypatch, (settle, "_record_card"), lambda: payment.finish(paying), charged)
    assert charged.error is None
    payment.finish(paying)
    assert_paid_once(one_due, told)
    assert taken(stripe_simulator) == [3000, 3000]


@one_writer
def test_a_run_claims_while_the_customers_payment_is_settled(
    monkeypatch: Any, stripe_simulator: Any, pay: Any, one_due: Any, paying: Checkout, told: list[int]
) -> None:
    payment.begin(paying, shown_total=one_due.amount)
    pay(paying)
    charged = Rival(charge_all)
    # the run holds the instalment's row
    meanwhile(monkeypatch, (charge, "write_claims"), charged, lambda: payment.finish(paying))
    assert charged.error is None
    payment.finish(paying)
    assert_paid_once(one_due, told)
    assert taken(stripe_simulator) == [3000, 3000]


def test_the_bank_is_answered_in_one_tab_and_the_page_is_used_in_another(
    stripe_simulator: Any, pay: Any, one_due: Any, paying: Checkout, told: list[int]
) -> None:
    customer, method = saved_card(library(stripe_simulator), "pm_card_authenticationRequired")
    Customer.objects.filter(pk=one_due.customer.pk).update(customer_id=customer, payment_method_id=method)
    charge_all()
    (attempt,) = one_due.attempts.filter(action_id="charge")
    assert attempt.state_id == "pay_on_session"
    begun = Rival(lambda: rivals.take_claim(paying, check=lambda target: None))
    at_once(Rival(lambda: pay(attempt, card=ALWAYS_ASKS)), begun)
    Checkout.objects.payment_intent_on_session_fulfillment()
    if begun.error is None:
        # what the bank was asked about is cancelled at Stripe
        pay(paying)
        payment.finish(paying)
    assert_paid_once(one_due, told)
    assert taken(stripe_simulator) == [3000, 3000]
