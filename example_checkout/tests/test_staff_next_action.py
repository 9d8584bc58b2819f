"""Section 6 of the issue: each row of the queue names what can be done next, and everything done is recorded once."""

from collections.abc import Callable
from typing import Any

import pytest
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from checkout.models import Checkout, PaymentPlan, Refund, StaffAction
from checkout.templatetags.checkout_staff import at_stripe
from checkout.tests.factories import CustomerPaymentFactory, EventFactory, PaymentPlanFactory, ReconciliationFactory
from checkout.urls import urlpatterns
from example_checkout.tests import desk
from example_checkout.tests.factories import UserFactory
from example_checkout.tests.money_back import held, paid
from example_checkout.tests.plans import let_fall_due, library, plan_of, saved_card, sign_up_with
from example_checkout.tests.staff import EVERYTHING, PLAN, make_plan, part_url, press, staff_with, words
from example_checkout.tests.test_staff_access import PAGES

pytestmark = [pytest.mark.django_db, pytest.mark.slow, pytest.mark.tables]
REFUSED = "This cannot be done now."
# What a pay page, the reader's own mail program and Stripe's dashboard are for us: elsewhere.
ELSEWHERE = ("mailto:", "https://dashboard.stripe.com/test/")


@pytest.fixture
def staff() -> Client:
    return staff_with(*EVERYTHING, username="clerk")


def test_every_row_of_the_queue_has_something_to_do_that_can_be_done(
    staff: Client, stripe_simulator: Any, pay: Any
) -> None:
    ReconciliationFactory()
    aside = held(pay)
    for make in desk.EACH:
        if make is not desk.put_aside:
            make(0)
    sections = staff.get(reverse("checkout.work")).context["sections"]
    assert len(sections) == 13
    seen = set()
    for section in sections:
        for row in section.rows:
            assert row.buttons, section.slug
            for button in row.buttons:
                seen.add(str(button.label))
                if button.url.startswith(ELSEWHERE):
                    continue
                answer = staff.get(button.url)
                assert answer.status_code == 200, button.url
                assert REFUSED not in words(answer), (section.slug, button.url)
    assert seen == {
        *("Accept as paid", "Answer it", "Give back", "Give money back", "Go on with it", "Look at it"),
        *("Look it up at Stripe", "Mail a new link", "Mark as paid", "Send again", "Stop this plan"),
        *("Work it again", "Write to them"),
    }
    assert reverse("checkout.accept", args=[aside.pk]) in str(sections)


def test_who_may_do_nothing_is_offered_nothing_of_ours(stripe_simulator: Any, pay: Any) -> None:
    held(pay)
    desk.busy()
    sections = staff_with().get(reverse("checkout.work")).context["sections"]
    urls = {button.url for section in sections for row in section.rows for button in row.buttons}
    acting = ("paid", "accept", "refund", "ask", "again", "replay", "resume", "delete")
    assert urls
    assert not [url for url in urls if url.partition("?")[0].rstrip("/").rpartition("/")[2] in acting]


@pytest.mark.parametrize(
    ("values", "path"),
    [
        ({"payment_intent_id": "pi_1"}, "payments/pi_1"),
        ({"setup_intent_id": "seti_1"}, "setup_intents/seti_1"),
        ({"uuid": "00000000-0000-4000-8000-000000000000"}, "search?query=00000000-0000-4000-8000-000000000000"),
        ({"payment_intent_id": "pi_1/../x?y"}, "payments/pi_1%2F..%2Fx%3Fy"),
    ],
)
def test_where_it_is_at_stripe(values: dict[str, Any], path: str) -> None:
    checkout = Checkout(**values)
    assert at_stripe(checkout) == f"https://dashboard.stripe.com/test/{path}"
    assert at_stripe(Refund(checkout=checkout)) == at_stripe(checkout)


class Desk:
    """What each button needs to be pressed, made by the real code."""

    def __init__(self, simulator: Any, pay: Any) -> None:
        self.simulator, self.pay = simulator, pay

    def due(self) -> Any:
        plan = plan_of(sign_up_with(self.pay))
        (pk,) = let_fall_due(plan)
        return plan.payments.get(pk=pk)

    def payment(self) -> Any:
        customer, card = saved_card(library(self.simulator))
        return CustomerPaymentFactory(
            customer__customer_id=customer, customer__payment_method_id=card, state_id="pending"
        )


def send(client: Client, url: str, **values: Any) -> Any:
    """A form of two pages: fill it in, then confirm what it shows."""
    form = client.get(url).context["form"]
    page = client.post(url, {"uuid": str(form["uuid"].value()), **values})
    return client.post(url, {"confirm": page.context["token"]}, follow=True)


def of_customer(client: Client, world: Desk) -> None:
    url = reverse("checkout.customer.charge", args=[world.payment().customer_id])
    send(client, url, amount="25", currency="GBP", description="A mug")


def give_back(client: Client, world: Desk) -> None:
    send(client, reverse("checkout.refund", args=[paid(world.pay).pk]), amount="20", reason="", note="")


def template(client: Client, world: Desk) -> None:
    terms = {"name": "Thirds", "slug": "thirds", "deposit": 34, "count": 2, "interval": 1}
    client.post(reverse("checkout.payment.plan.create"), terms)


def change(client: Client, world: Desk) -> None:
    terms = {"name": "Thirds", "slug": "thirds", "deposit": 34, "count": 2, "interval": 1}
    client.post(reverse("checkout.payment.plan.update", args=[PaymentPlanFactory().pk]), terms)


