"""Refunds whose answer was lost, that are on their way, or that come back: each ends as what it is, once."""

from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
from django.utils import timezone

from checkout.flows import inbox, refund
from checkout.models import Event, Notice, Refund
from example_checkout.tests.money_back import (
    FAILS_LATER,
    PENDING,
    REFUNDS,
    WEBHOOK,
    at_stripe,
    dashboard,
    give,
    given_back,
    paid,
    resolve_in,
    told_of_failure,
)
from example_checkout.tests.plans import library

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.slow]

# What goes wrong, how often in a row (the library asks twice where it may), and what Stripe has done by then.
LOST = [("timeout_after_commit", 2, 1), ("reset_before", 2, 0), ("conflict", 2, 0), ("rate_limit", 1, 0)]


@pytest.fixture
def webhooks(deliver_webhooks: Any, settings: Any) -> Any:
    settings.CHECKOUT_WEBHOOK_SECRETS = [deliver_webhooks.register(WEBHOOK)]
    return deliver_webhooks


def assert_once(simulator: Any, made: Refund) -> None:
    made.refresh_from_db()
    assert made.state == "success"
    assert made.refund_id
    assert at_stripe(simulator) == [2000]
    assert given_back(made.checkout) == 20
    assert Refund.objects.count() == 1
    assert told_of_failure() == 0
    assert resolve_in(days=2).open == 0


@pytest.mark.parametrize(("name", "times", "done"), LOST)
def test_a_lost_answer_within_the_life_of_its_key(
    stripe_simulator: Any, pay: Any, stripe_trouble: Any, name: str, times: int, done: int
) -> None:
    checkout = paid(pay)
    stripe_trouble(name, times=times, path=REFUNDS)
    made = give(checkout, "20.00")
    assert (made.state, made.refund_id) == ("request", None)
    assert len(at_stripe(stripe_simulator)) == done
    assert given_back(checkout) == 0
    assert resolve_in(minutes=4).open == 0, "it is not asked before an answer could have come"
    assert resolve_in(minutes=6).settled == 1
    assert_once(stripe_simulator, made)


@pytest.mark.parametrize(("name", "times", "done"), LOST)
def test_a_lost_answer_after_the_life_of_its_key(
    stripe_simulator: Any, pay: Any, stripe_trouble: Any, move_clock: Any, name: str, times: int, done: int
) -> None:
    checkout = paid(pay)
    stripe_trouble(name, times=times, path=REFUNDS)
    made = give(checkout, "20.00")
    move_clock(hours=25)
    asked = stripe_simulator.calls["POST /v1/refunds"]
    assert resolve_in(hours=25).settled == 1
    assert stripe_simulator.calls["POST /v1/refunds"] == asked, "the key is dead: to ask again could be a second one"
    if done:
        assert_once(stripe_simulator, made)
        return
    made.refresh_from_db()
    assert (made.state, made.failure) == ("fail", "Stripe knows of no such refund")
    assert at_stripe(stripe_simulator) == []
    assert given_back(checkout) == 0
    # whoever asked for it has long gone
    assert told_of_failure() == 1
    assert refund.left(checkout).amount == 120


@pytest.mark.parametrize("name", ["timeout_after_commit", "reset_before"])
def test_nobody_can_be_asked_for_a_while(
    stripe_simulator: Any, pay: Any, stripe_trouble: Any, move_clock: Any, name: str
) -> None:
    checkout = paid(pay)
    stripe_trouble(name, times=2, path=REFUNDS)
    made = give(checkout, "20.00")
    stripe_trouble("reset_before", times=4, method=None)
    report = resolve_in(minutes=6)
    assert (report.open, report.settled, report.waiting) == (1, 0, 1)
    made.refresh_from_db()
    assert made.state == "request"
    assert resolve_in(hours=5).open == 0
    stripe_simulator.trouble.clear()
    assert resolve_in(hours=7).settled == 1
    assert_once(stripe_simulator, made)


def test_a_500_that_stripe_keeps_does_not_keep_the_others_waiting(
    stripe_simulator: Any, pay: Any, stripe_trouble: Any, move_clock: Any
) -> None:
    stuck, other = paid(pay), paid(pay)
    stripe_trouble("server_error", path=REFUNDS)
    first = give(stuck, "20.00")
    stripe_trouble("reset_before", times=2, path=REFUNDS)
    second = give(other, "30.00")
    report = resolve_in(minutes=6)
    assert (report.open, report.settled, report.waiting, report.errors) == (2, 1, 1, 0)
    first.refresh_from_db()
    second.refresh_from_db()
    assert (first.state, second.state) == ("request", "success")
    assert at_stripe(stripe_simulator) == [3000]
    # in the end Stripe's list says that nothing happened, and it may be asked for anew
    move_clock(hours=25)
    assert resolve_in(hours=25).settled == 1
    first.refresh_from_db()
    assert first.state == "fail"
    assert told_of_failure() == 1
    give(stuck, "20.00")
    assert at_stripe(stripe_simulator) == [3000, 2000]


def test_refused_when_it_is_asked_again(stripe_simulator: Any, pay: Any, stripe_trouble: Any) -> None:
    checkout = paid(pay)
    stripe_trouble("reset_before", times=2, path=REFUNDS)
    made = give(checkout, "20.00")
    dashboard(stripe_simulator, checkout)
    assert resolve_in(minutes=6).settled == 1
    made.refresh_from_db()
    assert made.state == "fail"
    assert "charge_already_refunded" in made.failure
    assert told_of_failure() == 1, "nobody waits for the answer any more: it is mailed"
    assert at_stripe(stripe_simulator) == [12000]


