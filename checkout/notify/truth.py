"""Whether what a notice says is still so when its turn comes. Reads only; one question of the database at most."""

from datetime import datetime, timedelta
from typing import Final

from django.contrib.contenttypes.models import ContentType
from django.utils import timezone

from checkout import states
from checkout.models import ChargedModel, Checkout, Customer, Notice, ObjectPaymentPlanInstalment

# So long ago the customer pressed the button that the page is certainly closed, if nothing has come of it.
STILL_THERE: Final = timedelta(hours=1)
# Declined, or put back in line and not charged yet.
OPEN: Final = (states.PENDING, states.FAIL)


def demand_key(part_pk: int, asked: datetime) -> str:
    """The key of a notice that the bank wants the customer: one for each time that it does."""
    return f"{part_pk}:{asked.isoformat()}"


def refused_key(part_pk: int, payment_method_id: str) -> str:
    """The key of a notice that another card is wanted: one for each part and card."""
    return f"{part_pk}:{payment_method_id}"[:100]


def still_true(notice: Notice) -> bool:
    """Whether ``notice`` should still be sent: not once it was paid, stopped, or there is another card.

    ``notice`` comes with the rows that it points to, as they are now. Mail to the staff is always true.
    """
    rule = _RULES.get(notice.kind)
    return rule is None or rule(notice)


def plan_is_paused(notice: Notice) -> bool:
    """Whether what ``notice`` says hangs on a plan that a dispute has paused: "we try again", "please pay"."""
    part = notice.instalment
    return part is not None and part.object_payment_plan.paused is not None


def customer_is_paying(notice: Notice) -> bool:
    """The customer has just pressed the button to pay what ``notice`` is about: its outcome is seconds away."""
    found = Checkout.objects.filter(
        action_id=states.PAY_ON_SESSION, state_id=states.REQUEST, updated__gte=timezone.now() - STILL_THERE
    )
    attempt = notice.checkout
    if notice.instalment_id is not None:
        kind = ContentType.objects.get_for_model(ObjectPaymentPlanInstalment)
        found = found.filter(content_type=kind, object_id=str(notice.instalment_id))
    elif attempt is not None and notice.kind == Notice.AUTHORISE:
        found = found.filter(content_type_id=attempt.content_type_id, object_id=attempt.object_id)
    else:
        return False
    return bool(found.exists())


def _bank_wants_customer(notice: Notice) -> bool:
    part = notice.instalment
    if part is None or part.stopped or part.state_id != states.PAY_ON_SESSION or part.customer_asked is None:
        return False
    # the bank may have asked again since, and that demand has a notice of its own
    return notice.key == demand_key(part.pk, part.customer_asked)


def _payment_failed(notice: Notice) -> bool:
    part, attempt = notice.instalment, notice.checkout
    if part is None or attempt is None or part.stopped or part.state_id not in OPEN:
        return False
    if notice.facts.get("retry_due"):
        # "we try again": not while, or after, that is done
        day = part.retry_due.isoformat() if part.retry_due else ""
        return part.state_id == states.FAIL and day == notice.facts["retry_due"]
    # "please use another card": not to whom has given one
    return not attempt.payment_method_id or attempt.payment_method_id == part.customer.payment_method_id


def _card_wanted(notice: Notice) -> bool:
    part = notice.instalment
    if part is None or part.stopped or part.state_id == states.SUCCESS or not part.customer.card_refused:
        return False
    return notice.key == refused_key(part.pk, part.customer.payment_method_id)


def _card_expiring(notice: Notice) -> bool:
    customer: Customer | None = notice.customer
    if customer is None or not customer.refresh:
        return False
    return bool(notice.facts.get("payment_method_id") == customer.payment_method_id)


def _to_authorise(notice: Notice) -> bool:
    attempt = notice.checkout
    if attempt is None or attempt.content_object is None:
        return False
    if attempt.state_id == states.PAY_ON_SESSION:
        return True
    # its customer may have opened the page, closed it, and still need the link
    successor: Checkout | None = getattr(attempt, "taken_over_by", None)
    if successor is None:
        return False
    target = attempt.content_object
    if isinstance(target, ChargedModel):
        return target.state_id != states.SUCCESS
    return successor.is_open


_RULES: Final = {
    Notice.ON_SESSION_PAYMENT: _bank_wants_customer,
    Notice.PAYMENT_FAILED: _payment_failed,
    Notice.CARD_WANTED: _card_wanted,
    Notice.CARD_EXPIRING: _card_expiring,
    Notice.AUTHORISE: _to_authorise,
}
