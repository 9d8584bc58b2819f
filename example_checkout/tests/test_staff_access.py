"""The staff's pages by role: nobody, a customer, staff who may read, staff who may act."""

from typing import Any, NamedTuple

import pytest
from django.test import Client
from django.urls import reverse

from checkout.models import (
    Checkout,
    Customer,
    CustomerPayment,
    Event,
    Notice,
    ObjectPaymentPlan,
    ObjectPaymentPlanInstalment,
    PaymentPlan,
    Refund,
    StaffAction,
)
from checkout.tests.factories import (
    CustomerPaymentFactory,
    DifferenceFactory,
    DisputeFactory,
    EventFactory,
    NoticeFactory,
    PaymentPlanFactory,
    RefundFactory,
)
from checkout.urls import urlpatterns
from example_checkout.tests.factories import UserFactory
from example_checkout.tests.staff import EVERYTHING, PART, PLAN, TEMPLATE, attempt_at, make_plan, make_run, staff_with

pytestmark = [pytest.mark.django_db, pytest.mark.slow, pytest.mark.tables]


class Page(NamedTuple):
    """``permission``: what it takes beside ``is_staff``; ``post``: what a POST is answered, None for no POST."""

    permission: str = ""
    post: int | None = None


PAGES = {
    "checkout.work": Page(),
    "checkout.list": Page(),
    "checkout.list.audit": Page(),
    f"{PLAN}.list": Page(),
    PLAN: Page(),
    f"{PLAN}.delete": Page("delete_objectpaymentplan", 302),
    PART: Page(),
    f"{PART}.paid": Page("mark_paid", 302),
    f"{PART}.charge": Page("charge", 302),
    f"{PART}.ask": Page("charge", 302),
    f"{PART}.list": Page(),
    f"{PLAN}.card.expiry.list": Page(),
    "checkout.card.refresh.list": Page(),
    "checkout.customer.list": Page(),
    "checkout.customer": Page(),
    "checkout.customer.charge": Page("charge", 422),
    "checkout.customer.payment.list": Page(),
    "checkout.customer.payment": Page(),
    "checkout.customer.payment.paid": Page("mark_paid", 302),
    "checkout.customer.payment.charge": Page("charge", 302),
    "checkout.customer.payment.ask": Page("charge", 302),
    "checkout.notice.list": Page(),
    "checkout.notice": Page(),
    "checkout.notice.html": Page(),
    "checkout.notice.again": Page("change_notice", 302),
    "checkout.mail.preview.list": Page(),
    "checkout.mail.preview": Page(),
    "checkout.mail.preview.html": Page(),
    "checkout.checkout": Page(),
    "checkout.accept": Page("mark_paid", 302),
    "checkout.refund": Page("refund", 422),
    "checkout.refund.list": Page(),
    "checkout.dispute.list": Page(),
    f"{PLAN}.pause": Page("charge", 302),
    f"{PLAN}.resume": Page("charge", 302),
    "checkout.event.list": Page(),
    "checkout.event": Page(),
    "checkout.event.replay": Page("change_event", 302),
    "checkout.reconciliation.list": Page(),
    "checkout.reconciliation": Page(),
    "checkout.staff.action.list": Page(),
    f"{TEMPLATE}.list": Page(),
    f"{TEMPLATE}.create": Page("add_paymentplan", 422),
    f"{TEMPLATE}.update": Page("change_paymentplan", 422),
    f"{TEMPLATE}.delete": Page("delete_paymentplan", 302),
    "checkout.payment.run.list": Page(),
    "checkout.payment.run": Page(),
}


