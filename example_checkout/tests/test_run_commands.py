"""process_payments and its kin, as they are typed: what they print and how they end."""

import io
from datetime import date, timedelta
from typing import Any

import pytest
from django.core.management import CommandError, call_command
from django.utils import timezone

from checkout import tasks
from checkout.models import Checkout, Customer, ObjectPaymentPlanInstalment, PaymentRun, PaymentRunItem
from example_checkout.celery import app
from example_checkout.tests.plans import let_fall_due, library, many_due, plan_of, saved_card, sign_up_with

pytestmark = pytest.mark.django_db(transaction=True)


def run(*arguments: str) -> str:
    out = io.StringIO()
    call_command(*arguments, stdout=out)
    return out.getvalue()


def taken(simulator: Any) -> int:
    charges = library(simulator).charges.list({"limit": 100}).auto_paging_iter()
    return sum(one.amount for one in charges if one.status == "succeeded")


def test_a_dry_run_says_who_would_be_charged_what_and_does_nothing(stripe_simulator: Any, pay: Any) -> None:
    plan = plan_of(sign_up_with(pay))
    let_fall_due(plan, day=date(2026, 3, 1))
    calls = sum(stripe_simulator.calls.values())
    printed = run("process_payments", "--dry-run").splitlines()
    assert printed == [
        f"2026-03-01        £30.00  {plan.customer.email}  visa 4242  plan {plan.pk}: Instalment 1 of 3",
        "      1          £30.00  would be charged",
    ]
    assert sum(stripe_simulator.calls.values()) == calls
    assert not PaymentRun.objects.exists()
    assert not Checkout.objects.filter(state_id="request").exists()


def test_the_end_is_a_summary_by_outcome_and_amount(stripe_simulator: Any, pay: Any) -> None:
    plan = plan_of(sign_up_with(pay))
    let_fall_due(plan, how_many=2)
    assert run("process_payments") == "      2          £60.00  Charged\n"
    assert run("process_payments") == "Nothing is due.\n"
    let_fall_due(plan)
    Customer.objects.update(payment_method_id="", customer_id="")
    assert run("process_payments") == "      1          £30.00  Skipped\n"


def test_a_key_that_stripe_refuses_ends_it_with_a_sentence(stripe_simulator: Any, pay: Any, settings: Any) -> None:
    many_due(7, customer_id="cus_nobody", payment_method_id="pm_nobody")
    with pytest.raises(CommandError, match=r"5 charges in a row.*released.*run it again"):
        run("process_payments")
    assert PaymentRun.objects.get().stopped


def test_a_host_that_raises_is_counted_and_nothing_is_lost(stripe_simulator: Any, pay: Any, monkeypatch: Any) -> None:
    from example_checkout.models import SalesLedger

    plan = plan_of(sign_up_with(pay))
    let_fall_due(plan)
    with monkeypatch.context() as broken:
        broken.setattr(SalesLedger, "checkout_success", lambda self, checkout: 1 / 0)
        with pytest.raises(CommandError, match="could not be settled here"):
            run("process_payments")
    assert plan.payments.filter(state_id="request").count() == 1
    Checkout.objects.filter(state_id="request").update(ask_after=timezone.now())
    assert "1 of 1 open charges settled." in run("payment_intent_fulfillment")
    assert plan.payments.filter(state_id="success").count() == 2
    assert taken(stripe_simulator) == 6000


def test_an_unknown_charge_is_skipped_by_the_next_run_and_says_so(
    stripe_simulator: Any, pay: Any, stripe_trouble: Any
) -> None:
    plan = plan_of(sign_up_with(pay))
    let_fall_due(plan)
    stripe_trouble("timeout_after_commit", times=2, path="/v1/payment_intents")
    assert "Outcome not known yet" in run("process_payments")
    PaymentRun.objects.update(date=timezone.localdate() - timedelta(days=1))
    run("process_payments")
    items = PaymentRunItem.objects.order_by("payment_run__date").values_list("outcome", "reason")
    assert list(items) == [("request", ""), ("skipped", "an earlier attempt is not resolved yet")]


