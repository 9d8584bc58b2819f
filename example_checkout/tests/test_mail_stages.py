"""A mail server that says no, says nothing or goes away, at each step of the conversation.

Only where the words of a mail may have been taken is there a doubt; and no trouble of the server's is a reason to give
up the mail that waits behind it.
"""

import socket
import threading
from collections.abc import Iterator
from contextlib import suppress
from datetime import timedelta
from typing import Any

import pytest
from django.conf import settings as django_settings
from django.core.mail.backends.locmem import EmailBackend
from django.db import DatabaseError, transaction
from django.utils import timezone

from checkout.models import Notice
from checkout.notify import facts, outbox
from checkout.tests.factories import CheckoutFactory
from example_checkout.tests.factories import SalesLedgerFactory
from example_checkout.tests.mail import PATIENCE, asked, make_due, use_backend, use_server, wanted

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.slow, pytest.mark.tables]

CONNECT, HELLO, AUTH, SENDER, RECIPIENT, DATA, WORDS = "connect", "ehlo", "auth", "mail", "rcpt", "data", "words"
HANG, CUT = "hang", "cut"


class Talk:
    """A mail server. ``trouble``: what it does at which step, until that is over."""

    REPLIES = {CONNECT: "220 here", AUTH: "235 in", DATA: "354 go on", WORDS: "250 taken"}

    def __init__(self) -> None:
        self.trouble: dict[str, str] = {}
        self.taken: list[bytes] = []
        self.steps: list[str] = []
        self.connections = 0
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.port = int(self.listener.getsockname()[1])
        threading.Thread(target=self.listen, daemon=True).start()

    def listen(self) -> None:
        while True:
            try:
                line, _address = self.listener.accept()
            except OSError:
                return
            self.connections += 1
            threading.Thread(target=self.talk, args=(line,), daemon=True).start()

    def talk(self, line: socket.socket) -> None:
        with line, line.makefile("rb") as heard, suppress(OSError):
            if not self.answer(line, CONNECT):
                return
            while said := heard.readline():
                step = said.split()[0].decode().lower()
                if not self.answer(line, step):
                    return
                if step == DATA and DATA not in self.trouble:
                    self.taken.append(b"".join(iter(heard.readline, b".\r\n")))
                    if not self.answer(line, WORDS):
                        return

    def answer(self, line: socket.socket, step: str) -> bool:
        """False when the conversation is over."""
        self.steps.append(step)
        what = self.trouble.get(step, "")
        if what == HANG:
            threading.Event().wait(PATIENCE * 2)
        if what in (HANG, CUT):
            return False
        greeting = "250-here\r\n250 AUTH PLAIN" if step == HELLO else "250 OK"
        line.sendall(f"{what or self.REPLIES.get(step, greeting)}\r\n".encode())
        return not what.startswith("421")


@pytest.fixture
def server(settings: Any) -> Iterator[Talk]:
    talk = Talk()
    use_server(settings, talk.port)
    yield talk
    talk.listener.close()


def with_a_password(settings: Any) -> None:
    if hasattr(settings, "MAILERS") and "OPTIONS" in settings.MAILERS["default"]:
        settings.MAILERS["default"]["OPTIONS"] |= {"username": "shop", "password": "secret"}
    else:
        settings.EMAIL_HOST_USER, settings.EMAIL_HOST_PASSWORD = "shop", "secret"


def row(notice: Notice) -> tuple[str, bool, str]:
    notice.refresh_from_db()
    return str(notice.state), notice.in_doubt, notice.last_error


# what is known after it, by step and trouble; CUT is the same as HANG without the waiting
LOST = "SMTPServerDisconnected"


