"""Two at once: one success of the object, one ``checkout_success``, and never "failed" for what is paid."""

import threading
from collections.abc import Callable
from typing import Any

import pytest
from django.db import connection, connections
from django.test import Client

from checkout.flows import fulfil, payment
from checkout.models import Checkout, Notice
from example_checkout.tests.factories import SalesLedgerFactory, UserFactory

pytestmark = pytest.mark.django_db(transaction=True)


def at_once(*works: Callable[[], Any]) -> None:
    """In threads with connections of their own; one after the other where the database is one connection."""
    if not connection.features.has_select_for_update:
        for work in works:
            work()
        return
    gate = threading.Barrier(len(works))

    def run(work: Callable[[], Any]) -> None:
        try:
            gate.wait()
            work()
        finally:
            connections.close_all()

    threads = [threading.Thread(target=run, args=(work,)) for work in works]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()


def two_paid(pay: Any) -> tuple[Checkout, Checkout]:
    """Two checkouts of one booking, both confirmed at Stripe by a browser that did not ask us first."""
    booking = SalesLedgerFactory()
    first, second = (Checkout.objects.create_checkout("payment", booking, None) for _ in range(2))
    pay(first)
    pay(second)
    return first, second


def test_two_paid_checkouts_of_one_object_fulfil_it_once(stripe_simulator: Any, pay: Any, told: list[int]) -> None:
    first, second = two_paid(pay)
    at_once(lambda: payment.finish(first), lambda: payment.finish(second))
    rows = list(Checkout.objects.all())
    assert sorted(row.state_id for row in rows) == ["pending", "success"]
    assert len(told) == 1
    (aside,) = [row for row in rows if not row.succeeded]
    assert "paid again" in aside.quarantine
    assert Notice.objects.count() == 1
    fulfil.payments()
    assert len(told) == 1


def test_return_page_and_command_at_once_settle_once(stripe_simulator: Any, pay: Any, told: list[int]) -> None:
    user = UserFactory()
    checkout = Checkout.objects.create_checkout("payment", SalesLedgerFactory(), user)
    payment.begin(checkout, shown_total=checkout.total)
    pay(checkout)
    clients = [Client(), Client()]
    for client in clients:
        client.force_login(user)
    pages: list[int] = []
    visits = [
        lambda one=client: pages.append(one.get(f"/pay/{checkout.uuid}/thanks/").status_code) for client in clients
    ]
    at_once(*visits, fulfil.payments)
    checkout.refresh_from_db()
    assert checkout.succeeded
    assert told == [checkout.pk]
    assert pages == [200, 200]
