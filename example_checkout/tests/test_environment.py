"""A database that is used where it does not belong charges and mails nobody, until somebody says that it does."""

from collections.abc import Callable
from datetime import timedelta
from decimal import Decimal
from io import StringIO
from typing import Any
from uuid import uuid4

import pytest
from django.core import mail
from django.core.management import CommandError, call_command
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from checkout import gateway
from checkout.errors import StripeUnreachable, WrongEnvironment
from checkout.flows import (
    by_hand,
    card,
    expiry,
    fulfil,
    fulfil_charges,
    inbox,
    payment,
    reconcile,
    refund,
    run,
)
from checkout.models import Checkout, CustomerPayment, Environment, Event, Notice, ObjectPaymentPlanInstalment
from checkout.models import environment as guard
from checkout.notify import outbox
from checkout.tests.factories import EnvironmentFactory, EventFactory, NoticeFactory
from example_checkout.tests.events import begun
from example_checkout.tests.factories import SalesLedgerFactory, UserFactory
from example_checkout.tests.plans import let_fall_due, plan_of, sign_up_with, start_sign_up

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.slow]
ACCOUNT = "GET /v1/account"


def check() -> None:
    Environment.objects.check_environment()


def another_account(settings: Any) -> None:
    settings.STRIPE_SECRET_KEY = "sk_test_other_shop"


def another_address(settings: Any) -> None:
    settings.CHECKOUT_BASE_URL = "https://staging.example.com"


def another_name(settings: Any) -> None:
    settings.CHECKOUT_ENVIRONMENT = "staging"


def another_mode(settings: Any) -> None:
    settings.STRIPE_SECRET_KEY = "sk_live_of_the_shop"


WAYS = [another_account, another_address, another_name, another_mode]


@pytest.fixture
def fresh(stripe_simulator: Any) -> Any:
    """A database that has never been asked where it belongs, and a process that has just started."""
    guard.forget()
    return stripe_simulator


def restarted() -> None:
    """As a new process: nothing is remembered but in the database."""
    guard.forget()
    gateway.reset()


def test_first_use_remembers_and_costs_one_call(fresh: Any) -> None:
    check()
    known = Environment.objects.get()
    assert (known.account_id, known.livemode, known.site) == ("acct_1SimulatedShop000", False, "http://testserver")
    assert (fresh.calls[ACCOUNT], sum(fresh.calls.values())) == (1, 1)
    assert "sk_test" not in known.key
    with CaptureQueriesContext(connection) as captured:
        check()
    assert len(captured) == 0
    restarted()
    with CaptureQueriesContext(connection) as captured:
        check()
    assert len(captured) == 1
    assert sum(fresh.calls.values()) == 1
    assert Environment.objects.trouble() == ""


def test_a_first_use_while_stripe_is_away_remembers_nothing(fresh: Any, stripe_trouble: Any) -> None:
    stripe_trouble("reset_before", times=None, method="GET")
    with pytest.raises(StripeUnreachable):
        check()
    assert not Environment.objects.exists()
    fresh.trouble.clear()
    check()


def test_a_rolled_key_of_the_same_account_is_learnt(fresh: Any, settings: Any) -> None:
    check()
    for _process in range(2):
        settings.STRIPE_SECRET_KEY = "rk_test_rolled"
        restarted()
        check()
        assert fresh.calls[ACCOUNT] == 2
    # the settings may change in a process as well
    settings.STRIPE_SECRET_KEY = "sk_test_other_shop"
    gateway.reset()
    with pytest.raises(WrongEnvironment):
        check()


def test_a_key_that_may_not_read_its_account_is_remembered_itself(fresh: Any, settings: Any) -> None:
    """A restricted key must not stop a shop that upgrades; and another one is nobody's until it is adopted."""
    settings.STRIPE_SECRET_KEY = "rk_test_narrow_one"
    restarted()
    check()
    assert Environment.objects.get().account_id == ""
    restarted()
    check()
    for stranger in ("rk_test_narrow_two", "sk_test_other_shop"):
        settings.STRIPE_SECRET_KEY = stranger
        restarted()
        with pytest.raises(WrongEnvironment, match="--adopt"):
            check()
    settings.STRIPE_SECRET_KEY = "rk_test_narrow_two"
    restarted()
    Environment.objects.adopt()
    check()


def test_a_known_account_is_not_taken_over_by_a_key_that_cannot_say(fresh: Any, settings: Any) -> None:
    check()
    settings.STRIPE_SECRET_KEY = "rk_test_narrow_one"
    restarted()
    with pytest.raises(WrongEnvironment, match="not told"):
        check()


