"""What staff are told after they pressed a button: what happened, in words that stay true afterwards."""

from django.contrib import messages
from django.utils import timezone
from django.utils.translation import gettext as _

from checkout import states
from checkout.errors import CheckoutError, InProgress, StripeRefused, StripeUnreachable
from checkout.models import Checkout, ObjectPaymentPlanInstalment
from checkout.templatetags.checkout_staff import in_words, part_state
from checkout.templatetags.checkout_tags import checkout_amount, checkout_day

Said = tuple[int, str]


def of_charge(checkout: Checkout) -> Said:
    """The outcome of a charge that was just made."""
    amount = {"amount": checkout_amount(checkout.total, checkout.currency)}
    if checkout.succeeded:
        return messages.SUCCESS, _("%(amount)s has been charged.") % amount
    if checkout.state_id == states.PAY_ON_SESSION:
        return messages.WARNING, _(
            "The bank wants the customer to approve this payment of %(amount)s. Nothing has been charged yet."
        ) % amount
    if checkout.failed:
        reason = in_words(checkout.failure) or checkout.failure or _("no reason was given")
        return messages.ERROR, _("The charge of %(amount)s was declined: %(reason)s. Nothing has been charged.") % {
            **amount,
            "reason": reason,
        }
    if checkout.quarantine:
        return messages.ERROR, _(
            "Stripe reports something else than was asked for. It has been put aside: see the audit."
        )
    return messages.WARNING, _(
        "It is not known yet whether %(amount)s was charged. Stripe is asked again by itself; until then this cannot "
        "be charged or paid a second time."
    ) % amount


def of_error(error: CheckoutError) -> Said:
    """Why nothing came of it. What Stripe refuses is for a developer, so the evidence goes with it."""
    if isinstance(error, StripeRefused):
        said = _("Stripe refused the request, and nothing has been charged. For a developer: %(evidence)s")
        return messages.ERROR, said % {"evidence": error}
    if isinstance(error, StripeUnreachable):
        return messages.ERROR, _("Stripe could not be reached. Nothing has been charged. Please try again in a moment.")
    if isinstance(error, InProgress):
        return messages.WARNING, str(error.customer_message)
    return messages.ERROR, str(error.customer_message)


def now(part: ObjectPaymentPlanInstalment) -> str:
    """How a part stands at this moment."""
    return _("%(part)s now: %(state)s.") % {"part": part.label, "state": part_state(part)}


def why_no_charge(part: ObjectPaymentPlanInstalment) -> str:
    """Why its card may not be charged now; empty if it may. The flow asks again, with the row locked."""
    if part.state_id == states.SUCCESS:
        return _("It has been paid.")
    if part.state_id == states.REQUEST:
        return _("A charge is in progress, or its outcome is not known yet.")
    if part.object_payment_plan.deleted:
        return _("The plan has been stopped.")
    if part.state_id == states.PAY_ON_SESSION:
        return _("The bank wants the customer to approve it: only the customer can pay it by card.")
    if part.due > timezone.localdate():
        return _("It is not due until %(date)s.") % {"date": checkout_day(part.due)}
    if not part.checkout_can_charge:
        return _("It was declined, and no further attempt is due. The customer can pay it with any card.")
    if not part.customer.has_card:
        return _("There is no card on file.")
    return ""


def why_not_by_hand(part: ObjectPaymentPlanInstalment) -> str:
    """Why it may not be marked as paid now; empty if it may."""
    if part.can_pay_by_hand:
        return ""
    return (
        _("It has been paid.")
        if part.state_id == states.SUCCESS
        else _("A charge is in progress, or its outcome is not known yet.")
    )
