"""Refunds and events are cut short by SIGKILL at each step; then everything is run again, and each happened once."""

import json
import time
from decimal import Decimal
from typing import Any
from uuid import uuid4

import pytest

from checkout.simulator.deliveries import sign
from example_checkout.tests.crash_site import Site

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.slow]

ASK = "POST /v1/refunds"
LOOK = "GET /v1/payment_intents/*"
SECRET = "whsec_simulator"


def paid(site: Site, pay_there: Any) -> str:
    """A booking that was paid; its checkout."""
    uuid, intent = site.checkout()
    site.do("begin", uuid)
    pay_there(intent)
    assert site.do("finish", uuid) == "success"
    return uuid


def put_aside(site: Site, pay_there: Any) -> str:
    """One whose payment is not what was asked for; its checkout."""
    uuid, intent = site.checkout()
    site.do("begin", uuid)
    assert site.do("another_total", "11.00") == 1
    pay_there(intent)
    assert site.do("finish", uuid) == "request"
    return uuid


def recover(site: Site) -> None:
    """What the schedule would do."""
    site.do("lease_ends")
    site.do("command", "payment_intent_fulfillment")
    site.do("task", "backfill_events")


def assert_given_back_once(site: Site, amount: str) -> None:
    found = site.do("refunds")
    (theirs,) = site.stripe("/v1/refunds")
    assert theirs["amount"] == int(Decimal(amount) * 100)
    ((state, ours, refund_id),) = found["refunds"]
    assert (state, Decimal(ours), refund_id) == ("success", Decimal(amount), theirs["id"])
    assert Decimal(found["heard"]) == Decimal(amount)


@pytest.mark.parametrize(
    ("trouble", "at_stripe", "state"),
    [
        pytest.param({"CRASH_BEFORE": ASK}, 0, "request", id="written-not-asked"),
        pytest.param({"CRASH_AFTER": ASK}, 1, "request", id="answered-not-kept"),
        pytest.param({"CRASH_IN_REFUND": "yes"}, 1, "request", id="while-it-is-kept"),
        pytest.param({"CRASH_REFUNDED": "yes"}, 1, "success", id="kept-not-told"),
    ],
)
def test_a_refund_is_killed(
    crash_site: Site, pay_there: Any, trouble: dict[str, str], at_stripe: int, state: str
) -> None:
    uuid, key = paid(crash_site, pay_there), str(uuid4())
    crash_site.dies("give_back", uuid, "20.00", key, **trouble)
    assert len(crash_site.stripe("/v1/refunds")) == at_stripe
    found = crash_site.do("refunds")
    assert [row[0] for row in found["refunds"]] == [state]
    assert Decimal(found["heard"]) == (20 if state == "success" else 0)
    # staff send the form again: what became of the first counts
    assert crash_site.do("give_back", uuid, "20.00", key) == state
    assert len(crash_site.stripe("/v1/refunds")) == at_stripe
    recover(crash_site)
    assert_given_back_once(crash_site, "20.00")


def test_killed_again_and_again_in_what_comes_after(crash_site: Site, pay_there: Any) -> None:
    uuid, key = paid(crash_site, pay_there), str(uuid4())
    crash_site.dies("give_back", uuid, "20.00", key, CRASH_BEFORE=ASK)
    fulfilment = ("command", "payment_intent_fulfillment")
    for trouble in (
        {"CRASH_AFTER": "GET /v1/refunds"},
        {"CRASH_BEFORE": ASK},
        {"CRASH_AFTER": ASK},
        {"CRASH_IN_REFUND": "yes"},
        {"CRASH_REFUNDED": "yes"},
    ):
        crash_site.do("lease_ends")
        crash_site.dies(*fulfilment, **trouble)
    for _time in range(2):
        recover(crash_site)
        assert_given_back_once(crash_site, "20.00")


