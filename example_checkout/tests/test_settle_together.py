"""Many answers at hand are settled in one transaction, and end as they would one by one."""

from datetime import timedelta
from typing import Any

import pytest
from django.utils import timezone

from checkout import gateway
from checkout.flows import charge, claims, fulfil_charges, run
from checkout.gateway import Intent
from checkout.models import Checkout, Customer, ObjectPaymentPlanInstalment, PaymentRun, PaymentRunItem
from example_checkout.models import SalesLedger
from example_checkout.tests.plans import fast_pace, library, many_due, saved_card

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def due(stripe_simulator: Any) -> list[int]:
    """Five instalments of five bookings."""
    customer, method = saved_card(library(stripe_simulator))
    return many_due(5, customer_id=customer, payment_method_id=method, per_plan=1)


def answered(pks: list[int]) -> list[tuple[Checkout, Intent]]:
    """Claimed, asked, and not settled yet."""
    opened = PaymentRun.objects.create(date=timezone.localdate())
    batch = claims.claim_batch(opened, pks)
    return [(one.checkout, gateway.charge(one.request)) for one in batch.claimed]


def states() -> list[str]:
    return list(ObjectPaymentPlanInstalment.objects.order_by("pk").values_list("state_id", flat=True))


def outcomes() -> list[str]:
    return list(PaymentRunItem.objects.order_by("instalment_id").values_list("outcome", flat=True))


@pytest.fixture
def moody(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The numbers of bookings whose host raises when it hears of its payment."""
    numbers: list[str] = []
    original = SalesLedger.checkout_success

    def success(self: Any, checkout: Any) -> None:
        original(self, checkout)
        if self.number in numbers:
            raise RuntimeError("not today")

    monkeypatch.setattr(SalesLedger, "checkout_success", success)
    return numbers


def test_all_of_them_at_once(due: list[int], told: list[int]) -> None:
    answers = answered(due)
    assert charge.conclude_together(answers) == [True] * 5
    assert states() == outcomes() == ["success"] * 5
    assert [checkout.state_id for checkout, _answer in answers] == ["success"] * 5
    assert sorted(told) == sorted(checkout.pk for checkout, _answer in answers)
    assert SalesLedger.objects.filter(number__startswith="M", paid__isnull=False).count() == 5
    assert charge.conclude_together(answers) == [False] * 5, "a repeat is an ordinary False"
    assert len(told) == 5


def test_each_ends_as_its_own_answer_says(stripe_simulator: Any, due: list[int], told: list[int]) -> None:
    customer, method = saved_card(library(stripe_simulator), "pm_card_chargeCustomerFail")
    first = ObjectPaymentPlanInstalment.objects.get(pk=due[0])
    other = Customer.objects.create(email="declined@example.com", customer_id=customer, payment_method_id=method)
    type(first.object_payment_plan).objects.filter(pk=first.object_payment_plan_id).update(customer=other)
    answers = answered(due)
    # what Stripe reports of the last one is not what was asked
    Checkout.objects.filter(pk=answers[4][0].pk).update(total=1)
    assert charge.conclude_together(answers) == [True, True, True, True, False]
    assert states() == ["fail", "success", "success", "success", "request"]
    assert outcomes() == states()
    assert PaymentRunItem.objects.get(instalment=due[0]).reason == "card_declined generic_decline"
    held = Checkout.objects.get(pk=answers[4][0].pk)
    assert (held.state_id, "asked 1.000" in held.quarantine) == ("request", True)
    assert len(told) == 3


def test_a_host_that_raises_undoes_no_other(
    stripe_simulator: Any, due: list[int], told: list[int], moody: list[str]
) -> None:
    moody.append("M0000002")
    answers = answered(due)
    assert charge.conclude_together(answers) == [False] * 5
    assert set(states()) == set(outcomes()) == {"request"}
    assert [charge.conclude(*pair) for pair in answers] == [True, True, None, True, True]
    assert states() == outcomes() == ["success", "success", "request", "success", "success"]


def test_a_run_beside_such_a_host(stripe_simulator: Any, due: list[int], moody: list[str]) -> None:
    moody.append("M0000003")
    report = run.process_payments(pace=fast_pace())
    assert (report.count("success"), report.count("request"), report.errors) == (4, 1, 1)
    moody.clear()
    fulfil_charges.charges(now=timezone.now() + timedelta(minutes=6))
    assert states() == outcomes() == ["success"] * 5
    taken = library(stripe_simulator).payment_intents.list({"limit": 100}).data
    assert [one.status for one in taken] == ["succeeded"] * 5