def retire(client: Client, world: Desk) -> None:
    client.post(reverse("checkout.payment.plan.delete", args=[PaymentPlanFactory().pk]))


def on_plan(action: str, **values: Any) -> Callable[[Client, Desk], None]:
    def act(client: Client, world: Desk) -> None:
        plan = make_plan("success", "pending", **values)
        press(client, reverse(f"{PLAN}.{action}", args=[plan.pk]))

    return act


def on_payment(action: str, make: Callable[[Desk], Any]) -> Callable[[Client, Desk], None]:
    return lambda client, world: press(client, reverse(f"checkout.customer.payment.{action}", args=[make(world).pk]))


ACTIONS: dict[str, tuple[str, Callable[[Client, Desk], Any]]] = {
    "checkout.object.payment.plan.instalment.charge": (
        "charge",
        lambda client, world: press(client, part_url(world.due(), "charge")),
    ),
    "checkout.object.payment.plan.instalment.paid": (
        "mark_paid",
        lambda client, world: press(client, part_url(world.due(), "paid")),
    ),
    "checkout.object.payment.plan.instalment.ask": (
        "ask_again",
        lambda client, world: press(client, part_url(desk.waiting(), "ask")),
    ),
    "checkout.object.payment.plan.delete": ("stop_plan", on_plan("delete")),
    "checkout.object.payment.plan.pause": ("pause_plan", on_plan("pause")),
    "checkout.object.payment.plan.resume": ("resume_plan", on_plan("resume", paused=timezone.now())),
    "checkout.customer.charge": ("charge_customer", of_customer),
    "checkout.customer.payment.charge": ("charge", on_payment("charge", Desk.payment)),
    "checkout.customer.payment.paid": ("mark_paid", on_payment("paid", Desk.payment)),
    "checkout.customer.payment.ask": ("ask_again", on_payment("ask", lambda world: desk.waiting_payment())),
    "checkout.notice.again": (
        "send_again",
        lambda client, world: press(client, reverse("checkout.notice.again", args=[desk.mail_given_up().pk])),
    ),
    "checkout.accept": (
        "accept",
        lambda client, world: press(client, reverse("checkout.accept", args=[held(world.pay).pk])),
    ),
    "checkout.refund": ("refund", give_back),
    "checkout.event.replay": (
        "replay_event",
        lambda client, world: press(client, reverse("checkout.event.replay", args=[EventFactory().pk])),
    ),
    "checkout.payment.plan.create": ("add_template", template),
    "checkout.payment.plan.update": ("change_template", change),
    "checkout.payment.plan.delete": ("retire_template", retire),
}


def test_every_address_that_does_something_is_in_the_table() -> None:
    assert set(ACTIONS) == {name for name, page in PAGES.items() if page.post}
    assert set(PAGES) == {entry.name for entry in urlpatterns}
    assert {verb for verb, _act in ACTIONS.values()} == set(StaffAction.WORDS)


@pytest.mark.parametrize("name", ACTIONS)
def test_what_is_done_is_recorded_once_with_who_and_when(
    staff: Client, stripe_simulator: Any, pay: Any, name: str
) -> None:
    before = timezone.now()
    verb, act = ACTIONS[name]
    act(staff, Desk(stripe_simulator, pay))
    (action,) = StaffAction.objects.all()
    assert (action.verb, action.user.username) == (verb, "clerk")
    assert before <= action.created <= timezone.now()
    assert action.content_object is not None
    assert "clerk" in words(staff.get(reverse("checkout.staff.action.list")))


def test_looking_at_what_would_happen_records_and_changes_nothing(
    staff: Client, stripe_simulator: Any, pay: Any
) -> None:
    world = Desk(stripe_simulator, pay)
    aside, part, payment = held(pay), world.due(), world.payment()
    rows = list(Checkout.objects.order_by("pk").values())
    for url in (
        reverse("checkout.accept", args=[aside.pk]),
        reverse("checkout.refund", args=[aside.pk]),
        part_url(part, "charge"),
        part_url(part, "paid"),
        reverse("checkout.customer.charge", args=[payment.customer_id]),
    ):
        assert staff.get(url).status_code == 200
    assert not StaffAction.objects.exists()
    assert list(Checkout.objects.order_by("pk").values()) == rows


def test_who_has_left_is_signed_out_of_every_page() -> None:
    plan = make_plan("success", "pending")
    user = UserFactory(is_staff=True, is_superuser=True)
    client = Client()
    client.force_login(user)
    urls = [reverse("checkout.work"), reverse(f"{PLAN}.delete", args=[plan.pk])]
    assert [client.get(url).status_code for url in urls] == [200, 200]
    for change_of in ({"is_active": False}, {"is_active": True, "is_staff": False}):
        type(user).objects.filter(pk=user.pk).update(**change_of)
        status = 302 if not change_of["is_active"] else 403
        assert [client.get(url).status_code for url in urls] == [status, status]
        assert client.post(urls[1], {"seen": "x"}).status_code == status
    plan.refresh_from_db()
    assert not plan.deleted


def test_a_retired_template_stays_retired(staff: Client) -> None:
    plan = PaymentPlanFactory()
    url = reverse("checkout.payment.plan.delete", args=[plan.pk])
    assert "retired already" not in words(staff.post(url, follow=True))
    assert "has been retired already" in words(staff.post(url, follow=True))
    assert PaymentPlan.objects.get(pk=plan.pk).deleted
    assert StaffAction.objects.count() == 1