@pytest.mark.parametrize(
    ("step", "trouble", "expected"),
    [
        (CONNECT, CUT, ("waiting", False, LOST)),
        (CONNECT, "421 too many connections", ("waiting", False, "SMTPConnectError 421")),
        (CONNECT, "554 not you", ("waiting", False, "SMTPConnectError 554")),
        (HELLO, CUT, ("waiting", False, LOST)),
        (AUTH, CUT, ("waiting", False, LOST)),
        (AUTH, "454 not now", ("waiting", False, "SMTPAuthenticationError 454")),
        (AUTH, "535 who are you", ("waiting", False, "SMTPAuthenticationError 535")),
        (SENDER, CUT, ("waiting", False, LOST)),
        (SENDER, "421 busy", ("waiting", False, "SMTPSenderRefused 421")),
        (SENDER, "530 sign in first", ("waiting", False, "SMTPSenderRefused 530")),
        (SENDER, "553 not your address", ("waiting", False, "SMTPSenderRefused 553")),
        (RECIPIENT, CUT, ("waiting", False, LOST)),
        (RECIPIENT, "450 greylisted", ("waiting", False, "SMTPRecipientsRefused 450")),
        (RECIPIENT, "421 going down", ("waiting", False, "SMTPRecipientsRefused 421")),
        (RECIPIENT, "550 no such user", ("given_up", False, "SMTPRecipientsRefused 550")),
        (RECIPIENT, "550 5.1.1 no such user", ("given_up", False, "SMTPRecipientsRefused 550")),
        (RECIPIENT, "501 5.1.3 that is no address", ("given_up", False, "SMTPRecipientsRefused 501")),
        # the same reply code, and nothing to do with the mailbox
        (RECIPIENT, "550 5.7.1 your address is on a list", ("waiting", False, "SMTPRecipientsRefused 550")),
        (RECIPIENT, "554 5.7.1 relay access denied", ("waiting", False, "SMTPRecipientsRefused 554")),
        (RECIPIENT, "530 5.7.0 must issue STARTTLS first", ("waiting", False, "SMTPRecipientsRefused 530")),
        (DATA, "451 disk full", ("waiting", False, "SMTPDataError 451")),
        (DATA, "554 no valid recipients", ("waiting", False, "SMTPDataError 554")),
        # from here on nobody knows
        (DATA, CUT, ("waiting", True, LOST)),
        (WORDS, CUT, ("waiting", True, LOST)),
        (WORDS, "451 later", ("waiting", False, "SMTPDataError 451")),
        (WORDS, "552 too big", ("waiting", False, "SMTPDataError 552")),
        (WORDS, "421 going down", ("waiting", False, "SMTPDataError 421")),
    ],
)
def test_what_is_known_after_each_step(
    server: Talk, settings: Any, step: str, trouble: str, expected: tuple[str, bool, str]
) -> None:
    with_a_password(settings)
    notice = asked(*wanted())
    server.trouble = {step: trouble} if step != HELLO else {HELLO: trouble, "helo": trouble}
    assert not outbox.send(notice.pk)
    assert row(notice) == expected
    # it really came so far
    assert server.steps[-1] == step or step in server.steps
    if expected[0] == "waiting":
        server.trouble = {}
        make_due(notice)
        assert outbox.send_unsent() == 1


@pytest.mark.slow
@pytest.mark.parametrize("step", [CONNECT, HELLO, AUTH, SENDER, RECIPIENT, DATA, WORDS])
def test_silence_at_each_step(server: Talk, settings: Any, step: str) -> None:
    with_a_password(settings)
    notice = asked(*wanted())
    server.trouble = {step: HANG, "helo": HANG} if step == HELLO else {step: HANG}
    assert not outbox.send(notice.pk)
    state, in_doubt, error = row(notice)
    assert (state, in_doubt) == ("waiting", step in (DATA, WORDS))
    assert error in (LOST, "TimeoutError")


