"""Mail on the staff's pages: what was sent, in the words as they were sent, previews, and sending again."""

from typing import Any

import pytest
from django.core import mail
from django.test import Client
from django.urls import reverse

from checkout.models import Notice, StaffAction
from checkout.notify import letters, outbox
from checkout.tests.factories import NoticeFactory
from checkout.views.staff.mail import STEPS, STEPS_OF
from example_checkout.tests import desk
from example_checkout.tests.staff import EVERYTHING, press, staff_with, words

pytestmark = pytest.mark.django_db


@pytest.fixture
def staff(settings: Any) -> Client:
    settings.CHECKOUT_BASE_URL = "https://shop.example.com"
    return staff_with(*EVERYTHING, username="clerk")


def shown(client: Client, **query: str) -> list[Any]:
    return list(client.get(reverse("checkout.notice.list"), query).context["object_list"])


def test_the_list_is_filtered_and_searched(staff: Client) -> None:
    sent, lost = desk.waiting().notices.get(), desk.mail_given_up()
    assert shown(staff) == [lost, sent]
    assert shown(staff, state="sent") == [sent]
    assert shown(staff, state="trouble") == [lost]
    assert shown(staff, kind=Notice.CARD_EXPIRING) == [lost]
    assert shown(staff, q="approve your") == [sent]
    assert shown(staff, q=lost.recipients[0]) == [lost]
    assert shown(staff, q=sent.customer.name) == shown(staff)
    assert shown(staff, **{"from": "2030-01-01"}) == []


def test_the_words_as_they_were_sent(staff: Client) -> None:
    notice = desk.waiting().notices.get()
    page = staff.get(reverse("checkout.notice", args=[notice.pk]))
    said = words(page)
    assert "Please approve your payment" in said
    assert "Your bank wants you to approve a payment." in said
    body = page.content.decode()
    assert 'sandbox=""' in body
    assert "color: teal" not in body


def test_the_html_stands_in_a_frame_in_which_nothing_runs_or_leads_anywhere(staff: Client) -> None:
    html = (
        '<p style="color:teal">Hi</p><script>alert(1)</script><a HREF = "https://shop.example.com/pay/x/">Pay</a>'
        "<a href='/a'>b</a><a href=/c>d</a><form action=/x><button>y</button></form>"
    )
    notice = NoticeFactory(html=html, state="sent")
    answer = staff.get(reverse("checkout.notice.html", args=[notice.pk]))
    policy = answer.headers["Content-Security-Policy"]
    assert policy.startswith("default-src 'none'; style-src 'unsafe-inline';")
    assert "sandbox" in policy
    assert "allow-" not in policy
    assert "script-src" not in policy
    assert answer.headers["X-Frame-Options"] == "SAMEORIGIN"
    assert "href" not in answer.content.decode().lower()
    assert 'style="color:teal"' in answer.content.decode()
    page = staff.get(reverse("checkout.notice", args=[notice.pk]))
    assert "<script>alert" not in page.content.decode()


def test_a_mail_without_html_or_words_is_shown(staff: Client) -> None:
    plain, waiting, moot = (
        NoticeFactory(),
        NoticeFactory(body="", template="authorise"),
        NoticeFactory(body="", state="moot"),
    )
    assert staff.get(reverse("checkout.notice.html", args=[plain.pk])).status_code == 404
    assert "<iframe" not in staff.get(reverse("checkout.notice", args=[plain.pk])).content.decode()
    assert "The words are made when it is sent." in words(staff.get(reverse("checkout.notice", args=[waiting.pk])))
    assert "not true any more" in words(staff.get(reverse("checkout.notice", args=[moot.pk])))


@pytest.mark.parametrize("name", letters.TEMPLATES)
@pytest.mark.parametrize("language", ["en-gb", "de"])
def test_every_template_can_be_looked_at(staff: Client, name: str, language: str) -> None:
    url = reverse("checkout.mail.preview", args=[name])
    for step in [*STEPS, "nonsense", ""] if name in STEPS_OF else [""]:
        page = staff.get(url, {"step": step}, headers={"accept-language": language})
        assert page.status_code == 200
        letter = page.context["letter"]
        assert letter.subject
        assert letter.body
        frame = staff.get(page.context["html_url"], headers={"accept-language": language})
        assert frame.status_code == 200
        assert "href" not in frame.content.decode()
    assert not mail.outbox
    assert not Notice.objects.exists()


def test_the_previews_are_listed_and_differ_by_the_answer_of_the_bank(staff: Client) -> None:
    body = staff.get(reverse("checkout.mail.preview.list")).content.decode()
    for name in letters.TEMPLATES:
        assert f'href="{reverse("checkout.mail.preview", args=[name])}"' in body
    url = reverse("checkout.mail.preview", args=["payment_failed"])
    assert len({staff.get(url, {"step": step}).context["letter"].body for step in STEPS}) >= 4


@pytest.mark.parametrize("name", ["nobody", "base", "_facts", "card-expiring"])
def test_only_our_templates_are_previewed(staff: Client, name: str) -> None:
    for page in ("checkout.mail.preview", "checkout.mail.preview.html"):
        assert staff.get(reverse(page, args=[name])).status_code == 404


def test_what_was_given_up_is_sent_again_once(staff: Client) -> None:
    notice = desk.mail_given_up()
    url = reverse("checkout.notice.again", args=[notice.pk])
    seen = {"seen": staff.get(url).context["seen"]}
    answer = staff.post(f"{url}?from=work", seen, follow=True)
    assert answer.redirect_chain == [(reverse("checkout.work"), 302)]
    assert "The mail is sent again within minutes" in words(answer)
    assert "Nothing has been done" in words(staff.post(url, seen, follow=True))
    notice.refresh_from_db()
    assert (notice.state, notice.tries) == ("waiting", 0)
    action = StaffAction.objects.get()
    assert (action.verb, action.content_object, action.user.username) == ("send_again", notice, "clerk")
    assert outbox.send_unsent() == (1 if notice.customer.refresh else 0)


@pytest.mark.parametrize("state", ["waiting", "sending", "sent", "moot"])
def test_nothing_else_is_sent_again(staff: Client, state: str) -> None:
    notice = desk.mail_given_up()
    Notice.objects.filter(pk=notice.pk).update(state=state)
    url = reverse("checkout.notice.again", args=[notice.pk])
    assert "It was not given up" in words(staff.get(url))
    press(staff, url)
    notice.refresh_from_db()
    assert notice.state == state
    assert not StaffAction.objects.exists()
