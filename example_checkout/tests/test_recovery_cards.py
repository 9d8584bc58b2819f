"""Journey 5: a new card is saved, and what waited for it goes back in line; expiry dates; cards from before SCA."""

from datetime import date, timedelta
from typing import Any

import pytest
from dateutil.relativedelta import relativedelta
from django.utils import timezone

from checkout.flows import card, expiry, fulfil, payment
from checkout.models import Checkout, Customer, Notice, ObjectPaymentPlan, ObjectPaymentPlanInstalment
from checkout.tests.helper import check_checkout
from example_checkout.tests.plans import ALWAYS_ASKS, FAILS_LATER, GOOD, let_fall_due, library, plan_of, sign_up_with
from example_checkout.tests.recovery import (
    ASKS,
    FAILS,
    LOST,
    charge_due,
    days_later,
    declined_with,
    due_with,
    fresh,
    put_on_file,
    taken,
)

pytestmark = pytest.mark.django_db(transaction=True)


def refresh_card(payer: Customer, pay: Any, number: str = GOOD, **how: Any) -> Checkout:
    """Save a new card in the browser, and come back."""
    checkout = card.start_refresh(payer, user=None)
    pay(checkout, card=number, **how)
    payment.finish(checkout)
    return checkout


@pytest.mark.parametrize("behaves", [FAILS, LOST, ASKS])
def test_what_waits_for_a_card_is_charged_to_the_new_one_the_next_day(
    stripe_simulator: Any, pay: Any, behaves: str
) -> None:
    part = declined_with(stripe_simulator, pay, behaves)
    checkout = refresh_card(part.payer, pay)
    assert checkout.succeeded
    payer = Customer.objects.get()
    assert payer.payment_method_id not in ("", part.payer.payment_method_id)
    assert (payer.brand, payer.last4, payer.refresh, payer.card_refused) == ("visa", "4242", False, False)
    # never twice a day
    assert charge_due().count("success") == 0
    with days_later(1):
        assert charge_due().count("success") == 1
    assert taken(stripe_simulator) == [3000, 3000]
    assert fresh(part).retries == 0


def test_what_the_customer_could_still_pay_is_closed_first(stripe_simulator: Any, pay: Any) -> None:
    part = declined_with(stripe_simulator, pay, ASKS)
    waiting = part.attempts.get()
    refresh_card(part.payer, pay)
    assert "error" in pay(waiting, card=GOOD)
    assert taken(stripe_simulator) == [3000]


def test_paid_at_that_moment_it_is_settled_and_not_charged_again(stripe_simulator: Any, pay: Any) -> None:
    part = declined_with(stripe_simulator, pay, ASKS)
    pay(part.attempts.get(), card=GOOD)
    refresh_card(part.payer, pay)
    assert fresh(part).state_id == "success"
    with days_later(1):
        charge_due()
    assert taken(stripe_simulator) == [3000, 3000]


def test_the_same_card_again_changes_nothing(stripe_simulator: Any, pay: Any) -> None:
    part = declined_with(stripe_simulator, pay, FAILS)
    assert card.put_back(part.payer.pk) == 0
    assert fresh(part).retry_due == part.retry_due


def test_three_d_secure_failed_leaves_the_card_on_file(stripe_simulator: Any, pay: Any) -> None:
    part = declined_with(stripe_simulator, pay, FAILS)
    checkout = refresh_card(part.payer, pay, ALWAYS_ASKS, authenticate="fail")
    assert checkout.is_open
    assert Customer.objects.get().payment_method_id == part.payer.payment_method_id
    pay(checkout, card=ALWAYS_ASKS)
    payment.finish(checkout)
    assert Customer.objects.get().last4 == "3184"


def test_a_deposit_that_waits_is_charged_to_the_new_card(stripe_simulator: Any, pay: Any) -> None:
    plan = plan_of(sign_up_with(pay, FAILS_LATER))
    refresh_card(plan.customer, pay)
    assert plan.deposit.state_id == "pending"
    with days_later(2):
        fulfil.setups()
    assert plan.deposit.state_id == "success"
    assert plan.payment_count == 4


def test_a_browser_that_never_came_back(stripe_simulator: Any, pay: Any) -> None:
    part = declined_with(stripe_simulator, pay, FAILS)
    checkout = card.start_refresh(part.payer, user=None)
    pay(checkout)
    assert fulfil.setups().settled == 1
    assert fresh(part).retry_due == timezone.localdate() + timedelta(days=1)
    assert Customer.objects.get().last4 == "4242"