def test_an_unknown_charge_older_than_a_day_is_an_alarm(
    stripe_simulator: Any, pay: Any, stripe_trouble: Any, caplog: Any
) -> None:
    plan = plan_of(sign_up_with(pay))
    let_fall_due(plan)
    stripe_trouble("timeout_after_commit", times=2, path="/v1/payment_intents")
    run("process_payments")
    long_ago = timezone.now() - timedelta(days=2)
    Checkout.objects.filter(state_id="request").update(created=long_ago, ask_after=timezone.now())
    stripe_trouble("reset_before", times=None, method="GET", path="/v1/payment_intents*")
    run("payment_intent_fulfillment")
    assert "charge unknown for more than a day" in caplog.text
    (left,) = Checkout.objects.filter(state_id="request")
    assert left.ask_after > timezone.now() + timedelta(hours=23)


def test_set_due_touches_the_next_pending_instalment_only(stripe_simulator: Any, pay: Any) -> None:
    plan = plan_of(sign_up_with(pay))
    before = list(plan.payments.values_list("due", flat=True))
    printed = run("testing_set_pending_instalment_due", str(plan.pk))
    assert printed == f"Instalment 1 of 3 of payment plan {plan.pk} is due today, {timezone.localdate()}.\n"
    after = list(plan.payments.values_list("due", flat=True))
    assert after == [before[0], timezone.localdate(), *before[2:]]
    assert run("process_payments") == "      1          £30.00  Charged\n"


def test_set_due_refuses_a_live_key_and_what_has_no_instalment(stripe_simulator: Any, pay: Any, settings: Any) -> None:
    plan = plan_of(sign_up_with(pay))
    with pytest.raises(CommandError, match="There is no payment plan"):
        run("testing_set_pending_instalment_due", "999999")
    settings.STRIPE_SECRET_KEY = "sk_live_123"
    with pytest.raises(CommandError, match="live"):
        run("testing_set_pending_instalment_due", str(plan.pk))
    settings.STRIPE_SECRET_KEY = "sk_test_simulator"
    plan.payments.filter(deposit=False).delete()
    with pytest.raises(CommandError, match="no pending instalment"):
        run("testing_set_pending_instalment_due", str(plan.pk))


def test_the_task_splits_the_run_and_a_second_delivery_charges_nothing(stripe_simulator: Any) -> None:
    customer, method = saved_card(library(stripe_simulator))
    due = many_due(230, customer_id=customer, payment_method_id=method)
    assert tasks.process_payments.delay().get() == 230
    assert set(ObjectPaymentPlanInstalment.objects.values_list("state_id", flat=True)) == {"success"}
    assert taken(stripe_simulator) == 230 * 1200
    run_pk = PaymentRun.objects.get().pk
    assert tasks.charge_instalments.delay(run_pk, due[:100]).get() == 0
    assert taken(stripe_simulator) == 230 * 1200
    (line,) = PaymentRun.objects.get().summary()
    assert (line.outcome, line.count) == ("success", 230)


def test_every_task_of_the_schedule_exists_and_answers(stripe_simulator: Any) -> None:
    for name, entry in tasks.BEAT_SCHEDULE.items():
        assert entry["task"] == f"checkout.tasks.{name}"
        assert app.tasks[entry["task"]].delay().get() == 0
    assert {"*/16", "*/14", "*/18"} <= {str(one["schedule"]._orig_minute) for one in tasks.BEAT_SCHEDULE.values()}


@pytest.mark.parametrize("name", ["process_payments", "charge_instalments"])
def test_tasks_that_charge_are_acknowledged_late(name: str) -> None:
    task = getattr(tasks, name)
    assert task.acks_late
    assert task.reject_on_worker_lost
