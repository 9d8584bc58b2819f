"""A mail that is not true any more when its turn comes is not sent; one to a customer who is paying waits."""

from datetime import timedelta
from typing import Any

import pytest
from django.utils import timezone

from checkout.models import Checkout, Customer, CustomerPayment, Notice, ObjectPaymentPlan, ObjectPaymentPlanInstalment
from checkout.notify import facts, outbox
from example_checkout.models import SalesLedger
from example_checkout.tests.factories import SalesLedgerFactory
from example_checkout.tests.mail import asked, charge_of, declined, make_due, wanted

pytestmark = [pytest.mark.django_db]


@pytest.fixture
def part(db: None) -> ObjectPaymentPlanInstalment:
    return wanted()[0]


def fate(notice: Notice) -> str:
    sent = outbox.send(notice.pk)
    notice.refresh_from_db()
    assert sent == (notice.state == "sent")
    return str(notice.state)


def becomes(part: ObjectPaymentPlanInstalment, state: str) -> None:
    ObjectPaymentPlanInstalment.objects.filter(pk=part.pk).update(state_id=state)


def stop(part: ObjectPaymentPlanInstalment) -> None:
    ObjectPaymentPlan.objects.filter(pk=part.object_payment_plan_id).update(deleted=True)


def another_card(**values: Any) -> None:
    Customer.objects.update(payment_method_id="pm_2", **values)


@pytest.mark.parametrize(
    ("state", "wanted_fate"),
    [("pay_on_session", "sent"), ("pending", "moot"), ("request", "moot"), ("fail", "moot"), ("success", "moot")],
)
def test_the_bank_wants_the_customer_only_as_long_as_it_does(
    part: Any, mailoutbox: list[Any], state: str, wanted_fate: str
) -> None:
    notice = asked(part)
    becomes(part, state)
    assert fate(notice) == wanted_fate
    assert len(mailoutbox) == (wanted_fate == "sent")


def test_an_old_demand_is_moot_when_the_bank_has_asked_again(part: Any, mailoutbox: list[Any]) -> None:
    old, new = asked(part), asked(part)
    assert [fate(old), fate(new)] == ["moot", "sent"]
    assert len(mailoutbox) == 1


def test_a_stopped_plan_asks_nobody() -> None:
    first, second = wanted(2)
    notices = [asked(first), declined(second, step="retry", retry_in=3)]
    ObjectPaymentPlan.objects.update(deleted=True)
    assert [fate(notice) for notice in notices] == ["moot", "moot"]


@pytest.mark.parametrize(
    ("state", "wanted_fate"),
    [("fail", "sent"), ("pending", "moot"), ("request", "moot"), ("success", "moot"), ("pay_on_session", "moot")],
)
def test_we_try_again_is_true_until_it_is_done(part: Any, state: str, wanted_fate: str) -> None:
    notice = declined(part, step="retry", retry_in=3)
    becomes(part, state)
    assert fate(notice) == wanted_fate


def test_we_try_again_is_moot_once_that_was_declined_too(part: Any) -> None:
    first = declined(part, step="retry", retry_in=3)
    second = declined(part, step="retry", retry_in=8)
    assert [fate(first), fate(second)] == ["moot", "sent"]


@pytest.mark.parametrize(
    ("state", "wanted_fate"), [("fail", "sent"), ("pending", "sent"), ("success", "moot"), ("pay_on_session", "moot")]
)
def test_please_pay_is_true_until_it_is_paid(part: Any, state: str, wanted_fate: str) -> None:
    notice = declined(part)
    becomes(part, state)
    assert fate(notice) == wanted_fate


def test_another_card_is_not_asked_of_who_has_given_one(part: Any) -> None:
    notice = declined(part)
    another_card()
    assert fate(notice) == "moot"


def refused(part: Any) -> Notice:
    becomes(part, "pending")
    Customer.objects.update(refused_payment_method_id="pm_1")
    facts.card_wanted([part])
    return Notice.objects.get(kind=Notice.CARD_WANTED)


def test_a_card_is_wanted_while_the_one_on_file_is_refused(part: Any) -> None:
    assert fate(refused(part)) == "sent"


@pytest.mark.parametrize("change", ["paid", "stopped", "card", "card refused too"])
def test_a_card_is_wanted_no_more(part: Any, change: str) -> None:
    notice = refused(part)
    if change == "paid":
        becomes(part, "success")
    elif change == "stopped":
        stop(part)
    else:
        another_card(refused_payment_method_id="pm_2" if change == "card refused too" else "pm_1")
    assert fate(notice) == "moot"


@pytest.mark.parametrize(("change", "wanted_fate"), [("", "sent"), ("card", "moot"), ("refreshed", "moot")])
def test_a_card_expires(part: Any, change: str, wanted_fate: str) -> None:
    Customer.objects.update(refresh=True, expiry_date=timezone.localdate() + timedelta(days=9))
    facts.card_expiring(Customer.objects.get())
    notice = Notice.objects.get(kind=Notice.CARD_EXPIRING)
    if change == "card":
        another_card()
    if change == "refreshed":
        Customer.objects.update(refresh=False)
    assert fate(notice) == wanted_fate


