"""What staff are told after they pressed a button: what happened, in words that stay true afterwards."""

from django.contrib import messages
from django.utils import timezone
from django.utils.translation import gettext as _

from checkout import states
from checkout.errors import CheckoutError, InProgress, StripeRefused, StripeUnreachable
from checkout.models import ChargedModel, Checkout, CustomerPayment, ObjectPaymentPlanInstalment
from checkout.templatetags.checkout_staff import in_words, part_state, payment_state
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


def of_payment(payment: CustomerPayment) -> Said:
    """The outcome of an amount that staff have just charged."""
    amount = checkout_amount(payment.amount, payment.currency)
    if payment.state_id == states.PAY_ON_SESSION:
        return messages.WARNING, _(
            "The bank wants %(customer)s to approve this payment of %(amount)s. A mail with a link goes out within "
            "minutes; nothing is charged until then."
        ) % {"customer": payment.customer, "amount": amount}
    attempt = payment.attempts.first()
    if attempt is None:
        return messages.WARNING, _("Nothing has been charged.")
    return of_charge(attempt)


def now(part: ObjectPaymentPlanInstalment) -> str:
    """How a part stands at this moment."""
    return _("%(part)s now: %(state)s.") % {"part": part.label, "state": part_state(part)}


def payment_now(payment: CustomerPayment) -> str:
    """How an amount of staff stands at this moment."""
    said = _("“%(payment)s” now: %(state)s.")
    return said % {"payment": payment.description, "state": payment_state(payment)}


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
    refused = part.payer.card_refused
    return _("The bank has refused the card on file for good: another card is needed.") if refused else ""


def why_not_by_hand(part: ChargedModel) -> str:
    """Why it may not be marked as paid now; empty if it may."""
    if part.can_pay_by_hand:
        return ""
    return (
        _("It has been paid.")
        if part.state_id == states.SUCCESS
        else _("A charge is in progress, or its outcome is not known yet.")
    )


def why_not_ask(target: ChargedModel, *, waits: bool) -> str:
    """Why its customer may not be mailed a link now; empty if they may. ``waits``: a mail has not been sent yet."""
    declined = target.state_id == states.FAIL and isinstance(target, ObjectPaymentPlanInstalment)
    if target.state_id != states.PAY_ON_SESSION and not declined:
        return _("It does not wait for its customer.")
    if target.stopped:
        return _("The plan has been stopped.")
    return _("A mail to the customer is on its way already.") if waits else ""