@pytest.mark.parametrize("way", WAYS)
def test_what_is_not_as_it_was_is_named_and_says_how_to_adopt(
    fresh: Any, settings: Any, way: Callable[[Any], None]
) -> None:
    check()
    way(settings)
    restarted()
    with pytest.raises(WrongEnvironment, match=r"checkout_environment --adopt") as caught:
        check()
    said = str(caught.value)
    words = {
        another_account: "acct_1SimulatedShop000, and the key is of acct_1SimulatedOther00",
        another_mode: "it is for test payments, and the key is for live ones",
        another_name: "it belongs to http://testserver, and this is staging",
    }
    assert words.get(way, "it belongs to http://testserver, and this is https://staging.example.com") in said
    assert "sk_" not in said
    # a live key never reaches Stripe: the mode is enough
    assert fresh.calls[ACCOUNT] == (2 if way is another_account else 1)
    assert bool(Environment.objects.trouble()) is (way is not another_account)
    # it does not get used to it
    with pytest.raises(WrongEnvironment):
        check()


def test_the_same_name_at_another_address_is_the_same_site(fresh: Any, settings: Any) -> None:
    settings.CHECKOUT_ENVIRONMENT = "production"
    check()
    another_address(settings)
    restarted()
    check()


def test_of_two_first_uses_one_decides(fresh: Any, settings: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    def meanwhile() -> str:
        EnvironmentFactory(account_id="acct_first", site="elsewhere")
        return "acct_second"

    monkeypatch.setattr(guard, "_account_id", meanwhile)
    with pytest.raises(WrongEnvironment, match="it belongs to elsewhere"):
        check()
    assert Environment.objects.get().account_id == "acct_first"


# what is refused


class Copy:
    """A shop in which everything is under way; its database is then copied to another place."""

    def __init__(self, simulator: Any, pay: Any) -> None:
        self.simulator = simulator
        self.plan = plan_of(sign_up_with(pay))
        self.customer: Any = self.plan.customer
        (pk,) = let_fall_due(self.plan)
        self.part = ObjectPaymentPlanInstalment.objects.with_plan().get(pk=pk)
        self.paid = begun()
        pay(self.paid)
        payment.finish(self.paid)
        self.open = begun()
        self.signing = start_sign_up()
        self.event = EventFactory(stripe_object_id=self.open.payment_intent_id)
        self.notice = NoticeFactory(recipients=[self.customer.email], customer=self.customer)
        NoticeFactory(recipients=["staff@example.com"], customer=None)
        self.staff = UserFactory(is_staff=True)


REFUSED: dict[str, Callable[[Copy], Any]] = {
    "payment": lambda copy: payment.start(action="payment", content_object=SalesLedgerFactory(), user=None),
    "sign-up": lambda copy: payment.start(action="payment_plan", content_object=SalesLedgerFactory(), user=None),
    "page": lambda copy: payment.show(copy.open),
    "sign-up page": lambda copy: payment.show(copy.signing),
    "refresh": lambda copy: card.start_refresh(copy.customer, user=None),
    "charge": lambda copy: by_hand.charge(copy.part, user=copy.staff),
    "staff": lambda copy: CustomerPayment.objects.charge_customer(
        copy.customer, amount=Decimal(5), currency="GBP", description="A", user=copy.staff, uuid=uuid4()
    ),
    "run": lambda copy: run.process_payments(),
    "portion": lambda copy: run.charge_some(None, [copy.part.pk]),  # type: ignore[arg-type]
    "refund": lambda copy: refund.give_back(copy.paid, amount=Decimal(5), user=copy.staff, uuid=uuid4()),
    "refunds": lambda copy: refund.resolve(),
    "mail": lambda copy: outbox.send_unsent(),
    "demands": lambda copy: ObjectPaymentPlanInstalment.objects.send_on_session_payment_emails(lambda contact: False),
    "payments": lambda copy: fulfil.payments(),
    "sign-ups": lambda copy: fulfil.setups(),
    "on-session": lambda copy: fulfil.on_session(),
    "charges": lambda copy: fulfil_charges.charges(),
    "cards": lambda copy: expiry.refresh_card_expiry_dates(),
    "backfill": lambda copy: inbox.backfill(),
    "books": lambda copy: reconcile.reconcile(),
}


def snapshot() -> list[Any]:
    return [
        list(table.objects.order_by("pk").values())
        for table in (Checkout, ObjectPaymentPlanInstalment, CustomerPayment, Notice)
    ]


@pytest.mark.slow
@pytest.mark.parametrize("what", REFUSED)
def test_a_copy_does_nothing_and_changes_nothing(stripe_simulator: Any, pay: Any, settings: Any, what: str) -> None:
    copy = Copy(stripe_simulator, pay)
    EnvironmentFactory()
    another_account(settings)
    restarted()
    mail.outbox.clear()
    before, calls = snapshot(), dict(stripe_simulator.calls)
    with pytest.raises(WrongEnvironment):
        REFUSED[what](copy)
    assert snapshot() == before
    made = {name: count for name, count in stripe_simulator.calls.items() if count != calls.get(name)}
    assert set(made) == {ACCOUNT}
    assert mail.outbox == []


@pytest.mark.parametrize("way", WAYS)
def test_in_every_way_no_mail_no_charge_and_an_event_that_waits(
    stripe_simulator: Any, pay: Any, settings: Any, way: Callable[[Any], None]
) -> None:
    copy = Copy(stripe_simulator, pay)
    EnvironmentFactory()
    way(settings)
    restarted()
    mail.outbox.clear()
    for name in ("run", "mail", "refund", "page"):
        with pytest.raises(WrongEnvironment):
            REFUSED[name](copy)
    assert outbox.send(copy.notice.pk) is False
    assert inbox.work(copy.event.pk) is False
    event = Event.objects.get()
    assert (event.state, event.tries) == ("waiting", 1)
    assert event.last_error.startswith("WrongEnvironment: ")
    assert mail.outbox == []
    copy.notice.refresh_from_db()
    assert (copy.notice.state, copy.notice.tries) == ("waiting", 0)
    # adopted, it goes on where it was
    settings.STRIPE_SECRET_KEY = "sk_test_other_shop"
    restarted()
    call_command("checkout_environment", "--adopt", stdout=StringIO())
    Event.objects.update(work_after=timezone.now() - timedelta(seconds=1))
    assert inbox.work_due() == 1
    assert outbox.send_unsent() == 2


@pytest.mark.parametrize("way", WAYS)
def test_the_customers_page_says_so_and_tells_no_secret(
    stripe_simulator: Any, settings: Any, way: Callable[[Any], None]
) -> None:
    settings.CHECKOUT_LINK_MAX_AGE = timedelta(days=7)
    booking = SalesLedgerFactory()
    client = Client(raise_request_exception=False)
    client.force_login(booking.contact.user)
    checkout = payment.start(action="payment", content_object=booking, user=booking.contact.user)
    assert client.get(f"/pay/{checkout.uuid}/").status_code == 200
    EnvironmentFactory()
    way(settings)
    restarted()
    answer = client.get(f"/pay/{checkout.uuid}/")
    assert answer.status_code == 503
    said = answer.content.decode()
    assert "Payments are switched off here at the moment. Nothing has been charged." in said
    for word in ("acct_", "sk_", "staging", "adopt", "_secret_", "database"):
        assert word not in said
    checkout.refresh_from_db()
    assert checkout.state_id == "pending"


# the command


def command(*arguments: str) -> str:
    out = StringIO()
    call_command("checkout_environment", *arguments, stdout=out)
    return out.getvalue().strip()


def test_the_command_says_where_it_belongs_and_adopts_on_purpose_alone(fresh: Any, settings: Any) -> None:
    assert command() == "Account acct_1SimulatedShop000, test mode, site http://testserver: here it belongs."
    another_account(settings)
    another_name(settings)
    for _again in range(2):
        restarted()
        with pytest.raises(CommandError, match="used where it belongs"):
            command()
    adopted = "Account acct_1SimulatedOther00, test mode, site staging: here it belongs."
    assert command("--adopt") == adopted
    assert command() == adopted
    restarted()
    assert command() == adopted
    assert Environment.objects.get().adopted is not None
    settings.STRIPE_SECRET_KEY = "sk_test_simulator"
    restarted()
    with pytest.raises(CommandError):
        command()


def test_while_stripe_is_away_nothing_is_adopted(fresh: Any, settings: Any, stripe_trouble: Any) -> None:
    check()
    another_name(settings)
    restarted()
    stripe_trouble("reset_before", times=None, method="GET")
    with pytest.raises(CommandError):
        command("--adopt")
    assert Environment.objects.get().site == "http://testserver"


def test_demo_keys_are_of_one_account(fresh: Any, settings: Any) -> None:
    for key in ("sk_test_simulator", "rk_test_1", "sk_test_another"):
        settings.STRIPE_SECRET_KEY = key
        gateway.reset()
        assert gateway.retrieve_account_id() == "acct_1SimulatedShop000"
