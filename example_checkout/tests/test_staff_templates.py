"""The templates of payment plans: made, changed while nobody has agreed, retired."""

from typing import Any

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import reverse

from checkout.models import CheckoutError, CheckoutSettings, PaymentPlan
from checkout.staff_forms import PaymentPlanForm
from checkout.tests.factories import PaymentPlanFactory
from example_checkout.tests.hostile import TEXTS, TOTALS, each
from example_checkout.tests.plans import offer_plans
from example_checkout.tests.staff import EVERYTHING, TEMPLATE, make_plan, staff_with, words

pytestmark = [pytest.mark.django_db, pytest.mark.slow]
TERMS = {"name": "Quarterly", "slug": "quarterly", "deposit": "25", "count": "3", "interval": "3"}
CREATE = f"{TEMPLATE}.create"


@pytest.fixture
def staff() -> Client:
    return staff_with(*EVERYTHING)


def url(name: str, plan: Any = None) -> str:
    return reverse(f"{TEMPLATE}.{name}", args=[plan.pk] if plan else [])


def test_a_template_is_made_and_shows_an_example(staff: Client) -> None:
    assert "ask for an example" in words(staff.get(url("create")))
    answer = staff.post(url("create"), TERMS, follow=True)
    plan = PaymentPlan.objects.get(slug="quarterly")
    assert answer.redirect_chain == [(url("update", plan), 302)]
    said = words(answer)
    assert "Quarterly has been saved." in said
    assert said.count("£25.00") == 4
    assert "£100.00" in said


@pytest.mark.parametrize(("currency", "amount"), [("JPY", "¥25"), ("KWD", "KWD\xa025.000")])
def test_the_example_is_in_the_currency_of_the_site(staff: Client, settings: Any, currency: str, amount: str) -> None:
    settings.CHECKOUT_CURRENCY = currency
    page = staff.get(url("update", PaymentPlanFactory(deposit=25, count=3)))
    # a yen is worth too little for 100 of them to be divided
    assert amount in page.content.decode()
    assert ("too small to be charged" in words(page)) is (currency == "JPY")


def test_an_example_can_be_had_before_saving(staff: Client) -> None:
    said = words(staff.post(url("create"), {**TERMS, "preview": "1"}))
    assert said.count("£25.00") == 4
    assert not PaymentPlan.objects.exists()
    plan = PaymentPlanFactory(count=3)
    said = words(staff.post(url("update", plan), {**TERMS, "count": "1", "deposit": "50", "preview": "1"}))
    assert said.count("£50.00") == 2
    plan.refresh_from_db()
    assert plan.count == 3


def test_a_template_that_nobody_uses_is_changed(staff: Client) -> None:
    plan = PaymentPlanFactory()
    assert staff.post(url("update", plan), TERMS).status_code == 302
    plan.refresh_from_db()
    assert (plan.name, plan.deposit, plan.count, plan.interval) == ("Quarterly", 25, 3, 3)


ODD = {
    **{
        f"{name}-{value}": {name: value}
        for name in ("deposit", "count", "interval")
        for value in ("0", "-1", "1e5", "")
    },
    **{f"count-{name}": {"count": text} for name, text in TOTALS.items()},
    **{f"name-{name}": {"name": text} for name, text in TEXTS.items() if name in ("empty", "nul", "huge", "number")},
    **{f"slug-{name}": {"slug": text} for name, text in TEXTS.items()},
    "deposit-too-much": {"deposit": "101"},
    "count-too-many": {"count": "121"},
    "interval-too-long": {"interval": "61"},
    "count-huge": {"count": "9" * 30},
    "name-long": {"name": "x" * 101},
}
for name in ("count-wide-digits", "count-arabic-digits"):
    # 120 is a count in any script
    ODD.pop(name)


@pytest.mark.parametrize("odd", each(ODD))
def test_what_is_no_plan_is_refused_with_a_sentence_beside_the_field(staff: Client, odd: dict[str, str]) -> None:
    for name in ("create", "update"):
        plan = PaymentPlanFactory() if name == "update" else None
        before = list(PaymentPlan.objects.values())
        answer = staff.post(url(name, plan), {**TERMS, **odd})
        assert answer.status_code == 422
        assert set(answer.context["form"].errors) == set(odd)
        assert 'aria-invalid="true"' in answer.content.decode()
        assert list(PaymentPlan.objects.values()) == before