class World:
    def __init__(self) -> None:
        self.plan = make_plan("success", "pending")
        self.part = self.plan.payments.get(deposit=False)
        self.template = PaymentPlanFactory()
        self.run = make_run("success")
        self.payment = CustomerPaymentFactory(customer=self.plan.customer)
        self.paid = attempt_at(self.plan.deposit, state__slug="success", payment_intent_id="pi_paid")
        RefundFactory(checkout=self.paid, amount=10)
        DisputeFactory(checkout=self.paid)
        self.event = EventFactory(state="given_up")
        self.books = DifferenceFactory(checkout=attempt_at(self.part)).reconciliation
        self.notice = NoticeFactory(customer=self.plan.customer, html="<p>Dear customer</p>", state="given_up")

    def url(self, name: str) -> str:
        if name.endswith(".list") or name == "checkout.work":
            return reverse(name)
        if name.startswith(PART):
            return reverse(name, args=[self.part.pk])
        if name.startswith("checkout.mail.preview"):
            return reverse(name, args=["card_expiring"])
        for prefix, pk in (
            ("checkout.customer.payment", self.payment.pk),
            ("checkout.customer", self.plan.customer_id),
            ("checkout.notice", self.notice.pk),
            ("checkout.checkout", self.paid.pk),
            ("checkout.accept", self.paid.pk),
            ("checkout.refund", self.paid.pk),
            ("checkout.event", self.event.pk),
            ("checkout.reconciliation", self.books.pk),
        ):
            if name.startswith(prefix):
                return reverse(name, args=[pk])
        if name in (PLAN, f"{PLAN}.delete", f"{PLAN}.pause", f"{PLAN}.resume"):
            return reverse(name, args=[self.plan.pk])
        if name in (f"{TEMPLATE}.update", f"{TEMPLATE}.delete"):
            return reverse(name, args=[self.template.pk])
        return reverse(name, args=[self.run.pk] if name == "checkout.payment.run" else [])

    def client(self, role: str, permission: str) -> Client:
        if role == "anonymous":
            return Client()
        if role == "customer":
            client = Client()
            client.force_login(self.plan.content_object.contact.user)
            return client
        if role == "superuser":
            return staff_with(is_superuser=True)
        if role == "reader":
            return staff_with(*(set(EVERYTHING) - {permission}))
        return staff_with(*([permission] if permission else []))

    def rows(self) -> list[Any]:
        tables: tuple[Any, ...] = (
            *(Checkout, Customer, CustomerPayment, Event, Notice, ObjectPaymentPlan),
            *(ObjectPaymentPlanInstalment, PaymentPlan, Refund, StaffAction),
        )
        return [list(table.objects.order_by("pk").values()) for table in tables]


def test_the_table_names_every_staff_page() -> None:
    assert set(PAGES) == {entry.name for entry in urlpatterns}


@pytest.mark.parametrize("role", ["anonymous", "customer", "reader", "actor", "superuser"])
@pytest.mark.parametrize("method", ["get", "post"])
@pytest.mark.parametrize("name", PAGES)
def test_every_page_by_role(name: str, method: str, role: str) -> None:
    world, page = World(), PAGES[name]
    before = world.rows()
    answer = getattr(world.client(role, page.permission), method)(world.url(name))
    allowed = role in ("actor", "superuser") or (role == "reader" and not page.permission)
    if role == "anonymous":
        assert (answer.status_code, answer.url.split("?")[0]) == (302, reverse("login"))
    elif not allowed:
        assert answer.status_code == 403
        assert "This page is not for you" in answer.content.decode()
    elif method == "get":
        assert answer.status_code == 200
    else:
        assert answer.status_code == (page.post or 405)
    if not allowed:
        assert world.rows() == before
        assert world.plan.customer.email not in answer.content.decode()


@pytest.mark.parametrize("name", [name for name, page in PAGES.items() if page.permission])
def test_a_permission_without_is_staff_is_not_enough(name: str) -> None:
    world = World()
    client = staff_with(PAGES[name].permission, is_superuser=False)
    client.force_login(UserFactory(is_superuser=True))
    assert client.get(world.url(name)).status_code == 403


@pytest.mark.parametrize("name", [name for name, page in PAGES.items() if page.post])
def test_a_post_needs_its_token(name: str) -> None:
    world = World()
    strict = Client(enforce_csrf_checks=True)
    strict.cookies = world.client("actor", PAGES[name].permission).cookies
    before = world.rows()
    assert strict.post(world.url(name)).status_code == 403
    assert world.rows() == before


