"""The connection to the mail server, through whichever e-mail backend the site has; and what its answers mean."""

import smtplib
import socket
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, Final

from django.core import mail
from django.core.mail import EmailMessage

from checkout.notify.guard import tried

# Many servers end a connection that has brought them a hundred mails. Cut off by surprise, we could not know whether
# the last one was taken.
MOST_MAILS: Final = 50
# Connections in a row that could not be opened, after which the server counts as away for this batch.
MOST_AWAY: Final = 3
# The server said no in so many words, or there never was a connection: nothing has been sent.
REFUSALS: Final = (
    smtplib.SMTPResponseException,
    smtplib.SMTPRecipientsRefused,
    smtplib.SMTPNotSupportedError,
    ConnectionRefusedError,
    socket.gaierror,
)
PERMANENT: Final = 500


class Verdict(StrEnum):
    """What is known after a mail was handed over."""

    TAKEN = "taken"
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
        self._failed_to_open = 0

    def __enter__(self) -> "Line":
        return self

    def __exit__(self, *error: object) -> None:
        self.close()

    @property
    def is_away(self) -> bool:
        """The server could not be reached several times in a row: more attempts now would only wait in vain."""
        return self._failed_to_open >= MOST_AWAY

    def send(self, message: EmailMessage) -> Answer:
        """Hand over one mail. Never raises: whatever the backend does is an answer."""
        if self._mails >= MOST_MAILS:
            self.close()
        connection: Any
        connection, error = tried(self._open)
        if error is not None:
            self._failed_to_open += 1
            self.close()
            return Answer(Verdict.REFUSED, error)
        self._failed_to_open = 0
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
    if not isinstance(error, REFUSALS):
        return Verdict.UNKNOWN
    codes = error_codes(error)
    if isinstance(error, smtplib.SMTPRecipientsRefused) and codes and min(codes) >= PERMANENT:
        return Verdict.REFUSED_FOR_GOOD
    return Verdict.REFUSED


def error_codes(error: Exception) -> list[int]:
    """The SMTP reply codes in an error, if it has any."""
    if isinstance(error, smtplib.SMTPResponseException):
        return [error.smtp_code]
    if isinstance(error, smtplib.SMTPRecipientsRefused):
        return sorted({int(code) for code, _text in error.recipients.values()})
    return []


def in_short(error: Exception | None) -> str:
    """The error's class and reply codes, without what the server wrote: that may quote addresses and mail."""
    if error is None:
        return "nothing sent"
    return " ".join([type(error).__name__, *map(str, error_codes(error))])
