"""What a decline leads to: retries after some days, or none, and what the customer is told."""

from datetime import timedelta
from typing import Any

import pytest
from django.utils import timezone
from freezegun import freeze_time

from checkout.errors import NotPayable
from checkout.flows import fulfil, run
from checkout.models import Checkout, Notice, ObjectPaymentPlanInstalment, PaymentRunItem
from example_checkout.tests.factories import UserFactory
from example_checkout.tests.plans import FAILS_LATER, let_fall_due, library, plan_of, sign_up_with
from example_checkout.tests.recovery import (
    FAILS,
    LOST,
    NO_FUNDS,
    charge_due,
    days_later,
    declined_with,
    due_with,
    fresh,
    put_on_file,
    taken,
)

pytestmark = pytest.mark.django_db(transaction=True)


def facts(part: ObjectPaymentPlanInstalment) -> list[tuple[str, str, str]]:
    """What the customer is to be told: template, step, and the day of the next attempt."""
    rows = Notice.objects.filter(instalment=part).order_by("pk")
    return [(one.template, one.facts.get("step", ""), one.facts.get("retry_due", "")) for one in rows]


def test_a_soft_decline_is_tried_again_on_the_days_of_the_setting(stripe_simulator: Any, pay: Any) -> None:
    part = declined_with(stripe_simulator, pay, NO_FUNDS)
    today = timezone.localdate()
    assert (part.state_id, part.retry_due, part.retries) == ("fail", today + timedelta(days=3), 1)
    for days, retry in ((3, 8), (8, 15)):
        with days_later(days - 1):
            assert charge_due().count("fail") == 0
        with days_later(days):
            assert charge_due().count("fail") == 1
            assert charge_due().count("fail") == 0
        assert fresh(part).retry_due == today + timedelta(days=retry)
    with days_later(15):
        assert charge_due().count("fail") == 1
    with days_later(60):
        assert charge_due().count("fail") == 0
    last = fresh(part)
    assert (last.state_id, last.retry_due, last.retries) == ("fail", None, 3)
    attempts = list(part.attempts)
    assert len(attempts) == 4
    assert len({one.payment_intent_id for one in attempts}) == 4
    soon = [(today + timedelta(days=days)).isoformat() for days in (3, 8, 15)]
    assert facts(part) == [
        *(("payment_failed", "retry", day) for day in soon),
        ("payment_last_notice", "retry", ""),
    ]


def test_a_retry_that_works_ends_it(stripe_simulator: Any, pay: Any) -> None:
    part = declined_with(stripe_simulator, pay, NO_FUNDS)
    ObjectPaymentPlanInstalment.objects.filter(pk=part.pk).update(retry_due=timezone.localdate())
    put_on_file(stripe_simulator, part, "pm_card_visa")
    assert ObjectPaymentPlanInstalment.objects.due.get() == part
    assert run.process_payments().count("success") == 1
    paid = fresh(part)
    assert (paid.state_id, paid.retry_due) == ("success", None)
    assert taken(stripe_simulator) == [3000, 3000]


def test_no_retries_where_the_site_wants_none(stripe_simulator: Any, pay: Any, settings: Any) -> None:
    settings.CHECKOUT_RETRY_DAYS = ()
    part = declined_with(stripe_simulator, pay, NO_FUNDS)
    assert part.retry_due is None
    assert facts(part) == [("payment_failed", "another_card", "")]


def test_never_twice_a_day_whatever_the_setting(stripe_simulator: Any, pay: Any, settings: Any) -> None:
    settings.CHECKOUT_RETRY_DAYS = (0, 0)
    part = declined_with(stripe_simulator, pay, NO_FUNDS)
    assert part.retry_due == timezone.localdate() + timedelta(days=1)


def test_never_more_than_the_networks_allow(stripe_simulator: Any, pay: Any, settings: Any) -> None:
    settings.CHECKOUT_RETRY_DAYS = (1,) * 40
    part = declined_with(stripe_simulator, pay, NO_FUNDS)
    for days in range(1, 29):
        with days_later(days):
            charge_due()
    assert part.attempts.count() == 15
    assert fresh(part).retry_due is None


