"""Events, webhook endpoints, and whose account it is."""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, Final

from checkout.conf import settings
from checkout.errors import BadEvent
from checkout.gateway.client import client, translated
from checkout.gateway.payment_intents import PAGE_SIZE

if TYPE_CHECKING:
    import stripe

# The version of this library's SDK, in which it sends and reads everything.
API_VERSION: Final = "2026-10-28.endive"
# So old a delivery may be; https://docs.stripe.com/webhooks
TOLERANCE: Final = 300
# Exactly what we act on, and what an endpoint is asked to send.
EVENT_TYPES: Final = (
    "charge.dispute.closed",
    "charge.dispute.created",
    "charge.dispute.funds_reinstated",
    "charge.dispute.funds_withdrawn",
    "charge.dispute.updated",
    "charge.refunded",
    "customer.deleted",
    "payment_intent.canceled",
    "payment_intent.payment_failed",
    "payment_intent.processing",
    "payment_intent.succeeded",
    "payment_method.automatically_updated",
    "payment_method.detached",
    "payment_method.updated",
    "refund.created",
    "refund.failed",
    "refund.updated",
    "setup_intent.canceled",
    "setup_intent.setup_failed",
    "setup_intent.succeeded",
)


@dataclass(frozen=True, kw_only=True)
class EventHint:
    """What an event says that we keep: which object it is about, and nothing of what stands in it."""

    id: str
    type: str
    object_id: str
    api_version: str
    livemode: bool
    created: datetime


@dataclass(frozen=True, kw_only=True)
class EventPage:
    """What one listing call brought, newest first."""

    events: tuple[EventHint, ...]
    has_more: bool


@dataclass(frozen=True, kw_only=True)
class Endpoint:
    """A webhook endpoint at Stripe. ``secret`` is told once, when it is made."""

    id: str
    url: str
    events: tuple[str, ...]
    api_version: str
    enabled: bool
    secret: str = ""

    def __repr__(self) -> str:
        """Without the secret, which must never reach a log."""
        return f"<Endpoint {self.id} {self.url}>"


def parse_event(body: bytes, signature: str) -> EventHint:
    """What was posted to the webhook, if one of ``CHECKOUT_WEBHOOK_SECRETS`` has signed it in the last five minutes.

    Calls nobody. Raises ``BadEvent``: no secret, a bad or old signature, no event, one of the other mode.
    """
    import stripe

    secrets = settings.webhook_secrets
    if not secrets:
        raise BadEvent("CHECKOUT_WEBHOOK_SECRETS is not set: nothing that is posted to the webhook can be trusted.")
    if not signature.isascii():
        # the SDK compares in constant time, and that comparison raises for other letters
        raise BadEvent("The signature is none: it has letters that no signature has.")
    for secret in secrets:
        try:
            stripe.WebhookSignature.verify_header(body, signature, secret, TOLERANCE)
            break
        except stripe.SignatureVerificationError:
            continue
        except UnicodeDecodeError:
            raise BadEvent("The body is no text.") from None
    else:
        raise BadEvent("The signature fits none of CHECKOUT_WEBHOOK_SECRETS, or is older than five minutes.")
    hint = _read(body)
    if hint.livemode != settings.livemode:
        modes = {True: "live", False: "test"}
        raise BadEvent(f"The event is of {modes[hint.livemode]} mode, the key of {modes[settings.livemode]} mode.")
    return hint


def _read(body: bytes) -> EventHint:
    try:
        raw = json.loads(body)
        if raw["object"] != "event":
            raise BadEvent(f"Not an event but {str(raw['object'])[:50]!r}: choose snapshot events for this endpoint.")
        hint = EventHint(
            id=raw["id"],
            type=raw["type"],
            # what was deleted with its parent may have no id of its own
            object_id=raw["data"]["object"].get("id") or "",
            api_version=raw.get("api_version") or "",
            livemode=raw["livemode"],
            created=datetime.fromtimestamp(raw["created"], tz=UTC),
        )
    except (ValueError, KeyError, TypeError, AttributeError, OverflowError, OSError, RecursionError) as error:
        raise BadEvent(f"The body is no event of Stripe's ({type(error).__name__}).") from None
    if not isinstance(hint.livemode, bool):
        raise BadEvent("The body is no event of Stripe's: it does not say its mode.")
    words = (hint.id, hint.type, hint.object_id, hint.api_version)
    if not all(isinstance(word, str) and len(word) <= 255 and _is_plain(word) for word in words):
        raise BadEvent("The body is no event of Stripe's: an id is none.")
    if not hint.id or not hint.type or len(hint.type) > 100 or len(hint.api_version) > 50:
        raise BadEvent("The body is no event of Stripe's: no id, or no type that there is.")
    return hint


def _is_plain(word: str) -> bool:
    """As all words of Stripe's are: what else there is, some database would refuse, and a line of a log could forge."""
    return word.isascii() and word.isprintable() and " " not in word


def list_events(*, since: datetime, after: str = "") -> EventPage:
    """One call's worth (100) of the events that we act on, newest first. Stripe keeps them for 30 days."""
    params: Any = {
        "types": list(EVENT_TYPES),
        "created": {"gte": int(since.timestamp())},
        "limit": PAGE_SIZE,
        **({"starting_after": after} if after else {}),
    }
    with translated("list_events"):
        page = client().v1.events.list(params)
        return EventPage(events=tuple(map(_hint, page.data)), has_more=bool(page.has_more and page.data))


def _hint(raw: "stripe.Event") -> EventHint:
    return EventHint(
        id=raw.id,
        type=raw.type,
        object_id=getattr(raw.data.object, "id", None) or "",
        api_version=raw.api_version or "",
        livemode=raw.livemode,
        created=datetime.fromtimestamp(raw.created, tz=UTC),
    )


def list_endpoints() -> tuple[Endpoint, ...]:
    """Every webhook endpoint of the account; there are sixteen at most."""
    with translated("list_endpoints"):
        return tuple(map(_endpoint, client().v1.webhook_endpoints.list({"limit": PAGE_SIZE}).data))


def create_endpoint(url: str) -> Endpoint:
    """An endpoint with exactly our events, in our version of the API. Its ``secret`` is told this once."""
    params: Any = {
        "url": url,
        "enabled_events": list(EVENT_TYPES),
        "api_version": API_VERSION,
        "description": "django checkout",
    }
    with translated("create_endpoint"):
        return _endpoint(client().v1.webhook_endpoints.create(params))


def update_endpoint(endpoint_id: str, *, events: Sequence[str] = EVENT_TYPES) -> Endpoint:
    """Give it exactly our events, and switch it on. Its version of the API cannot be changed: make another one."""
    params: Any = {"enabled_events": list(events), "disabled": False}
    with translated("update_endpoint"):
        return _endpoint(client().v1.webhook_endpoints.update(endpoint_id, params))


def delete_endpoint(endpoint_id: str) -> None:
    """Stripe sends it nothing any more."""
    with translated("delete_endpoint"):
        client().v1.webhook_endpoints.delete(endpoint_id)


def _endpoint(raw: "stripe.WebhookEndpoint") -> Endpoint:
    return Endpoint(
        id=raw.id,
        url=raw.url,
        events=tuple(sorted(raw.enabled_events)),
        api_version=raw.api_version or "",
        enabled=raw.status == "enabled",
        secret=getattr(raw, "secret", None) or "",
    )


def retrieve_account_id() -> str:
    """Whose secret key this is."""
    with translated("retrieve_account"):
        return client().v1.accounts.retrieve_current().id
