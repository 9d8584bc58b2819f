"""A payment that was put aside is accepted as paid: once, only where that is safe, and recorded with who did it."""

from decimal import Decimal
from typing import Any
from uuid import uuid4

import pytest
from django.test import Client
from django.urls import reverse

from checkout.errors import CheckoutError, NotPayable
from checkout.flows import charge, inbox, payment, put_aside, refund
from checkout.flows.audit import PAID_AFTER_ALL
from checkout.models import Checkout, Refund, StaffAction, environment
from checkout.tests.factories import CheckoutFactory, RefundFactory
from example_checkout.models import SalesLedger
from example_checkout.tests.factories import SalesLedgerFactory
from example_checkout.tests.money_back import DISPUTED, booking_of, dashboard, give, held
from example_checkout.tests.plans import let_fall_due, plan_of, sign_up_with
from example_checkout.tests.recovery import charge_due, fresh, taken
from example_checkout.tests.staff import EVERYTHING, press, staff_with, words
from example_checkout.tests.test_races import two_paid

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.slow]
PAID = Decimal("120.00")


@pytest.fixture
def staff() -> Client:
    return staff_with(*EVERYTHING, username="clerk")


def url_of(checkout: Checkout) -> str:
    return reverse("checkout.accept", args=[checkout.pk])


def again(checkout: Checkout) -> Checkout:
    return Checkout.objects.get(pk=checkout.pk)


def accept(checkout: Checkout, amount: Decimal = PAID) -> None:
    put_aside.accept(again(checkout), amount=amount, user=None)


def assert_untouched(checkout: Checkout, told: list[int]) -> None:
    assert again(checkout).quarantine
    assert not again(checkout).succeeded
    assert checkout.pk not in told
    assert not StaffAction.objects.filter(verb="accept").exists()


def test_what_differs_is_shown_and_accepted_once(staff: Client, pay: Any, told: list[int]) -> None:
    checkout = held(pay)
    page = staff.get(url_of(checkout))
    for word in ("£999.00", "£120.00", "£879.00 less than was asked for", "paid 120.00, asked 999", "is not asked for"):
        assert word in words(page)
    seen = {"seen": page.context["seen"]}
    answer = staff.post(f"{url_of(checkout)}?from=work", seen, follow=True)
    assert answer.redirect_chain == [(reverse("checkout.work"), 302)]
    assert "£120.00 has been accepted as paid." in words(answer)
    row = again(checkout)
    assert (row.state_id, row.quarantine, row.total, row.claim, row.repriced_total) == ("success", "", 120, None, None)
    assert told == [checkout.pk]
    assert booking_of(checkout).paid is not None
    # the back button, and the page opened anew
    said = words(staff.post(url_of(checkout), seen, follow=True))
    assert "Nothing has been done: something has changed" in said
    assert "It is recorded as paid." in said
    assert "It has been settled already." in words(press(staff, url_of(checkout)))
    (action,) = StaffAction.objects.all()
    assert (action.verb, action.user.username, action.content_object) == ("accept", "clerk", row)
    assert action.detail.startswith("120.00 GBP: paid 120.00, asked 999")
    assert told == [checkout.pk]
    # from now on a payment like any other
    assert "Accepted what was put aside as paid" in words(staff.get(reverse("checkout.checkout", args=[row.pk])))
    assert refund.left(row).amount == 120


def test_more_than_was_asked_for(staff: Client, pay: Any) -> None:
    checkout = held(pay)
    Checkout.objects.filter(pk=checkout.pk).update(total=100)
    assert "£20.00 more than was asked for" in words(staff.get(url_of(checkout)))
    press(staff, url_of(checkout))
    assert again(checkout).total == 120


def test_a_refund_page_that_was_opened_before_gives_nothing_back(staff: Client, pay: Any, told: list[int]) -> None:
    checkout = held(pay)
    url = reverse("checkout.refund", args=[checkout.pk])
    form = staff.get(url).context["form"]
    page = staff.post(url, {"amount": "120.00", "reason": "", "note": "", "uuid": str(form["uuid"].value())})
    accept(checkout)
    said = words(staff.post(url, {"confirm": page.context["token"]}, follow=True))
    assert "the payment was accepted or put aside meanwhile" in said
    assert not Refund.objects.exists()


def test_a_second_payment_of_the_same_thing_is_never_accepted(
    staff: Client, stripe_simulator: Any, pay: Any, told: list[int]
) -> None:
    first, second = two_paid(pay)
    for checkout in (first, second):
        payment.finish(checkout)
    aside = again(second)
    assert "paid again" in aside.quarantine
    page = staff.get(url_of(aside))
    assert "It is a second payment of the same thing, which has been paid already" in words(page)
    assert reverse("checkout.checkout", args=[first.pk]) in page.content.decode()
    press(staff, url_of(aside))
    with pytest.raises(NotPayable, match="second payment"):
        accept(aside)
    assert_untouched(aside, told)
    assert told == [first.pk]


