"""What an event leads to: its object is asked for again, and goes through the same doors as everything else."""

import logging
from collections.abc import Callable
from datetime import datetime
from typing import Final
from uuid import UUID

from django.utils import timezone

from checkout import gateway, states
from checkout.conf import settings
from checkout.flows import audit, card, charge, dispute, expiry, payment, refund, sign_up
from checkout.flows.settle import settle
from checkout.models import Checkout, Customer, Event

logger = logging.getLogger(__name__)

SETTLED = "settled as {state}"
KNOWN = "was settled already"
UNDECIDED = "nothing is decided yet"


def follow(event: Event) -> str:
    """Act on it; what came of it, or nothing where it is none of ours. Raises what hindered it: try again later."""
    if not event.stripe_object_id:
        # whoever looks for nothing finds the customer without a card, and a listing brings the whole account
        return ""
    for start, work in HANDLERS.items():
        if event.type.startswith(start):
            return work(event)
    return ""


def _payment_intent(event: Event) -> str:
    checkout = refund.checkout_of(event.stripe_object_id)
    if checkout is not None and checkout.succeeded:
        return KNOWN
    if checkout is not None and not checkout.is_charge and event.type == "payment_intent.payment_failed":
        # the customer may try another card
        return UNDECIDED
    intent = gateway.retrieve_payment_intent(event.stripe_object_id)
    checkout = checkout or _lost_charge(intent)
    if checkout is None:
        return ""
    if checkout.failed:
        return _failed_here(checkout, intent)
    if checkout.is_charge:
        moved = settle(checkout, intent)
    else:
        moved = payment.conclude(checkout, payment.adopted(checkout, intent))
    return _said(checkout, moved=moved)


def _setup_intent(event: Event) -> str:
    checkout = Checkout.objects.filter(setup_intent_id=event.stripe_object_id).first()
    if checkout is None:
        return ""
    if checkout.succeeded:
        return KNOWN
    setup = sign_up.retrieve(checkout)
    if checkout.failed:
        return _failed_here(checkout, setup)
    moved = sign_up.conclude(checkout, setup)
    if moved:
        card.put_back_after(checkout)
    return _said(checkout, moved=moved)


def _lost_charge(intent: gateway.Intent) -> Checkout | None:
    """A charge whose answer, and with it the intent's id, has not reached us."""
    try:
        rows = Checkout.objects.filter(uuid=UUID(intent.checkout_uuid), action_id=states.CHARGE, payment_intent_id="")
    except ValueError:
        return None
    found: Checkout | None = rows.first()
    return found if found is not None and charge.is_answered_by(found, intent) else None


def _failed_here(checkout: Checkout, answer: gateway.Answer) -> str:
    """Paid, though we had given it up: a person looks at it, as at what an audit finds."""
    if not answer.succeeded or audit.is_given_back(checkout):
        return KNOWN
    audit.put_aside(checkout)
    return "put aside: " + audit.PAID_AFTER_ALL


def _said(checkout: Checkout, *, moved: bool) -> str:
    if checkout.held:
        return f"put aside: {checkout.quarantine}"
    if moved:
        return SETTLED.format(state=checkout.state_id)
    return UNDECIDED if checkout.state_id not in states.SETTLED else KNOWN


def _charge_refunded(event: Event) -> str:
    kept = refund.keep_all_of(charge_id=event.stripe_object_id)
    return f"{kept} refunds kept" if kept else ""


def _refund(event: Event) -> str:
    answer = gateway.retrieve_refund(event.stripe_object_id)
    kept = refund.keep(answer)
    if kept is None and _learn_of_payment(answer.payment_intent_id):
        kept = refund.keep(answer)
    return f"refund {kept.state}" if kept is not None else ""


def _dispute(event: Event) -> str:
    answer = gateway.retrieve_dispute(event.stripe_object_id)
    kept = dispute.keep(answer)
    if kept is None and _learn_of_payment(answer.payment_intent_id):
        kept = dispute.keep(answer)
    return f"dispute {kept.stripe_status}" if kept is not None else ""


def _learn_of_payment(payment_intent_id: str) -> bool:
    """It may be a charge of ours whose answer has not reached us: settle it first. An event is worked only once."""
    if not payment_intent_id:
        return False
    intent = gateway.retrieve_payment_intent(payment_intent_id)
    checkout = _lost_charge(intent)
    if checkout is None:
        return False
    settle(checkout, intent)
    return True


def _payment_method(event: Event) -> str:
    customer = Customer.objects.filter(payment_method_id=event.stripe_object_id).first()
    if customer is None:
        return ""
    return expiry.keep_card(customer)


def _customer_deleted(event: Event) -> str:
    customer = Customer.objects.filter(customer_id=event.stripe_object_id).first()
    if customer is None:
        return ""
    return expiry.forget_customer(customer)


HANDLERS: Final[dict[str, Callable[[Event], str]]] = {
    "payment_intent.": _payment_intent,
    "setup_intent.": _setup_intent,
    "charge.refunded": _charge_refunded,
    "charge.refund.": _refund,
    "refund.": _refund,
    "charge.dispute.": _dispute,
    "payment_method.": _payment_method,
    "customer.deleted": _customer_deleted,
}


def silent_since(now: datetime) -> datetime | None:
    """When a payment was settled of which no event has told us, though long enough ago. Two queries."""
    paid = Checkout.objects.filter(
        state_id=states.SUCCESS,
        action_id__in=refund.TAKEN,
        created__lt=now - settings.webhook_silence,
        settled__lt=now - settings.webhook_silence,
    )
    last = paid.order_by("-created").values_list("settled", flat=True).first()
    if last is None:
        return None
    heard = Event.objects.filter(source=Event.WEBHOOK).order_by("-created").values_list("created", flat=True).first()
    quiet = heard is None or heard < last - settings.webhook_silence
    return timezone.localtime(last) if quiet else None
