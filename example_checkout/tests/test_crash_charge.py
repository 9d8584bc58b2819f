"""Off-session charges are cut short by SIGKILL at each step; then everything is run again, and each is charged once."""

import os
import signal
import subprocess
import sys
from collections import Counter
from decimal import Decimal
from typing import Any

import pytest

from example_checkout.tests.crash_site import TOP, Site, child_environ
from example_checkout.tests.fleet import wait_for

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.slow]

CHARGE = "POST /v1/payment_intents"
RUN = ("command", "process_payments")
ONE_BY_ONE = {"CRASH_LINES": "1", "CRASH_AT": "3"}


def fall_due(site: Site, count: int) -> None:
    """Let ``count`` instalments of one customer fall due."""
    from example_checkout.tests.plans import saved_card

    customer, method = saved_card(site.stripe_library)
    assert len(site.do("due", str(count), customer, method)) == count


def run_again(site: Site, *, days: int = 1) -> None:
    """What cron would do in the days to come."""
    for _day in range(days):
        site.do("wait")
        site.do("command", "setup_intent_fulfillment")
        site.do("command", "payment_intent_fulfillment")
        site.do(*RUN)
    site.do("command", "send_notices")


def states_of(site: Site) -> Counter[str]:
    return Counter(row["state_id"] for row in site.do("ledger")["instalments"])


def assert_charged_once(site: Site, *, parts: int, deposits: int = 0) -> None:
    """Each of ``parts`` was charged once at Stripe, is paid here, and was told once; nothing is left open."""
    ledger = site.do("ledger")
    paid = {str(row["pk"]): Decimal(row["amount"]) for row in ledger["instalments"] if row["state_id"] == "success"}
    assert len(paid) == parts
    charges = {row["uuid"]: row for row in ledger["checkouts"] if row["action_id"] == "charge"}
    at_stripe = site.intents("succeeded")
    charged = {charges[one["metadata"]["checkout"]]["object_id"]: one["amount_received"] for one in at_stripe}
    assert len(at_stripe) == len(charged) == len(site.charged()) == parts
    assert charged == {pk: int(amount * 100) for pk, amount in paid.items()}
    assert not [row for row in ledger["checkouts"] if row["state_id"] in ("pending", "request") or row["quarantine"]]
    succeeded = [row["uuid"] for row in ledger["checkouts"] if row["state_id"] == "success"]
    assert sorted(ledger["told"]) == sorted(succeeded)
    assert ledger["unsent"] == 0
    assert ledger["items"] == ["success"] * (parts - deposits)
    total = sum(Decimal(row["amount"]) for row in ledger["instalments"])
    assert total == sum(map(Decimal, ledger["plans"])), ledger


@pytest.mark.parametrize(
    ("trouble", "charged"),
    [
        pytest.param({"CRASH_BEFORE": CHARGE}, {2}, id="claimed-not-asked"),
        pytest.param({"CRASH_AFTER": CHARGE}, {3}, id="answered-not-written"),
        # the thread that asks may be ahead of the one that settles
        pytest.param({"CRASH_IN_HOST": "yes"}, {3, 4, 5}, id="in-the-settling-transaction"),
        pytest.param({"CRASH_SETTLED": "yes"}, {3, 4, 5}, id="settled-not-told"),
    ],
)
def test_a_run_is_killed(crash_site: Site, trouble: dict[str, str], charged: set[int]) -> None:
    fall_due(crash_site, 5)
    crash_site.dies(*RUN, **trouble, **ONE_BY_ONE)
    assert len(crash_site.charged()) in charged
    found = states_of(crash_site)
    assert set(found) <= {"success", "request"}
    # answers that came together are settled together, so a transaction may hold more than one
    if "CRASH_SETTLED" in trouble:
        assert found["success"] >= 3
    else:
        assert found["request"] >= 3
    assert crash_site.do("ledger")["finished"] == 0, crash_site.do("ledger")
    run_again(crash_site)
    assert_charged_once(crash_site, parts=5)


def test_a_run_is_killed_while_stripe_works(crash_site: Site) -> None:
    fall_due(crash_site, 30)
    crash_site.server.simulator.trouble.add("slow", times=None, delay=0.2, path="/v1/payment_intents")
    pid = crash_site.begin(*RUN)
    # the simulator charges when it is asked and answers after the delay: some answers are on their way now
    wait_for(lambda: crash_site.server.simulator.calls[CHARGE] > 14)
    os.kill(pid, signal.SIGKILL)
    assert crash_site.end()[0] == -signal.SIGKILL
    crash_site.server.simulator.trouble.clear()
    assert states_of(crash_site)["request"] >= 5
    run_again(crash_site)
    assert_charged_once(crash_site, parts=30)


def test_killed_again_and_again_in_what_comes_after(crash_site: Site) -> None:
    fall_due(crash_site, 5)
    crash_site.dies(*RUN, CRASH_AFTER=CHARGE, **ONE_BY_ONE)
    fulfilment = ("command", "payment_intent_fulfillment")
    crash_site.do("wait")
    crash_site.dies(*fulfilment, CRASH_AFTER="GET /v1/payment_intents")
    crash_site.dies(*fulfilment, CRASH_IN_HOST="yes")
    crash_site.dies(*fulfilment, CRASH_SETTLED="yes")
    crash_site.dies(*fulfilment, CRASH_BEFORE=CHARGE)
    crash_site.dies(*fulfilment, CRASH_AFTER=CHARGE)
    run_again(crash_site)
    assert_charged_once(crash_site, parts=5)


