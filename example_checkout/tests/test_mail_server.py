"""A real mail server that takes, refuses, hangs and dies: nobody goes without, and nobody gets a third copy."""

import logging
from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import pytest
from django.core.mail.backends.locmem import EmailBackend
from django.utils import timezone

from checkout.models import Notice
from checkout.notify import outbox, wire
from checkout.tests.factories import NoticeFactory
from example_checkout.tests.mail import (
    CUT,
    CUT_HALF_WAY,
    HANG,
    Handler,
    asked,
    free_port,
    let_lease_end,
    make_due,
    smtp_server,
    use_backend,
    use_server,
    wanted,
)

pytestmark = [pytest.mark.django_db(transaction=True)]


@pytest.fixture
def server(settings: Any) -> Iterator[Handler]:
    with smtp_server(settings) as handler:
        yield handler


@pytest.fixture
def notice(db: None) -> Notice:
    return asked(*wanted())


def seconds_to_wait(notice: Notice) -> int:
    return round((notice.send_after - notice.updated).total_seconds())


def test_a_notice_is_sent_once_with_its_words_kept(server: Handler, notice: Notice) -> None:
    assert outbox.send(notice.pk)
    assert not outbox.send(notice.pk)
    assert outbox.send_unsent() == 0
    (mail,) = server.taken
    notice.refresh_from_db()
    assert (notice.state, notice.tries, notice.in_doubt, notice.last_error) == ("sent", 1, False, "")
    assert notice.sent is not None
    assert mail["To"] == "many@example.com"
    # folding a long header may leave a space at its beginning
    assert mail["Subject"].strip() == notice.subject == "Kiln & Loom: please approve your payment of £12.00"
    assert mail["Auto-Submitted"] == "auto-generated"
    assert mail["Message-ID"] == outbox.message_id(notice)
    assert mail["Message-ID"].endswith("@example.com>")
    text, html = mail.get_body(("plain",)), mail.get_body(("html",))
    assert text.get_content().strip().replace("\r\n", "\n") == notice.body.strip()
    assert "http://testserver/pay/link/" in text.get_content()
    assert html.get_content().strip().replace("\r\n", "\n") == notice.html.strip()


def test_a_mailbox_that_does_not_exist_is_given_up_at_once(server: Handler, notice: Notice) -> None:
    server.at_rcpt = ["550 no such user many@example.com"]
    assert not outbox.send(notice.pk)
    notice.refresh_from_db()
    assert (notice.state, notice.last_error) == ("given_up", "SMTPRecipientsRefused 550")
    assert outbox.send_unsent() == 0
    assert outbox.try_again(notice)
    assert outbox.send_unsent() == 1
    assert len(server.taken) == 1


@pytest.mark.parametrize("where", ["at_rcpt", "at_data"])
def test_what_is_refused_for_now_is_sent_later(server: Handler, notice: Notice, where: str) -> None:
    setattr(server, where, ["451 come back later"])
    assert outbox.send_unsent() == 0
    notice.refresh_from_db()
    assert (notice.state, notice.tries, notice.in_doubt) == ("waiting", 1, False)
    assert notice.last_error.endswith(" 451")
    assert seconds_to_wait(notice) == 60
    # not yet
    assert outbox.send_unsent() == 0
    assert server.taken == []
    make_due(notice)
    assert outbox.send_unsent() == 1
    notice.refresh_from_db()
    assert (notice.state, notice.tries, notice.last_error) == ("sent", 2, "")
    assert len(server.taken) == 1


def test_pauses_grow_and_end(server: Handler, notice: Notice) -> None:
    pauses = []
    server.at_data = ["554 we do not like it"] * 20
    for _time in range(12):
        make_due(notice)
        outbox.send(notice.pk)
        notice.refresh_from_db()
        pauses.append(seconds_to_wait(notice))
    assert pauses[:4] == [60, 120, 240, 480]
    assert max(pauses) == 6 * 3600
    assert (notice.state, notice.tries, notice.in_doubt) == ("given_up", 12, False)
    make_due(notice)
    assert not outbox.send(notice.pk)
    assert server.taken == []