@pytest.mark.parametrize(
    ("values", "reason"),
    [
        ({"currency": "EUR"}, "paid in GBP, asked in EUR"),
        ({"uuid": uuid4()}, "intent names checkout"),
        ({"stripe_customer_id": "cus_somebody"}, "of customer nobody, expected cus_somebody"),
    ],
)
def test_what_else_differs_is_given_back_only(
    staff: Client, pay: Any, told: list[int], values: dict[str, Any], reason: str
) -> None:
    checkout = held(pay)
    Checkout.objects.filter(pk=checkout.pk).update(**values)
    page = staff.get(url_of(checkout))
    assert "it can only be given back" in words(page)
    assert reason in words(page)
    press(staff, url_of(checkout))
    with pytest.raises(NotPayable, match="only be given back"):
        accept(checkout)
    assert_untouched(checkout, told)


def test_another_amount_than_the_one_shown(pay: Any, told: list[int]) -> None:
    checkout = held(pay)
    with pytest.raises(NotPayable, match="shown 999"):
        accept(checkout, Decimal(999))
    assert_untouched(checkout, told)


@pytest.mark.parametrize("how", ["here", "at stripe"])
def test_what_is_being_given_back_is_not_accepted(
    staff: Client, stripe_simulator: Any, pay: Any, told: list[int], how: str
) -> None:
    checkout = held(pay)
    if how == "here":
        give(checkout, "20.00")
    else:
        dashboard(stripe_simulator, checkout, 2000)
    assert "Some of it has been given back" in words(staff.get(url_of(checkout)))
    with pytest.raises(NotPayable, match="given back"):
        accept(checkout)
    assert_untouched(checkout, told)


def test_a_refund_of_unknown_outcome_counts(pay: Any, told: list[int]) -> None:
    checkout = held(pay)
    RefundFactory(checkout=checkout, amount=5, state="request", refund_id=None, settled=None)
    with pytest.raises(NotPayable, match="given back"):
        accept(checkout)
    assert_untouched(checkout, told)


def test_what_the_bank_has_taken_back_is_not_accepted(staff: Client, pay: Any, told: list[int]) -> None:
    checkout = held(pay, card=DISPUTED)
    assert "The cardholder contests it" in words(staff.get(url_of(checkout)))
    assert inbox.backfill() > 0
    with pytest.raises(NotPayable, match="contests"):
        accept(checkout)
    assert_untouched(checkout, told)


@pytest.mark.parametrize("reason", [PAID_AFTER_ALL, refund.CAME_BACK])
def test_what_failed_here_and_was_paid(staff: Client, pay: Any, told: list[int], reason: str) -> None:
    checkout = held(pay)
    failed = {"state_id": "fail", "claim": None, "total": 120, "quarantine": reason}
    Checkout.objects.filter(pk=checkout.pk).update(**failed)
    RefundFactory(checkout=checkout, amount=120, state="fail")
    assert "has been accepted as paid" in words(press(staff, url_of(checkout)))
    assert told == [checkout.pk]
    assert again(checkout).succeeded


def test_the_host_raises_and_nothing_has_changed(
    staff: Client, pay: Any, told: list[int], monkeypatch: pytest.MonkeyPatch
) -> None:
    checkout = held(pay)

    def broken(self: SalesLedger, checkout: Checkout) -> None:
        raise RuntimeError("the warehouse is away")

    with monkeypatch.context() as patch:
        patch.setattr(SalesLedger, "checkout_success", broken)
        said = words(press(staff, url_of(checkout)))
    assert "The site's own code could not record it, so nothing has changed." in said.replace("&#x27;", "'")
    assert "It is still put aside: paid 120.00, asked 999" in said
    assert_untouched(checkout, told)
    press(staff, url_of(checkout))
    assert told == [checkout.pk]


def test_stripe_is_away(staff: Client, pay: Any, told: list[int], stripe_trouble: Any) -> None:
    checkout = held(pay)
    seen = {"seen": staff.get(url_of(checkout)).context["seen"]}
    stripe_trouble("reset_before", method="GET", times=None)
    assert "Stripe could not be reached. Nothing has been recorded." in words(staff.get(url_of(checkout)))
    assert "Nothing has been done" in words(staff.post(url_of(checkout), seen, follow=True))
    assert_untouched(checkout, told)


