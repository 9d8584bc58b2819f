"""The management commands and tasks of journey 6: what they print, what they write, how they end."""

import io
import math
import sys
from datetime import timedelta
from typing import Any

import pytest
from django.contrib.auth.models import AnonymousUser
from django.core.management import CommandError, call_command
from django.utils import timezone

from checkout import tasks
from checkout.models import Checkout
from checkout.tests.factories import NoticeFactory
from example_checkout.celery import app
from example_checkout.tests.factories import ProductFactory, SalesLedgerFactory

pytestmark = pytest.mark.django_db
FULFIL = ["payment_intent_fulfillment", "stripe_intent_fulfillment"]


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


def make(count: int) -> list[Checkout]:
    product = ProductFactory()
    bookings = [SalesLedgerFactory(product=product, contact__user=None) for _ in range(count)]
    return [Checkout.objects.create_checkout("payment", booking, AnonymousUser()) for booking in bookings]


@pytest.fixture
def console(monkeypatch: Any) -> Any:
    """The process's own standard error, which is where tqdm draws: a file as in cron, or a terminal."""

    def use(console: io.StringIO) -> io.StringIO:
        monkeypatch.setattr(sys, "stderr", console)
        return console

    return use


def run(*arguments: str) -> str:
    out = io.StringIO()
    call_command(*arguments, stdout=out)
    return out.getvalue()


def failed_but_paid(pay: Any) -> Checkout:
    (checkout,) = make(1)
    pay(checkout)
    Checkout.objects.filter(pk=checkout.pk).update(state_id="fail")
    return checkout


@pytest.mark.parametrize("command", FULFIL)
def test_it_says_how_many_it_settled(stripe_simulator: Any, pay: Any, command: str) -> None:
    paid, _waiting = make(2)
    pay(paid)
    assert run(command) == "1 of 2 open payments settled.\n"
    paid.refresh_from_db()
    assert paid.succeeded


@pytest.mark.parametrize("command", FULFIL)
def test_in_cron_it_is_silent_when_nothing_happened(stripe_simulator: Any, console: Any, command: str) -> None:
    make(1)
    screen = console(io.StringIO())
    assert run(command) == ""
    assert screen.getvalue() == ""


def test_on_a_terminal_it_shows_progress(stripe_simulator: Any, console: Any) -> None:
    make(3)
    screen = console(Terminal())
    run("payment_intent_fulfillment")
    assert "3/3" in screen.getvalue()


def test_a_dry_run_says_what_it_would_do_and_writes_nothing(stripe_simulator: Any, pay: Any) -> None:
    paid, old = make(2)
    pay(paid)
    Checkout.objects.filter(pk=old.pk).update(created=timezone.now() - timedelta(days=4))
    before = list(Checkout.objects.order_by("pk").values())
    assert run("payment_intent_fulfillment", "--dry-run").splitlines()[0] == "2 of 2 open payments would be settled."
    assert list(Checkout.objects.order_by("pk").values()) == before
    assert "error" not in pay(old), "a dry run must not cancel at Stripe"


@pytest.mark.parametrize("command", [*FULFIL, "audit_failed_checkout"])
def test_it_fails_when_stripe_cannot_be_reached(
    stripe_simulator: Any, stripe_trouble: Any, pay: Any, command: str
) -> None:
    failed_but_paid(pay)
    make(1)
    stripe_trouble("reset_before", times=None, method=None)
    with pytest.raises(CommandError, match="Stripe could not be asked") as caught:
        run(command)
    assert caught.value.returncode != 0


def test_open_checkouts_are_asked_about_a_hundred_a_call(stripe_simulator: Any, pay: Any) -> None:
    for checkout in make(250)[:3]:
        pay(checkout)
    before = sum(stripe_simulator.calls.values())
    assert run("payment_intent_fulfillment") == "3 of 250 open payments settled.\n"
    assert sum(stripe_simulator.calls.values()) - before <= math.ceil(250 / 100) + 2


def test_the_audit_lists_what_it_found_and_ends_with_one(stripe_simulator: Any, pay: Any) -> None:
    checkout = failed_but_paid(pay)
    out = io.StringIO()
    with pytest.raises(CommandError, match="--fix") as caught:
        call_command("audit_failed_checkout", stdout=out)
    assert caught.value.returncode == 1
    assert f"{checkout.uuid} {checkout.payment_intent_id} succeeded" in out.getvalue()
    checkout.refresh_from_db()
    assert checkout.failed


def test_the_audit_fixes_when_told_to(stripe_simulator: Any, pay: Any) -> None:
    checkout = failed_but_paid(pay)
    assert "succeeded fixed" in run("audit_failed_checkout", "--fix")
    checkout.refresh_from_db()
    assert checkout.succeeded
    assert run("audit_failed_checkout") == "0 failed checkouts looked at, 0 paid at Stripe.\n"


def test_the_tasks_return_how_many(stripe_simulator: Any, pay: Any, mailoutbox: Any) -> None:
    for checkout in make(3)[:2]:
        pay(checkout)
    assert tasks.payment_intent_fulfillment() == 2
    NoticeFactory()
    assert tasks.send_notices() == 1
    assert len(mailoutbox) == 1


def test_notices_are_sent_once_from_cron(mailoutbox: Any) -> None:
    NoticeFactory.create_batch(2)
    assert run("send_notices") == "2 notices sent.\n"
    assert run("send_notices") == ""
    assert len(mailoutbox) == 2


def test_the_schedule_names_tasks_that_exist() -> None:
    assert {entry["task"] for entry in tasks.BEAT_SCHEDULE.values()} <= set(app.tasks)
    assert tasks.BEAT_SCHEDULE["payment_intent_fulfillment"]["schedule"].minute == {0, 16, 32, 48}