def test_a_server_that_is_away_is_asked_three_times_and_not_for_every_mail(settings: Any, caplog: Any) -> None:
    use_server(settings, free_port())
    notices = [asked(part) for part in wanted(5)]
    assert outbox.send_unsent() == 0
    rows = list(Notice.objects.order_by("pk").values_list("state", "tries", "in_doubt", "last_error"))
    assert rows == [("waiting", 1, False, "ConnectionRefusedError")] * 3 + [("waiting", 0, False, "")] * 2
    assert "the mail server is away" in caplog.text
    with smtp_server(settings) as server:
        for notice in notices:
            make_due(notice)
        assert outbox.send_unsent() == 5
        assert len(set(server.ids)) == 5


@pytest.mark.parametrize("trouble", [HANG, CUT, CUT_HALF_WAY])
def test_an_answer_that_is_lost_leaves_a_doubt_and_one_more_mail(
    server: Handler, notice: Notice, trouble: str, caplog: Any
) -> None:
    server.at_data = [trouble]
    assert not outbox.send(notice.pk)
    notice.refresh_from_db()
    assert (notice.state, notice.in_doubt, notice.last_error) == ("waiting", True, "SMTPServerDisconnected")
    # longer than after a plain no: a second doubt is the end of it
    assert seconds_to_wait(notice) == 15 * 60
    make_due(notice)
    assert outbox.send_unsent() == 1
    notice.refresh_from_db()
    assert (notice.state, notice.in_doubt) == ("sent", True)
    assert server.ids == [outbox.message_id(notice)] * (1 if trouble == CUT_HALF_WAY else 2)
    assert notice.body.split()[0] not in caplog.text


def test_a_second_doubt_is_given_up(server: Handler, notice: Notice) -> None:
    server.at_data = [CUT, CUT]
    for _time in range(3):
        outbox.send(notice.pk)
        make_due(notice)
    notice.refresh_from_db()
    assert (notice.state, notice.in_doubt, notice.tries) == ("given_up", True, 2)
    assert len(server.taken) == 2


def test_the_others_are_sent_after_one_that_was_cut_off(server: Handler) -> None:
    notices = [asked(part) for part in wanted(4)]
    server.at_data = ["250 OK", CUT, "250 OK", "451 later"]
    assert outbox.send_unsent() == 2
    states = [Notice.objects.get(pk=notice.pk).state for notice in notices]
    assert states == ["sent", "waiting", "sent", "waiting"]


def test_one_connection_brings_many_mails_but_not_too_many(server: Handler, monkeypatch: Any) -> None:
    for part in wanted(7):
        asked(part)
    monkeypatch.setattr(wire, "MOST_MAILS", 3)
    assert outbox.send_unsent() == 7
    assert server.connections == 3


def test_who_died_while_sending_is_taken_back_and_only_once(server: Handler, notice: Notice) -> None:
    assert outbox._claim(notice.pk)
    # still within the lease: somebody may be at it
    assert outbox.send_unsent() == 0
    let_lease_end(notice)
    assert outbox.send_unsent() == 0
    notice.refresh_from_db()
    assert (notice.state, notice.in_doubt, notice.last_error) == ("waiting", True, "the process died")
    make_due(notice)
    assert outbox._claim(notice.pk)
    let_lease_end(notice)
    outbox.send_unsent()
    notice.refresh_from_db()
    assert (notice.state, notice.tries) == ("given_up", 2)
    assert server.taken == []


def test_who_was_taken_for_dead_does_not_undo_what_the_next_one_does(server: Handler, notice: Notice) -> None:
    assert outbox._claim(notice.pk)
    slow = Notice.objects.get(pk=notice.pk)
    let_lease_end(notice)
    outbox.send_unsent()
    make_due(notice)
    assert outbox._claim(notice.pk)
    # the first one's server has answered at last: no
    outbox._not_sent(slow, "late")
    notice.refresh_from_db()
    assert (notice.state, notice.tries) == ("sending", 2)


class Strange(EmailBackend):
    """Somebody's own backend."""

    trouble = ""

    def open(self) -> None:
        if self.trouble == "open":
            raise RuntimeError("no licence")

    def send_messages(self, messages: Any) -> int | None:
        if self.trouble == "send":
            raise TypeError("a bug")
        if self.trouble == "none":
            return 0
        super().send_messages(messages)
        return None

    def close(self) -> None:
        raise ValueError("never opened")