def test_found_among_many(stripe_simulator: Any, pay: Any, stripe_trouble: Any) -> None:
    """Stripe's list has pages."""
    checkout = paid(pay)
    stripe_trouble("timeout_after_commit", times=2, path=REFUNDS)
    made = give(checkout, "1.00")
    for _number in range(101):
        dashboard(stripe_simulator, checkout, 1)
    asked = stripe_simulator.calls["POST /v1/refunds"]
    assert resolve_in(minutes=6).settled == 1
    made.refresh_from_db()
    assert made.state == "success"
    assert stripe_simulator.calls["POST /v1/refunds"] == asked


def test_the_webhook_brings_what_was_lost(webhooks: Any, stripe_simulator: Any, pay: Any, stripe_trouble: Any) -> None:
    checkout = paid(pay)
    stripe_trouble("timeout_after_commit", times=2, path=REFUNDS)
    made = give(checkout, "20.00")
    webhooks()
    assert_once(stripe_simulator, made)
    assert made.refund_id == library(stripe_simulator).refunds.list().data[0].id


def test_a_dry_run_asks_nobody(stripe_simulator: Any, pay: Any, stripe_trouble: Any) -> None:
    stripe_trouble("reset_before", times=2, path=REFUNDS)
    made = give(paid(pay), "20.00")
    before = stripe_simulator.calls.copy()
    report = refund.resolve(now=timezone.now() + timedelta(minutes=6), dry_run=True)
    assert (report.open, report.waiting) == (1, 1)
    assert stripe_simulator.calls == before
    made.refresh_from_db()
    assert made.state == "request"


# on its way, and back again


def by_webhook(webhooks: Any) -> None:
    assert webhooks() > 0
    assert set(webhooks.statuses) == {200}


def by_asking(webhooks: Any) -> None:
    Refund.objects.exclude(ask_after=None).update(ask_after=timezone.now())
    assert resolve_in(seconds=1).open == 1


def by_backfill(webhooks: Any) -> None:
    assert inbox.backfill() > 0


@pytest.mark.parametrize("learn", [by_webhook, by_asking, by_backfill])
def test_on_its_way(
    webhooks: Any, stripe_simulator: Any, pay: Any, move_clock: Any, learn: Callable[[Any], None]
) -> None:
    checkout = paid(pay, card=PENDING)
    made = give(checkout, "20.00")
    assert (made.state, made.settled) == ("processing", None)
    assert made.refund_id
    assert given_back(checkout) == 0
    assert refund.left(checkout).amount == 100, "it cannot be given back twice"
    # nothing has happened yet, whoever asks
    learn(webhooks)
    made.refresh_from_db()
    assert made.state == "processing"
    move_clock(hours=1, seconds=1)
    learn(webhooks)
    assert_once(stripe_simulator, made)


@pytest.mark.parametrize("learn", [by_webhook, by_backfill])
def test_a_refund_that_looked_well_fails_later(
    webhooks: Any, stripe_simulator: Any, pay: Any, move_clock: Any, learn: Callable[[Any], None]
) -> None:
    checkout = paid(pay, card=FAILS_LATER)
    made = give(checkout, "120.00")
    learn(webhooks)
    assert made.state == "success"
    assert given_back(checkout) == 120
    assert told_of_failure() == 0
    move_clock(hours=1, seconds=1)
    learn(webhooks)
    made.refresh_from_db()
    assert (made.state, made.failure) == ("fail", "lost_or_stolen_card")
    assert given_back(checkout) == 0, "the host took it back"
    assert told_of_failure() == 1
    notice = Notice.objects.get(kind=Notice.REFUND_FAILED)
    assert (made.refund_id or "") in notice.body
    assert "120" in notice.body
    # every event once more, in the wrong order
    for event in Event.objects.order_by("-pk"):
        inbox.replay(event)
    made.refresh_from_db()
    assert made.state == "fail"
    assert given_back(checkout) == 0
    assert told_of_failure() == 1
    checkout.refresh_from_db()
    assert checkout.succeeded
    # and it may be given back once more
    assert refund.left(checkout).amount == 120
    assert give(checkout, "120.00").state == "success"


def test_an_answer_from_before_changes_nothing(stripe_simulator: Any, pay: Any, move_clock: Any) -> None:
    """A worker that read the refund, and then was slow."""
    checkout = paid(pay, card=PENDING)
    made = give(checkout, "20.00")
    old = refund.gateway.retrieve_refund(made.refund_id or "")
    move_clock(hours=1, seconds=1)
    resolve_in(hours=7)
    for _time in range(2):
        refund.keep(old)
    assert_once(stripe_simulator, made)
    new = refund.gateway.retrieve_refund(made.refund_id or "")
    refund.keep(new)
    assert_once(stripe_simulator, made)


def test_a_word_that_stripe_adds_one_day(stripe_simulator: Any, pay: Any) -> None:
    checkout = paid(pay)
    known = refund.gateway.retrieve_refund(dashboard(stripe_simulator, checkout, 2000))
    kept = refund.keep(replace(known, stripe_status="levitating"))
    assert kept is not None
    assert kept.state == "request"
    assert given_back(checkout) == 0
    # it is asked about until it is known
    assert resolve_in(minutes=6).settled == 1
    assert given_back(checkout) == 20
