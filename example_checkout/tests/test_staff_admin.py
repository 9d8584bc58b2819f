"""The package's models in Django's admin: to be read, except the checkout settings."""

from typing import Any

import pytest
from django.apps import apps
from django.contrib import admin
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import reverse

from checkout.admin import ReadOnlyAdmin
from checkout.models import CheckoutSettings
from checkout.tests.factories import (
    AgreementFactory,
    CheckoutSettingsFactory,
    DifferenceFactory,
    DisputeFactory,
    EnvironmentFactory,
    EventFactory,
    NoticeFactory,
    PaymentPlanFactory,
    RefundFactory,
    StaffActionFactory,
)
from example_checkout.tests.factories import SalesLedgerFactory, UserFactory
from example_checkout.tests.staff import attempt_at, make_plan, make_run

pytestmark = [pytest.mark.django_db, pytest.mark.slow, pytest.mark.tables]
READ_ONLY = [model for model, options in admin.site._registry.items() if isinstance(options, ReadOnlyAdmin)]
NAMES = sorted(model.__name__.lower() for model in READ_ONLY)
SETTINGS = "admin:checkout_checkoutsettings"


def seed(count: int = 1) -> None:
    for _number in range(count):
        run = make_run("success", "fail")
        attempt = attempt_at(run.items.first().instalment)
        RefundFactory(checkout=attempt, user=UserFactory())
        DisputeFactory(checkout=attempt)
        AgreementFactory(checkout__content_object=SalesLedgerFactory(), user=UserFactory())
        NoticeFactory()
        StaffActionFactory(user=UserFactory())
        EventFactory()
        DifferenceFactory()
        EnvironmentFactory()


def test_every_model_that_staff_may_look_at_is_there() -> None:
    words = {"checkoutaction", "checkoutstate", "checkoutadditional", "checkoutsettings"}
    assert set(NAMES) == {model.__name__.lower() for model in apps.get_app_config("checkout").get_models()} - words


@pytest.mark.parametrize("name", NAMES)
def test_a_list_costs_the_same_for_many_as_for_few(admin_client: Client, name: str) -> None:
    url = reverse(f"admin:checkout_{name}_changelist")

    def cost() -> int:
        admin_client.get(url)
        with CaptureQueriesContext(connection) as captured:
            assert admin_client.get(url).status_code == 200
        return len(captured)

    seed(2)
    few = cost()
    seed(10)
    assert cost() == few


@pytest.mark.parametrize("name", NAMES)
def test_a_row_is_shown_and_can_be_neither_changed_nor_deleted(admin_client: Client, name: str) -> None:
    seed()
    model: Any = apps.get_model("checkout", name)
    row = model.objects.first()
    before = list(model.objects.values())
    change = reverse(f"admin:checkout_{name}_change", args=[row.pk])
    assert admin_client.get(change).status_code == 200
    assert admin_client.post(change, {"deleted": "on"}).status_code == 403
    assert admin_client.get(reverse(f"admin:checkout_{name}_add")).status_code == 403
    assert (
        admin_client.post(reverse(f"admin:checkout_{name}_delete", args=[row.pk]), {"post": "yes"}).status_code == 403
    )
    assert list(model.objects.values()) == before


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("text", ["nobody", "\x00", "x" * 10_000, "%", "'", "é" * 300])
def test_searching_breaks_nothing(admin_client: Client, name: str, text: str) -> None:
    seed()
    answer = admin_client.get(reverse(f"admin:checkout_{name}_changelist"), {"q": text})
    assert answer.status_code in (200, 302)


def test_the_settings_are_one_row_with_a_plan_that_is_offered(admin_client: Client) -> None:
    retired, current = PaymentPlanFactory(deleted=True), PaymentPlanFactory()
    answer = admin_client.get(reverse(f"{SETTINGS}_changelist"), follow=True)
    change = reverse(f"{SETTINGS}_change", args=[1])
    assert answer.redirect_chain == [(change, 302)]
    assert f'value="{current.pk}"' in answer.content.decode()
    assert f'value="{retired.pk}"' not in answer.content.decode()
    admin_client.post(change, {"default_payment_plan": retired.pk})
    assert CheckoutSettings.objects.settings.default_payment_plan is None
    assert admin_client.post(change, {"default_payment_plan": current.pk}).status_code == 302
    assert CheckoutSettings.objects.settings.default_payment_plan == current
    assert admin_client.get(reverse(f"{SETTINGS}_add")).status_code == 403
    assert admin_client.post(reverse(f"{SETTINGS}_delete", args=[1]), {"post": "yes"}).status_code == 403
    assert CheckoutSettings.objects.count() == 1


def test_the_settings_are_for_those_who_may(client: Client) -> None:
    CheckoutSettingsFactory()
    client.force_login(UserFactory(is_staff=True))
    for url in (reverse(f"{SETTINGS}_changelist"), reverse(f"{SETTINGS}_change", args=[1])):
        assert client.get(url).status_code == 403


def test_a_plan_whose_object_was_deleted_is_shown(admin_client: Client) -> None:
    plan = make_plan("pending")
    plan.content_object.delete()
    for name, pk in (("objectpaymentplan", plan.pk), ("objectpaymentplaninstalment", plan.payments.get().pk)):
        assert admin_client.get(reverse(f"admin:checkout_{name}_change", args=[pk])).status_code == 200