@pytest.mark.parametrize(
    ("trouble", "wanted_row"),
    [
        ("", ("sent", False, "")),
        ("open", ("waiting", False, "RuntimeError")),
        ("send", ("waiting", True, "TypeError")),
        ("none", ("waiting", False, "nothing sent")),
    ],
)
def test_any_backend(
    settings: Any, notice: Notice, monkeypatch: Any, trouble: str, wanted_row: tuple[str, bool, str]
) -> None:
    use_backend(settings, f"{__name__}.Strange")
    monkeypatch.setattr(Strange, "trouble", trouble)
    outbox.send(notice.pk)
    notice.refresh_from_db()
    assert (notice.state, notice.in_doubt, notice.last_error) == wanted_row


@pytest.mark.parametrize("backend", ["console", "dummy", "filebased"])
def test_djangos_own_backends(settings: Any, tmp_path: Any, backend: str) -> None:
    use_backend(settings, f"django.core.mail.backends.{backend}.EmailBackend")
    if backend == "filebased":
        if hasattr(settings, "MAILERS") and settings.MAILERS["default"]["BACKEND"].endswith("filebased.EmailBackend"):
            settings.MAILERS = {"default": {**settings.MAILERS["default"], "OPTIONS": {"file_path": str(tmp_path)}}}
        else:
            settings.EMAIL_FILE_PATH = str(tmp_path)
    for part in wanted(2):
        asked(part)
    assert outbox.send_unsent() == 2
    if backend == "filebased":
        (file,) = tmp_path.iterdir()
        assert file.read_text().count("Message-ID: ") == 2


def test_mail_that_cannot_be_written_waits_and_the_log_says_where(
    settings: Any, mailoutbox: list[Any], caplog: Any
) -> None:
    first, second = (asked(part) for part in wanted(2))
    Notice.objects.filter(pk=first.pk).update(template="no_such_template")
    with caplog.at_level(logging.ERROR, "checkout"):
        assert outbox.send_unsent() == 1
    first.refresh_from_db()
    assert (first.state, first.in_doubt, first.last_error) == ("waiting", False, "TemplateDoesNotExist")
    assert caplog.records[0].exc_info is not None
    assert "many@example.com" not in caplog.text
    settings.CHECKOUT_BASE_URL = ""
    Notice.objects.filter(pk=first.pk).update(template=second.template)
    make_due(first)
    assert outbox.send_unsent() == 0
    first.refresh_from_db()
    assert first.last_error == "ImproperlyConfigured"
    assert len(mailoutbox) == 1


def test_an_address_that_is_none_is_no_doubt(server: Handler) -> None:
    notice = NoticeFactory(recipients=["a@b\nBcc: c@example.com"])
    assert not outbox.send(notice.pk)
    notice.refresh_from_db()
    assert (notice.state, notice.in_doubt) == ("waiting", False)
    assert server.taken == []


def test_mail_to_nobody_counts_as_sent(server: Handler) -> None:
    notice = NoticeFactory(recipients=[])
    assert outbox.send(notice.pk)
    notice.refresh_from_db()
    assert notice.state == "sent"
    assert server.taken == []


def test_the_staffs_mail_has_its_words_already(server: Handler) -> None:
    notice = NoticeFactory(subject="Payment needs a person", body="Look at it.\n")
    assert outbox.send(notice.pk)
    (mail,) = server.taken
    assert (mail["Subject"], mail.get_content().strip()) == ("Payment needs a person", "Look at it.")


def test_the_oldest_first_and_no_more_than_the_limit(server: Handler, monkeypatch: Any) -> None:
    monkeypatch.setattr(outbox, "PAGE", 2)
    notices = [asked(part) for part in wanted(5)]
    assert outbox.send_unsent(limit=3) == 3
    assert server.ids == [outbox.message_id(notice) for notice in notices[:3]]
    assert outbox.send_unsent(limit=3) == 2


def test_what_fell_due_at_the_same_moment(server: Handler, monkeypatch: Any) -> None:
    monkeypatch.setattr(outbox, "PAGE", 2)
    for part in wanted(5):
        asked(part)
    Notice.objects.update(send_after=timezone.now() - timedelta(minutes=1))
    assert outbox.send_unsent() == 5