def test_killed_before_the_staff_were_told(crash_site: Site) -> None:
    fall_due(crash_site, 1)
    crash_site.dies(*RUN, CRASH_AFTER=CHARGE)
    crash_site.do("another_total", "11.00")
    crash_site.do("wait")
    crash_site.dies("command", "payment_intent_fulfillment", CRASH_IN_MAIL="yes")
    ledger = crash_site.do("ledger")
    assert (ledger["notices"], ledger["unsent"], ledger["told"]) == (["quarantine"], 1, [])
    # taken back from the dead, and sent when its pause is over
    for _time in range(2):
        crash_site.do("mail_lease_ends")
        run_again(crash_site)
    ledger = crash_site.do("ledger")
    assert (ledger["notices"], ledger["unsent"], ledger["told"]) == (["quarantine"], 0, [])
    # and nobody is charged a second time for what waits for a person
    assert crash_site.charged() == [1200]


SETUP, DEFAULT = "GET /v1/setup_intents/*", "POST /v1/customers/*"


@pytest.mark.parametrize(
    ("trouble", "sign_up", "deposit"),
    [
        pytest.param({"CRASH_AFTER": SETUP}, "request", "", id="before-settling-the-sign-up"),
        pytest.param({"CRASH_BEFORE": DEFAULT}, "request", "", id="before-the-default-card"),
        pytest.param({"CRASH_AFTER": DEFAULT}, "request", "", id="after-the-default-card"),
        pytest.param({"CRASH_IN_HOST": "yes"}, "request", "", id="while-settling-the-sign-up"),
        pytest.param({"CRASH_SETTLED": "yes"}, "success", "pending", id="between-sign-up-and-charge"),
        pytest.param({"CRASH_BEFORE": CHARGE}, "success", "request", id="claimed-not-asked"),
        pytest.param({"CRASH_AFTER": CHARGE}, "success", "request", id="between-charge-and-settle"),
        pytest.param({"CRASH_IN_HOST": "yes", "CRASH_AT": "2"}, "success", "request", id="while-settling"),
        pytest.param({"CRASH_SETTLED": "yes", "CRASH_AT": "2"}, "success", "success", id="after-settling"),
    ],
)
def test_a_sign_up_is_killed(
    crash_site: Site, pay_there: Any, trouble: dict[str, str], sign_up: str, deposit: str
) -> None:
    uuid, setup_intent = crash_site.do("sign_up")
    pay_there(setup_intent)
    crash_site.dies("finish", uuid, **trouble)
    ledger = crash_site.do("ledger")
    assert ledger["checkouts"][0]["state_id"] == sign_up
    assert [row["state_id"] for row in ledger["instalments"]][:1] == ([deposit] if deposit else [])
    run_again(crash_site)
    crash_site.do("finish", uuid)
    assert_charged_once(crash_site, parts=1, deposits=1)
    assert states_of(crash_site) == {"success": 1, "pending": 3}
    customer = crash_site.do("ledger")["customer"]
    (at_stripe,) = crash_site.stripe("/v1/customers")
    assert at_stripe["id"] == customer["customer_id"]
    assert at_stripe["invoice_settings"]["default_payment_method"] == customer["payment_method_id"]
    assert customer["last4"] == "4242"


@pytest.mark.parametrize("trouble", [{"CRASH_SETTLED": "yes"}, {"CRASH_AFTER": CHARGE}])
def test_the_browser_comes_back_before_anybody_has_run_anything(
    crash_site: Site, pay_there: Any, trouble: dict[str, str]
) -> None:
    uuid, setup_intent = crash_site.do("sign_up")
    pay_there(setup_intent)
    crash_site.dies("finish", uuid, **trouble)
    crash_site.do("finish", uuid)
    run_again(crash_site)
    assert_charged_once(crash_site, parts=1, deposits=1)


def test_ctrl_c_settles_what_is_in_flight_and_releases_the_rest(crash_site: Site) -> None:
    fall_due(crash_site, 40)
    simulator = crash_site.server.simulator
    simulator.trouble.add("slow", times=None, delay=0.3, path="/v1/payment_intents")
    with subprocess.Popen(
        [sys.executable, "manage.py", *RUN[1:]],
        cwd=TOP,
        env=child_environ(crash_site.database, crash_site.server.url, CRASH_LINES="5"),
        stderr=subprocess.PIPE,
        text=True,
    ) as process:
        wait_for(lambda: simulator.calls[CHARGE] > 8)
        process.send_signal(signal.SIGINT)
        _output, errors = process.communicate(timeout=30)
    assert process.returncode != 0, errors
    ledger = crash_site.do("ledger")
    charged = len(crash_site.charged())
    assert 8 < charged < 40
    assert states_of(crash_site) == {"success": charged, "pending": 40 - charged}
    assert not [row for row in ledger["checkouts"] if row["state_id"] in ("pending", "request")]
    assert Counter(ledger["items"])["request"] == 0
    simulator.trouble.clear()
    crash_site.do(*RUN)
    assert_charged_once(crash_site, parts=40)
