"""Events on the staff's pages: what came, how the webhook is doing, and working one again."""

from datetime import timedelta
from typing import Any

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import reverse
from django.utils import timezone

from checkout import gateway
from checkout.flows.webhook_health import RECENT, health
from checkout.models import Event, StaffAction
from checkout.tests.factories import DisputeFactory, EnvironmentFactory, EventFactory, ReconciliationFactory
from example_checkout.tests import desk
from example_checkout.tests.events import begun
from example_checkout.tests.staff import EVERYTHING, attempt_at, press, staff_with, words
from example_checkout.tests.test_staff_queue import sections

pytestmark = [pytest.mark.django_db, pytest.mark.slow]
LIST = "checkout.event.list"


@pytest.fixture
def staff() -> Client:
    ReconciliationFactory()
    return staff_with(*EVERYTHING, username="clerk")


def shown(client: Client, **query: str) -> list[Any]:
    answer = client.get(reverse(LIST), query)
    assert answer.status_code == 200
    return list(answer.context["object_list"])


def page_of(event: Event) -> str:
    return reverse("checkout.event", args=[event.pk])


def test_the_list_is_filtered_and_searched(staff: Client) -> None:
    done = EventFactory(event_id="evt_a1", stripe_object_id="pi_a1", state="done")
    lost = desk.event()
    refund = EventFactory(type="refund.updated", stripe_object_id="re_1", state="ignored")
    assert shown(staff) == [refund, lost, done]
    assert shown(staff, state="done") == [done]
    assert shown(staff, state="trouble") == [lost]
    assert shown(staff, type="refund") == [refund]
    assert shown(staff, type="refund.updated") == [refund]
    assert shown(staff, type="refund.created") == []
    assert shown(staff, type="payment_intent") == [lost, done]
    assert shown(staff, type="payment") == []
    assert shown(staff, q="evt_a1") == [done]
    assert shown(staff, q="pi_a") == [done]
    assert shown(staff, q="a1") == []
    assert shown(staff, **{"from": "2030-01-01"}) == []
    assert shown(staff, **{"to": timezone.localdate().isoformat()}) == [refund, lost, done]
    for nonsense in ("\x00", "x" * 300, "%", "'"):
        assert shown(staff, q=nonsense) == shown(staff, type=nonsense) == shown(staff, state=nonsense) == []


def test_a_page_of_the_list_costs_the_same_for_many(staff: Client) -> None:
    def cost() -> int:
        with CaptureQueriesContext(connection) as captured:
            shown(staff)
        return len(captured)

    EventFactory()
    one = cost()
    for _number in range(60):
        EventFactory(source="backfill")
    assert cost() == one
    answer = staff.get(reverse(LIST), {"page": "2"})
    assert len(answer.context["object_list"]) == 25
    assert "61 events" in words(answer)


def test_the_file_has_the_rows_of_the_filter_and_no_traceback(staff: Client) -> None:
    desk.event()
    EventFactory(state="done", outcome="=HYPERLINK()")
    answer = staff.get(reverse(LIST), {"format": "csv", "state": "given_up"})
    text = answer.getvalue().decode()
    assert text.count("\r\n") == 2
    assert "RuntimeError: the warehouse is away" in text
    assert "Traceback" not in text
    assert "'=HYPERLINK()" in staff.get(reverse(LIST), {"format": "csv"}).getvalue().decode()


@pytest.mark.parametrize(("secrets", "sentence"), [([], "No webhook is configured"), (["a", "b"], "2 signing secrets")])
def test_the_head_says_whether_it_is_configured(
    staff: Client, settings: Any, secrets: list[str], sentence: str
) -> None:
    settings.CHECKOUT_WEBHOOK_SECRETS = secrets
    said = words(staff.get(reverse(LIST)))
    assert sentence in said
    assert "none in the last week" in said
    assert "nothing was missing in the last week" in said
    assert gateway.API_VERSION in said


