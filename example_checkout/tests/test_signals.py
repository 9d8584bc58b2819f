"""Signals to the site: each once for each fact, after the commit, and never in anybody's way."""

from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import pytest
from django.db import connection, transaction
from django.dispatch import Signal

from checkout import signals
from checkout.flows import charge, dispute, inbox, payment, refund, sign_up
from checkout.flows.announce import announce
from checkout.models import Checkout, Dispute, Event, Refund
from example_checkout.models import SalesLedger
from example_checkout.tests.factories import SalesLedgerFactory, UserFactory
from example_checkout.tests.money_back import (
    DISPUTED,
    FAILS_LATER,
    PENDING,
    REFUNDS,
    WEBHOOK,
    begun,
    dashboard,
    give,
    held,
    paid,
    resolve_in,
)
from example_checkout.tests.plans import library, many_due, plan_of, saved_card, sign_up_with, start_sign_up
from example_checkout.tests.recovery import ASKS, FAILS, charge_due, declined_with, due_with
from example_checkout.tests.test_races import at_once

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.slow]

ALL = {
    "settled": signals.checkout_settled,
    "failed": signals.checkout_failed,
    "needs_customer": signals.checkout_needs_customer,
    "refunded": signals.checkout_refunded,
    "disputed": signals.checkout_disputed,
}


class Ear:
    """A receiver of every signal: which came, about what, in which state that was; and whether all was committed."""

    def __init__(self) -> None:
        self.heard: list[tuple[str, Any, str]] = []
        self.inside = 0
        self.receivers = {name: self._receiver(name) for name in ALL}

    def _receiver(self, name: str) -> Any:
        def hear(sender: Any, signal: Signal, **facts: Any) -> None:
            (fact,) = facts.values()
            assert isinstance(fact, sender)
            self.inside += connection.in_atomic_block
            stored = sender.objects.get(pk=fact.pk)
            state = getattr(stored, stored.STATE)
            assert getattr(fact, fact.STATE) == state, "what is told is what is on disk"
            self.heard.append((name, fact.pk, state))

        return hear

    def of(self, name: str) -> list[tuple[Any, str]]:
        return [(pk, state) for heard, pk, state in self.heard if heard == name]

    def names(self) -> list[str]:
        return [name for name, _pk, _state in self.heard]


@pytest.fixture
def ear() -> Iterator[Ear]:
    listening = Ear()
    for name, signal in ALL.items():
        signal.connect(listening.receivers[name])
    yield listening
    for name, signal in ALL.items():
        signal.disconnect(listening.receivers[name])
    assert listening.inside == 0, "a signal was sent inside a transaction"


@pytest.fixture
def webhooks(deliver_webhooks: Any, settings: Any) -> Any:
    settings.CHECKOUT_WEBHOOK_SECRETS = [deliver_webhooks.register(WEBHOOK)]
    return deliver_webhooks


def replay_all() -> None:
    for event in Event.objects.order_by("-pk"):
        inbox.replay(event)


def test_settled(ear: Ear, webhooks: Any, pay: Any) -> None:
    checkout = paid(pay)
    assert ear.heard == [("settled", checkout.pk, "success")]
    webhooks()
    replay_all()
    payment.finish(checkout)
    assert ear.names() == ["settled"]


def test_settled_by_many_at_once(ear: Ear, stripe_simulator: Any, pay: Any) -> None:
    checkout = begun()
    pay(checkout)
    at_once(*[lambda: payment.finish(Checkout.objects.get(pk=checkout.pk)) for _number in range(3)])
    assert ear.names() == ["settled"]


def test_failed(ear: Ear, webhooks: Any, pay: Any) -> None:
    checkout = begun()
    pay(checkout, card="4000000000000002")
    payment.finish(checkout)
    webhooks()
    assert ear.heard == [], "a declined card is no end"
    payment.abandon(checkout)
    webhooks()
    replay_all()
    assert ear.heard == [("failed", checkout.pk, "fail")]