def test_a_process_that_died_before_the_instalments_were_told(stripe_simulator: Any, pay: Any) -> None:
    from checkout.flows import sign_up

    part = declined_with(stripe_simulator, pay, FAILS)
    checkout = card.start_refresh(part.payer, user=None)
    pay(checkout)
    sign_up.conclude(checkout, sign_up.retrieve(checkout))
    assert fresh(part).retries == 1
    fulfil.setups()
    assert (fresh(part).retries, fresh(part).retry_due) == (0, timezone.localdate() + timedelta(days=1))


def test_two_tabs_share_one_checkout(stripe_simulator: Any, pay: Any) -> None:
    plan = plan_of(sign_up_with(pay))
    first, second = (card.start_refresh(plan.customer, user=None) for _tab in range(2))
    assert first == second


def test_a_refresh_left_for_an_hour_is_cancelled(stripe_simulator: Any, pay: Any) -> None:
    plan = plan_of(sign_up_with(pay))
    checkout = card.start_refresh(plan.customer, user=None)
    Checkout.objects.filter(pk=checkout.pk).update(created=timezone.now() - timedelta(minutes=61))
    assert fulfil.setups().settled == 1
    checkout.refresh_from_db()
    assert checkout.failed
    assert "error" in pay(checkout)


def test_the_customer_follows_the_host_contract(stripe_simulator: Any, pay: Any) -> None:
    check_checkout(plan_of(sign_up_with(pay)).customer)


# expiry dates


def expires(simulator: Any, customer: Customer, day: date) -> None:
    """The networks replace the card behind the same id."""
    simulator.replace_card(customer.payment_method_id, exp_month=day.month, exp_year=day.year)


def test_expiry_dates_are_read_and_the_customer_is_told_once(stripe_simulator: Any, pay: Any) -> None:
    customer = plan_of(sign_up_with(pay)).customer
    soon = timezone.localdate()
    expires(stripe_simulator, customer, soon)
    for _day in range(2):
        report = expiry.refresh_card_expiry_dates()
    assert (report.customers, report.expiring, report.missing) == (1, 1, 0)
    customer.refresh_from_db()
    assert customer.refresh
    assert customer.is_expiring
    assert (customer.expiry_date.year, customer.expiry_date.month) == (soon.year, soon.month)
    assert Notice.objects.filter(kind=Notice.CARD_EXPIRING).count() == 1
    # the bank sends a new card: the new date is kept, and nobody is asked any more
    expires(stripe_simulator, customer, soon + relativedelta(years=3))
    assert expiry.refresh_card_expiry_dates().changed == 1
    customer.refresh_from_db()
    assert not customer.refresh
    assert customer.expiry_date.year == soon.year + 3


def test_who_was_marked_before_the_upgrade_is_not_mailed_again(stripe_simulator: Any, pay: Any) -> None:
    customer = plan_of(sign_up_with(pay)).customer
    Customer.objects.filter(pk=customer.pk).update(refresh=True)
    expires(stripe_simulator, customer, timezone.localdate())
    expiry.refresh_card_expiry_dates()
    assert Notice.objects.filter(kind=Notice.CARD_EXPIRING).count() == 0