def test_the_head_says_when_something_came_and_in_which_version(staff: Client) -> None:
    Event.objects.filter(pk=EventFactory(api_version="2023-01-01").pk).update(
        created=timezone.now() - timedelta(days=8)
    )
    assert (health().received, health().other_versions) == (None, ("2023-01-01",))
    EventFactory(source="backfill", api_version=gateway.API_VERSION)
    EventFactory(api_version="2024-06-20")
    now = health()
    assert now.other_versions == ("2023-01-01", "2024-06-20")
    assert now.received is not None
    assert now.found is not None
    said = words(staff.get(reverse(LIST)))
    assert "Recent events are of version 2023-01-01, 2024-06-20" in said
    assert "had never reached us" in said
    for _number in range(RECENT):
        EventFactory(api_version=gateway.API_VERSION)
    assert health().other_versions == ()


def taken(**ago: float) -> Any:
    """A payment that Stripe took so long ago."""
    part = desk.part_in("success")
    attempt = attempt_at(part, state__slug="success")
    type(attempt).objects.filter(pk=attempt.pk).update(settled=timezone.now() - timedelta(**ago))
    return desk.aged(attempt, **ago)


@pytest.mark.parametrize(
    ("age", "heard", "secrets", "silent"),
    [
        (3, None, True, True),
        (3, 2, True, False),
        (3, 5, True, True),
        (0.5, None, True, False),
        (3, None, False, False),
    ],
)
def test_silence_is_said_on_the_list_and_in_the_work_queue(
    staff: Client, settings: Any, age: float, heard: float | None, secrets: bool, silent: bool
) -> None:
    settings.CHECKOUT_WEBHOOK_SECRETS = ["whsec_x"] if secrets else []
    taken(hours=age)
    if heard is not None:
        desk.aged(EventFactory(state="done"), hours=heard)
    desk.aged(EventFactory(state="done", source="backfill"), hours=1)
    assert ("silent" in sections(staff)) is silent
    assert ("Stripe does not tell us anything" in words(staff.get(reverse(LIST)))) is silent
    if silent:
        (row,) = sections(staff)["silent"].rows
        assert row.since is not None
        assert "for 3 hours" in words(staff.get(reverse("checkout.work")))


# one event


def test_an_event_is_shown_with_what_became_of_it(staff: Client) -> None:
    event = desk.event()
    said = words(staff.get(page_of(event)))
    for word in ("payment_intent.succeeded", "Could not be worked", event.event_id, event.stripe_object_id, "12"):
        assert word in said
    assert "Next try" not in said
    waiting = EventFactory(tries=3, last_error="RuntimeError: away", work_after=timezone.now() + timedelta(hours=2))
    said = words(staff.get(page_of(waiting)))
    assert "Next try" in said
    assert "Found by asking" in words(staff.get(page_of(EventFactory(source="backfill"))))


def test_the_traceback_is_for_those_who_may_work_it_again(staff: Client) -> None:
    event = desk.event()
    Event.objects.filter(pk=event.pk).update(traceback='File "<script>alert(1)</script>"')
    body = staff.get(page_of(event)).content.decode()
    assert "<pre" in body
    assert "File &quot;&lt;script&gt;" in body
    assert "<script>alert" not in body
    assert "<pre" in staff_with(is_superuser=True).get(page_of(event)).content.decode()
    reader = staff_with(*(set(EVERYTHING) - {"change_event"})).get(page_of(event)).content.decode()
    assert "<pre" not in reader
    assert "alert(1)" not in reader
    assert "RuntimeError: the warehouse is away" in reader


def test_it_leads_to_what_it_is_about(staff: Client) -> None:
    attempt = taken(hours=1)
    type(attempt).objects.filter(pk=attempt.pk).update(payment_intent_id="pi_1", setup_intent_id="seti_1")
    customer = attempt.content_object.payer
    type(customer).objects.filter(pk=customer.pk).update(customer_id="cus_1", payment_method_id="pm_1")
    DisputeFactory(checkout=attempt, dispute_id="du_1")
    payment = f'href="{reverse("checkout.checkout", args=[attempt.pk])}"'
    person = f'href="{reverse("checkout.customer", args=[customer.pk])}"'
    for kind, key, link in (
        ("payment_intent.succeeded", "pi_1", payment),
        ("setup_intent.succeeded", "seti_1", payment),
        ("charge.dispute.created", "du_1", payment),
        ("payment_method.updated", "pm_1", person),
        ("customer.deleted", "cus_1", person),
    ):
        event = EventFactory(type=kind, stripe_object_id=key, state="done")
        assert link in staff.get(page_of(event)).content.decode(), kind
        empty = EventFactory(type=kind, stripe_object_id="", state="done")
        body = staff.get(page_of(empty)).content.decode()
        assert payment not in body
        assert person not in body


