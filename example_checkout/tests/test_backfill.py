"""What no webhook has brought: found on Stripe's list, once; the commands; the endpoint at Stripe."""

from datetime import timedelta
from io import StringIO
from typing import Any

import pytest
from django.core.exceptions import ImproperlyConfigured
from django.core.management import CommandError, call_command
from django.utils import timezone

from checkout import gateway, tasks
from checkout.flows import inbox
from checkout.models import Event
from checkout.tests.factories import EventFactory
from example_checkout.tests.events import begun, endpoint, post, told_of
from example_checkout.tests.plans import library
from example_checkout.tests.recovery import days_later

pytestmark = pytest.mark.django_db(transaction=True)
URL = "https://shop.example.com/stripe/webhook/"


def run(name: str, *arguments: str) -> str:
    out = StringIO()
    call_command(name, *arguments, stdout=out, stderr=StringIO())
    return out.getvalue().strip()


# backfill


def test_lost_deliveries_are_found_once(
    deliver_webhooks: Any, settings: Any, pay: Any, stripe_trouble: Any, told: list[int]
) -> None:
    webhooks = endpoint(deliver_webhooks, settings)
    stripe_trouble("event_lost", times=None)
    checkout = begun()
    pay(checkout)
    assert webhooks() == 0
    assert not Event.objects.exists()
    assert run("backfill") == "1 events were missing."
    assert told == [checkout.pk]
    event = Event.objects.get()
    assert (event.source, event.state, event.type) == ("backfill", "done", "payment_intent.succeeded")
    assert run("backfill") == "0 events were missing."
    assert tasks.backfill_events() == 0
    # and Stripe delivers it after all
    assert post(told_of(webhooks._simulator, "payment_intent.succeeded")).content == b"Known."
    assert (Event.objects.count(), told) == (1, [checkout.pk])


def test_what_came_by_webhook_is_not_found_again(
    deliver_webhooks: Any, settings: Any, pay: Any, stripe_trouble: Any
) -> None:
    webhooks = endpoint(deliver_webhooks, settings)
    first, second = begun(), begun()
    pay(first)
    webhooks()
    stripe_trouble("event_lost", times=1, path="payment_intent.succeeded")
    pay(second)
    webhooks()
    assert run("backfill", "--since", "1h") == "1 events were missing."
    found = {one.stripe_object_id: one.source for one in Event.objects.filter(type="payment_intent.succeeded")}
    assert found == {first.payment_intent_id: "webhook", second.payment_intent_id: "backfill"}