def test_two_templates_have_two_short_names(staff: Client) -> None:
    PaymentPlanFactory(slug="quarterly")
    answer = staff.post(url("create"), TERMS)
    assert (answer.status_code, list(answer.context["form"].errors)) == (422, ["slug"])


def test_two_at_once_with_one_short_name(staff: Client, monkeypatch: Any) -> None:
    PaymentPlanFactory(slug="quarterly")
    # the look before the leap, which both made in time
    monkeypatch.setattr(PaymentPlanForm, "validate_unique", lambda self: None)
    answer = staff.post(url("create"), TERMS)
    assert (answer.status_code, list(answer.context["form"].errors)) == (422, ["slug"])
    assert PaymentPlan.objects.count() == 1


def test_a_template_in_use_is_shown_and_not_changed(staff: Client) -> None:
    plan = make_plan("pending").payment_plan
    before = PaymentPlan.objects.values().get(pk=plan.pk)
    page = staff.get(url("update", plan))
    assert page.content.decode().count(" disabled") == 5
    assert "Somebody has agreed to these terms" in words(page)
    for sent in (TERMS, {}, {**TERMS, "preview": "1"}):
        answer = staff.post(url("update", plan), sent)
        assert answer.status_code == 422
        assert "This payment plan is in use and cannot be changed. Make a new one instead." in words(answer)
    assert PaymentPlan.objects.values().get(pk=plan.pk) == before


def test_a_template_that_somebody_agrees_to_while_the_form_is_open(staff: Client, monkeypatch: Any) -> None:
    plan = PaymentPlanFactory()
    before = PaymentPlan.objects.values().get(pk=plan.pk)
    clean = PaymentPlanForm.clean

    def meanwhile(self: Any) -> Any:
        make_plan("pending", payment_plan=PaymentPlan.objects.get(pk=plan.pk))
        return clean(self)

    monkeypatch.setattr(PaymentPlanForm, "clean", meanwhile)
    answer = staff.post(url("update", plan), TERMS)
    assert answer.status_code == 422
    assert "This payment plan is in use and cannot be changed." in words(answer)
    assert PaymentPlan.objects.values().get(pk=plan.pk) == before


def test_a_template_is_retired_once_and_its_plans_go_on(staff: Client) -> None:
    plan = make_plan("success", "pending").payment_plan
    assert "1 plan was made from it and goes on as agreed." in words(staff.get(url("delete", plan)))
    said = words(staff.post(url("delete", plan), follow=True))
    assert f"{plan.name} has been retired: it is offered no longer." in said
    assert "Retired" in said
    assert "has been retired already" in words(staff.post(url("delete", plan), follow=True))
    assert "has been retired" in words(staff.get(url("delete", plan)))
    assert "has been retired" in words(staff.get(url("update", plan)))
    assert PaymentPlan.objects.get(pk=plan.pk).deleted
    assert not PaymentPlan.objects.current().filter(pk=plan.pk).exists()


def test_retiring_the_default_warns(staff: Client) -> None:
    plan, other = offer_plans(), PaymentPlanFactory()
    assert "It is the default." in words(staff.get(url("delete", plan)))
    assert "It is the default." not in words(staff.get(url("delete", other)))
    assert "Default" in words(staff.get(url("list")))


def test_the_list_costs_the_same_for_twenty_five_as_for_one(staff: Client) -> None:
    def cost() -> int:
        with CaptureQueriesContext(connection) as captured:
            assert staff.get(url("list")).status_code == 200
        return len(captured)

    assert "No templates yet" in words(staff.get(url("list")))
    make_plan("pending")
    one = cost()
    for _number in range(24):
        make_plan("pending")
    assert cost() == one
    PaymentPlanFactory(name="A first one", deleted=True)
    answer = staff.get(url("list"))
    assert len(answer.context["object_list"]) == 25
    assert "A first one" in words(staff.get(url("list"), {"page": "2"}))
    for page in ("3", "x", "0", "\x00", "9" * 30):
        assert staff.get(url("list"), {"page": page}).status_code == 404


def test_the_model_refuses_too() -> None:
    plan = make_plan("pending").payment_plan
    plan.count = 9
    with pytest.raises(CheckoutError):
        plan.save()
    assert CheckoutSettings.objects.count() <= 1
