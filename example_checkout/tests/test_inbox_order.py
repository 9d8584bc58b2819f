"""Events in any order, late, lost, and about what is none of ours: each payment settles once, and stays settled."""

from collections.abc import Callable
from itertools import permutations
from typing import Any

import pytest
from django.core import mail
from django.core.management import call_command
from django.test import Client

from checkout.flows import fulfil, fulfil_charges, inbox, payment, run
from checkout.models import Checkout, Customer, Event, Notice, ObjectPaymentPlanInstalment, PaymentRunItem
from checkout.notify.outbox import send_unsent
from example_checkout.models import SalesLedger
from example_checkout.tests.events import about, all_events, begun, endpoint, post, told_of, wait
from example_checkout.tests.plans import (
    FAILS_LATER,
    fast_pace,
    let_fall_due,
    library,
    plan_of,
    sign_up_with,
    start_sign_up,
)

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.slow]
STEPS = ("event", "return", "command", "run")


def steps(checkout: Checkout) -> dict[str, Callable[[], Any]]:
    """Each way in which a payment can be heard of."""
    return {
        "event": lambda: post(about(checkout.payment_intent_id)),
        "return": lambda: Client().get(f"/pay/{checkout.uuid}/thanks/"),
        "command": fulfil.payments,
        "run": lambda: run.process_payments(pace=fast_pace()),
    }


@pytest.mark.slow
@pytest.mark.parametrize("order", list(permutations(STEPS)), ids="-".join)
def test_a_payment_settles_once_whoever_hears_of_it_first(
    stripe_simulator: Any, pay: Any, told: list[int], order: tuple[str, ...]
) -> None:
    checkout = begun()
    pay(checkout)
    for name in order:
        steps(checkout)[name]()
    checkout.refresh_from_db()
    assert (checkout.state_id, told) == ("success", [checkout.pk])
    assert not Notice.objects.exists()
    assert Event.objects.get().state == "done"


@pytest.mark.slow
@pytest.mark.parametrize("order", list(permutations(("event", "run", "resolve"))), ids="-".join)
def test_a_charge_whose_answer_was_lost_is_settled_by_whoever_hears_of_it_first(
    stripe_simulator: Any, pay: Any, stripe_trouble: Any, order: tuple[str, ...]
) -> None:
    plan = plan_of(sign_up_with(pay))
    (pk,) = let_fall_due(plan)
    stripe_trouble("timeout_after_commit", times=3, path="/v1/payment_intents")
    run.process_payments(pace=fast_pace())
    stripe_simulator.trouble.clear()
    charge = Checkout.objects.get(state_id="request")
    assert (charge.action_id, charge.payment_intent_id) == ("charge", "")
    todo = {
        "event": lambda: post(told_of(stripe_simulator, "payment_intent.succeeded")),
        "run": lambda: run.process_payments(pace=fast_pace()),
        "resolve": lambda: fulfil_charges.charges(),
    }
    heard = False
    for name in order:
        if name == "resolve":
            Checkout.objects.filter(pk=charge.pk, state_id="request").update(ask_after=charge.created)
        todo[name]()
        heard = heard or name != "run"
        charge.refresh_from_db()
        assert (charge.state_id == "success") is heard
    assert ObjectPaymentPlanInstalment.objects.get(pk=pk).state_id == "success"
    assert charge.payment_intent_id.startswith("pi_")
    taken = [one.amount for one in library(stripe_simulator).charges.list().data if one.status == "succeeded"]
    assert taken == [3000, 3000]
    assert PaymentRunItem.objects.get().outcome == "success"


def test_a_late_no_does_not_undo_a_yes(stripe_simulator: Any, pay: Any, told: list[int]) -> None:
    checkout = begun()
    pay(checkout, card="4000000000009995")
    pay(checkout)
    post(told_of(stripe_simulator, "payment_intent.succeeded"))
    for kind in ("payment_intent.payment_failed", "payment_intent.processing", "payment_intent.canceled"):
        assert post(about(checkout.payment_intent_id, kind)).status_code == 200
    checkout.refresh_from_db()
    assert (checkout.state_id, told) == ("success", [checkout.pk])
    assert set(Event.objects.values_list("state", "outcome")[:3]) == {("done", "was settled already")}
    assert SalesLedger.objects.get().failed is None


def test_a_no_in_the_browser_leaves_the_payment_open_and_costs_no_call(stripe_simulator: Any, pay: Any) -> None:
    checkout = begun()
    pay(checkout, card="4000000000009995")
    before = sum(stripe_simulator.calls.values())
    post(told_of(stripe_simulator, "payment_intent.payment_failed"))
    assert sum(stripe_simulator.calls.values()) == before
    checkout.refresh_from_db()
    assert checkout.state_id == "request"
    assert Event.objects.get().outcome == "nothing is decided yet"