def test_without_a_card(ear: Ear, stripe_simulator: Any) -> None:
    checkout = payment.manual(content_object=SalesLedgerFactory(), user=UserFactory(is_staff=True))
    assert ear.heard == [("settled", checkout.pk, "success")]


def test_a_sign_up_and_its_deposit(ear: Ear, webhooks: Any, pay: Any) -> None:
    checkout = sign_up_with(pay)
    deposit = plan_of(checkout).deposit.attempts.get()
    webhooks()
    replay_all()
    assert ear.heard == [("settled", checkout.pk, "success"), ("settled", deposit.pk, "success")]


@pytest.mark.parametrize(
    ("card", "name", "state"), [(ASKS, "needs_customer", "pay_on_session"), (FAILS, "failed", "fail")]
)
def test_a_charge_that_is_declined(
    ear: Ear, webhooks: Any, stripe_simulator: Any, pay: Any, card: str, name: str, state: str
) -> None:
    part = declined_with(stripe_simulator, pay, card)
    (attempt,) = part.attempts
    webhooks()
    replay_all()
    assert ear.of(name) == [(attempt.pk, state)]
    assert len(ear.of("settled")) == 2


def test_none_for_a_charge_that_was_released(ear: Ear, stripe_simulator: Any, pay: Any) -> None:
    part = due_with(stripe_simulator, pay, "pm_card_visa")
    ear.heard.clear()
    type(part.payer).objects.update(payment_method_id="pm_gone")
    part.payer.refresh_from_db()
    with pytest.raises(charge.StripeRefused):
        charge.charge(part, user=None)
    (attempt,) = part.attempts
    assert attempt.failure.startswith("released:")
    assert ear.heard == []


def test_none_for_what_is_put_aside_until_it_is_given_back(ear: Ear, webhooks: Any, pay: Any) -> None:
    checkout = held(pay)
    webhooks()
    assert ear.heard == []
    made = give(checkout, "120.00")
    webhooks()
    replay_all()
    assert sorted(ear.heard) == [("failed", checkout.pk, "fail"), ("refunded", made.pk, "success")]


def test_refunded(ear: Ear, webhooks: Any, stripe_simulator: Any, pay: Any) -> None:
    checkout = paid(pay)
    made = give(checkout, "20.00")
    dashboard(stripe_simulator, checkout, 500)
    webhooks()
    replay_all()
    other = checkout.refunds.exclude(pk=made.pk).get()
    assert ear.of("refunded") == [(made.pk, "success"), (other.pk, "success")]


@pytest.mark.parametrize(("card", "states"), [(PENDING, ["processing", "success"]), (FAILS_LATER, ["success", "fail"])])
def test_a_refund_on_its_way(ear: Ear, webhooks: Any, pay: Any, move_clock: Any, card: str, states: list[str]) -> None:
    give(paid(pay, card=card), "20.00")
    webhooks()
    move_clock(hours=1, seconds=1)
    webhooks()
    replay_all()
    assert [state for _pk, state in ear.of("refunded")] == states


def test_none_for_a_refund_that_never_was(ear: Ear, stripe_simulator: Any, pay: Any, stripe_trouble: Any) -> None:
    checkout = paid(pay)
    stripe_trouble("reset_before", times=2, path=REFUNDS)
    give(checkout, "20.00")
    assert ear.of("refunded") == [], "nothing is known yet"
    dashboard(stripe_simulator, checkout)
    resolve_in(minutes=6)
    with pytest.raises(refund.StripeRefused):
        give(checkout, "20.00")
    assert {one.state for one in Refund.objects.all()} == {"fail"}
    assert ear.of("refunded") == []


def test_disputed(ear: Ear, webhooks: Any, pay: Any) -> None:
    paid(pay, card=DISPUTED)
    webhooks()
    made = Dispute.objects.get()
    answer = dispute.gateway.retrieve_dispute(made.dispute_id)
    for status in ("under_review", "lost", "lost", "appeal_needs_response", "appeal_under_review", "won"):
        dispute.keep(replace(answer, stripe_status=status))
    assert ear.of("disputed") == [(made.pk, state) for state in ("open", "lost", "open", "won")]


