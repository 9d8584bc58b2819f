"""Customers whose bank wants them: each is mailed once for each demand, however often it is asked for."""

from datetime import timedelta
from typing import Any

import pytest
from django.core.management import call_command
from django.utils import timezone

from checkout.accounts import can_login_and_pay
from checkout.flows import demands
from checkout.models import Customer, Notice, ObjectPaymentPlan, ObjectPaymentPlanInstalment
from checkout.models.instalment import (
    MAIL_TEMPLATE_ON_SESSION_PAYMENT_ANON,
    MAIL_TEMPLATE_ON_SESSION_PAYMENT_AUTH,
)
from checkout.tests.factories import CustomerFactory
from example_checkout import tasks
from example_checkout.celery import app
from example_checkout.models import Contact, SalesLedger
from example_checkout.tests.factories import ContactFactory, UserFactory
from example_checkout.tests.mail import Handler, free_port, make_due, smtp_server, use_server, wanted

pytestmark = [pytest.mark.django_db(transaction=True)]


def send(rule: Any = lambda contact: False) -> int:
    return ObjectPaymentPlanInstalment.objects.send_on_session_payment_emails(rule)


def test_each_once(mailoutbox: list[Any]) -> None:
    wanted(5)
    assert send() == 5
    assert send() == 0
    assert len({mail.extra_headers["Message-ID"] for mail in mailoutbox}) == len(mailoutbox) == 5
    assert not ObjectPaymentPlanInstalment.objects.filter(customer_asked=None).exists()


def test_a_new_demand_is_a_new_mail(mailoutbox: list[Any]) -> None:
    (part,) = wanted()
    send()
    # a new card put it back in line, and its bank asks too
    ObjectPaymentPlanInstalment.objects.filter(pk=part.pk).update(state_id="pending")
    assert send() == 0
    ObjectPaymentPlanInstalment.objects.filter(pk=part.pk).update(state_id="pay_on_session", customer_asked=None)
    assert send() == 1
    assert send() == 0
    assert len({mail.extra_headers["Message-ID"] for mail in mailoutbox}) == len(mailoutbox) == 2


@pytest.mark.parametrize("state", ["pending", "request", "success", "fail"])
def test_nobody_else(mailoutbox: list[Any], state: str) -> None:
    wanted(state=state)
    assert send() == 0
    assert mailoutbox == []


def test_not_for_a_stopped_plan(mailoutbox: list[Any]) -> None:
    wanted(2)
    ObjectPaymentPlan.objects.update(deleted=True)
    assert send() == 0


def test_a_deposit_only_when_its_customer_has_left_the_page(mailoutbox: list[Any]) -> None:
    wanted()
    ObjectPaymentPlanInstalment.objects.update(deposit=True, updated=timezone.now())
    assert send() == 0
    ObjectPaymentPlanInstalment.objects.update(updated=timezone.now() - timedelta(minutes=16))
    assert send() == 1


def test_the_rule_chooses_the_template_and_hears_the_hosts_contact(mailoutbox: list[Any]) -> None:
    (part,) = wanted()
    heard: list[Any] = []

    def rule(contact: Any) -> bool:
        heard.append(contact)
        return True

    assert send(rule) == 1
    assert heard == [Contact.objects.get(bookings=part.object_payment_plan.content_object)]
    assert Notice.objects.get().template == MAIL_TEMPLATE_ON_SESSION_PAYMENT_ANON
    assert "You can also sign in" in mailoutbox[0].body


def test_the_rule_hears_the_customer_where_the_object_has_no_contact(monkeypatch: Any, mailoutbox: list[Any]) -> None:
    wanted()
    monkeypatch.setattr(SalesLedger, "checkout_contact", None)
    heard: list[Any] = []
    send(heard.append)
    assert heard == [Customer.objects.get()]
    assert Notice.objects.get().template == MAIL_TEMPLATE_ON_SESSION_PAYMENT_AUTH
    assert "You need no account" in mailoutbox[0].body