def test_a_cancelled_intent_ends_the_payment(stripe_simulator: Any) -> None:
    checkout = begun()
    library(stripe_simulator).payment_intents.cancel(checkout.payment_intent_id)
    post(told_of(stripe_simulator, "payment_intent.canceled"))
    checkout.refresh_from_db()
    assert (checkout.state_id, Event.objects.get().outcome) == ("fail", "settled as fail")
    assert SalesLedger.objects.get().failed is not None


@pytest.mark.parametrize("uuid", ["", "not-a-uuid", "0b6ee7a1-7a44-4f2a-9b46-3f5f7d4f8a35"])
def test_intents_that_are_not_ours_are_none_of_our_business(
    stripe_simulator: Any, pay: Any, told: list[int], uuid: str
) -> None:
    made = library(stripe_simulator).payment_intents.create(
        {
            "amount": 12000,
            "currency": "gbp",
            "payment_method": "pm_card_visa",
            "confirm": True,
            "automatic_payment_methods": {"enabled": True, "allow_redirects": "never"},
            "metadata": {"checkout_uuid": uuid, "uuid": uuid},
        }
    )
    begun()
    for kind in ("payment_intent.succeeded", "payment_intent.payment_failed"):
        assert post(about(made.id, kind)).status_code == 200
    for kind, key in (("setup_intent.succeeded", "seti_other"), ("customer.deleted", "cus_other")):
        post(about(key, kind))
    for kind in ("updated", "detached", "automatically_updated"):
        post(about("pm_other", f"payment_method.{kind}"))
    post(about("ch_other", "invoice.paid"))
    assert {state for _type, state in all_events()} == {"ignored"}
    assert told == []
    assert Checkout.objects.get().state_id == "request"


def test_what_failed_here_and_was_paid_is_put_aside_once(stripe_simulator: Any, pay: Any, told: list[int]) -> None:
    checkout = begun()
    pay(checkout)
    Checkout.objects.filter(pk=checkout.pk).update(state_id="fail", claim=None)
    for _twice in range(2):
        post(about(checkout.payment_intent_id))
    checkout.refresh_from_db()
    assert (checkout.state_id, bool(checkout.quarantine), told) == ("fail", True, [])
    assert set(Event.objects.values_list("outcome", flat=True)) == {
        "put aside: failed here, but Stripe says that it was paid"
    }
    assert Notice.objects.filter(kind=Notice.QUARANTINE).count() == 1
    send_unsent()
    assert [one.to for one in mail.outbox] == [["accounts@example.com"]]


def test_another_amount_than_was_asked_for_is_put_aside(stripe_simulator: Any, pay: Any, told: list[int]) -> None:
    checkout = begun()
    Checkout.objects.filter(pk=checkout.pk).update(total=999)
    pay(checkout)
    for _twice in range(2):
        post(about(checkout.payment_intent_id))
    checkout.refresh_from_db()
    assert (checkout.held, told) == (True, [])
    assert all(one.startswith("put aside: ") for one in Event.objects.values_list("outcome", flat=True))
    assert Notice.objects.filter(kind=Notice.QUARANTINE).count() == 1


def test_events_doubled_and_in_another_order(
    deliver_webhooks: Any, settings: Any, pay: Any, stripe_trouble: Any, told: list[int]
) -> None:
    webhooks = endpoint(deliver_webhooks, settings)
    stripe_trouble("event_duplicate", times=None)
    stripe_trouble("event_reorder", times=None, share=0.5)
    checkout = begun()
    pay(checkout, card="4000000000009995")
    pay(checkout)
    assert webhooks() > 2
    assert set(webhooks.statuses) == {200}
    assert told == [checkout.pk]
    assert Event.objects.count() == len(set(Event.objects.values_list("event_id", flat=True)))
    assert {state for _type, state in all_events()} == {"done"}


# sign-ups


@pytest.mark.slow
@pytest.mark.parametrize("order", list(permutations(("event", "return", "command"))), ids="-".join)
def test_a_sign_up_settles_once_and_its_deposit_is_charged_once(
    stripe_simulator: Any, pay: Any, order: tuple[str, ...]
) -> None:
    checkout = start_sign_up()
    pay(checkout)
    todo = {
        "event": lambda: post(about(checkout.setup_intent_id, "setup_intent.succeeded")),
        "return": lambda: payment.finish(Checkout.objects.get(pk=checkout.pk)),
        "command": lambda: call_command("setup_intent_fulfillment"),
    }
    for name in order:
        todo[name]()
    plan = plan_of(checkout)
    assert list(plan.payments.values_list("state_id", flat=True)) == ["success", "pending", "pending", "pending"]
    assert Checkout.objects.filter(action_id="charge").count() == 1
    assert [one.amount for one in library(stripe_simulator).charges.list().data] == [3000]


