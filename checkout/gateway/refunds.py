"""Refunds, and the disputes that cardholders open."""

from dataclasses import dataclass
from datetime import UTC, datetime
from decimal import Decimal
from typing import TYPE_CHECKING, Any

from checkout.gateway.answers import _id
from checkout.gateway.client import client, translated
from checkout.gateway.payment_intents import PAGE_SIZE
from checkout.money import from_minor, to_minor

if TYPE_CHECKING:
    import stripe


@dataclass(frozen=True, kw_only=True)
class RefundAnswer:
    """A refund as Stripe has it. ``refund_uuid`` is of the row of ours that asked for it, if one did."""

    id: str
    stripe_status: str
    payment_intent_id: str
    charge_id: str
    amount: Decimal
    currency: str
    reason: str
    failure: str
    refund_uuid: str
    created: datetime


@dataclass(frozen=True, kw_only=True)
class RefundPage:
    """What one listing call brought, newest first."""

    refunds: tuple[RefundAnswer, ...]
    has_more: bool


@dataclass(frozen=True, kw_only=True)
class DisputeAnswer:
    """A dispute as Stripe has it. ``due_by``: until when evidence counts, if any is wanted."""

    id: str
    stripe_status: str
    payment_intent_id: str
    charge_id: str
    amount: Decimal
    currency: str
    reason: str
    is_inquiry: bool
    due_by: datetime | None
    created: datetime


def refund(*, uuid: str, payment_intent_id: str, amount: Decimal, currency: str, reason: str = "") -> RefundAnswer:
    """Give ``amount`` of a payment back; the same ``uuid`` gives the same refund for a day, and never a second one.

    Raises ``StripeRefused`` (nothing was given back: too much, refunded already, charged back), ``StripeUnreachable``.
    Source: https://docs.stripe.com/api/refunds/create
    """
    params: Any = {
        "payment_intent": payment_intent_id,
        "amount": to_minor(amount, currency),
        "metadata": {"refund": uuid},
        **({"reason": reason} if reason else {}),
    }
    with translated("refund"):
        return _refund(client().v1.refunds.create(params, {"idempotency_key": f"checkout-{uuid}-refund"}))


def retrieve_refund(refund_id: str) -> RefundAnswer:
    """The refund as it is now. Raises ``NoSuchIntent`` and the gateway's other errors."""
    with translated("retrieve_refund"):
        return _refund(client().v1.refunds.retrieve(refund_id))


def list_refunds(
    *,
    payment_intent_id: str = "",
    charge_id: str = "",
    since: datetime | None = None,
    until: datetime | None = None,
    after: str = "",
) -> RefundPage:
    """One call's worth (100) of refunds, newest first: of a payment, of a charge, or made in the time given."""
    created: dict[str, int] = {}
    if since is not None:
        created["gte"] = int(since.timestamp())
    if until is not None:
        created["lte"] = int(until.timestamp())
    params: Any = {
        "limit": PAGE_SIZE,
        **({"created": created} if created else {}),
        **({"payment_intent": payment_intent_id} if payment_intent_id else {}),
        **({"charge": charge_id} if charge_id else {}),
        **({"starting_after": after} if after else {}),
    }
    with translated("list_refunds"):
        page = client().v1.refunds.list(params)
        return RefundPage(refunds=tuple(map(_refund, page.data)), has_more=bool(page.has_more and page.data))


def retrieve_dispute(dispute_id: str) -> DisputeAnswer:
    """The dispute as it is now. Raises ``NoSuchIntent`` and the gateway's other errors."""
    with translated("retrieve_dispute"):
        return _dispute(client().v1.disputes.retrieve(dispute_id))


def list_disputes(*, payment_intent_id: str) -> tuple[DisputeAnswer, ...]:
    """The disputes of one payment (of which there are one or two), newest first."""
    with translated("list_disputes"):
        page = client().v1.disputes.list({"payment_intent": payment_intent_id, "limit": PAGE_SIZE})
        return tuple(map(_dispute, page.data))


def _refund(raw: "stripe.Refund") -> RefundAnswer:
    currency = raw.currency.upper()
    return RefundAnswer(
        id=raw.id,
        stripe_status=raw.status or "",
        payment_intent_id=_id(raw.payment_intent),
        charge_id=_id(raw.charge),
        amount=from_minor(raw.amount, currency),
        currency=currency,
        reason=raw.reason or "",
        failure=getattr(raw, "failure_reason", None) or "",
        refund_uuid=str(getattr(raw.metadata, "refund", "") or ""),
        created=datetime.fromtimestamp(raw.created, tz=UTC),
    )


def _dispute(raw: "stripe.Dispute") -> DisputeAnswer:
    currency = raw.currency.upper()
    details: Any = getattr(raw, "evidence_details", None)
    due_by = getattr(details, "due_by", None)
    return DisputeAnswer(
        id=raw.id,
        stripe_status=raw.status,
        payment_intent_id=_id(raw.payment_intent),
        charge_id=_id(raw.charge),
        amount=from_minor(raw.amount, currency),
        currency=currency,
        reason=raw.reason or "",
        is_inquiry=raw.status.startswith("warning"),
        due_by=datetime.fromtimestamp(due_by, tz=UTC) if due_by else None,
        created=datetime.fromtimestamp(raw.created, tz=UTC),
    )