def test_by_listing_and_not_one_by_one(stripe_simulator: Any, pay: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    for _customer in range(3):
        plan_of(sign_up_with(pay))
    stripe_simulator.record = True
    before = len(stripe_simulator.exchanges)
    assert expiry.refresh_card_expiry_dates().customers == 3
    assert len(stripe_simulator.exchanges) - before == 1


def test_a_card_that_stripe_does_not_know_is_counted_and_left(stripe_simulator: Any, pay: Any) -> None:
    """It may be another account's; one that was detached is taken off file, for it can never be charged again."""
    customer = plan_of(sign_up_with(pay)).customer
    library(stripe_simulator).payment_methods.detach(customer.payment_method_id)
    Customer.objects.update(expiry_date=None, payment_method_id="pm_of_nobody")
    report = expiry.refresh_card_expiry_dates()
    assert (report.customers, report.missing) == (1, 1)
    customer.refresh_from_db()
    assert customer.payment_method_id == "pm_of_nobody"


def test_the_report_begins_with_what_expires_first(stripe_simulator: Any, pay: Any) -> None:
    plans = [plan_of(sign_up_with(pay)) for _plan in range(3)]
    for plan, day in zip(plans, (date(2031, 1, 31), date(2030, 1, 31), None), strict=True):
        Customer.objects.filter(pk=plan.customer_id).update(expiry_date=day)
    found = ObjectPaymentPlan.objects.report_card_expiry_dates
    assert list(found) == [plans[2], plans[1], plans[0]]


# cards from before SCA


def legacy(simulator: Any, customer: Customer, number: str = GOOD) -> str:
    """The customer has only a card that was saved the old way."""
    v1 = library(simulator)
    for method in v1.payment_methods.list({"customer": customer.customer_id}).data:
        v1.payment_methods.detach(method.id)
    old: str = simulator.legacy_card(customer.customer_id, number=number)
    Customer.objects.filter(pk=customer.pk).update(payment_method_id="", brand="", last4="", expiry_date=None)
    return old


def test_a_legacy_card_is_found_shown_and_charged(stripe_simulator: Any, pay: Any) -> None:
    part = due_with(stripe_simulator, pay, "pm_card_visa")
    old = legacy(stripe_simulator, part.payer)
    assert charge_due().count("success") == 1
    payer = fresh(part).payer
    assert (payer.payment_method_id, payer.brand, payer.last4, payer.is_legacy) == (old, "visa", "4242", True)
    assert taken(stripe_simulator) == [3000, 3000]


def test_a_legacy_card_is_moved_over_by_the_refresh(stripe_simulator: Any, pay: Any) -> None:
    part = due_with(stripe_simulator, pay, "pm_card_visa")
    legacy(stripe_simulator, part.payer, ALWAYS_ASKS)
    assert charge_due().count("pay_on_session") == 1
    refresh_card(fresh(part).payer, pay)
    payer = fresh(part).payer
    assert not payer.is_legacy
    assert payer.payment_method_id.startswith("pm_")
    with days_later(1):
        assert charge_due().count("success") == 1


def test_the_expiry_dates_of_legacy_cards_are_read_too(stripe_simulator: Any, pay: Any) -> None:
    customer = plan_of(sign_up_with(pay)).customer
    old = legacy(stripe_simulator, customer)
    assert expiry.refresh_card_expiry_dates().changed == 1
    customer.refresh_from_db()
    assert (customer.payment_method_id, customer.last4) == (old, "4242")
    assert customer.expiry_date is not None


def test_instalments_of_other_plans_go_back_in_line_too(stripe_simulator: Any, pay: Any) -> None:
    part = declined_with(stripe_simulator, pay, FAILS)
    other = plan_of(sign_up_with(pay))
    ObjectPaymentPlan.objects.filter(pk=other.pk).update(customer=part.payer)
    (pk,) = let_fall_due(other)
    put_on_file(stripe_simulator, part, FAILS)
    charge_due()
    refresh_card(part.payer, pay)
    with days_later(1):
        assert charge_due().count("success") == 2
    assert ObjectPaymentPlanInstalment.objects.get(pk=pk).state_id == "success"


# the pass for what was left behind


def test_the_pass_leaves_a_page_alone_that_its_customer_opened_since(stripe_simulator: Any, pay: Any) -> None:
    """Back in line for tomorrow, and the customer pays today: every fourteen minutes the page was closed on them."""
    part = declined_with(stripe_simulator, pay, FAILS)
    refresh_card(part.payer, pay)
    checkout = Checkout.objects.create_checkout_pay_on_session(part, None)
    payment.begin(checkout, shown_total=checkout.total)
    fulfil.setups()
    checkout.refresh_from_db()
    assert checkout.is_open
    pay(checkout)
    payment.finish(checkout)
    assert fresh(part).state_id == "success"
    with days_later(1):
        charge_due()
    assert taken(stripe_simulator) == [3000, 3000]


def test_however_long_ago_the_card_was_saved(stripe_simulator: Any, pay: Any) -> None:
    from checkout.flows import sign_up

    part = declined_with(stripe_simulator, pay, FAILS)
    checkout = card.start_refresh(part.payer, user=None)
    pay(checkout)
    sign_up.conclude(checkout, sign_up.retrieve(checkout))
    with days_later(30):
        fulfil.setups()
        assert fresh(part).state_id == "pending"
        assert charge_due().count("success") == 1


def test_those_who_wait_with_the_same_card_do_not_keep_the_others_waiting(
    stripe_simulator: Any, pay: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    from checkout.flows import sign_up

    monkeypatch.setattr(card, "STRAGGLERS", 1)
    first, second = (declined_with(stripe_simulator, pay, FAILS) for _customer in range(2))
    assert first.payer.pk < second.payer.pk
    # the first has saved a card, too, and it is the one that was declined
    declined = card.start_refresh(first.payer, user=None)
    pay(declined, card="4000000000000341")
    payment.finish(declined)
    with days_later(1):
        charge_due()
    checkout = card.start_refresh(second.payer, user=None)
    pay(checkout)
    sign_up.conclude(checkout, sign_up.retrieve(checkout))
    with days_later(2):
        fulfil.setups()
    assert fresh(second).retries == 0
