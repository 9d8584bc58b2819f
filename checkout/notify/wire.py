"""The connection to the mail server, through whichever e-mail backend the site has; and what its answers mean."""

import smtplib
import socket
from dataclasses import dataclass
from enum import StrEnum
from traceback import walk_tb
from typing import Any, Final

from django.core import mail
from django.core.mail import EmailMessage
from django.core.mail.backends import smtp

from checkout.notify.guard import tried

# Many servers end a connection that has brought them a hundred mails. Cut off by surprise, we could not know whether
# the last one was taken.
MOST_MAILS: Final = 50
# So many in a row that came to nothing for no fault of the mail, and the server counts as away for this batch.
MOST_AWAY: Final = 3
# The server said no in so many words, or there never was a connection: nothing has been sent.
REFUSALS: Final = (smtplib.SMTPResponseException, smtplib.SMTPRecipientsRefused, smtplib.SMTPNotSupportedError)
UNREACHED: Final = (ConnectionRefusedError, socket.gaierror, smtplib.SMTPSenderRefused)
CLOSING: Final = 421
# No such mailbox. Others that begin with 5 are about the sender, the relay or a policy, which somebody corrects.
NO_MAILBOX: Final = frozenset({501, 550, 551, 553, 556})
# Enhanced status codes (RFC 3463) of the same: the network, the system, the policy, whatever the reply code.
NOT_THE_MAILBOX: Final = (b"5.3.", b"5.4.", b"5.7.")
# What a provider with an HTTP API answers when it does not know the site, or is asked too much of.
HTTP_AWAY: Final = frozenset({401, 403, 429})
HTTP_NO: Final = range(400, 500)
HTTP_TIMEOUT: Final = 408
# One mail by Django's own SMTP backend, and the step of it in which the words are sent.
HANDING_OVER: Final = getattr(getattr(smtp.EmailBackend, "_send", None), "__code__", None)
THE_WORDS: Final = smtplib.SMTP.data.__code__


class Verdict(StrEnum):
    """What is known after a mail was handed over."""

    TAKEN = "taken"
    # certainly not sent, for no fault of the mail: the server does not answer, or takes none of this site
    AWAY = "away"
    # certainly not sent
    REFUSED = "refused"
    # the same, and it never will be: there is no such mailbox
    REFUSED_FOR_GOOD = "refused_for_good"
    # it may have been sent
    UNKNOWN = "unknown"


@dataclass(frozen=True)
class Answer:
    """``error``: what was raised; None if the mail was taken, or the backend says that it sent none."""

    verdict: Verdict
    error: Exception | None = None


class Line:
    """A connection that is opened when it is first needed, kept for the next mail, and closed at the end of the block.

    No transaction may be open while it is used: a server can keep it waiting until ``EMAIL_TIMEOUT``.
    """

    def __init__(self) -> None:
        self._connection: Any = None
        self._mails = 0
        self._in_vain = 0

    def __enter__(self) -> "Line":
        return self

    def __exit__(self, *error: object) -> None:
        self.close()

    @property
    def is_away(self) -> bool:
        """Several in a row found no server, or one that gave no answer: more now would wait in vain, or be in doubt."""
        return self._in_vain >= MOST_AWAY

    def send(self, message: EmailMessage) -> Answer:
        """Hand over one mail. Never raises: whatever the backend does is an answer."""
        answer = self._send(message)
        self._in_vain = self._in_vain + 1 if answer.verdict in (Verdict.AWAY, Verdict.UNKNOWN) else 0
        return answer

    def _send(self, message: EmailMessage) -> Answer:
        if self._mails >= MOST_MAILS:
            self.close()
        connection: Any
        connection, error = tried(self._open)
        if error is not None:
            self.close()
            return Answer(Verdict.AWAY, error)
        self._mails += 1
        count, error = tried(lambda: connection.send_messages([message]))
        if error is not None:
            self.close()
            return Answer(_verdict(error), error)
        # Django asks backends for the number of mails sent; some older ones return nothing
        return Answer(Verdict.REFUSED if count == 0 else Verdict.TAKEN)

    def close(self) -> None:
        """End the connection; the next mail opens another."""
        connection, self._connection, self._mails = self._connection, None, 0
        if connection is not None:
            # it may be broken, and what it was good for is over
            tried(connection.close)

    def _open(self) -> Any:
        if self._connection is None:
            self._connection = _backend()
            self._connection.open()
        return self._connection


def _backend() -> Any:
    """A new instance of the site's backend: Django 6.1 has ``mailers`` for it and deprecates ``get_connection``."""
    mailers = getattr(mail, "mailers", None)
    return mail.get_connection() if mailers is None else mailers.default


def _verdict(error: Exception) -> Verdict:
    if isinstance(error, UNREACHED) or CLOSING in error_codes(error):
        return Verdict.AWAY
    if isinstance(error, smtplib.SMTPRecipientsRefused):
        return Verdict.REFUSED_FOR_GOOD if _no_such_mailbox(error) else Verdict.REFUSED
    if isinstance(error, REFUSALS):
        return Verdict.REFUSED
    if _before_the_words(error):
        # cut off or silent before it was told the words; anything else is a bug, or an address that is none
        return Verdict.AWAY if isinstance(error, OSError) else Verdict.REFUSED
    status = getattr(error, "status_code", None)
    if isinstance(status, int) and status in HTTP_NO and status != HTTP_TIMEOUT:
        return Verdict.AWAY if status in HTTP_AWAY else Verdict.REFUSED
    return Verdict.UNKNOWN


def _no_such_mailbox(error: smtplib.SMTPRecipientsRefused) -> bool:
    """Whether that is what every recipient was refused for."""
    replies = error.recipients.values()
    return bool(replies) and all(
        code in NO_MAILBOX and not _bytes(text).startswith(NOT_THE_MAILBOX) for code, text in replies
    )


def _bytes(text: Any) -> bytes:
    return text if isinstance(text, bytes) else str(text).encode()


def _before_the_words(error: Exception) -> bool:
    """Whether Django's SMTP backend raised this before it sent the words of the mail, so that certainly none is sent.

    The error does not tell: smtplib raises the same at each step. Where it was raised does. Only of Django's own way
    to send one mail; of any other backend nothing is known.
    """
    steps = {frame.f_code for frame, _line in walk_tb(error.__traceback__)}
    return HANDING_OVER in steps and THE_WORDS not in steps


def error_codes(error: Exception) -> list[int]:
    """The SMTP reply codes in an error, or the HTTP status of a provider's API, if it has any."""
    if isinstance(error, smtplib.SMTPResponseException):
        return [error.smtp_code]
    if isinstance(error, smtplib.SMTPRecipientsRefused):
        return sorted({int(code) for code, _text in error.recipients.values()})
    status = getattr(error, "status_code", None)
    return [status] if isinstance(status, int) else []


def in_short(error: Exception | None) -> str:
    """The error's class and reply codes, without what the server wrote: that may quote addresses and mail."""
    if error is None:
        return "nothing sent"
    return " ".join([type(error).__name__, *map(str, error_codes(error))])
