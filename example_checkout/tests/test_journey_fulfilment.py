"""Journey 6, the payment half: what browsers left behind is settled by listing, and nobody is forgotten."""

import math
from datetime import timedelta
from decimal import Decimal
from typing import Any

import pytest
from django.contrib.auth.models import AnonymousUser
from django.utils import timezone

from checkout.errors import StripeUnreachable
from checkout.flows import audit, fulfil, payment
from checkout.models import Checkout
from example_checkout.models import SalesLedger
from example_checkout.tests.factories import ProductFactory, SalesLedgerFactory

pytestmark = pytest.mark.django_db


def make(count: int) -> list[Checkout]:
    product = ProductFactory()
    bookings = [SalesLedgerFactory(product=product, contact__user=None) for _ in range(count)]
    return [Checkout.objects.create_checkout("payment", booking, AnonymousUser()) for booking in bookings]


def calls_since(simulator: Any, before: int) -> int:
    return _calls(simulator) - before


def _calls(simulator: Any) -> int:
    calls = simulator.calls
    return sum(calls.values()) if hasattr(calls, "values") else len(calls)


def test_what_a_dead_server_left_behind_is_settled_once(stripe_simulator: Any, pay: Any) -> None:
    (checkout,) = make(1)
    payment.begin(checkout, shown_total=Decimal("120.00"))
    pay(checkout)
    assert Checkout.objects.payment_intent_fulfillment() == 1
    assert Checkout.objects.payment_intent_fulfillment() == 0
    checkout.refresh_from_db()
    assert checkout.succeeded


@pytest.mark.parametrize(("count", "paid"), [(1, 1), (7, 3), (230, 20)])
def test_open_checkouts_are_listed_not_retrieved(stripe_simulator: Any, pay: Any, count: int, paid: int) -> None:
    checkouts = make(count)
    for checkout in checkouts[:paid]:
        pay(checkout)
    before = _calls(stripe_simulator)
    report = fulfil.payments()
    assert (report.open, report.settled, report.waiting) == (count, paid, count - paid)
    assert calls_since(stripe_simulator, before) <= math.ceil(count / 100) + 2


def test_a_busy_day_of_settled_payments_does_not_hide_an_old_one(stripe_simulator: Any, pay: Any) -> None:
    (old,) = make(1)
    pay(old)
    stripe_simulator.clock.advance(3600)
    for checkout in make(250):
        Checkout.objects.filter(pk=checkout.pk).update(state_id="fail")
    assert fulfil.payments(now=timezone.now() + timedelta(hours=1)).settled == 1


def test_nothing_open_asks_nothing(stripe_simulator: Any) -> None:
    before = _calls(stripe_simulator)
    assert fulfil.payments().open == 0
    assert calls_since(stripe_simulator, before) == 0


def test_a_straggler_is_retrieved_and_then_left_alone_for_a_while(stripe_simulator: Any) -> None:
    (checkout,) = make(1)
    Checkout.objects.filter(pk=checkout.pk).update(created=timezone.now() - timedelta(days=2))
    assert fulfil.payments().waiting == 1
    before = _calls(stripe_simulator)
    assert fulfil.payments().open == 0
    assert calls_since(stripe_simulator, before) == 0
    assert fulfil.payments(now=timezone.now() + timedelta(hours=7)).open == 1


def test_a_payment_left_open_too_long_is_cancelled_at_stripe_first(stripe_simulator: Any, pay: Any) -> None:
    (checkout,) = make(1)
    Checkout.objects.filter(pk=checkout.pk).update(created=timezone.now() - timedelta(days=4))
    assert fulfil.payments().settled == 1
    checkout.refresh_from_db()
    assert checkout.failed
    assert "error" in pay(checkout), "a late customer must not be able to pay a failed checkout"


def test_a_late_yes_is_not_abandoned(stripe_simulator: Any, pay: Any) -> None:
    (checkout,) = make(1)
    pay(checkout)
    Checkout.objects.filter(pk=checkout.pk).update(created=timezone.now() - timedelta(days=4))
    assert fulfil.payments().settled == 1
    checkout.refresh_from_db()
    assert checkout.succeeded


def test_when_stripe_is_away_nothing_changes(stripe_simulator: Any, stripe_trouble: Any, pay: Any) -> None:
    (checkout,) = make(1)
    pay(checkout)
    stripe_trouble("reset_before", times=None, method=None)
    with pytest.raises(StripeUnreachable):
        fulfil.payments()
    checkout.refresh_from_db()
    assert checkout.is_open


def test_a_dry_run_writes_nothing(stripe_simulator: Any, pay: Any) -> None:
    paid, old = make(2)
    pay(paid)
    Checkout.objects.filter(pk=old.pk).update(created=timezone.now() - timedelta(days=4))
    assert fulfil.payments(dry_run=True).settled == 2
    assert set(Checkout.objects.values_list("state_id", flat=True)) == {"pending"}
    assert "error" not in pay(old)


def test_one_broken_host_object_does_not_stop_the_others(stripe_simulator: Any, pay: Any, monkeypatch: Any) -> None:
    broken, fine = make(2)
    pay(broken)
    pay(fine)
    original = SalesLedger.checkout_success

    def sometimes(self: SalesLedger, checkout: Checkout) -> None:
        if checkout.pk == broken.pk:
            raise RuntimeError("host is broken")
        original(self, checkout)

    monkeypatch.setattr(SalesLedger, "checkout_success", sometimes)
    report = fulfil.payments()
    assert (report.settled, report.errors) == (1, 1)


def test_the_audit_finds_and_fixes_a_paid_failure(stripe_simulator: Any, pay: Any) -> None:
    (checkout,) = make(1)
    pay(checkout)
    Checkout.objects.filter(pk=checkout.pk).update(state_id="fail")
    report = audit.failed_checkouts()
    assert [finding.checkout.pk for finding in report.findings] == [checkout.pk]
    checkout.refresh_from_db()
    assert checkout.failed
    assert audit.failed_checkouts(fix=True).findings[0].fixed
    checkout.refresh_from_db()
    assert checkout.succeeded
    assert checkout.content_object.paid is not None


def test_sql_does_not_grow_with_each_waiting_row(stripe_simulator: Any, django_assert_max_num_queries: Any) -> None:
    make(40)
    with django_assert_max_num_queries(4):
        fulfil.payments()


def test_what_stripe_was_never_asked_about_is_closed_in_the_end(stripe_simulator: Any) -> None:
    checkout = Checkout.objects.create_checkout("invoice", SalesLedgerFactory(), AnonymousUser())
    assert fulfil.payments().settled == 0
    assert fulfil.payments(now=timezone.now() + timedelta(days=4)).settled == 1
    checkout.refresh_from_db()
    assert checkout.failed