@pytest.mark.parametrize("step", [CONNECT, SENDER, RECIPIENT, WORDS])
def test_a_server_that_takes_nothing_is_asked_three_times_and_the_others_keep_their_tries(
    server: Talk, step: str
) -> None:
    """A thousand mails waiting must not each be tried, doubted, and given up within minutes."""
    for part in wanted(6):
        asked(part)
    server.trouble = {step: CUT}
    for batch in (1, 2):
        assert outbox.send_unsent() == 0
        assert Notice.objects.filter(tries=1).count() == 3 * batch
        Notice.objects.filter(tries__gt=0).update(send_after=timezone.now() + timedelta(hours=1))
    # one batch gave up after three, the next one went on with the rest
    assert list(Notice.objects.values_list("tries", flat=True)) == [1] * 6
    assert server.connections <= 2 * 3
    assert set(Notice.objects.values_list("state", "in_doubt")) == {("waiting", step == WORDS)}
    server.trouble, server.taken = {}, []
    Notice.objects.update(send_after=timezone.now())
    assert outbox.send_unsent() == 6
    assert len(server.taken) == 6


def test_one_recipient_after_whom_it_hangs_up_stops_nobody(server: Talk) -> None:
    """Troubles count in a row only."""
    notices = [asked(part) for part in wanted(8)]
    sent = 0
    for notice in notices:
        server.trouble = {RECIPIENT: CUT} if notice.pk % 2 else {}
        sent += outbox.send(notice.pk)
    assert sent == 4


@pytest.mark.slow
def test_a_long_week_end_without_a_mail_server(server: Talk, monkeypatch: Any) -> None:
    """What it says nothing against is not given up for that; but one day somebody has to look."""
    notice = asked(*wanted())
    server.trouble = {AUTH: "535 your password has expired", SENDER: CUT}
    for _time in range(30):
        make_due(notice)
        assert not outbox.send(notice.pk)
        notice.refresh_from_db()
        # and it goes out soon after the server is back
        assert notice.send_after - notice.updated <= timedelta(minutes=30, seconds=1)
    assert (notice.state, notice.in_doubt) == ("waiting", False)
    Notice.objects.filter(pk=notice.pk).update(created=timezone.now() - timedelta(days=5))
    make_due(notice)
    assert not outbox.send(notice.pk)
    assert row(notice)[0] == "given_up"
    # by hand it is tried once more
    server.trouble = {}
    assert outbox.try_again(notice)
    assert outbox.send_unsent() == 1


def test_the_server_is_back_after_many_tries_and_says_later(server: Talk) -> None:
    notice = asked(*wanted())
    server.trouble = {CONNECT: CUT}
    for _time in range(20):
        make_due(notice)
        outbox.send(notice.pk)
    server.trouble = {}
    make_due(notice)
    assert outbox.send_unsent() == 1


@pytest.mark.parametrize("domain", ["bücher.example", "例え.example", "xn--bcher-kva.example"])
def test_a_domain_in_other_letters(server: Talk, domain: str) -> None:
    part, *_others = wanted()
    type(part.customer).objects.filter(pk=part.customer.pk).update(email=f"ada@{domain}")
    notice = asked(part)
    assert outbox.send(notice.pk)
    assert b"ada@xn--" in server.taken[0]


def test_letters_before_the_at_that_the_server_does_not_speak_are_no_doubt(server: Talk) -> None:
    part, *_others = wanted()
    type(part.customer).objects.filter(pk=part.customer.pk).update(email="jürgen@example.com")
    notice = asked(part)
    sent = outbox.send(notice.pk)
    state, in_doubt, error = row(notice)
    assert not in_doubt
    assert sent == (state == "sent"), error


@pytest.mark.parametrize("address", ["", "  "])
def test_a_customer_without_an_address_is_given_up_at_once_and_told_when_there_is_one(
    server: Talk, address: str
) -> None:
    part, *_others = wanted()
    customer = type(part.customer).objects.filter(pk=part.customer.pk)
    customer.update(email=address)
    notice = asked(part)
    assert not outbox.send(notice.pk)
    assert row(notice) == ("given_up", False, "NobodyToTell")
    assert server.connections == 0
    customer.update(email="ada@example.com")
    assert outbox.try_again(notice)
    assert outbox.send_unsent() == 1
    notice.refresh_from_db()
    assert notice.recipients == ["ada@example.com"]


