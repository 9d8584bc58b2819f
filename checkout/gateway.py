"""The only production module that speaks to Stripe: our verbs and ``Decimal`` in, frozen dataclasses out.

``stripe`` is imported at the first call and not before, because it costs more than the rest of the package. No function
here opens a transaction, and none may be called inside one. Errors are translated once: ``StripeRefused`` means that
nothing moved, ``StripeUnreachable`` that we do not know.
"""

import functools
import logging
import re
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from decimal import Decimal
from enum import Enum
from typing import TYPE_CHECKING, Any

from django.db import connection
from django.utils.module_loading import import_string

from checkout.conf import settings
from checkout.errors import CheckoutError, StripeRefused, StripeUnreachable
from checkout.money import from_minor, to_minor

if TYPE_CHECKING:
    import stripe

logger = logging.getLogger(__name__)

PAGE_SIZE = 100
NETWORK_RETRIES = 1


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


@dataclass(frozen=True, kw_only=True)
class Intent:
    """A PaymentIntent as we need it. ``amount`` in major units, ``currency`` in upper case."""

    id: str
    status: IntentStatus
    stripe_status: str
    amount: Decimal
    amount_received: Decimal
    currency: str
    customer_id: str
    checkout_uuid: str
    created: datetime
    client_secret: str = ""
    decline: Decline | None = None

    @property
    def waiting(self) -> bool:
        """It waits for the customer: for a card, a confirmation, or an authentication."""
        return self.status is IntentStatus.WAITING

    def __repr__(self) -> str:
        """Without the client secret, which must never reach a log."""
        return f"<Intent {self.id} {self.stripe_status} {self.amount} {self.currency}>"


@dataclass(frozen=True, kw_only=True)
class Page:
    """What one listing call brought."""

    intents: tuple[Intent, ...]
    has_more: bool


class NoSuchIntent(StripeRefused):
    """Stripe does not know the id: another account's key, or another database's row."""


class IntentMoved(StripeRefused):
    """The intent is no longer in a state that allows this: retrieve it and settle."""


def _in_transaction() -> bool:
    """Whether a caller's own transaction is open; pytest's and ATOMIC_REQUESTS' count too, unless declared."""
    return any(not getattr(block, "_from_testcase", False) for block in connection.atomic_blocks)


@functools.cache
def _client() -> "stripe.StripeClient":
    import stripe

    if not settings.secret_key:
        raise StripeRefused("STRIPE_SECRET_KEY is not set.")
    logging.getLogger("stripe").addFilter(_hide_secrets)
    http_client = (
        import_string(settings.http_client)()
        if settings.http_client
        else stripe.RequestsClient(timeout=settings.timeout)
    )
    return stripe.StripeClient(
        settings.secret_key,
        http_client=http_client,
        base_addresses={"api": settings.api_base} if settings.api_base else {},
        max_network_retries=NETWORK_RETRIES,
    )


def _hide_secrets(record: logging.LogRecord) -> bool:
    """At DEBUG the SDK logs whole answers."""
    record.msg = re.sub(r"_secret_\w+", " (secret)", str(record.msg))
    return True


def reset() -> None:
    """Forget the client, so that changed settings count. For tests."""
    _client.cache_clear()


@contextmanager
def _translated(verb: str) -> Iterator[None]:
    """Turn the SDK's errors into ours, once."""
    import stripe

    if _in_transaction():
        raise CheckoutError(f"Stripe must not be called inside a transaction ({verb}).")
    try:
        yield
    except stripe.InvalidRequestError as error:
        evidence = f"{verb}: {error.http_status} {error.code or ''} {error.param or ''} request={error.request_id}"
        logger.error("gateway refused %s", evidence)
        if error.http_status == 404 or error.code == "resource_missing":
            raise NoSuchIntent(evidence) from error
        if error.code == "payment_intent_unexpected_state":
            raise IntentMoved(evidence) from error
        raise StripeRefused(evidence) from error
    except (
        stripe.AuthenticationError,
        stripe.PermissionError,
        stripe.IdempotencyError,
        stripe.CardError,
    ) as error:
        evidence = f"{verb}: {type(error).__name__} status={error.http_status} request={error.request_id}"
        logger.error("gateway refused %s", evidence)
        raise StripeRefused(evidence) from error
    except stripe.StripeError as error:
        evidence = f"{verb}: {type(error).__name__} status={error.http_status} request={error.request_id}"
        logger.warning("gateway unknown %s", evidence)
        raise StripeUnreachable(evidence) from error