# work it again


@pytest.mark.django_db(transaction=True)
def test_an_event_is_worked_again_once_and_recorded(stripe_simulator: Any, pay: Any, told: list[int]) -> None:
    clerk = staff_with(*EVERYTHING, username="clerk")
    checkout = begun()
    pay(checkout)
    event = EventFactory(stripe_object_id=checkout.payment_intent_id, state="given_up", tries=12)
    url = reverse("checkout.event.replay", args=[event.pk])
    assert 'href="' + url in clerk.get(page_of(event)).content.decode()
    page = clerk.get(url)
    assert "nothing is charged" in words(page)
    seen = {"seen": page.context["seen"]}
    assert "The event has been worked: settled: Success." in words(clerk.post(url, seen, follow=True))
    assert told == [checkout.pk]
    answer = clerk.post(url, seen, follow=True)
    assert "Nothing has been done" in words(answer)
    assert "The event now: Worked." in words(answer)
    action = StaffAction.objects.get()
    assert (action.verb, action.user.username, action.content_object) == ("replay_event", "clerk", event)
    record = words(clerk.get(reverse("checkout.staff.action.list")))
    assert f"payment_intent.succeeded {event.event_id}" in record


@pytest.mark.django_db(transaction=True)
def test_what_cannot_be_worked_says_why_and_goes_back_to_the_queue(stripe_simulator: Any) -> None:
    clerk = staff_with(*EVERYTHING, username="clerk")
    event = EventFactory(stripe_object_id="pi_nobody", state="given_up")
    url = f"{reverse('checkout.event.replay', args=[event.pk])}?from=work"
    answer = press(clerk, url)
    assert answer.redirect_chain == [(reverse("checkout.work"), 302)]
    assert "The event could not be worked: NoSuchIntent" in words(answer)
    event.refresh_from_db()
    assert (event.state, event.tries) == ("waiting", 1)


# the work queue


@pytest.mark.parametrize(
    ("values", "hours", "there"),
    [
        ({"state": "given_up"}, 0, True),
        ({"state": "waiting", "last_error": "RuntimeError: away", "tries": 5}, 2, True),
        ({"state": "waiting", "last_error": "RuntimeError: away", "tries": 2}, 0.5, False),
        ({"state": "waiting"}, 2, True),
        ({"state": "waiting"}, 0, False),
        ({"state": "done"}, 9, False),
        ({"state": "ignored"}, 9, False),
    ],
)
def test_which_events_need_a_person(staff: Client, values: dict[str, Any], hours: float, there: bool) -> None:
    event = desk.aged(EventFactory(**values), hours=hours)
    assert ("events" in sections(staff)) is there
    assert shown(staff, state="trouble") == ([event] if there else [])


@pytest.mark.parametrize("setting", ["CHECKOUT_BASE_URL", "CHECKOUT_ENVIRONMENT", "STRIPE_SECRET_KEY"])
def test_a_database_that_does_not_belong_here_is_said_first_and_in_red(
    staff: Client, settings: Any, setting: str
) -> None:
    EnvironmentFactory()
    assert "environment" not in sections(staff)
    desk.put_aside()
    setattr(settings, setting, "sk_live_x" if "KEY" in setting else "https://copy.example.com")
    found = sections(staff)
    assert next(iter(found)) == "environment"
    answer = staff.get(reverse("checkout.work"))
    assert '<p class="checkout-notice checkout-notice--error">' in answer.content.decode()
    said = words(answer)
    assert "manage.py checkout_environment --adopt" in said
    assert "sk_live" not in said
