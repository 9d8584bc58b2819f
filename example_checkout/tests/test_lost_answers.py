"""A charge whose answer was lost: it is never let go of, and never made twice, whatever is answered to the question."""

from datetime import timedelta
from typing import Any

import pytest
import stripe
from django.utils import timezone

from checkout import gateway
from checkout.flows import charge, deposit, fulfil, fulfil_charges, run
from checkout.flows.settle import release
from checkout.flows.switchboard import NEVER_ASKED
from checkout.models import Checkout, ObjectPaymentPlanInstalment
from checkout.simulator.client import SimulatorHTTPClient, get_simulator
from example_checkout.tests.plans import fast_pace, let_fall_due, library, plan_of, sign_up_with

pytestmark = pytest.mark.django_db(transaction=True)

LATER = timedelta(minutes=6)
REFUSAL = b'{"error": {"type": "invalid_request_error", "message": "This key may not make payments."}}'


class ReadOnly(SimulatorHTTPClient):
    """The wire under a restricted key that may look and not charge."""

    def request(self, method: str, url: str, *args: Any, **kwargs: Any) -> Any:
        if method.lower() == "post":
            return REFUSAL.decode(), 403, {"Request-Id": "req_refused"}
        return super().request(method, url, *args, **kwargs)


def read_only_client() -> stripe.HTTPClient:
    return ReadOnly(get_simulator())


@pytest.fixture
def read_only(settings: Any) -> Any:
    """Call it, and Stripe refuses whatever is not a question; call it with False, and it does not."""

    def switch(on: bool = True) -> None:
        path = f"{__name__}.read_only_client" if on else "checkout.simulator.client.default_client"
        settings.CHECKOUT_STRIPE_HTTP_CLIENT = path
        gateway.reset()

    return switch


def taken(simulator: Any) -> int:
    return sum(one.status == "succeeded" for one in library(simulator).charges.list({"limit": 100}).auto_paging_iter())


def lose_an_answer(trouble: Any) -> None:
    # the library repeats a lost call once by itself
    trouble("timeout_after_commit", times=2, path="/v1/payment_intents")


def crowd(simulator: Any, count: int) -> None:
    """So much else happens at Stripe in that minute that a listing of a few pages does not come to it."""
    v1 = library(simulator)
    for _number in range(count):
        v1.payment_intents.create({"amount": 100, "currency": "gbp"})


def test_a_refusal_of_the_question_does_not_release_what_was_charged(
    stripe_simulator: Any, stripe_trouble: Any, pay: Any, read_only: Any
) -> None:
    plan = plan_of(sign_up_with(pay))
    (pk,) = let_fall_due(plan)
    lose_an_answer(stripe_trouble)
    run.process_payments(pace=fast_pace())
    crowd(stripe_simulator, 310)
    read_only()
    fulfil_charges.charges(now=timezone.now() + LATER)
    read_only(False)
    run.process_payments(pace=fast_pace())
    assert taken(stripe_simulator) == 2
    assert ObjectPaymentPlanInstalment.objects.get(pk=pk).state_id == "success"


def test_a_refusal_on_the_deposits_page_does_not_release_it(
    monkeypatch: Any, stripe_simulator: Any, stripe_trouble: Any, pay: Any, read_only: Any
) -> None:
    monkeypatch.setattr(deposit, "PATIENCE", timedelta(0))
    lose_an_answer(stripe_trouble)
    checkout = sign_up_with(pay)
    read_only()
    assert deposit.look(checkout).step is deposit.Step.WAIT
    read_only(False)
    assert deposit.look(checkout).step is deposit.Step.PAID
    assert taken(stripe_simulator) == 1


def test_a_deposit_that_was_released_is_charged_by_fulfilment(
    stripe_simulator: Any, stripe_trouble: Any, pay: Any
) -> None:
    # Stripe keeps a 500 under the key: nothing was charged, which is certain only when the key has died
    stripe_trouble("server_error", path="/v1/payment_intents")
    checkout = sign_up_with(pay)
    later = timezone.now() + timedelta(days=2)
    fulfil_charges.charges(now=later)
    assert plan_of(checkout).deposit.state_id == "pending"
    fulfil.setups(now=later)
    assert plan_of(checkout).deposit.state_id == "success"
    assert plan_of(checkout).payment_count == 4
    assert taken(stripe_simulator) == 1
    assert not Checkout.objects.filter(state_id="request").exists()


def test_what_fulfilment_asks_for_is_not_released_as_never_asked(
    monkeypatch: Any, stripe_simulator: Any, pay: Any
) -> None:
    plan = plan_of(sign_up_with(pay))
    (pk,) = let_fall_due(plan)
    # a run has claimed it, waits for its turn, and is stopped just when fulfilment has had it charged
    claimed = charge.claim(ObjectPaymentPlanInstalment.objects.get(pk=pk), user=None)
    original = fulfil_charges._settle

    def stopped_just_then(*args: Any) -> None:
        assert not release(claimed, NEVER_ASKED)
        original(*args)

    monkeypatch.setattr(fulfil_charges, "_settle", stopped_just_then)
    fulfil_charges.charges(now=timezone.now() + LATER)
    run.process_payments(pace=fast_pace())
    assert ObjectPaymentPlanInstalment.objects.get(pk=pk).state_id == "success"
    assert taken(stripe_simulator) == 2


def test_a_claim_that_waited_too_long_for_its_turn_is_given_back(
    monkeypatch: Any, stripe_simulator: Any, pay: Any
) -> None:
    let_fall_due(plan_of(sign_up_with(pay)))
    monkeypatch.setattr(charge, "FIRST_QUESTION", timedelta(0))
    report = run.process_payments(pace=fast_pace())
    assert report.count("released") == 1
    monkeypatch.undo()
    assert run.process_payments(pace=fast_pace()).count("success") == 1
    assert taken(stripe_simulator) == 2
