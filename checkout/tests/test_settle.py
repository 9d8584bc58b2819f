"""The one door, pushed by several at once: one of them settles, the others get an ordinary False."""

import threading
from typing import Any

import pytest
from django.contrib.auth.models import AnonymousUser
from django.db import connection, connections

from checkout import gateway, states
from checkout.errors import IllegalMove
from checkout.flows.settle import settle
from checkout.models import Checkout
from example_checkout.tests.factories import SalesLedgerFactory


def paid_checkout(pay: Any) -> Checkout:
    checkout = Checkout.objects.create_checkout("payment", SalesLedgerFactory(), AnonymousUser())
    pay(checkout)
    return checkout


@pytest.mark.django_db
def test_rivals_with_an_old_view_of_the_row_settle_once(stripe_simulator: Any, pay: Any, told: list[int]) -> None:
    checkout = paid_checkout(pay)
    rivals = [Checkout.objects.get(pk=checkout.pk) for _ in range(3)]
    intent = gateway.retrieve_payment_intent(checkout.payment_intent_id)
    Checkout.objects.filter(pk=checkout.pk).update(state_id="request")
    assert [settle(rival, intent) for rival in rivals] == [True, False, False]
    assert told == [checkout.pk]
    assert all(rival.succeeded for rival in rivals)


@pytest.mark.django_db(transaction=True)
def test_rivals_at_the_same_moment_settle_once(stripe_simulator: Any, pay: Any, told: list[int]) -> None:
    """With real connections where the database has row locks; one after the other on SQLite's single one."""
    checkout = paid_checkout(pay)
    intent = gateway.retrieve_payment_intent(checkout.payment_intent_id)
    rivals = [Checkout.objects.get(pk=checkout.pk) for _ in range(8)]
    results: list[bool] = []
    gate = threading.Barrier(len(rivals) if connection.features.has_select_for_update else 1)

    def work(rival: Checkout) -> None:
        gate.wait()
        try:
            results.append(settle(rival, intent))
        finally:
            if threading.current_thread() is not threading.main_thread():
                connections.close_all()

    if connection.features.has_select_for_update:
        threads = [threading.Thread(target=work, args=(rival,)) for rival in rivals]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    else:
        for rival in rivals:
            work(rival)
    assert sorted(results) == [False] * 7 + [True]
    assert told == [checkout.pk]


@pytest.mark.django_db
def test_a_final_state_stays(stripe_simulator: Any, pay: Any) -> None:
    checkout = paid_checkout(pay)
    settle(checkout, gateway.retrieve_payment_intent(checkout.payment_intent_id))
    for state in (states.FAIL, states.PENDING, states.REQUEST):
        with pytest.raises(IllegalMove):
            checkout.move_to(state)


@pytest.mark.django_db
def test_a_failed_checkout_is_revived_by_audit_alone(stripe_simulator: Any, pay: Any, told: list[int]) -> None:
    checkout = paid_checkout(pay)
    intent = gateway.retrieve_payment_intent(checkout.payment_intent_id)
    Checkout.objects.filter(pk=checkout.pk).update(state_id="fail")
    assert not settle(checkout, intent)
    assert told == []
    assert settle(checkout, intent, by_audit=True)
    assert told == [checkout.pk]


@pytest.mark.django_db
def test_the_intent_of_another_checkout_is_put_aside(stripe_simulator: Any, pay: Any, told: list[int]) -> None:
    mine, other = paid_checkout(pay), paid_checkout(pay)
    assert not settle(mine, gateway.retrieve_payment_intent(other.payment_intent_id))
    mine.refresh_from_db()
    assert "is not" in mine.quarantine
    assert mine.is_open
    assert told == []


@pytest.mark.django_db
def test_a_status_that_stripe_adds_one_day_changes_nothing(stripe_simulator: Any, pay: Any) -> None:
    from dataclasses import replace

    checkout = paid_checkout(pay)
    intent = gateway.retrieve_payment_intent(checkout.payment_intent_id)
    strange = replace(intent, status=gateway.IntentStatus.UNKNOWN, stripe_status="requires_reauthorization")
    assert not settle(checkout, strange)
    assert checkout.is_open


def test_the_client_secret_is_not_in_the_repr() -> None:
    from datetime import UTC, datetime
    from decimal import Decimal

    intent = gateway.Intent(
        id="pi_1",
        status=gateway.IntentStatus.WAITING,
        stripe_status="requires_payment_method",
        amount=Decimal("1.00"),
        amount_received=Decimal(0),
        currency="GBP",
        customer_id="",
        checkout_uuid="",
        created=datetime.now(UTC),
        client_secret="pi_1_secret_abc",
    )
    assert "abc" not in repr(intent)
    assert "abc" not in str(intent)