def _decline(raw: Any) -> Decline | None:
    if raw is None:
        return None
    charge = getattr(raw, "charge", None)
    method = getattr(raw, "payment_method", None)
    return Decline(
        code=getattr(raw, "code", None) or "",
        decline_code=getattr(raw, "decline_code", None) or "",
        reference=charge or getattr(method, "id", None) or "",
    )


def _intent(raw: "stripe.PaymentIntent") -> Intent:
    currency = raw.currency.upper()
    customer = raw.customer
    metadata = raw.metadata
    return Intent(
        id=raw.id,
        status=_STATUSES.get(raw.status, IntentStatus.UNKNOWN),
        stripe_status=raw.status,
        amount=from_minor(raw.amount, currency),
        amount_received=from_minor(raw.amount_received, currency),
        currency=currency,
        customer_id=(customer if isinstance(customer, str) else customer.id) if customer else "",
        checkout_uuid=str(getattr(metadata, "checkout", "") or ""),
        created=datetime.fromtimestamp(raw.created, tz=UTC),
        client_secret=ClientSecret(raw.client_secret or ""),
        decline=_decline(raw.last_payment_error),
    )


def create_payment_intent(*, uuid: str, amount: Decimal, currency: str, description: str) -> Intent:
    """Ask for an unconfirmed PaymentIntent of no customer; the same ``uuid`` always gives the same one.

    The key is derived from the uuid, so a repeat within a day (after a lost answer) makes no second intent; nothing is
    charged by it. Raises ``NotPayable``, ``StripeRefused``, ``StripeUnreachable``.
    """
    with _translated("create_payment_intent"):
        return _intent(
            _client().v1.payment_intents.create(
                {
                    "amount": to_minor(amount, currency),
                    "currency": currency.lower(),
                    "automatic_payment_methods": {"enabled": True},
                    "description": description[:1000],
                    "metadata": {"checkout": uuid},
                },
                {"idempotency_key": f"checkout-{uuid}-payment-intent"},
            )
        )


def retrieve_payment_intent(intent_id: str) -> Intent:
    """The intent as it is now. Raises ``NoSuchIntent``, ``StripeRefused``, ``StripeUnreachable``."""
    with _translated("retrieve_payment_intent"):
        return _intent(_client().v1.payment_intents.retrieve(intent_id))


def update_payment_intent(intent_id: str, *, amount: Decimal, currency: str, description: str) -> Intent:
    """Change what an unpaid intent will charge. Setting, so repeating is harmless; raises ``IntentMoved`` if paid."""
    with _translated("update_payment_intent"):
        return _intent(
            _client().v1.payment_intents.update(
                intent_id,
                {
                    "amount": to_minor(amount, currency),
                    "currency": currency.lower(),
                    "description": description[:1000],
                },
            )
        )


def cancel_payment_intent(intent_id: str) -> Intent:
    """Make sure that nothing can be charged on it. Raises ``IntentMoved`` if it was paid or cancelled already."""
    with _translated("cancel_payment_intent"):
        return _intent(_client().v1.payment_intents.cancel(intent_id, {"cancellation_reason": "abandoned"}))


def list_payment_intents(*, since: datetime, until: datetime, after: str = "") -> Page:
    """One call's worth (100) of the intents made in the time given, both ends included, newest first.

    ``after`` is the last id of the page before. Raises ``StripeRefused``, ``StripeUnreachable``.
    """
    with _translated("list_payment_intents"):
        page = _client().v1.payment_intents.list(
            {
                "created": {"gte": int(since.timestamp()), "lte": int(until.timestamp())},
                "limit": PAGE_SIZE,
                **({"starting_after": after} if after else {}),
            }
        )
        return Page(intents=tuple(map(_intent, page.data)), has_more=bool(page.has_more and page.data))
