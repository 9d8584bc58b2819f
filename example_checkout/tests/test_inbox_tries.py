"""An event that cannot be worked is tried again, later and later, and in the end given up; a person may ask again."""

from datetime import timedelta
from typing import Any

import pytest
from django.utils import timezone

from checkout import states
from checkout.errors import StripeUnreachable
from checkout.flows import hints, inbox
from checkout.models import Event, StaffAction
from checkout.tests.factories import EventFactory
from example_checkout.models import SalesLedger
from example_checkout.tests.events import about, begun, post, wait
from example_checkout.tests.factories import UserFactory

pytestmark = pytest.mark.django_db(transaction=True)


def pause(event: Event) -> timedelta:
    """How long until it is tried again."""
    event.refresh_from_db()
    return event.work_after - timezone.now()


def broken(monkeypatch: pytest.MonkeyPatch) -> None:
    """The site's own code raises."""

    def raises(self: SalesLedger, checkout: Any) -> None:
        raise RuntimeError("the warehouse is away")

    monkeypatch.setattr(SalesLedger, "checkout_success", raises)


def kept(checkout: Any) -> Event:
    """An event that has come and been tried once."""
    assert post(about(checkout.payment_intent_id)).status_code == 200
    return Event.objects.get()


@pytest.mark.parametrize("name", ["reset_before", "timeout_after_commit", "server_error", "rate_limit"])
def test_while_stripe_cannot_be_asked_the_event_waits(
    stripe_simulator: Any, pay: Any, stripe_trouble: Any, told: list[int], name: str
) -> None:
    checkout = begun()
    pay(checkout)
    stripe_trouble(name, times=None, method="GET")
    event = kept(checkout)
    assert (event.state, event.tries, told) == ("waiting", 1, [])
    assert event.last_error
    assert event.traceback.startswith("Traceback")
    assert timedelta(seconds=50) < pause(event) <= timedelta(minutes=1)
    stripe_simulator.trouble.clear()
    wait()
    assert inbox.work_due() == 1
    event.refresh_from_db()
    assert (event.state, event.tries, event.outcome, told) == ("done", 2, "settled as success", [checkout.pk])


def test_later_and_later_and_at_last_given_up_until_somebody_asks(
    stripe_simulator: Any, pay: Any, told: list[int], monkeypatch: pytest.MonkeyPatch
) -> None:
    checkout, original = begun(), SalesLedger.checkout_success
    pay(checkout)
    broken(monkeypatch)
    event, pauses = kept(checkout), []
    while event.state == "waiting":
        pauses.append(round(pause(event).total_seconds() / 60))
        assert inbox.work_due() == 0
        wait()
        inbox.work_due()
        event.refresh_from_db()
    assert pauses == [1, 2, 4, 8, 16, 32, 64, 128, 256, 360, 360]
    assert (event.state, event.tries) == ("given_up", inbox.MOST_TRIES)
    wait()
    assert inbox.work_due() == 0
    # in vain: all its tries are its own again
    clerk = UserFactory(is_staff=True)
    assert inbox.replay(event, user=clerk) is False
    assert (event.state, event.tries, event.last_error) == ("waiting", 1, "RuntimeError: the warehouse is away")
    monkeypatch.setattr(SalesLedger, "checkout_success", original)
    assert inbox.replay(event, user=clerk) is True
    assert (event.state, event.outcome) == ("done", "settled as success")
    assert told == [checkout.pk]
    assert SalesLedger.objects.get().paid is not None
    found = StaffAction.objects.values_list("verb", "user", "detail")
    assert list(found) == [("replay_event", clerk.pk, event.event_id)] * 2


@pytest.mark.parametrize("state", states.EVENT_STATES)
def test_any_event_can_be_worked_again_and_settles_nothing_twice(
    stripe_simulator: Any, pay: Any, told: list[int], state: str
) -> None:
    checkout = begun()
    pay(checkout)
    event = kept(checkout)
    Event.objects.filter(pk=event.pk).update(state=state)
    event.refresh_from_db()
    assert inbox.replay(event) is True
    assert (event.state, event.outcome, event.tries) == ("done", "was settled already", 1)
    assert told == [checkout.pk]
    assert not StaffAction.objects.exists()


def test_who_is_at_it_is_left_alone_and_whoever_died_is_followed(
    stripe_simulator: Any, pay: Any, told: list[int], monkeypatch: pytest.MonkeyPatch
) -> None:
    checkout = begun()
    pay(checkout)
    event = EventFactory(stripe_object_id=checkout.payment_intent_id)
    seen: list[Any] = []

    def dies(row: Event) -> str:
        row.refresh_from_db()
        seen.append((row.tries, pause(row) > timedelta(minutes=9), inbox.work(row.pk), inbox.work_due()))
        raise SystemExit

    with monkeypatch.context() as patched:
        patched.setattr(hints, "follow", dies)
        with pytest.raises(SystemExit):
            inbox.work(event.pk)
    # while it was at it nobody else could be
    assert seen == [(1, True, False, 0)]
    event.refresh_from_db()
    assert (event.state, event.last_error) == ("waiting", "")
    assert inbox.work_due() == 0
    wait()
    assert inbox.work_due() == 1
    event.refresh_from_db()
    assert (event.state, event.tries, told) == ("done", 2, [checkout.pk])


def test_what_waits_is_worked_oldest_first_in_pages_and_one_does_not_hinder_the_others(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(inbox, "PAGE", 2)
    rows = [EventFactory() for _ in range(5)]
    order: list[int] = []

    def follow(event: Event) -> str:
        order.append(event.pk)
        if event.pk == rows[1].pk:
            raise StripeUnreachable("away")
        return "well"

    monkeypatch.setattr(hints, "follow", follow)
    assert inbox.work_due(limit=1) == 1
    assert inbox.work_due() == 3
    assert order == [row.pk for row in rows]
    assert list(Event.objects.order_by("pk").values_list("state", flat=True)) == ["done", "waiting", *["done"] * 3]


def test_an_error_that_cannot_be_written_as_it_is_hinders_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    event = EventFactory()

    def follow(_event: Event) -> str:
        raise RuntimeError("x" * 5000 + " sk_test_simulator")

    monkeypatch.setattr(hints, "follow", follow)
    assert inbox.work(event.pk) is False
    event.refresh_from_db()
    assert len(event.last_error) == 255
    assert 0 < len(event.traceback) <= 8000
    assert "sk_test_simulator" not in event.traceback
