"""The mail of the demonstration, as its customers would read it: what Django's file backend has written."""

import email
import email.policy
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from email.message import EmailMessage
from email.utils import parsedate_to_datetime
from pathlib import Path

# Django writes it after every mail.
LINE = b"\n" + b"-" * 79 + b"\n"


@dataclass(frozen=True, kw_only=True)
class Letter:
    """One mail. ``slug`` names its file and its place in it; ``date`` has a time zone."""

    slug: str
    subject: str
    to: str
    date: datetime
    text: str
    html: str


def letters(folder: Path) -> list[Letter]:
    """All mails, the newest first."""
    return sorted(_read(folder), key=lambda one: (one.date, one.slug), reverse=True)


def letter(folder: Path, slug: str) -> Letter | None:
    """The one of that slug; None if there is none."""
    return next((one for one in _read(folder) if one.slug == slug), None)


def _read(folder: Path) -> Iterator[Letter]:
    for path in sorted(folder.glob("*.log")):
        for place, written in enumerate(filter(None, (part.strip() for part in path.read_bytes().split(LINE)))):
            message = email.message_from_bytes(written, policy=email.policy.default)
            yield Letter(
                slug=f"{path.stem}-{place}",
                subject=str(message["Subject"] or ""),
                to=str(message["To"] or ""),
                date=parsedate_to_datetime(str(message["Date"])),
                text=_body(message, "plain"),
                html=_body(message, "html"),
            )


def _body(message: EmailMessage, kind: str) -> str:
    part = message.get_body(preferencelist=(kind,))
    return str(part.get_content()) if part is not None else ""