def test_a_rule_that_raises_stops_nobody_and_leaves_nobody_out(mailoutbox: list[Any], caplog: Any) -> None:
    wanted(3)
    answers = iter([True, False, True])

    def rule(contact: Any) -> bool:
        if not next(answers):
            raise LookupError("no such person")
        return True

    assert send(rule) == 3
    templates = Notice.objects.order_by("pk").values_list("template", flat=True)
    anon, auth = MAIL_TEMPLATE_ON_SESSION_PAYMENT_ANON, MAIL_TEMPLATE_ON_SESSION_PAYMENT_AUTH
    assert list(templates) == [anon, auth, anon]
    assert "taken for a no" in caplog.text


def test_page_by_page(mailoutbox: list[Any], monkeypatch: Any) -> None:
    monkeypatch.setattr(demands, "PAGE", 2)
    wanted(5)
    assert send() == 5


def test_a_mail_server_that_was_away(settings: Any) -> None:
    use_server(settings, free_port())
    wanted(6)
    assert send() == 0
    # all are asked, on paper
    assert Notice.objects.filter(state="waiting").count() == 6
    assert send() == 0
    for notice in Notice.objects.all():
        make_due(notice)
    with smtp_server(settings) as server:
        assert send() == 6
        assert send() == 0
        assert_each_once(server, 6)


def assert_each_once(server: Handler, count: int) -> None:
    assert len(server.ids) == len(set(server.ids)) == count


def test_somebody_who_died_after_the_claim_left_a_notice(mailoutbox: list[Any], monkeypatch: Any) -> None:
    wanted()

    def die(*args: Any, **kwargs: Any) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patched:
        patched.setattr(demands.outbox, "send", die)
        with pytest.raises(KeyboardInterrupt):
            send()
    assert mailoutbox == []
    assert send() == 1


def test_the_examples_task_command_and_schedule(mailoutbox: list[Any], capsys: Any) -> None:
    wanted(2)
    assert tasks.send_on_session_payment_emails.delay().get() == 2
    ObjectPaymentPlanInstalment.objects.update(customer_asked=None)
    call_command("send_on_session_payment_emails")
    call_command("send_on_session_payment_emails")
    assert capsys.readouterr().out == "2 customers mailed.\n"
    entry = app.conf.beat_schedule["send_on_session_payment_emails"]
    assert entry["task"] in app.tasks
    assert entry["schedule"].minute == {0, 20, 40}
    assert "send_notices" in app.conf.beat_schedule


LATELY, LONG_AGO = timedelta(days=100), timedelta(days=200)


@pytest.mark.parametrize(
    ("active", "ago", "can"),
    [(True, LATELY, True), (True, LONG_AGO, False), (True, None, False), (False, LATELY, False)],
)
@pytest.mark.parametrize("kind", ["user", "contact", "email", "checkout_email"])
def test_who_can_sign_in(kind: str, active: bool, ago: timedelta | None, can: bool) -> None:
    last = timezone.now() - ago if ago is not None else None
    user = UserFactory(email="Ada@Example.com", is_active=active, last_login=last)
    contacts = {
        "user": user,
        "contact": ContactFactory(user=user, email="elsewhere@example.com"),
        "email": ContactFactory(user=None, email="ada@example.COM"),
        "checkout_email": type("Order", (), {"checkout_email": "ADA@example.com"})(),
    }
    assert can_login_and_pay(contacts[kind]) is can


def test_any_of_several_users_with_an_address() -> None:
    customer = CustomerFactory(email="ada@example.com")
    assert not can_login_and_pay(customer)
    UserFactory(email="ada@example.com", last_login=None)
    assert not can_login_and_pay(customer)
    UserFactory(email="ADA@example.com", last_login=timezone.now())
    assert can_login_and_pay(customer)


def test_nobody_is_found_by_no_address(settings: Any) -> None:
    UserFactory(email="", last_login=timezone.now())
    assert not can_login_and_pay(ContactFactory(user=None, email=""))
    assert not can_login_and_pay(None)


def test_lately_is_what_the_site_says(settings: Any) -> None:
    user = UserFactory(last_login=timezone.now() - timedelta(days=45))
    settings.CHECKOUT_ACTIVE_LOGIN_MONTHS = 1
    assert not can_login_and_pay(user)
    settings.CHECKOUT_ACTIVE_LOGIN_MONTHS = 2
    assert can_login_and_pay(user)
