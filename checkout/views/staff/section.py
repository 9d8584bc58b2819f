"""What the work queue is made of: sections of rows, each row with what this user can do about it."""

from dataclasses import dataclass, field
from datetime import date, datetime
from typing import Any, Final
from urllib.parse import quote

from django.urls import reverse
from django.utils.translation import gettext_lazy as _

from checkout.models import Customer

# Of each section; the list behind it has all.
MOST: Final = 10
# In the address of a button: who comes from the work queue goes back there.
BACK_HERE: Final = "?from=work"
# What only a person at Stripe's dashboard can find out.
LOOK_UP: Final = _("Look it up at Stripe")
LOOK: Final = _("Look at it")


@dataclass(frozen=True)
class Button:
    """Something that can be done about a row by this user."""

    url: str
    label: Any


@dataclass(frozen=True)
class Row:
    """One thing that needs a person. ``since``: since when; ``why`` and ``told`` are words, ``reference`` is not.

    ``until``: it must be done by then.
    """

    url: str
    what: str
    more: str = ""
    customer: Customer | None = None
    amount: str = ""
    since: datetime | date | None = None
    why: Any = ""
    told: Any = ""
    reference: str = ""
    buttons: list[Button] = field(default_factory=list)
    until: datetime | None = None


@dataclass(frozen=True)
class Section:
    """``meaning``: what it is and what to do about it; ``links``: the whole lists; ``urgent``: shown in red."""

    slug: str
    title: Any
    meaning: Any
    count: int
    rows: list[Row]
    links: list[Button]
    urgent: bool = False


def whole_list(name: str, label: Any = "", /, **query: str) -> Button:
    """The list behind a section."""
    return Button(reverse(name, query=query), label)


def write_to(customer: Customer) -> Button:
    """What nobody but the customer can do: a mail of one's own."""
    return Button(f"mailto:{quote(customer.email, safe='@')}", _("Write to them"))
