"""The mail server as the site's backend sees it: it takes mail, refuses it, is away, or leaves everybody in doubt.

What it has taken is the truth about mail, whatever the site's tables say.
"""

import re
import smtplib
from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from django.core.mail import EmailMessage

from example_checkout.tests.machine import journal

if TYPE_CHECKING:
    from example_checkout.tests.machine.world import World

# What it does with the next mails, one after the other; then it takes everything.
MOODS = ("refuses", "refuses for good", "taken and lost", "lost", "away", "dies", "slow")
LINK = re.compile(r"/pay/link/([^/\s]+)/")


@dataclass(frozen=True)
class Mail:
    """One that was taken. ``sending``: the place in the journal of sendings when that happened."""

    message_id: str
    to: tuple[str, ...]
    body: str
    sending: int

    @property
    def token(self) -> str:
        """That of its link to pay; empty if it has none."""
        found = LINK.search(self.body)
        return found.group(1) if found else ""


class Mailbox:
    """``taken`` in order. ``moods``: what comes next. ``meanwhile``: what other workers do while it is slow."""

    def __init__(self, world: "World") -> None:
        self.world = world
        self.taken: list[Mail] = []
        self.moods: deque[str] = deque()
        self.meanwhile: Callable[[], object] = lambda: None

    def connect(self) -> None:
        """Whoever has died does not; nobody does while it is away."""
        self.world.event("mail: connect")
        if self.moods and self.moods[0] == "away":
            self.moods.popleft()
            self.world.facts["mail server away"] += 1
            raise ConnectionRefusedError("nobody listens")

    def take(self, message: EmailMessage) -> None:
        """One mail, as the mood is."""
        self.world.event("mail: before")
        mood = self.moods.popleft() if self.moods else ""
        if mood:
            self.world.facts[f"mail {mood}"] += 1
        if mood == "refuses":
            raise smtplib.SMTPDataError(451, b"try again later")
        if mood == "refuses for good":
            raise smtplib.SMTPRecipientsRefused(dict.fromkeys(message.to, (550, b"no such mailbox")))
        if mood in ("lost", "away"):
            raise smtplib.SMTPServerDisconnected("gone before the mail")
        with self.world.unseen():
            sending = journal.last_sending()
        self.taken.append(Mail(message.extra_headers["Message-ID"], tuple(message.to), str(message.body), sending))
        self.world.facts["mails"] += 1
        if mood == "slow":
            # for so long that another worker takes this one for dead
            with self.world.unseen():
                self.meanwhile()
        if mood == "dies":
            self.world.kill("mail: taken")
        if mood in ("taken and lost", "dies"):
            # of a process that acts in the middle of another one, only the connection can die
            raise smtplib.SMTPServerDisconnected("gone after the mail")
        self.world.event("mail: after")


class Backend:
    """The site's e-mail backend."""

    def __init__(self, box: Mailbox) -> None:
        self.box = box

    def open(self) -> bool:
        """As Django's."""
        self.box.connect()
        return True

    def close(self) -> None:
        """Nothing is to be said."""

    def send_messages(self, messages: Sequence[EmailMessage]) -> int:
        """How many were taken."""
        for message in messages:
            self.box.take(message)
        return len(messages)


def backend(**_options: Any) -> Backend:
    """The value of ``EMAIL_BACKEND``."""
    from example_checkout.tests.machine.world import here

    return Backend(here().mail)
