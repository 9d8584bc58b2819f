"""The desk of ``make demo``: by its buttons a payment falls due, is asked for by mail, and is tried again."""

import re
from pathlib import Path
from typing import Any

import django
import pytest
from django.test import Client
from django.urls import reverse

from checkout.models import ObjectPaymentPlanInstalment
from example_checkout.models import SalesLedger
from example_checkout.tests.factories import ProductFactory
from example_checkout.tests.mail import use_backend, wanted
from example_checkout.tests.plans import plan_of, sign_up_with
from example_checkout.tests.recovery import ASKS, NO_FUNDS, fresh, put_on_file

pytestmark = [
    pytest.mark.slow,
    pytest.mark.django_db(transaction=True),
    pytest.mark.urls("example_checkout.demo_urls"),
]


@pytest.fixture(autouse=True)
def mailbox(settings: Any, tmp_path: Path) -> None:
    backend = "django.core.mail.backends.filebased.EmailBackend"
    settings.DEMO_MAIL = tmp_path
    if django.VERSION >= (6, 1):
        settings.MAILERS = {"default": {"BACKEND": backend, "OPTIONS": {"file_path": tmp_path}}}
    else:
        settings.EMAIL_BACKEND, settings.EMAIL_FILE_PATH = backend, tmp_path


def press(client: Client, **button: Any) -> str:
    """Press a button of the desk; the page that follows."""
    page = client.post(reverse("example.desk"), button, follow=True)
    assert page.status_code == 200
    return str(page.content.decode())


def next_due(simulator: Any, pay: Any, card: str) -> ObjectPaymentPlanInstalment:
    plan = plan_of(sign_up_with(pay))
    part: ObjectPaymentPlanInstalment = plan.payments.filter(deposit=False).order_by("count")[0]
    put_on_file(simulator, part, card)
    return part


def test_from_a_plan_to_the_page_to_pay(client: Client, stripe_simulator: Any, pay: Any) -> None:
    part = next_due(stripe_simulator, pay, ASKS)
    assert "is due today" in press(client, part=part.pk)
    assert "process_payments" in press(client, command="run")
    assert fresh(part).state_id == "pay_on_session"
    desk = press(client, command="ask")
    (letter,) = re.findall(r'href="(/demo/mail/[^"]+/)"', desk)
    page = client.get(letter).content.decode()
    (frame,) = re.findall(r'<iframe[^>]* src="([^"]+)"', page)
    html = client.get(frame)
    assert html.headers["Content-Security-Policy"].endswith("sandbox allow-top-navigation-by-user-activation")
    assert '<base target="_top">' in html.content.decode()
    (link,) = set(re.findall(r'href="http://[^/"]+(/pay/link/[^"]+)"', page))
    assert client.get(link, follow=True).context["checkout"].content_object == part


def test_the_day_of_the_next_try_comes(client: Client, stripe_simulator: Any, pay: Any) -> None:
    part = next_due(stripe_simulator, pay, NO_FUNDS)
    press(client, part=part.pk)
    press(client, command="run")
    for tries in (2, 3, 4):
        assert "the next try" in press(client, part=part.pk)
        press(client, command="run")
        assert part.attempts.count() == tries
    assert fresh(part).retry_due is None
    press(client, command="mail")
    desk = client.get(reverse("example.desk")).content.decode()
    assert len(re.findall(r'href="/demo/mail/', desk)) == 1, "only the last notice is still true"


def test_what_it_does_not_know(client: Client) -> None:
    assert client.post(reverse("example.desk"), {"command": "flush"}).status_code == 404
    assert client.post(reverse("example.desk"), {"part": "7"}).status_code == 404
    assert client.get(reverse("example.desk.letter", args=["no-such"])).status_code == 404
    assert "No plans yet" in client.get(reverse("example.desk")).content.decode()


def test_a_command_that_fails_says_why(client: Client, stripe_simulator: Any, stripe_trouble: Any) -> None:
    stripe_trouble("server_error", times=4, path="/v1/payment_intents")
    assert "Traceback" not in press(client, command="books")


@pytest.mark.urls("example_checkout.urls")
def test_the_shop_itself_has_no_desk(client: Client) -> None:
    assert client.get("/demo/").status_code == 404
    assert "Demo desk" not in client.get("/").content.decode()


@pytest.mark.urls("example_checkout.urls")
def test_who_books_in_german_is_written_to_in_german(client: Client, mailoutbox: list[Any], settings: Any) -> None:
    use_backend(settings, "django.core.mail.backends.locmem.EmailBackend")
    client.post(
        ProductFactory().get_absolute_url(),
        {"quantity": 1, "name": "Ada", "email": "ada@example.com", "action": "invoice"},
        headers={"Accept-Language": "de"},
    )
    booking = SalesLedger.objects.get()
    assert booking.checkout_language == "de"
    (part,) = wanted(1)
    type(part.object_payment_plan.content_object).objects.all().update(language="de")
    assert ObjectPaymentPlanInstalment.objects.send_on_session_payment_emails(lambda contact: False) == 1
    assert "Ihre Bank" in mailoutbox[0].body
