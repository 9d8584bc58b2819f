"""What Stripe answers, as frozen dataclasses of ours; statuses are translated once, closed by default."""

import calendar
from dataclasses import dataclass
from datetime import UTC, date, datetime
from decimal import Decimal
from enum import Enum
from typing import TYPE_CHECKING, Any, Generic, TypeVar

from checkout import declines
from checkout.money import from_minor

if TYPE_CHECKING:
    import stripe


class ClientSecret(str):
    """Whoever holds it can pay, and see the payment: a ``repr``, and with it a log or an error report, hides it."""

    def __repr__(self) -> str:
        return "<client secret>"


class IntentStatus(Enum):
    """What an intent's status means to us. Closed: a status that Stripe adds one day is ``UNKNOWN``."""

    WAITING = "waiting"
    PROCESSING = "processing"
    SUCCEEDED = "succeeded"
    CANCELED = "canceled"
    UNKNOWN = "unknown"


_STATUSES = {
    "requires_payment_method": IntentStatus.WAITING,
    "requires_confirmation": IntentStatus.WAITING,
    "requires_action": IntentStatus.WAITING,
    "processing": IntentStatus.PROCESSING,
    "succeeded": IntentStatus.SUCCEEDED,
    "canceled": IntentStatus.CANCELED,
}


@dataclass(frozen=True, kw_only=True)
class Decline:
    """Why the last attempt on an intent failed. ``reference`` tells two attempts apart."""

    code: str
    decline_code: str
    reference: str
    advice_code: str = ""
    network_decline_code: str = ""
    network_advice_code: str = ""
    payment_method_id: str = ""

    @property
    def wants_customer(self) -> bool:
        """The bank will decide when the customer authenticates the payment."""
        return self.step is declines.Step.AUTHENTICATE

    @property
    def step(self) -> declines.Step:
        """The one thing to do next."""
        return declines.step(
            self.decline_code,
            advice_code=self.advice_code,
            code=self.code,
            network_decline_code=self.network_decline_code,
            network_advice_code=self.network_advice_code,
        )


@dataclass(frozen=True, kw_only=True)
class Card:
    """A saved card. ``expiry_date`` is the last day of its last month."""

    payment_method_id: str
    brand: str
    last4: str
    expiry_date: date | None
    # whose it is; nobody's any more once it was detached
    customer_id: str = ""


@dataclass(frozen=True, kw_only=True)
class Answer:
    """What a PaymentIntent and a SetupIntent have in common."""

    id: str
    status: IntentStatus
    stripe_status: str
    customer_id: str
    checkout_uuid: str
    created: datetime
    payment_method_id: str = ""
    client_secret: str = ""
    decline: Decline | None = None

    @property
    def waiting(self) -> bool:
        """It waits for the customer: for a card, a confirmation, or an authentication."""
        return self.status is IntentStatus.WAITING

    @property
    def succeeded(self) -> bool:
        """Paid, or the card saved."""
        return self.status is IntentStatus.SUCCEEDED

    def __repr__(self) -> str:
        """Without the client secret, which must never reach a log."""
        return f"<{type(self).__name__} {self.id} {self.stripe_status}>"


@dataclass(frozen=True, kw_only=True, repr=False)
class Intent(Answer):
    """A PaymentIntent as we need it. ``amount`` in major units, ``currency`` in upper case."""

    amount: Decimal
    amount_received: Decimal
    currency: str

    def __repr__(self) -> str:
        return f"<Intent {self.id} {self.stripe_status} {self.amount} {self.currency}>"


@dataclass(frozen=True, kw_only=True, repr=False)
class Setup(Answer):
    """A SetupIntent. ``card`` is there when it succeeded and was asked for alone, not in a list."""

    card: Card | None = None


@dataclass(frozen=True, kw_only=True)
class CardOnFile:
    """A customer at Stripe and the card that is charged by default; ``source_id`` is one from before SCA.

    Where there is only such a one, ``card`` is None: ``retrieve_card`` tells what it is.
    """

    customer_id: str
    card: Card | None
    source_id: str = ""


@dataclass(frozen=True, kw_only=True)
class CustomerPage:
    """What one listing call of customers brought, newest first. ``last`` is where the next page goes on."""

    cards: tuple[CardOnFile, ...]
    last: str
    has_more: bool


AnswerT = TypeVar("AnswerT", bound=Answer, covariant=True)


@dataclass(frozen=True, kw_only=True)
class Page(Generic[AnswerT]):
    """What one listing call brought, newest first."""

    intents: tuple[AnswerT, ...]
    has_more: bool


def _id(value: Any) -> str:
    """The id of what Stripe answers as an id or, expanded, as an object."""
    if not value:
        return ""
    return value if isinstance(value, str) else str(value.id)


def decline(raw: Any) -> Decline | None:
    """``last_payment_error`` or ``last_setup_error``."""
    if raw is None:
        return None
    charge = getattr(raw, "charge", None)
    method = _id(getattr(raw, "payment_method", None))
    return Decline(
        code=getattr(raw, "code", None) or "",
        decline_code=getattr(raw, "decline_code", None) or "",
        advice_code=getattr(raw, "advice_code", None) or "",
        network_decline_code=getattr(raw, "network_decline_code", None) or "",
        network_advice_code=getattr(raw, "network_advice_code", None) or "",
        reference=charge or method,
        payment_method_id=method,
    )


def _common(raw: Any, error: Any) -> dict[str, Any]:
    return {
        "id": raw.id,
        "status": _STATUSES.get(raw.status, IntentStatus.UNKNOWN),
        "stripe_status": raw.status,
        "customer_id": _id(raw.customer),
        "checkout_uuid": str(getattr(raw.metadata, "checkout", "") or ""),
        "created": datetime.fromtimestamp(raw.created, tz=UTC),
        "payment_method_id": _id(raw.payment_method),
        "client_secret": ClientSecret(raw.client_secret or ""),
        "decline": decline(error),
    }


def intent(raw: "stripe.PaymentIntent") -> Intent:
    """A PaymentIntent of the SDK as ours."""
    currency = raw.currency.upper()
    return Intent(
        **_common(raw, raw.last_payment_error),
        amount=from_minor(raw.amount, currency),
        amount_received=from_minor(raw.amount_received, currency),
        currency=currency,
    )


def setup(raw: "stripe.SetupIntent") -> Setup:
    """A SetupIntent of the SDK as ours, with the card where the payment method was expanded."""
    method = raw.payment_method
    return Setup(
        **_common(raw, raw.last_setup_error), card=card(method) if method and not isinstance(method, str) else None
    )


def card_on_file(raw: Any) -> CardOnFile:
    """A Customer of the SDK with its default payment method expanded."""
    found = getattr(getattr(raw, "invoice_settings", None), "default_payment_method", None)
    known = found is not None and not isinstance(found, str)
    return CardOnFile(
        customer_id=raw.id,
        card=card(found) if known else None,
        source_id=_id(getattr(raw, "default_source", None)),
    )


def card(raw: Any) -> Card:
    """A PaymentMethod (or an old Card object) of the SDK as ours."""
    found = getattr(raw, "card", None) or raw
    month, year = getattr(found, "exp_month", None), getattr(found, "exp_year", None)
    expiry = date(year, month, calendar.monthrange(year, month)[1]) if month and year else None
    return Card(
        payment_method_id=raw.id,
        # an old Card object says "Visa", a PaymentMethod "visa"
        brand=(getattr(found, "brand", None) or "").lower(),
        last4=getattr(found, "last4", None) or "",
        expiry_date=expiry,
        customer_id=_id(getattr(raw, "customer", None)),
    )