def test_an_address_that_was_corrected_counts(server: Talk) -> None:
    """ "Correct the address and send it again": the one that was wrong is not used once more."""
    part, *_others = wanted()
    notice = asked(part)
    server.trouble = {RECIPIENT: "550 5.1.1 no such user"}
    assert not outbox.send(notice.pk)
    assert row(notice)[0] == "given_up"
    type(part.customer).objects.filter(pk=part.customer.pk).update(email="right@example.com")
    server.trouble = {}
    assert outbox.try_again(notice)
    assert outbox.send_unsent() == 1
    assert b"To: right@example.com" in server.taken[0]
    notice.refresh_from_db()
    assert notice.recipients == ["right@example.com"]


class ByHttp(EmailBackend):
    """As the backends of mail providers do: an error with the status of their API."""

    status: int | None = None

    def send_messages(self, messages: Any) -> int:
        if self.status is None:
            return super().send_messages(messages)
        error = OSError("many@example.com is not to be mailed")
        error.status_code = self.status  # type: ignore[attr-defined]
        raise error


@pytest.mark.parametrize(
    ("status", "in_doubt", "tried"),
    [
        (400, False, 4),
        (401, False, 3),
        (403, False, 3),
        (408, True, 3),
        (422, False, 4),
        (429, False, 3),
        (503, True, 3),
    ],
)
def test_a_provider_with_an_api(settings: Any, monkeypatch: Any, status: int, in_doubt: bool, tried: int) -> None:
    use_backend(settings, f"{__name__}.ByHttp")
    for part in wanted(4):
        asked(part)
    monkeypatch.setattr(ByHttp, "status", status)
    assert outbox.send_unsent() == 0
    rows = Notice.objects.filter(tries__gt=0).values_list("state", "in_doubt", "last_error")
    assert list(rows) == [("waiting", in_doubt, f"OSError {status}")] * tried
    monkeypatch.setattr(ByHttp, "status", None)
    Notice.objects.update(send_after=timezone.now())
    assert outbox.send_unsent() == 4


def test_a_sender_that_is_no_address_sends_nothing_and_raises_nothing(server: Talk, settings: Any) -> None:
    settings.DEFAULT_FROM_EMAIL = "Shop\nBcc: everybody@example.com <shop@example.com>"
    notice = asked(*wanted())
    assert not outbox.send(notice.pk)
    assert row(notice)[:2] == ("waiting", False)
    assert server.taken == []
    settings.DEFAULT_FROM_EMAIL = "Kiln & Loom, Café <shop@example.com>"
    make_due(notice)
    outbox.send_unsent()
    assert row(notice)[1] is False
    assert django_settings.DEFAULT_FROM_EMAIL.startswith("Kiln")


def test_a_thousand_that_fail_do_not_keep_one_that_would_go(server: Talk, mailoutbox: list[Any]) -> None:
    """Templates that are broken cost a try each; what stands behind them goes out in the same batch."""
    parts = wanted(30)
    for part in parts[:-1]:
        asked(part)
    Notice.objects.update(template="no_such_template")
    good = asked(parts[-1])
    assert outbox.send_unsent() == 1
    assert row(good)[0] == "sent"
    # nor does the next batch try them again before their pause is over
    assert outbox.send_unsent() == 0
    assert set(Notice.objects.exclude(pk=good.pk).values_list("tries", flat=True)) == {1}


def test_what_hinders_the_mail_to_staff_undoes_nothing_and_is_no_error_of_who_settled(monkeypatch: Any) -> None:
    """It goes out after the commit: what was settled is settled, and ``send_notices`` comes back to the mail."""

    def broken(*args: Any) -> bool:
        raise DatabaseError("gone")

    with monkeypatch.context() as patched:
        patched.setattr(outbox, "_claim", broken)
        with transaction.atomic():
            facts.quarantined(CheckoutFactory(content_object=SalesLedgerFactory()), "paid twice")
    assert Notice.objects.get().state == "waiting"
    assert outbox.send_unsent() == 1