@pytest.mark.parametrize(
    "trouble",
    [
        {"code": "lost_card"},
        {"code": "fraudulent"},
        {"code": "generic_decline", "advice_code": "do_not_try_again"},
        {"code": "generic_decline", "network_decline_code": "R1"},
        {"code": "generic_decline", "network_advice_code": "03"},
    ],
)
def test_a_hard_decline_is_never_tried_again_with_that_card(
    stripe_simulator: Any, pay: Any, stripe_trouble: Any, trouble: dict[str, str]
) -> None:
    part = due_with(stripe_simulator, pay, "pm_card_visa")
    stripe_trouble("decline", path="/v1/payment_intents", **trouble)
    charge_due()
    part = fresh(part)
    assert (part.state_id, part.retry_due) == ("fail", None)
    assert part.payer.card_refused
    (told,) = facts(part)
    assert told[0] == "payment_failed"
    assert told[1] in ("stop", "another_card")
    # what falls due next is not charged to it either, and the customer is told once
    (other,) = let_fall_due(part.object_payment_plan)
    for _run in range(2):
        assert charge_due().count("success") == 0
    assert ObjectPaymentPlanInstalment.objects.get(pk=other).state_id == "pending"
    assert PaymentRunItem.objects.get(instalment=other).reason == "the card on file was refused for good"
    assert Notice.objects.filter(kind=Notice.CARD_WANTED, instalment=other).count() == 1
    with pytest.raises(NotPayable):
        Checkout.objects.charge(ObjectPaymentPlanInstalment.objects.get(pk=other), UserFactory(is_staff=True))
    assert taken(stripe_simulator) == [3000]


def test_card_details_that_are_wrong_are_no_reason_to_try_again(
    stripe_simulator: Any, pay: Any, stripe_trouble: Any
) -> None:
    part = due_with(stripe_simulator, pay, "pm_card_visa")
    stripe_trouble("decline", path="/v1/payment_intents", code="expired_card")
    charge_due()
    assert fresh(part).retry_due is None
    assert not fresh(part).payer.card_refused
    assert facts(part) == [("payment_failed", "check_card", "")]


def test_a_stopped_plan_is_not_tried_again_and_its_customer_is_left_in_peace(stripe_simulator: Any, pay: Any) -> None:
    from checkout.flows import plan

    part = declined_with(stripe_simulator, pay, NO_FUNDS)
    plan.delete(part.object_payment_plan, user=None)
    with days_later(3):
        assert charge_due().count("fail") == 0
    assert fresh(part).state_id == "fail"


def test_a_deposit_is_not_tried_again_by_itself(stripe_simulator: Any, pay: Any) -> None:
    checkout = sign_up_with(pay, FAILS_LATER)
    part = plan_of(checkout).deposit
    assert (part.state_id, part.retry_due) == ("fail", None)
    with days_later(3):
        charge_due()
        fulfil.setups()
    assert part.attempts.count() == 1
    (notice,) = Notice.objects.filter(instalment=part)
    # its customer reads it on the page of the sign-up
    assert notice.send_after > notice.created + timedelta(minutes=10)


def test_a_deposit_that_stripe_refuses_is_tried_once_a_day(
    stripe_simulator: Any, pay: Any, stripe_trouble: Any
) -> None:
    stripe_trouble("reset_before", times=2, path="/v1/payment_intents")
    checkout = sign_up_with(pay)
    part = plan_of(checkout).deposit
    Checkout.objects.filter(object_id=str(part.pk), action_id="charge").delete()
    ObjectPaymentPlanInstalment.objects.filter(pk=part.pk, state_id="request").update(state_id="pending")
    with days_later(1):
        for _pass in range(2):
            fulfil.setups()
    assert part.attempts.count() == 1
    assert plan_of(checkout).deposit.state_id == "success"


def test_the_reasons_are_kept_for_staff(stripe_simulator: Any, pay: Any) -> None:
    part = declined_with(stripe_simulator, pay, FAILS)
    attempt = part.attempts.first()
    assert (attempt.decline_code, attempt.advice_code) == ("generic_decline", "try_again_later")
    assert library(stripe_simulator).payment_intents.retrieve(attempt.payment_intent_id).status != "succeeded"


def test_a_lost_card_asks_for_another_without_saying_why(stripe_simulator: Any, pay: Any) -> None:
    part = declined_with(stripe_simulator, pay, LOST)
    assert facts(part) == [("payment_failed", "stop", "")]