def test_a_sign_up_that_fails_or_is_cancelled(stripe_simulator: Any, pay: Any) -> None:
    checkout = start_sign_up()
    pay(checkout, card="4000000000009987")
    post(about(checkout.setup_intent_id, "setup_intent.setup_failed"))
    checkout.refresh_from_db()
    assert checkout.state_id == "request"
    library(stripe_simulator).setup_intents.cancel(checkout.setup_intent_id)
    post(told_of(stripe_simulator, "setup_intent.canceled"))
    checkout.refresh_from_db()
    assert checkout.state_id == "fail"
    assert Event.objects.filter(state="done").count() == 2


# cards


def customer_with_plan(pay: Any) -> Customer:
    """Signed up, the deposit paid; the webhook has been told of all that."""
    customer = plan_of(sign_up_with(pay)).customer
    assert customer is not None
    return customer


def test_the_networks_new_number_is_kept(stripe_simulator: Any, deliver_webhooks: Any, settings: Any, pay: Any) -> None:
    webhooks = endpoint(deliver_webhooks, settings)
    customer = customer_with_plan(pay)
    webhooks()
    stripe_simulator.replace_card(customer.payment_method_id, 3, 2041, last4="1881")
    assert webhooks() == 1
    customer.refresh_from_db()
    assert (customer.last4, customer.expiry_date.isoformat()) == ("1881", "2041-03-31")
    last = Event.objects.order_by("pk").last()
    assert (last.type, last.outcome) == ("payment_method.automatically_updated", "card changed")
    # the same once more, from backfill say, changes nothing
    assert inbox.replay(last)
    assert last.outcome == "card as it was"


@pytest.mark.parametrize("how", ["update", "detach"])
def test_a_card_changed_or_taken_away_at_stripe(
    stripe_simulator: Any, deliver_webhooks: Any, settings: Any, pay: Any, how: str
) -> None:
    webhooks = endpoint(deliver_webhooks, settings)
    customer = customer_with_plan(pay)
    webhooks()
    methods = library(stripe_simulator).payment_methods
    if how == "update":
        methods.update(customer.payment_method_id, {"card": {"exp_month": 7, "exp_year": 2039}})
    else:
        methods.detach(customer.payment_method_id)
    webhooks()
    customer.refresh_from_db()
    if how == "update":
        assert customer.expiry_date.isoformat() == "2039-07-31"
    else:
        assert (customer.payment_method_id, customer.last4, customer.expiry_date) == ("", "", None)


def test_an_old_card_that_is_taken_away_leaves_the_new_one(stripe_simulator: Any, pay: Any) -> None:
    customer = customer_with_plan(pay)
    old = customer.payment_method_id
    Customer.objects.filter(pk=customer.pk).update(payment_method_id="pm_new")
    post(about(old, "payment_method.detached"))
    customer.refresh_from_db()
    assert customer.payment_method_id == "pm_new"


def test_a_customer_deleted_at_stripe_is_made_anew_by_the_next_sign_up(
    stripe_simulator: Any, deliver_webhooks: Any, settings: Any, pay: Any
) -> None:
    webhooks = endpoint(deliver_webhooks, settings)
    first = sign_up_with(pay)
    webhooks()
    customer = plan_of(first).customer
    before, uuid = customer.customer_id, customer.uuid
    library(stripe_simulator).customers.delete(before)
    webhooks()
    customer.refresh_from_db()
    assert (customer.customer_id, customer.payment_method_id) == ("", "")
    assert customer.uuid != uuid
    # who still says so later changes nothing any more
    assert post(about(before, "customer.deleted")).status_code == 200
    booking = SalesLedger.objects.create(
        contact=first.content_object.contact, product=first.content_object.product, title="Again"
    )
    again = sign_up_with(pay, booking=booking)
    webhooks()
    customer.refresh_from_db()
    assert customer.customer_id not in ("", before)
    assert customer.payment_method_id
    assert plan_of(again).deposit.state_id == "success"
    assert not Event.objects.exclude(state__in=("done", "ignored")).exists()


def test_a_declined_charge_heard_by_event_leads_to_one_mail(
    stripe_simulator: Any, deliver_webhooks: Any, settings: Any, pay: Any
) -> None:
    webhooks = endpoint(deliver_webhooks, settings)
    sign_up_with(pay, card=FAILS_LATER)
    webhooks()
    wait()
    inbox.work_due()
    failed = Checkout.objects.get(action_id="charge")
    assert failed.state_id == "fail"
    assert Notice.objects.filter(kind=Notice.PAYMENT_FAILED).count() == 1
    assert not Event.objects.exclude(state__in=("done", "ignored")).exists()