@pytest.mark.parametrize(
    ("trouble", "rows", "at_stripe"),
    [
        # what has come is looked at first
        pytest.param({"CRASH_AFTER": LOOK}, 0, 0, id="before-the-row"),
        pytest.param({"CRASH_REFUNDED": "yes"}, 1, 1, id="kept-not-closed"),
    ],
)
def test_a_payment_put_aside(
    crash_site: Site, pay_there: Any, trouble: dict[str, str], rows: int, at_stripe: int
) -> None:
    uuid, key = put_aside(crash_site, pay_there), str(uuid4())
    crash_site.dies("give_back", uuid, "120.00", key, **trouble)
    assert len(crash_site.do("refunds")["refunds"]) == rows
    assert len(crash_site.stripe("/v1/refunds")) == at_stripe
    assert crash_site.do("report")["checkouts"][0]["quarantine"]
    if not rows:
        # nobody had asked for anything
        crash_site.do("give_back", uuid, "120.00", key)
    recover(crash_site)
    assert_given_back_once(crash_site, "120.00")
    report = crash_site.do("report")
    assert [(row["state_id"], row["quarantine"]) for row in report["checkouts"]] == [("fail", "")]
    assert (report["told"], report["paid"]) == (0, 0)


# events


def deliveries(site: Site, *kinds: str) -> list[tuple[str, str]]:
    """The body and signature of each event, as Stripe would post it now; here it has no endpoint to do so by itself."""
    simulator = site.server.simulator
    bodies = [json.dumps(event) for event in simulator.events if not kinds or event["type"] in kinds]
    return [(body, sign(body.encode(), SECRET, int(time.time()))) for body in bodies]


def deliver_all(site: Site) -> None:
    for body, signature in deliveries(site):
        assert site.do("webhook", body, signature) == 200


@pytest.mark.parametrize(
    ("trouble", "event", "state"),
    [
        pytest.param({"CRASH_RECEIVED": "yes"}, ["waiting", 0], "request", id="received-not-worked"),
        pytest.param({"CRASH_BEFORE": LOOK}, ["waiting", 1], "request", id="claimed-not-asked"),
        pytest.param({"CRASH_IN_HOST": "yes"}, ["waiting", 1], "request", id="while-settling"),
        pytest.param({"CRASH_SETTLED": "yes"}, ["waiting", 1], "success", id="settled-not-marked"),
    ],
)
def test_an_event_is_killed(
    crash_site: Site, pay_there: Any, trouble: dict[str, str], event: list[Any], state: str
) -> None:
    uuid, intent = crash_site.checkout()
    crash_site.do("begin", uuid)
    pay_there(intent)
    ((body, signature),) = deliveries(crash_site, "payment_intent.succeeded")
    crash_site.dies("webhook", body, signature, **trouble)
    assert crash_site.do("events") == [["payment_intent.succeeded", *event]]
    assert crash_site.do("report")["checkouts"][0]["state_id"] == state
    if event[1]:
        # the dead process may still be at it, for all anybody knows
        assert crash_site.do("task", "work_events") == 0
    crash_site.do("lease_ends")
    assert crash_site.do("task", "work_events") == 1
    # and Stripe, to which nobody has answered, comes again
    deliver_all(crash_site)
    report = crash_site.do("report")
    assert [row["state_id"] for row in report["checkouts"]] == ["success"]
    assert (report["told"], report["paid"]) == (1, 1)
    states = {kind: state for kind, state, _tries in crash_site.do("events")}
    assert states["payment_intent.succeeded"] == "done"
    assert "waiting" not in states.values()


def test_the_event_of_a_refund_in_the_dashboard_is_killed(crash_site: Site, pay_there: Any) -> None:
    paid(crash_site, pay_there)
    (intent,) = crash_site.intents("succeeded")
    crash_site.stripe_library.refunds.create({"payment_intent": intent["id"], "amount": 2000})
    ((body, signature),) = deliveries(crash_site, "refund.created")
    crash_site.dies("webhook", body, signature, CRASH_IN_REFUND="yes")
    recover(crash_site)
    deliver_all(crash_site)
    assert_given_back_once(crash_site, "20.00")
