"""Staff and customers' plans, for tests of the staff's pages."""

import re
from datetime import timedelta
from decimal import Decimal
from typing import Any

from django.contrib.auth.models import Permission
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from checkout.models import ObjectPaymentPlan, ObjectPaymentPlanInstalment
from checkout.tests.factories import (
    CheckoutFactory,
    ObjectPaymentPlanFactory,
    ObjectPaymentPlanInstalmentFactory,
    PaymentRunFactory,
    PaymentRunItemFactory,
)
from example_checkout.tests.factories import SalesLedgerFactory, UserFactory

EVERYTHING = (
    "charge",
    "mark_paid",
    "delete_objectpaymentplan",
    "add_paymentplan",
    "change_paymentplan",
    "delete_paymentplan",
    "change_notice",
    "change_event",
    "refund",
)
PLAN = "checkout.object.payment.plan"
PART = "checkout.object.payment.plan.instalment"
TEMPLATE = "checkout.payment.plan"
STAFF_READ = [
    "checkout.object.payment.plan.list",
    "checkout.object.payment.plan",
    "checkout.object.payment.plan.instalment",
    "checkout.payment.plan.list",
    "checkout.payment.run.list",
    "checkout.payment.run",
]
STAFF_ACT = [
    "checkout.object.payment.plan.delete",
    "checkout.object.payment.plan.instalment.paid",
    "checkout.object.payment.plan.instalment.charge",
    "checkout.payment.plan.create",
    "checkout.payment.plan.update",
    "checkout.payment.plan.delete",
]


def staff_with(*codenames: str, **values: Any) -> Client:
    """A browser in which somebody of the staff is signed in, who has these permissions."""
    user = UserFactory(is_staff=True, **values)
    user.user_permissions.set(Permission.objects.filter(content_type__app_label="checkout", codename__in=codenames))
    client = Client()
    client.force_login(user)
    return client


def make_plan(*states: str, days: int = 30, booking: Any = None, **values: Any) -> ObjectPaymentPlan:
    """A plan over 120.00, put there at once, whose parts are in ``states``: the deposit first, each ``days`` later."""
    plan: ObjectPaymentPlan = ObjectPaymentPlanFactory(content_object=booking or SalesLedgerFactory(), **values)
    today = timezone.localdate()
    for number, state in enumerate(states, start=1):
        ObjectPaymentPlanInstalmentFactory(
            object_payment_plan=plan,
            count=number,
            deposit=number == 1,
            state_id=state,
            due=today + timedelta(days=days * (number - 1)),
            amount=Decimal("30.00"),
        )
    return plan


def attempt_at(part: ObjectPaymentPlanInstalment, **values: Any) -> Any:
    """A charge of the part, put there at once."""
    return CheckoutFactory(content_object=part, action__slug="charge", **{"state__slug": "fail", **values})


def make_run(*outcomes: str, **values: Any) -> Any:
    """A run with an item of each outcome, each of another plan."""
    run = PaymentRunFactory(**values)
    for outcome in outcomes:
        part = make_plan("success", "pending").payments.get(deposit=False)
        PaymentRunItemFactory(payment_run=run, instalment=part, outcome=outcome)
    return run


def words(answer: Any) -> str:
    """What a reader sees of the page."""
    text = re.sub(r"<[^>]+>", " ", answer.content.decode())
    return " ".join(text.replace("&#x27;", "'").split())


def press(client: Client, url: str, **data: str) -> Any:
    """Open the page and press its button; the page that comes next."""
    page = client.get(url)
    assert page.status_code == 200
    return client.post(url, {"seen": page.context["seen"], **data}, follow=True)


def part_url(part: Any, action: str = "") -> str:
    return reverse(f"{PART}{'.' + action if action else ''}", args=[part.pk])


def staff_args(view: str, plan: ObjectPaymentPlan | None) -> list[int]:
    """Which plan, part, template or run the page is about, to reverse its address."""
    if plan is None or not view.startswith("checkout.") or view.endswith((".list", ".create")):
        return []
    part = plan.payments.get(deposit=False)
    if view == "checkout.payment.run":
        return [PaymentRunItemFactory(instalment=part).payment_run_id]
    if view.startswith(PART):
        return [part.pk]
    return [plan.pk] if view.startswith(PLAN) else [plan.payment_plan_id]
