"""The command and the task that compare the books, and a comparison that breaks off."""

import csv
from datetime import timedelta
from io import StringIO
from typing import Any

import pytest
from django.core.management import CommandError, call_command

from checkout import tasks
from checkout.errors import StripeUnreachable
from checkout.flows import reconcile as flow
from checkout.models import Reconciliation
from example_checkout.tests.recovery import days_later
from example_checkout.tests.test_reconcile import believed, found, no_answer, paid, part

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.slow]


@pytest.fixture(autouse=True)
def at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """What has just been made is compared as well."""
    monkeypatch.setattr(flow, "FRESH", timedelta(hours=-1))


def command(*arguments: str) -> tuple[str, str]:
    """What it prints, and why it exits 1, if it does."""
    out, why = StringIO(), ""
    try:
        call_command("reconcile", *arguments, stdout=out, stderr=StringIO())
    except CommandError as error:
        if "differences" not in str(error):
            raise
        why = str(error)
    return out.getvalue(), why


def test_the_command_prints_what_differs_and_exits_with_1(stripe_simulator: Any, pay: Any) -> None:
    said, why = command()
    assert (said.strip().splitlines()[-1].endswith("0 differences."), why) == (True, "")
    checkout = no_answer(pay)
    believed(pay)
    said, why = command()
    assert why == "2 differences."
    line = f"Paid at Stripe, not recorded here: {checkout.uuid} {checkout.payment_intent_id}  ours: request  Stripe's: "
    assert f"{line}succeeded" in said
    assert "2 payments, 0 refunds and 0 plans compared since" in said
    assert tasks.reconcile_books() == 2


def test_as_csv_it_is_nothing_but_the_rows(stripe_simulator: Any, pay: Any) -> None:
    assert command("--csv")[0].splitlines() == ["kind,checkout,plan,stripe_id,ours,stripe,detail"]
    checkout = no_answer(pay)
    one = part(pay, state_id="success")
    said, why = command("--csv")
    rows = list(csv.reader(StringIO(said)))
    assert why == "2 differences."
    assert rows[1] == ["not_recorded", str(checkout.uuid), "", checkout.payment_intent_id, "request", "succeeded", ""]
    assert rows[2][:3] == ["part_without_payment", "", str(one.object_payment_plan_id)]
    assert len(rows) == 3


@pytest.mark.parametrize("since", ["1h", "30m", "2d", "2026-01-01T10:00", "2020-01-01"])
def test_how_far_back(stripe_simulator: Any, pay: Any, since: str) -> None:
    no_answer(pay)
    assert command("--since", since)[1] == "1 differences."


def test_what_is_older_is_left_out(stripe_simulator: Any, pay: Any) -> None:
    no_answer(pay)
    with days_later(3):
        assert command("--since", "1d")[1] == ""
        assert command("--since", "4d")[1] == "1 differences."
        assert command()[1] == "1 differences."
    with days_later(40):
        assert command()[1] == ""


@pytest.mark.parametrize("since", ["yesterday", "", "3x", "2026-02-30"])
def test_what_is_no_moment(stripe_simulator: Any, since: str) -> None:
    with pytest.raises(CommandError, match="since"):
        command(f"--since={since}")
    assert not Reconciliation.objects.exists()


def test_a_comparison_that_breaks_off_is_not_the_last(stripe_simulator: Any, pay: Any, stripe_trouble: Any) -> None:
    assert found() == []
    before = flow.last()
    paid(pay)
    stripe_trouble("reset_before", times=None, method="GET", path="/v1/refunds")
    with pytest.raises(StripeUnreachable):
        flow.reconcile()
    assert flow.last() == before
    with pytest.raises(CommandError, match="Run it again"):
        command()
    stripe_simulator.trouble.clear()
    assert command()[1] == ""
