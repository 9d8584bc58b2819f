"""What brings a payment home is cut short by SIGKILL at each step; done again, nothing is charged twice."""

from typing import Any
from uuid import uuid4

import pytest

from checkout.simulator.fixtures import Payer
from example_checkout.tests.crash_site import Site
from example_checkout.tests.plans import saved_card

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.slow]

RUN = ("command", "process_payments")
CHARGE = "POST /v1/payment_intents"
ANY_CHANGE = "POST /v1/payment_intents/*"
CANCEL = "POST /v1/payment_intents/*/cancel"


def part_with(site: Site, card: str) -> None:
    """One instalment that is due, of a customer with such a card, and a payment run."""
    customer, method = saved_card(site.stripe_library)
    site.do("due", "1", customer, method)
    made = site.stripe_library.setup_intents.create(
        {
            "customer": customer,
            "payment_method": card,
            "confirm": True,
            "return_url": "https://example.com/",
            "automatic_payment_methods": {"enabled": True},
        }
    )
    if made.status == "requires_action":
        site.server.simulator.authenticate(made.id, "complete", client_secret=made.client_secret)
    site.do("use_card", site.stripe_library.setup_intents.retrieve(made.id).payment_method)
    site.do(*RUN)


def states_of(site: Site) -> list[str]:
    return [row["state_id"] for row in site.do("ledger")["instalments"]]


def pay(site: Site, intent: str) -> Any:
    return Payer(site.server.simulator)(intent)


def assert_paid_once(site: Site) -> None:
    ledger = site.do("ledger")
    assert [row["state_id"] for row in ledger["instalments"]] == ["success"]
    assert site.charged() == [1200]
    assert not [row for row in ledger["checkouts"] if row["state_id"] in ("pending", "request") or row["quarantine"]]
    succeeded = [row["uuid"] for row in ledger["checkouts"] if row["state_id"] == "success"]
    assert len([uuid for uuid in ledger["told"] if uuid in succeeded]) == 1


@pytest.mark.parametrize("moment", ["CRASH_BEFORE", "CRASH_AFTER"])
def test_following_the_link_is_cut_short(crash_site: Site, moment: str) -> None:
    """Before or after Stripe has heard that the intent goes on in the browser: the next click opens the same page."""
    part_with(crash_site, "pm_card_authenticationRequired")
    assert states_of(crash_site) == ["pay_on_session"]
    crash_site.dies("on_session", **{moment: ANY_CHANGE})
    uuid, intent = crash_site.do("on_session")
    crash_site.do("begin", uuid)
    pay(crash_site, intent)
    crash_site.do("finish", uuid)
    assert_paid_once(crash_site)
    assert crash_site.do("ledger")["customer"]["last4"] == "4242"


@pytest.mark.parametrize(
    "trouble",
    [
        {"CRASH_AFTER": "GET /v1/payment_intents/*"},
        {"CRASH_BEFORE": "POST /v1/customers/*"},
        {"CRASH_AFTER": "POST /v1/customers/*"},
        {"CRASH_IN_HOST": "yes"},
        {"CRASH_SETTLED": "yes"},
    ],
    ids=["answered", "card-not-saved", "card-saved", "in-the-settling-transaction", "settled"],
)
def test_coming_back_is_cut_short(crash_site: Site, trouble: dict[str, str]) -> None:
    part_with(crash_site, "pm_card_authenticationRequired")
    uuid, intent = crash_site.do("on_session")
    crash_site.do("begin", uuid)
    pay(crash_site, intent)
    crash_site.dies("finish", uuid, **trouble)
    for _time in range(2):
        crash_site.do("command", "payment_intent_on_session_fulfillment")
    assert_paid_once(crash_site)
    crash_site.do(*RUN)
    assert_paid_once(crash_site)


@pytest.mark.parametrize(
    "trouble",
    [
        {"CRASH_AFTER": "GET /v1/setup_intents/*"},
        {"CRASH_AFTER": "POST /v1/customers/*"},
        {"CRASH_BEFORE": CANCEL},
        {"CRASH_AFTER": CANCEL},
    ],
    ids=["answered", "default-at-stripe", "saved-not-closed", "closed-not-put-back"],
)
def test_a_new_card_is_cut_short(crash_site: Site, trouble: dict[str, str]) -> None:
    """What waited for it goes back in line all the same, and is charged once, the next day."""
    part_with(crash_site, "pm_card_authenticationRequired")
    uuid, intent = crash_site.do("refresh")
    pay(crash_site, intent)
    crash_site.dies("finish", uuid, **trouble)
    crash_site.do("command", "setup_intent_fulfillment")
    assert crash_site.do("ledger")["customer"]["last4"] == "4242"
    crash_site.do(*RUN)
    assert crash_site.charged() == []
    crash_site.do("tomorrow")
    crash_site.do(*RUN)
    assert_paid_once(crash_site)


@pytest.mark.parametrize(
    "trouble", [{"CRASH_BEFORE": CHARGE}, {"CRASH_AFTER": CHARGE}], ids=["claimed-not-asked", "answered-not-written"]
)
def test_a_charge_by_staff_is_cut_short(crash_site: Site, trouble: dict[str, str]) -> None:
    """The page sent again does not charge again; what became of it is found out by asking."""
    part_with(crash_site, "pm_card_visa")
    assert crash_site.charged() == [1200]
    uuid = str(uuid4())
    crash_site.dies("staff_charge", uuid, **trouble)
    assert crash_site.do("staff_charge", uuid) == "request"
    crash_site.do("wait")
    crash_site.do("command", "payment_intent_fulfillment")
    assert crash_site.do("staff_charge", uuid) == "success"
    assert crash_site.do("staff_payments") == [["success", "12.500"]]
    assert sorted(crash_site.charged()) == [1200, 1250]


def test_a_run_is_killed_between_putting_retries_in_line_and_charging_them(crash_site: Site) -> None:
    part_with(crash_site, "pm_card_authenticationRequiredChargeDeclinedInsufficientFunds")
    assert states_of(crash_site) == ["fail"]
    for _day in range(3):
        crash_site.do("tomorrow")
    crash_site.dies(*RUN, CRASH_BEFORE=CHARGE)
    assert states_of(crash_site) == ["request"]
    crash_site.do("wait")
    crash_site.do(*RUN)
    assert states_of(crash_site) == ["fail"]
    assert len(crash_site.intents()) == 2
    assert len(crash_site.do("ledger")["notices"]) == 2
