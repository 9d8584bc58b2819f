"""The site is killed between Stripe's answer and our write; afterwards it is started again, and the money is right."""

from typing import Any

import pytest

from example_checkout.tests.crash_site import Site

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.slow]


def assert_paid_once(site: Site, amount: int = 12000) -> None:
    report = site.do("report")
    assert site.charged() == [amount]
    assert (report["told"], report["paid"]) == (1, 1)
    assert [row["state_id"] for row in report["checkouts"]].count("success") == 1
    assert not any(row["quarantine"] for row in report["checkouts"])


@pytest.mark.parametrize("trouble", [{"CRASH_AFTER": "GET /v1/payment_intents/*"}, {"CRASH_IN_HOST": "yes"}])
def test_killed_on_the_return_page_after_stripes_yes(crash_site: Site, pay_there: Any, trouble: dict[str, str]) -> None:
    uuid, intent = crash_site.checkout()
    assert crash_site.do("begin", uuid) == "request"
    pay_there(intent)
    crash_site.dies("get", f"/pay/{uuid}/thanks/", **trouble)
    report = crash_site.do("report")
    assert [row["state_id"] for row in report["checkouts"]] == ["request"]
    assert (report["told"], report["paid"]) == (0, 0)

    crash_site.recover()

    assert_paid_once(crash_site)
    assert crash_site.do("get", f"/pay/{uuid}/thanks/") == 200
    assert_paid_once(crash_site)


@pytest.mark.parametrize("trouble", [{"CRASH_AFTER": "GET /v1/payment_intents"}, {"CRASH_IN_HOST": "yes"}])
def test_the_command_is_killed_and_run_again(crash_site: Site, pay_there: Any, trouble: dict[str, str]) -> None:
    uuid, intent = crash_site.checkout()
    crash_site.do("begin", uuid)
    pay_there(intent)
    crash_site.dies("command", "payment_intent_fulfillment", **trouble)
    assert crash_site.do("report")["told"] == 0
    crash_site.recover()
    assert_paid_once(crash_site)


def test_killed_before_the_intents_id_was_stored_makes_no_second_intent(crash_site: Site, pay_there: Any) -> None:
    number = crash_site.do("setup")
    pay_url = f"/bookings/{number}/pay/"
    crash_site.dies("post", pay_url, "action=payment", CRASH_AFTER="POST /v1/payment_intents")
    (row,) = crash_site.do("report")["checkouts"]
    assert (row["state_id"], row["payment_intent_id"]) == ("pending", "")
    assert len(crash_site.intents()) == 1

    assert crash_site.do("post", pay_url, "action=payment") == [302, f"/pay/{row['uuid']}/"]

    (intent,) = crash_site.intents()
    (row,) = crash_site.do("report")["checkouts"]
    assert row["payment_intent_id"] == intent["id"]
    crash_site.do("begin", row["uuid"])
    pay_there(intent["id"])
    crash_site.recover()
    assert_paid_once(crash_site)


@pytest.mark.parametrize("look_first", [True, False])
def test_killed_while_repricing_is_no_mismatch(crash_site: Site, pay_there: Any, look_first: bool) -> None:
    uuid, intent = crash_site.checkout()
    crash_site.do("price", "95.00")
    crash_site.dies("get", f"/pay/{uuid}/", CRASH_AFTER="POST /v1/payment_intents/*")
    assert [one["amount"] for one in crash_site.intents()] == [9500]
    if look_first:
        assert crash_site.do("get", f"/pay/{uuid}/") == 200
        crash_site.do("begin", uuid)
    # without a look it is a tab from before, whose script had begun already
    pay_there(intent)
    crash_site.recover()
    assert_paid_once(crash_site, 9500)
    (row,) = crash_site.do("report")["checkouts"]
    assert row["total"] in ("95.00", "95.000")


def test_killed_after_stripe_cancelled_and_before_our_write(crash_site: Site, pay_there: Any) -> None:
    uuid, intent = crash_site.checkout()
    step = ("post", f"/pay/{uuid}/", "step=choose", "action=invoice")
    crash_site.dies(*step, CRASH_AFTER="POST /v1/payment_intents/*/cancel")
    assert [row["state_id"] for row in crash_site.do("report")["checkouts"]] == ["pending"]
    assert len(crash_site.intents("canceled")) == 1

    crash_site.recover()

    report = crash_site.do("report")
    assert [row["state_id"] for row in report["checkouts"]] == ["fail"]
    assert report["told"] == 0
    assert "error" in pay_there(intent)
    assert crash_site.charged() == []
    # and the customer can do what was meant in the first place
    number = crash_site.do("number")
    assert crash_site.do("post", f"/bookings/{number}/pay/", "action=invoice")[0] == 302