@pytest.fixture
def by_staff(part: Any) -> tuple[CustomerPayment, Checkout, Notice]:
    payment = CustomerPayment.objects.create(
        customer=part.customer, amount="80.00", currency="GBP", description="Kiln", state_id="pay_on_session"
    )
    attempt = charge_of(payment, state="pay_on_session")
    facts.authorise(attempt, part.customer)
    return payment, attempt, Notice.objects.get(kind=Notice.AUTHORISE)


def test_a_charge_by_staff_waits_for_its_customer(by_staff: Any) -> None:
    assert fate(by_staff[2]) == "sent"


@pytest.mark.parametrize("state", ["success", "fail"])
def test_a_charge_by_staff_that_was_settled_does_not(by_staff: Any, state: str) -> None:
    Checkout.objects.filter(pk=by_staff[1].pk).update(state_id=state)
    assert fate(by_staff[2]) == "moot"


@pytest.mark.parametrize(("state", "wanted_fate"), [("pay_on_session", "sent"), ("success", "moot")])
def test_one_whose_page_was_opened_still_waits_until_it_is_paid(by_staff: Any, state: str, wanted_fate: str) -> None:
    payment, attempt, notice = by_staff
    successor = charge_of(payment, state="pending", action="pay_on_session")
    Checkout.objects.filter(pk=attempt.pk).update(state_id="fail")
    Checkout.objects.filter(pk=successor.pk).update(takes_over=attempt)
    CustomerPayment.objects.filter(pk=payment.pk).update(state_id=state)
    assert fate(notice) == wanted_fate


@pytest.mark.parametrize(("state", "wanted_fate"), [("pending", "sent"), ("success", "moot"), ("fail", "moot")])
def test_the_same_for_an_object_of_the_host(part: Any, state: str, wanted_fate: str) -> None:
    booking: SalesLedger = SalesLedgerFactory()
    booking.payer = part.customer  # type: ignore[attr-defined]
    attempt = charge_of(booking, state="fail")
    successor = charge_of(booking, state=state, action="pay_on_session")
    Checkout.objects.filter(pk=successor.pk).update(takes_over=attempt)
    facts.authorise(attempt, part.customer)
    assert fate(Notice.objects.get(kind=Notice.AUTHORISE)) == wanted_fate


def test_nobody_is_mailed_who_is_paying_at_this_moment(part: Any, mailoutbox: list[Any]) -> None:
    notice = asked(part)
    paying = charge_of(part, state="request", action="pay_on_session")
    assert fate(notice) == "waiting"
    assert notice.tries == 0
    assert notice.send_after - timezone.now() > timedelta(minutes=9)
    assert mailoutbox == []
    make_due(notice)
    Checkout.objects.filter(pk=paying.pk).update(state_id="success")
    becomes(part, "success")
    assert fate(notice) == "moot"


@pytest.mark.parametrize("change", ["page open", "closed long ago", "of another part", "a charge"])
def test_everybody_else_is(part: Any, change: str) -> None:
    notice = asked(part)
    paying = charge_of(part, state="request", action="pay_on_session")
    if change == "page open":
        Checkout.objects.filter(pk=paying.pk).update(state_id="pending")
    elif change == "closed long ago":
        Checkout.objects.filter(pk=paying.pk).update(updated=timezone.now() - timedelta(hours=2))
    elif change == "of another part":
        Checkout.objects.filter(pk=paying.pk).update(object_id=str(part.pk + 1))
    else:
        Checkout.objects.filter(pk=paying.pk).update(action_id="charge")
    assert fate(notice) == "sent"


def test_who_is_paying_an_amount_of_staff_is_left_alone_too(by_staff: Any) -> None:
    charge_of(by_staff[0], state="request", action="pay_on_session")
    assert fate(by_staff[2]) == "waiting"


@pytest.mark.parametrize("kind", ["asked", "declined", "retry", "refused"])
def test_a_plan_that_a_dispute_has_paused_is_not_written_about_until_it_goes_on(
    part: Any, mailoutbox: list[Any], kind: str
) -> None:
    """ "We try again on Friday" would not be true, and "please pay" no good idea while the bank is asking."""
    make = {"asked": asked, "declined": declined, "refused": refused}
    notice = declined(part, step="retry", retry_in=3) if kind == "retry" else make[kind](part)
    ObjectPaymentPlan.objects.update(paused=timezone.now())
    for _time in range(3):
        assert fate(notice) == "waiting"
        assert notice.tries == 0
        make_due(notice)
    assert mailoutbox == []
    ObjectPaymentPlan.objects.update(paused=None)
    assert fate(notice) == "sent"


def test_a_paused_plan_that_is_stopped_leaves_nothing_behind(part: Any) -> None:
    notice = asked(part)
    ObjectPaymentPlan.objects.update(paused=timezone.now(), deleted=True)
    assert fate(notice) == "moot"


def test_rows_that_are_gone(part: Any) -> None:
    notice = asked(part)
    Notice.objects.filter(pk=notice.pk).update(instalment=None)
    assert fate(notice) == "moot"
