"""What Stripe's books say, for comparing them with ours."""

from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import TYPE_CHECKING, Any

from checkout.gateway.answers import Intent, intent
from checkout.gateway.client import client, translated
from checkout.gateway.payment_intents import PAGE_SIZE
from checkout.money import from_minor

if TYPE_CHECKING:
    import stripe


@dataclass(frozen=True, kw_only=True)
class BookEntry:
    """An intent with its last charge. Amounts in major units; ``captured`` and ``refunded`` are of that charge."""

    intent: Intent
    charge_id: str
    captured: Decimal
    refunded: Decimal
    disputed: bool


@dataclass(frozen=True, kw_only=True)
class BookPage:
    """What one listing call brought, newest first."""

    entries: tuple[BookEntry, ...]
    has_more: bool


def list_books(*, since: datetime, until: datetime, after: str = "") -> BookPage:
    """One call's worth (100) of the intents made in the time given, both ends included, newest first."""
    params: Any = {
        "created": {"gte": int(since.timestamp()), "lte": int(until.timestamp())},
        "limit": PAGE_SIZE,
        "expand": ["data.latest_charge"],
        **({"starting_after": after} if after else {}),
    }
    with translated("list_books"):
        page = client().v1.payment_intents.list(params)
        return BookPage(entries=tuple(map(_entry, page.data)), has_more=bool(page.has_more and page.data))


def retrieve_book_entry(intent_id: str) -> BookEntry:
    """One of them alone. Raises ``NoSuchIntent`` and the gateway's other errors."""
    with translated("retrieve_book_entry"):
        return _entry(client().v1.payment_intents.retrieve(intent_id, {"expand": ["latest_charge"]}))


def _entry(raw: "stripe.PaymentIntent") -> BookEntry:
    found = intent(raw)
    charge: Any = raw.latest_charge
    known = charge is not None and not isinstance(charge, str)
    return BookEntry(
        intent=found,
        charge_id=charge.id if known else str(charge or ""),
        captured=from_minor(charge.amount_captured if known else 0, found.currency),
        refunded=from_minor(charge.amount_refunded if known else 0, found.currency),
        disputed=bool(known and charge.disputed),
    )
