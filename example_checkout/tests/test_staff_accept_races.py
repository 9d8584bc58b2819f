"""Accepted beside everything else that may happen at that moment: of all of them one wins, and the host hears once."""

from typing import Any

import pytest

from checkout.errors import CheckoutError, InProgress, NotPayable
from checkout.flows import payment, put_aside
from checkout.flows.settle import settle
from checkout.models import Checkout, Customer, StaffAction
from checkout.tests.factories import CheckoutFactory
from example_checkout.tests.money_back import at_stripe, booking_of, give, held
from example_checkout.tests.plans import library
from example_checkout.tests.test_races import at_once, two_paid
from example_checkout.tests.test_races_plan import Rival
from example_checkout.tests.test_staff_accept import accept, again, assert_untouched

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.slow]


def test_two_at_once_tell_the_host_once(stripe_simulator: Any, pay: Any, told: list[int]) -> None:
    checkout = held(pay)
    rivals = [Rival(lambda: accept(checkout)) for _number in range(4)]
    at_once(*rivals)
    assert sum(one.error is None for one in rivals) == 1
    assert told == [checkout.pk]
    assert StaffAction.objects.filter(verb="accept").count() == 1


@pytest.mark.parametrize("first", ["accept", "refund"])
def test_accepted_and_given_back_at_once(stripe_simulator: Any, pay: Any, told: list[int], first: str) -> None:
    checkout = held(pay)
    accepting, giving = Rival(lambda: accept(checkout)), Rival(lambda: give(again(checkout), "120.00"))
    at_once(*((accepting, giving) if first == "accept" else (giving, accepting)))
    row = again(checkout)
    assert not row.quarantine
    assert (accepting.error is None) is row.succeeded is (told == [checkout.pk])
    # one that is given back after it was accepted is an ordinary refund: all of it, once
    assert at_stripe(stripe_simulator) == ([12000] if giving.error is None else [])
    if not row.succeeded:
        assert (row.state_id, row.failure) == ("fail", "given back")


def test_of_two_that_were_put_aside_one_is_accepted(stripe_simulator: Any, pay: Any, told: list[int]) -> None:
    pair = two_paid(pay)
    Checkout.objects.update(total=999)
    for checkout in pair:
        payment.finish(again(checkout))
    rivals = [Rival(lambda one=checkout: accept(one)) for checkout in pair]
    at_once(*rivals)
    assert sorted(one.error is None for one in rivals) == [False, True]
    assert len(told) == 1


def test_what_its_customer_could_still_pay_is_closed_first(stripe_simulator: Any, pay: Any, told: list[int]) -> None:
    checkout = held(pay)
    other = Checkout.objects.create_checkout("payment", booking_of(checkout), None)
    accept(checkout)
    assert again(other).failed
    assert library(stripe_simulator).payment_intents.retrieve(other.payment_intent_id).status == "canceled"
    assert told == [checkout.pk]


def test_an_open_page_that_was_paid_at_that_moment_wins(stripe_simulator: Any, pay: Any, told: list[int]) -> None:
    checkout = held(pay)
    other = Checkout.objects.create_checkout("payment", booking_of(checkout), None)
    pay(other)
    with pytest.raises(CheckoutError):
        accept(checkout)
    assert told == [other.pk]
    assert_untouched(checkout, told)


def test_who_pays_for_it_at_this_moment_has_the_claim(pay: Any, told: list[int]) -> None:
    checkout = held(pay)
    claim = again(checkout).claim
    Checkout.objects.filter(pk=checkout.pk).update(claim=None)
    found = put_aside.look(checkout)
    # another checkout takes it after everything was looked at, and only the database can tell
    thief = CheckoutFactory(content_object=booking_of(checkout), state__slug="fail", claim=claim)
    assert put_aside.why_not(again(checkout), found, []) == ""
    with pytest.raises(InProgress):
        accept(checkout)
    assert again(thief).claim == claim
    assert_untouched(checkout, told)


def test_what_a_check_has_written_is_undone_where_nothing_moves(pay: Any) -> None:
    checkout = held(pay)
    found = put_aside.look(checkout)
    Checkout.objects.filter(pk=checkout.pk).update(state_id="success", claim=None)

    def check(locked: Checkout, _others: list[Checkout]) -> None:
        Customer.objects.create(email="left.behind@example.com")

    assert not settle(again(checkout), found.intent, check=check)
    assert not Customer.objects.filter(email="left.behind@example.com").exists()


def test_given_back_after_the_first_look(
    stripe_simulator: Any, pay: Any, told: list[int], monkeypatch: pytest.MonkeyPatch
) -> None:
    """What is closed as given back could be moved to success, as by an audit: the look under the lock forbids it."""
    checkout = held(pay)

    def meanwhile(*_args: Any) -> None:
        give(again(checkout), "120.00")

    monkeypatch.setattr(put_aside.customer, "saved_card", meanwhile)
    with pytest.raises(NotPayable):
        accept(checkout)
    row = again(checkout)
    assert (row.state_id, row.failure, told) == ("fail", "given back", [])
    assert at_stripe(stripe_simulator) == [12000]


def test_given_back_in_part_after_the_first_look(
    stripe_simulator: Any, pay: Any, told: list[int], monkeypatch: pytest.MonkeyPatch
) -> None:
    checkout = held(pay)
    monkeypatch.setattr(put_aside.customer, "saved_card", lambda *_args: give(again(checkout), "20.00") and None)
    with pytest.raises(NotPayable, match="given back"):
        accept(checkout)
    assert_untouched(checkout, told)
