"""The template of a payment plan: what it refuses to be, and that one in use stays as it was agreed to."""

from typing import Any

import pytest
from django.core.exceptions import ValidationError

from checkout.errors import CheckoutError
from checkout.models import PaymentPlan
from checkout.tests.factories import AgreementFactory, ObjectPaymentPlanFactory, PaymentPlanFactory
from example_checkout.tests.factories import SalesLedgerFactory

GOOD = {"slug": "thirds", "name": "Thirds", "deposit": 25, "count": 3, "interval": 1}


@pytest.mark.parametrize(
    ("field", "value"),
    [
        *[(field, value) for field in ("deposit", "count", "interval") for value in (0, -1, -100, None)],
        ("deposit", 101),
        ("deposit", 1000),
        ("count", 121),
        ("interval", 61),
        ("slug", ""),
        ("slug", "not a slug"),
        ("name", ""),
    ],
)
@pytest.mark.django_db
def test_what_cannot_be_a_plan_is_refused(field: str, value: Any) -> None:
    with pytest.raises(ValidationError) as caught:
        PaymentPlan.objects.create_payment_plan(**{**GOOD, field: value})
    assert set(caught.value.message_dict) == {field}
    assert not PaymentPlan.objects.exists()


@pytest.mark.parametrize(
    "values", [{}, {"deposit": 1}, {"deposit": 100}, {"count": 1}, {"count": 120}, {"interval": 60}]
)
@pytest.mark.django_db
def test_what_can_be_a_plan_is_made(values: dict[str, int]) -> None:
    made = PaymentPlan.objects.create_payment_plan(**{**GOOD, **values})
    assert PaymentPlan.objects.get() == made
    assert {name: getattr(made, name) for name in GOOD} == {**GOOD, **values}
    assert not made.in_use


@pytest.mark.django_db
def test_a_short_name_is_used_once() -> None:
    PaymentPlan.objects.create_payment_plan(**GOOD)
    with pytest.raises(ValidationError) as caught:
        PaymentPlan.objects.create_payment_plan(**GOOD)
    assert set(caught.value.message_dict) == {"slug"}


@pytest.mark.django_db
def test_clean_does_not_stumble_over_what_is_missing() -> None:
    PaymentPlan(deposit=None, count=None, interval=None).clean()


@pytest.mark.django_db
def test_the_current_ones_are_those_that_are_not_retired() -> None:
    kept, retired = PaymentPlanFactory(), PaymentPlanFactory()
    retired.retire()
    assert list(PaymentPlan.objects.current()) == [kept]
    assert PaymentPlan.objects.count() == 2


def agreed() -> PaymentPlan:
    """A plan that somebody has agreed to, and not yet signed up for."""
    plan: PaymentPlan = AgreementFactory(checkout__content_object=SalesLedgerFactory()).payment_plan
    return plan


def made() -> PaymentPlan:
    """A plan that goes on for somebody."""
    plan: PaymentPlan = ObjectPaymentPlanFactory(content_object=SalesLedgerFactory()).payment_plan
    return plan


@pytest.mark.parametrize("used", [agreed, made])
@pytest.mark.parametrize(
    ("field", "value"), [("deposit", 30), ("count", 4), ("interval", 2), ("name", "Other"), ("slug", "other")]
)
@pytest.mark.django_db
def test_one_in_use_cannot_change(used: Any, field: str, value: Any) -> None:
    plan = used()
    before = getattr(plan, field)
    assert plan.in_use
    setattr(plan, field, value)
    with pytest.raises(CheckoutError, match=f"{field} cannot change") as caught:
        plan.save()
    assert "in use" in str(caught.value.customer_message)
    plan.refresh_from_db()
    assert getattr(plan, field) == before


@pytest.mark.parametrize("used", [agreed, made])
@pytest.mark.django_db
def test_one_in_use_can_be_retired(used: Any) -> None:
    plan = used()
    plan.retire()
    assert not PaymentPlan.objects.current().exists()
    assert PaymentPlan.objects.get().deleted


@pytest.mark.django_db
def test_one_that_nobody_uses_can_change() -> None:
    plan = PaymentPlanFactory()
    plan.count = 6
    plan.save()
    plan.refresh_from_db()
    assert plan.count == 6