@pytest.mark.slow
@pytest.mark.parametrize(("advice", "days"), [("27", 5), ("30", 11)])
def test_a_network_that_says_when_is_not_asked_before(
    stripe_simulator: Any, pay: Any, stripe_trouble: Any, advice: str, days: int
) -> None:
    part = due_with(stripe_simulator, pay, "pm_card_visa")
    stripe_trouble("decline", path="/v1/payment_intents", code="insufficient_funds", network_advice_code=advice)
    charge_due()
    due = timezone.localdate() + timedelta(days=days)
    assert fresh(part).retry_due == due
    assert facts(part) == [("payment_failed", "retry", due.isoformat())]
    with days_later(days - 1):
        assert charge_due().count("success") == 0
    with days_later(days):
        assert charge_due().count("success") == 1


@pytest.mark.slow
@pytest.mark.parametrize(
    ("trouble", "step"),
    [({"code": "lost_card"}, "stop"), ({"code": "expired_card"}, "check_card"), ({"code": "call_issuer"}, "ask_bank")],
)
def test_retries_that_end_with_a_hard_no_say_which(
    stripe_simulator: Any, pay: Any, stripe_trouble: Any, trouble: dict[str, str], step: str
) -> None:
    part = declined_with(stripe_simulator, pay, FAILS)
    stripe_trouble("decline", path="/v1/payment_intents", **trouble)
    with days_later(3):
        charge_due()
    assert [one[:2] for one in facts(part)] == [("payment_failed", "retry"), ("payment_last_notice", step)]
    assert fresh(part).retry_due is None
    # and nothing more, whatever day it is
    with days_later(20):
        charge_due()
    assert len(facts(part)) == 2


@pytest.mark.slow
def test_a_limit_of_the_bank_for_one_payment_does_not_bar_the_card(
    stripe_simulator: Any, pay: Any, stripe_trouble: Any
) -> None:
    part = due_with(stripe_simulator, pay, "pm_card_visa")
    stripe_trouble("decline", path="/v1/payment_intents", code="invalid_amount")
    charge_due()
    assert (fresh(part).retry_due, fresh(part).payer.card_refused) == (None, False)
    let_fall_due(part.object_payment_plan)
    assert charge_due().count("success") == 1


@pytest.mark.slow
def test_a_run_that_was_down_for_a_week_does_not_try_for_longer_than_was_agreed(
    stripe_simulator: Any, pay: Any
) -> None:
    """The customer has agreed to attempts within 15 days of the first."""
    part = declined_with(stripe_simulator, pay, NO_FUNDS)
    for days in (10, 15, 16, 22, 40):
        with days_later(days):
            charge_due()
    tried = sorted((timezone.localdate(one.created) - timezone.localdate()).days for one in part.attempts)
    assert tried == [0, 10, 15]
    assert facts(part)[-1] == ("payment_last_notice", "retry", "")


@pytest.mark.slow
@pytest.mark.parametrize("zone", ["Pacific/Kiritimati", "Pacific/Pago_Pago"])
def test_a_day_is_a_day_of_the_sites_zone(stripe_simulator: Any, pay: Any, settings: Any, zone: str) -> None:
    """Just before and just after midnight there, however far that is from UTC's."""
    settings.TIME_ZONE = zone
    settings.CHECKOUT_RETRY_DAYS = (1, 1)
    part = due_with(stripe_simulator, pay, FAILS)
    midnight = timezone.localtime().replace(hour=0, minute=0, second=0, microsecond=0) + timedelta(days=2)
    with freeze_time(midnight - timedelta(seconds=30), tick=False):
        assert charge_due().count("fail") == 1
        assert charge_due().count("fail") == 0
        tomorrow = fresh(part).retry_due
        assert tomorrow == timezone.localdate() + timedelta(days=1)
    with freeze_time(midnight + timedelta(seconds=30), tick=False):
        # the next day has begun, and it may be tried; once
        assert timezone.localdate() == tomorrow
        assert charge_due().count("fail") == 1
        assert charge_due().count("fail") == 0


@pytest.mark.slow
def test_by_hand_and_then_the_run_of_the_same_day(stripe_simulator: Any, pay: Any) -> None:
    part = due_with(stripe_simulator, pay, FAILS)
    staff = UserFactory(is_staff=True)
    assert Checkout.objects.charge(part, staff).failed
    assert charge_due().count("fail") == 0
    with pytest.raises(NotPayable):
        Checkout.objects.charge(fresh(part), staff)
    with days_later(3):
        assert Checkout.objects.charge(fresh(part), staff).failed
        assert charge_due().count("fail") == 0
    assert part.attempts.count() == 2