def test_it_asks_page_by_page_and_works_oldest_first(
    stripe_simulator: Any, pay: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("checkout.gateway.events.PAGE_SIZE", 2)
    for _number in range(5):
        pay(begun())
    seen: list[int] = []
    assert inbox.backfill(on_progress=seen.append) == 5
    assert len(seen) == 5
    assert stripe_simulator.calls["GET /v1/events"] == 3
    assert {state for (state,) in Event.objects.values_list("state")} == {"done"}


def test_how_far_back_is_asked(stripe_simulator: Any, pay: Any) -> None:
    pay(begun())
    day = timezone.localdate()
    with days_later(5):
        assert run("backfill") == "0 events were missing."
        assert run("backfill", "--since", "4d") == "0 events were missing."
        assert run("backfill", "--since", (day - timedelta(days=1)).isoformat()) == "1 events were missing."


def test_while_stripe_is_away_it_says_so_and_keeps_what_it_has(
    stripe_simulator: Any, pay: Any, stripe_trouble: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("checkout.gateway.events.PAGE_SIZE", 1)
    for _number in range(2):
        pay(begun())
    original = gateway.list_events

    def away_after_the_first(**asked: Any) -> Any:
        if asked["after"]:
            stripe_trouble("reset_before", times=None, method="GET")
        return original(**asked)

    monkeypatch.setattr(gateway, "list_events", away_after_the_first)
    with pytest.raises(CommandError, match="What was fetched is kept: run it again"):
        run("backfill")
    assert Event.objects.count() == 1
    stripe_simulator.trouble.clear()
    monkeypatch.setattr(gateway, "list_events", original)
    assert run("backfill") == "1 events were missing."
    assert Event.objects.filter(state="done").count() == 2


@pytest.mark.parametrize("since", ["yesterday", "3w", "2026-13-01", "", "-1d", "9999999d"])
def test_what_is_no_moment_is_refused(since: str) -> None:
    with pytest.raises(CommandError, match="since"):
        run("backfill", f"--since={since}")


# pruning


def test_what_was_worked_is_deleted_in_the_end_and_what_waits_is_kept(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(inbox, "PRUNED_AT_ONCE", 2)
    old = timezone.now() - timedelta(days=91)
    for state in ("done", "ignored", "given_up", "done", "waiting"):
        Event.objects.filter(pk=EventFactory(state=state).pk).update(created=old)
    young = EventFactory(state="done")
    assert run("checkout_events", "--prune") == "4 events deleted."
    assert list(Event.objects.order_by("pk").values_list("state", flat=True)) == ["waiting", "done"]
    assert Event.objects.filter(pk=young.pk).exists()
    assert tasks.prune_events() == 0


def test_less_than_stripe_repeats_is_no_setting(settings: Any) -> None:
    settings.CHECKOUT_EVENT_DAYS = 29
    EventFactory(state="done")
    with pytest.raises(ImproperlyConfigured, match="Set it to 30 or more"):
        inbox.prune()
    assert Event.objects.count() == 1
    settings.CHECKOUT_EVENT_DAYS = 30
    assert inbox.prune() == 0


# the command


def test_events_are_listed_newest_first_and_those_that_failed(stripe_simulator: Any) -> None:
    old = EventFactory(event_id="evt_old", state="done", outcome="settled as success")
    Event.objects.filter(pk=old.pk).update(created=timezone.now() - timedelta(days=2))
    EventFactory(event_id="evt_failing", last_error="RuntimeError: away")
    EventFactory(event_id="evt_lost", state="given_up", last_error="RuntimeError: gone")
    EventFactory(event_id="evt_new")
    lines = run("checkout_events").splitlines()
    assert [line.split()[3] for line in lines[:-1]] == ["evt_new", "evt_lost", "evt_failing", "evt_old"]
    assert lines[-1] == "4 events."
    assert lines[3].endswith("done      payment_intent.succeeded                  evt_old  settled as success")
    failed = run("checkout_events", "--failed").splitlines()
    assert [line.split(maxsplit=4)[3:] for line in failed[:-1]] == [
        ["evt_lost", "RuntimeError: gone"],
        ["evt_failing", "RuntimeError: away"],
    ]
    assert run("checkout_events", "--since", "1d").splitlines()[-1] == "3 events."
    limited = run("checkout_events", "--limit", "1").splitlines()
    assert (len(limited), limited[-1]) == (2, "4 events.")


def test_what_waits_is_worked_and_one_is_worked_again(stripe_simulator: Any, pay: Any, told: list[int]) -> None:
    checkout = begun()
    pay(checkout)
    event = EventFactory(event_id="evt_1", stripe_object_id=checkout.payment_intent_id)
    assert run("checkout_events", "--work") == "1 events worked."
    assert run("checkout_events", "--work") == "0 events worked."
    assert "was settled already" in run("checkout_events", "--replay", "evt_1")
    assert told == [checkout.pk]
    event.refresh_from_db()
    assert (event.state, event.tries) == ("done", 1)


def test_what_cannot_be_worked_again_exits_with_the_reason(stripe_simulator: Any) -> None:
    with pytest.raises(CommandError, match="There is no event 'evt_none' here"):
        run("checkout_events", "--replay", "evt_none")
    EventFactory(event_id="evt_1", stripe_object_id="pi_nobody")
    with pytest.raises(CommandError, match="NoSuchIntent"):
        run("checkout_events", "--replay", "evt_1")
    with pytest.raises(CommandError, match="not allowed with"):
        run("checkout_events", "--work", "--replay", "evt_1")


# the endpoint at Stripe


def at_stripe(simulator: Any) -> list[Any]:
    return list(reversed(library(simulator).webhook_endpoints.list({"limit": 100}).data))


def make(simulator: Any, **values: Any) -> str:
    params = {"url": URL, "enabled_events": list(gateway.EVENT_TYPES), "api_version": gateway.API_VERSION, **values}
    return str(library(simulator).webhook_endpoints.create(params).id)


def command(*arguments: str) -> str:
    return run("checkout_webhook_endpoint", "--url", URL, *arguments)


def test_it_is_made_with_exactly_our_events_and_works(
    stripe_simulator: Any, deliver_webhooks: Any, settings: Any, pay: Any
) -> None:
    with pytest.raises(CommandError):
        command("--check")
    assert at_stripe(stripe_simulator) == []
    said = command()
    (made,) = at_stripe(stripe_simulator)
    assert (made.url, made.api_version, made.status) == (URL, gateway.API_VERSION, "enabled")
    assert sorted(made.enabled_events) == sorted(gateway.EVENT_TYPES)
    secret = said.splitlines()[-1]
    assert secret.startswith("whsec_")
    assert f"{len(gateway.EVENT_TYPES)} events" in command("--check")
    # a second time nothing is made and no secret told
    assert "whsec_" not in command()
    assert len(at_stripe(stripe_simulator)) == 1
    settings.CHECKOUT_WEBHOOK_SECRETS = [secret]
    checkout = begun()
    pay(checkout)
    assert deliver_webhooks() == 1
    assert deliver_webhooks.statuses == [200]
    checkout.refresh_from_db()
    assert checkout.succeeded


DRIFTS: dict[str, tuple[dict[str, Any], str]] = {
    "missing": ({"enabled_events": list(gateway.EVENT_TYPES[1:])}, f"Not sent: {gateway.EVENT_TYPES[0]}."),
    "extra": ({"enabled_events": [*gateway.EVENT_TYPES, "invoice.paid"]}, "Sent, and not wanted: invoice.paid."),
    "everything": ({"enabled_events": ["*"]}, "Sent, and not wanted: *."),
    "disabled": ({}, "It is switched off."),
    "version": ({"api_version": "2024-06-20"}, "Its events are of version 2024-06-20, not"),
    "no version": ({"api_version": None}, "Its events are of version (of the account), not"),
}


@pytest.mark.parametrize("drift", DRIFTS)
def test_what_differs_is_said_and_put_right(stripe_simulator: Any, drift: str) -> None:
    values, sentence = DRIFTS[drift]
    made = make(stripe_simulator, **{key: value for key, value in values.items() if value is not None})
    if drift == "no version":
        library(stripe_simulator).webhook_endpoints.delete(made)
        stripe_simulator.add_webhook_endpoint(URL, "whsec_x", gateway.EVENT_TYPES)
        next(iter(stripe_simulator._store.kinds["webhook_endpoint"].values()))["api_version"] = None
    if drift == "disabled":
        library(stripe_simulator).webhook_endpoints.update(made, {"disabled": True})
    other = make(stripe_simulator, url="https://shop.example.com/other/", enabled_events=["invoice.paid"])
    out = StringIO()
    with pytest.raises(CommandError, match="not as it should be"):
        call_command("checkout_webhook_endpoint", "--url", URL, "--check", stdout=out)
    assert sentence in out.getvalue()
    if "version" in drift:
        with pytest.raises(CommandError, match="run it with --replace"):
            command()
        assert command("--replace").splitlines()[-1].startswith("whsec_")
        # both stand until the old one is deleted, so that nothing is lost meanwhile
        assert len(at_stripe(stripe_simulator)) == 3
        assert command("--replace").startswith("we_")
        assert command("--delete-old") == "1 endpoints deleted."
        assert command("--delete-old") == "0 endpoints deleted."
    else:
        assert "is as it should be" in command()
    assert "enabled." in command("--check")
    assert [one.url for one in at_stripe(stripe_simulator) if one.id == other] == ["https://shop.example.com/other/"]
    assert len(at_stripe(stripe_simulator)) == 2


def test_the_only_endpoint_is_never_deleted(stripe_simulator: Any) -> None:
    make(stripe_simulator, api_version="2024-06-20")
    assert command("--delete-old") == "0 endpoints deleted."
    assert len(at_stripe(stripe_simulator)) == 1


@pytest.mark.parametrize("url", ["shop.example.com/stripe/", "ftp://shop.example.com/", "https:///stripe/", ""])
def test_what_is_no_address_is_refused_before_stripe_is_asked(stripe_simulator: Any, url: str) -> None:
    with pytest.raises(CommandError, match="is no address"):
        run("checkout_webhook_endpoint", f"--url={url}")
    assert not stripe_simulator.calls


def test_stripes_refusal_is_said(stripe_simulator: Any, stripe_trouble: Any) -> None:
    stripe_trouble("reset_before", times=None, method="GET")
    with pytest.raises(CommandError, match="could not be asked"):
        command()


def test_an_endpoint_shows_no_secret_where_it_is_logged(stripe_simulator: Any) -> None:
    made = gateway.create_endpoint(URL)
    assert made.secret
    assert made.secret not in repr(made)