def test_the_object_was_deleted(staff: Client, pay: Any, told: list[int]) -> None:
    checkout = held(pay)
    booking_of(checkout).delete()
    assert "has been deleted: it can only be given back" in words(staff.get(url_of(checkout)))
    with pytest.raises(NotPayable, match="deleted"):
        accept(checkout)
    assert_untouched(checkout, told)


def test_what_the_site_says_cannot_be_paid_any_more(pay: Any, told: list[int]) -> None:
    checkout = held(pay)
    SalesLedger.objects.update(on_plan="2026-01-01T00:00Z")
    with pytest.raises(NotPayable, match="cannot be paid any more"):
        accept(checkout)
    assert_untouched(checkout, told)


def test_a_card_that_was_saved_is_no_money(staff: Client) -> None:
    aside = {"action__slug": "payment_plan", "setup_intent_id": "seti_1", "quarantine": "a card was saved"}
    checkout = CheckoutFactory(content_object=SalesLedgerFactory(), **aside)
    assert "No money was taken by it" in words(staff.get(url_of(checkout)))
    press(staff, url_of(checkout))
    assert not again(checkout).succeeded


def aside_charge(pay: Any, monkeypatch: pytest.MonkeyPatch) -> Checkout:
    """A charge of an instalment by which another amount came than the instalment has."""
    plan = plan_of(sign_up_with(pay))
    (pk,) = let_fall_due(plan)
    part = plan.payments.get(pk=pk)
    asked = charge.request_for

    def more(checkout: Checkout) -> Any:
        request = asked(checkout)
        Checkout.objects.filter(pk=checkout.pk).update(total=29)
        return request

    with monkeypatch.context() as patch:
        patch.setattr(charge, "request_for", more)
        checkout = Checkout.objects.charge(part, None)
    assert again(checkout).held
    return again(checkout)


def test_a_part_of_a_plan(
    staff: Client, stripe_simulator: Any, pay: Any, told: list[int], monkeypatch: pytest.MonkeyPatch
) -> None:
    checkout = aside_charge(pay, monkeypatch)
    part = checkout.instalment
    assert fresh(part).state_id == "request"
    before = taken(stripe_simulator)
    assert "The books will show it as a difference." in words(staff.get(url_of(checkout)))
    assert "has been accepted as paid" in words(press(staff, url_of(checkout)))
    assert fresh(part).state_id == "success"
    assert told.count(checkout.pk) == 1
    charge_due()
    assert taken(stripe_simulator) == before


def test_a_part_that_is_charged_again_at_this_moment(
    staff: Client, stripe_simulator: Any, pay: Any, told: list[int], monkeypatch: pytest.MonkeyPatch
) -> None:
    checkout = aside_charge(pay, monkeypatch)
    # given up here, so a run may charge the part once more; its answer is lost
    Checkout.objects.filter(pk=checkout.pk).update(state_id="fail", claim=None)
    other = CheckoutFactory(
        content_object=checkout.instalment, action__slug="charge", state__slug="request", claim=checkout.claim
    )
    assert "or its outcome is not known yet" in words(staff.get(url_of(checkout)))
    with pytest.raises(NotPayable, match="in progress"):
        accept(checkout)
    assert_untouched(checkout, told)
    assert again(other).state_id == "request"


def test_a_part_that_was_paid_meanwhile(pay: Any, told: list[int], monkeypatch: pytest.MonkeyPatch) -> None:
    checkout = aside_charge(pay, monkeypatch)
    Checkout.objects.filter(pk=checkout.pk).update(state_id="fail", claim=None)
    part = fresh(checkout.instalment)
    type(part).objects.filter(pk=part.pk).update(state_id="success")
    with pytest.raises(NotPayable, match="cannot be paid any more"):
        accept(checkout)
    assert_untouched(checkout, told)


def test_a_copy_of_the_database_accepts_nothing(pay: Any, told: list[int], settings: Any) -> None:
    checkout = held(pay)
    environment.Environment.objects.adopt()
    environment.forget()
    settings.CHECKOUT_ENVIRONMENT = "a copy"
    try:
        with pytest.raises(CheckoutError, match="not used where it belongs"):
            accept(checkout)
    finally:
        environment.approve()
    assert_untouched(checkout, told)


def test_who_may_not_has_no_button(pay: Any) -> None:
    checkout = held(pay)
    page, queue = reverse("checkout.checkout", args=[checkout.pk]), reverse("checkout.work")
    for client, there in ((staff_with("mark_paid"), True), (staff_with("refund", "charge"), False)):
        for url in (page, queue):
            assert (url_of(checkout) in client.get(url).content.decode()) is there
