"""Journey 3: the payment run charges what is due, once, and says what became of each."""

from datetime import timedelta
from typing import Any

import pytest
from django.utils import timezone

from checkout.errors import StripeRefused
from checkout.flows import fulfil_charges, plan, run
from checkout.models import (
    Checkout,
    Customer,
    ObjectPaymentPlan,
    ObjectPaymentPlanInstalment,
    PaymentRun,
    PaymentRunItem,
)
from example_checkout.tests.factories import UserFactory
from example_checkout.tests.plans import (
    fast_pace,
    let_fall_due,
    library,
    many_due,
    plan_of,
    saved_card,
    sign_up_with,
)

pytestmark = pytest.mark.django_db(transaction=True)


def taken(simulator: Any) -> list[int]:
    charges = library(simulator).charges.list({"limit": 100}).auto_paging_iter()
    return [one.amount for one in charges if one.status == "succeeded"]


def states(plan: ObjectPaymentPlan) -> str:
    return " ".join(one.state_id for one in plan.payments)


def items() -> list[tuple[str, str]]:
    return [(item.outcome, item.reason) for item in PaymentRunItem.objects.order_by("pk")]


@pytest.fixture
def signed_up(stripe_simulator: Any, pay: Any) -> ObjectPaymentPlan:
    return plan_of(sign_up_with(pay))


def replace_card(simulator: Any, customer: Customer, card: str) -> None:
    """Give the customer's row a card that behaves as ``card`` once it was set up."""
    v1 = library(simulator)
    made = v1.setup_intents.create(
        {
            "customer": customer.customer_id,
            "payment_method": card,
            "confirm": True,
            "automatic_payment_methods": {"enabled": True, "allow_redirects": "never"},
        }
    )
    if made.status == "requires_action":
        simulator.authenticate(made.id, "complete")
        made = v1.setup_intents.retrieve(made.id)
    Customer.objects.filter(pk=customer.pk).update(payment_method_id=str(made.payment_method))


def test_what_is_due_is_charged_once(stripe_simulator: Any, signed_up: ObjectPaymentPlan) -> None:
    let_fall_due(signed_up)
    assert ObjectPaymentPlanInstalment.objects.process_payments() == 1
    assert ObjectPaymentPlanInstalment.objects.process_payments() == 0
    assert states(signed_up) == "success success pending pending"
    assert taken(stripe_simulator) == [3000, 3000]
    assert items() == [("success", "")]
    (line,) = PaymentRun.objects.get().summary()
    assert (line.outcome, line.count, line.amount, line.currency) == ("success", 1, 30, "GBP")


def test_to_the_last_penny(stripe_simulator: Any, signed_up: ObjectPaymentPlan) -> None:
    let_fall_due(signed_up, how_many=3, day=timezone.localdate() - timedelta(days=3))
    report = run.process_payments()
    assert (report.count("success"), report.errors) == (3, 0)
    assert signed_up.is_paid
    booking = signed_up.content_object
    booking.refresh_from_db()
    assert booking.paid is not None
    assert taken(stripe_simulator) == [3000] * 4


def test_a_decline_is_an_answer_and_the_bank_may_want_the_customer(
    stripe_simulator: Any, signed_up: ObjectPaymentPlan
) -> None:
    let_fall_due(signed_up)
    replace_card(stripe_simulator, signed_up.customer, "pm_card_chargeCustomerFail")
    run.process_payments()
    let_fall_due(signed_up)
    replace_card(stripe_simulator, signed_up.customer, "pm_card_authenticationRequired")
    run.process_payments()
    assert states(signed_up) == "success fail pay_on_session pending"
    assert items() == [("fail", "card_declined generic_decline"), ("pay_on_session", "authentication_required")]
    assert taken(stripe_simulator) == [3000]
    assert run.process_payments().total == 0


@pytest.mark.parametrize("name", ["timeout_after_commit", "reset_before", "conflict", "server_error"])
def test_an_unknown_outcome_is_resolved_by_asking(
    stripe_simulator: Any, stripe_trouble: Any, signed_up: ObjectPaymentPlan, name: str
) -> None:
    let_fall_due(signed_up)
    # the library tries a lost call once more by itself; a 500 is replayed to it
    stripe_trouble(name, times=1 if name == "server_error" else 2, path="/v1/payment_intents")
    report = run.process_payments()
    assert report.count("request") == 1
    assert states(signed_up) == "success request pending pending"
    assert items() == [("request", "")]
    assert run.process_payments().total == 0, "an unknown attempt blocks every new one"

    later = timezone.now() + timedelta(minutes=6)
    fulfil_charges.charges(now=later)
    if name == "server_error":
        # Stripe keeps a 500 under its key for a day: then nothing was charged, and that is certain
        fulfil_charges.charges(now=later + timedelta(days=2))
        assert states(signed_up) == "success pending pending pending"
        assert items()[0][0] == "released"
        run.process_payments()
    assert states(signed_up) == "success success pending pending"
    assert items()[0][0] == "success"
    assert taken(stripe_simulator) == [3000, 3000]


def test_being_told_to_slow_down_is_waited_out(
    stripe_simulator: Any, stripe_trouble: Any, signed_up: ObjectPaymentPlan
) -> None:
    let_fall_due(signed_up, how_many=3)
    stripe_trouble("rate_limit", times=2, path="/v1/payment_intents")
    assert run.process_payments().count("success") == 3
    assert taken(stripe_simulator) == [3000] * 4


def test_five_refusals_in_a_row_stop_it_and_release(stripe_simulator: Any, settings: Any, signed_up: Any) -> None:
    due = many_due(60, customer_id="cus_nobody", payment_method_id="pm_nobody")
    with pytest.raises(StripeRefused, match="5 charges in a row"):
        run.process_payments()
    left = ObjectPaymentPlanInstalment.objects.filter(pk__in=due)
    assert set(left.values_list("state_id", flat=True)) == {"pending"}
    assert not Checkout.objects.filter(state_id="request").exists()
    assert "nobody" not in PaymentRun.objects.get().stopped
    assert {outcome for outcome, _reason in items()} == {"released"}


def test_no_card_is_skipped_and_says_so(stripe_simulator: Any, signed_up: ObjectPaymentPlan) -> None:
    let_fall_due(signed_up)
    Customer.objects.update(payment_method_id="", customer_id="")
    assert run.process_payments().count("skipped") == 1
    assert items() == [("skipped", "no card on file")]
    assert states(signed_up) == "success pending pending pending"


def test_a_deleted_plan_is_charged_no_more(stripe_simulator: Any, signed_up: ObjectPaymentPlan) -> None:
    let_fall_due(signed_up)
    plan.delete(signed_up, user=UserFactory(is_staff=True))
    assert run.process_payments().total == 0
    assert taken(stripe_simulator) == [3000]


def test_by_hand_is_charged_no_more(stripe_simulator: Any, signed_up: ObjectPaymentPlan) -> None:
    (pk,) = let_fall_due(signed_up)
    instalment = ObjectPaymentPlanInstalment.objects.get(pk=pk)
    checkout = Checkout.objects.manual(instalment, UserFactory(is_staff=True))
    assert checkout.succeeded
    assert run.process_payments().total == 0
    assert states(signed_up) == "success success pending pending"
    assert taken(stripe_simulator) == [3000]


def test_many(stripe_simulator: Any) -> None:
    customer, method = saved_card(library(stripe_simulator))
    due = many_due(230, customer_id=customer, payment_method_id=method)
    report = run.process_payments(pace=fast_pace())
    assert (report.count("success"), report.total) == (len(due), len(due))
    assert len(taken(stripe_simulator)) == len(due)