# undone


def broken(*_facts: Any) -> None:
    raise RuntimeError("the accounts are closed")


def test_none_when_the_host_undoes_it(monkeypatch: Any, ear: Ear, stripe_simulator: Any, pay: Any) -> None:
    with monkeypatch.context() as patched:
        patched.setattr(SalesLedger, "checkout_success", broken)
        checkout = begun()
        pay(checkout)
        payment.finish(checkout)
        assert ear.heard == []
    payment.finish(checkout)
    assert ear.names() == ["settled"]
    with monkeypatch.context() as patched:
        patched.setattr(SalesLedger, "checkout_refund", broken)
        give(checkout, "20.00")
        assert ear.names() == ["settled"]
    resolve_in(minutes=6)
    assert ear.names() == ["settled", "refunded"]


def test_none_when_the_database_refuses_in_the_end(ear: Ear, stripe_simulator: Any, pay: Any) -> None:
    checkout = paid(pay)
    ear.heard.clear()
    with transaction.atomic():
        announce(signals.checkout_settled, Checkout, checkout=checkout)
        transaction.set_rollback(True)
    assert ear.heard == []
    with transaction.atomic():
        announce(signals.checkout_settled, Checkout, checkout=checkout)
        assert ear.heard == []
    assert ear.names() == ["settled"]


# receivers


def test_a_receiver_that_raises_harms_nothing(
    stripe_simulator: Any, webhooks: Any, pay: Any, told: list[int], caplog: Any
) -> None:
    calls = []

    def rude(sender: Any, **_facts: Any) -> None:
        calls.append(sender)
        raise RuntimeError("the receiver is broken")

    # before the ear, which must hear of it all the same
    for signal in ALL.values():
        signal.connect(rude)
    ear = Ear()
    for name, signal in ALL.items():
        signal.connect(ear.receivers[name])
    try:
        checkout = paid(pay)
        assert give(checkout, "20.00").state == "success"
        paid(pay, card=DISPUTED)
        webhooks()
        payment.abandon(begun())
        declined_with(stripe_simulator, pay, ASKS)
    finally:
        for name, signal in ALL.items():
            signal.disconnect(rude)
            signal.disconnect(ear.receivers[name])
    assert set(ear.names()) == set(ALL)
    assert len(calls) == len(ear.heard)
    assert set(webhooks.statuses) == {200}
    assert not Event.objects.filter(state="waiting").exists()
    assert checkout.pk in told
    assert "the receiver is broken" in caplog.text


def test_a_receiver_of_one_kind_of_sender(stripe_simulator: Any, pay: Any) -> None:
    heard: list[Any] = []

    def hear(sender: Any, **_facts: Any) -> None:
        heard.append(sender)

    signals.checkout_settled.connect(hear, sender=Refund)
    signals.checkout_refunded.connect(hear, sender=Refund)
    try:
        give(paid(pay), "20.00")
    finally:
        signals.checkout_settled.disconnect(hear, sender=Refund)
        signals.checkout_refunded.disconnect(hear, sender=Refund)
    assert heard == [Refund]


def test_a_run_that_settles_together(ear: Ear, stripe_simulator: Any, pay: Any) -> None:
    customer, method = saved_card(library(stripe_simulator))
    many_due(12, customer_id=customer, payment_method_id=method)
    charge_due()
    found = list(Checkout.objects.order_by("pk").values_list("pk", flat=True))
    assert sorted(pk for pk, _state in ear.of("settled")) == found
    assert len(found) == 12


def test_a_sign_up_that_is_left(ear: Ear, stripe_simulator: Any, pay: Any) -> None:
    checkout = start_sign_up()
    payment.abandon(checkout)
    assert sign_up.retrieve(checkout).status.name == "CANCELED"
    assert ear.heard == [("failed", checkout.pk, "fail")]