@pytest.mark.parametrize(
    ("where", "permission", "button"),
    [
        (PLAN, "charge", "Charge now"),
        (PLAN, "mark_paid", "Mark as paid"),
        (PLAN, "delete_objectpaymentplan", "Stop this plan"),
        (PART, "charge", "Charge now"),
        (PART, "mark_paid", "Mark as paid"),
        (PLAN, "charge", "Mail a new link"),
        (PART, "charge", "Mail a new link"),
        ("checkout.customer", "charge", "Charge this customer"),
        ("checkout.customer.list", "charge", "Charge"),
        ("checkout.customer.payment", "charge", "Mail a new link"),
        ("checkout.customer.payment", "mark_paid", "Mark as paid"),
        ("checkout.notice", "change_notice", "Send again"),
        ("checkout.work", "charge", "Mail a new link"),
        ("checkout.work", "mark_paid", "Mark as paid"),
        ("checkout.work", "change_notice", "Send again"),
        ("checkout.work", "change_event", "Work it again"),
        ("checkout.checkout", "refund", "Give money back"),
        (PLAN, "charge", "Pause this plan"),
        ("checkout.event", "change_event", "Work it again"),
        (f"{TEMPLATE}.list", "add_paymentplan", "New template"),
        (f"{TEMPLATE}.list", "change_paymentplan", "Change"),
        (f"{TEMPLATE}.list", "delete_paymentplan", "Retire"),
    ],
)
def test_who_may_not_sees_no_button(where: str, permission: str, button: str) -> None:
    world = World()
    world.plan.payments.update(due="2026-01-01")
    if button == "Mail a new link" or where == "checkout.work":
        for row in (world.part, world.payment):
            type(row).objects.filter(pk=row.pk).update(state_id="pay_on_session")
    without = set(EVERYTHING) - {permission}
    link = f">{button}<"
    assert link in staff_with(permission).get(world.url(where)).content.decode().replace("\n", "")
    assert link not in staff_with(*without).get(world.url(where)).content.decode()


WITH_KEY = [name for name in PAGES if ".list" not in name and not name.endswith((".create", ".work"))]


@pytest.mark.parametrize("name", WITH_KEY)
@pytest.mark.parametrize("pk", ["0", "99999999", "9" * 19, "9" * 30, "9" * 5000])
def test_what_is_not_there_is_a_404_page(name: str, pk: str) -> None:
    client = staff_with(*EVERYTHING)
    url = reverse(name, args=[77777]).replace("77777", pk)
    assert client.get(url).status_code == 404
    assert client.post(url).status_code in (404, 405)
    assert client.get(url.replace(pk, "-1")).status_code == 404
    assert client.get(url.replace(pk, "a%00b")).status_code == 404


@pytest.mark.parametrize("name", PAGES)
def test_views_that_may_charge_are_outside_transactions(name: str) -> None:
    (entry,) = [entry for entry in urlpatterns if entry.name == name]
    money = ("charge", "mark_paid", "delete_objectpaymentplan", "refund")
    moves = PAGES[name].permission in (*money, "change_notice", "change_event")
    assert bool(getattr(entry.callback, "_non_atomic_requests", None)) is moves


@pytest.mark.parametrize("name", [name for name in PAGES if not name.endswith(".html")])
def test_every_page_has_the_navigation_and_is_kept_by_no_cache(name: str) -> None:
    world = World()
    answer = staff_with(*EVERYTHING).get(world.url(name))
    assert answer.content.decode().count('aria-current="page"') == 1
    assert "no-store" in answer.headers["Cache-Control"]
    for link in (
        "checkout.work",
        "checkout.customer.list",
        f"{PLAN}.list",
        "checkout.list",
        "checkout.notice.list",
        "checkout.event.list",
        "checkout.staff.action.list",
    ):
        assert f'href="{reverse(link)}"' in answer.content.decode()


@pytest.mark.parametrize(
    "group",
    [
        ["checkout.work"],
        ["checkout.customer.list", "checkout.card.refresh.list", "checkout.customer.payment.list"],
        [
            *(f"{PLAN}.list", f"{PART}.list", "checkout.payment.run.list"),
            *(f"{PLAN}.card.expiry.list", f"{TEMPLATE}.list"),
        ],
        ["checkout.list", "checkout.list.audit", "checkout.refund.list", "checkout.dispute.list"],
        ["checkout.notice.list", "checkout.mail.preview.list"],
        ["checkout.event.list", "checkout.reconciliation.list"],
        ["checkout.staff.action.list"],
    ],
    ids=lambda group: group[0],
)
def test_every_list_of_a_group_leads_to_the_others_and_says_where_one_is(group: list[str]) -> None:
    client = staff_with()
    for name in group:
        text = client.get(reverse(name)).content.decode()
        assert f'href="{reverse(group[0])}" aria-current="page"' in text
        if len(group) > 1:
            assert text.count('aria-current="true"') == 1
            assert f'href="{reverse(name)}" aria-current="true"' in text
            assert all(f'href="{reverse(other)}"' in text for other in group)


def test_every_list_is_in_a_group() -> None:
    client = staff_with()
    lists = {name for name in PAGES if ".list" in name}
    found, start = set(), ["checkout.work"]
    for _twice in range(2):
        texts = [client.get(reverse(name)).content.decode() for name in start]
        found |= {name for name in lists for text in texts if f'"{reverse(name)}"' in text}
        start = sorted(found)
    assert found == lists
