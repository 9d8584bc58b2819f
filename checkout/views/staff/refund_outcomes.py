"""What staff are told after they gave money back: what happened, in words that stay true afterwards."""

from django.contrib import messages
from django.utils.translation import gettext as _

from checkout import states
from checkout.errors import CheckoutError, NotPayable, StripeRefused, StripeUnreachable, WrongEnvironment
from checkout.models import Checkout, Refund
from checkout.templatetags.checkout_staff import refund_failure, refund_state, refusal_in_words
from checkout.templatetags.checkout_tags import checkout_amount
from checkout.views.staff.export import plain
from checkout.views.staff.outcomes import Said

__all__ = ["Said", "now", "of_error", "of_refund", "plain", "why_nothing"]


def of_refund(refund: Refund, *, closed: bool = False) -> Said:
    """The outcome of a refund that was just asked for. ``closed``: with it a payment put aside came to its end."""
    amount = {"amount": checkout_amount(refund.amount, refund.currency)}
    if refund.state == states.SUCCESS:
        said = _("%(amount)s has been given back.") % amount
        if closed:
            closing = _("The payment that was put aside is closed with it: nobody has to look at it any more.")
            said = f"{said} {closing}"
        return messages.SUCCESS, said
    if refund.state == states.PROCESSING:
        said = _("%(amount)s is on its way back: Stripe has it, the bank not yet. What comes of it is shown below.")
        return messages.SUCCESS, said % amount
    if refund.state == states.FAIL:
        reason = refund_failure(refund) or refund.failure or _("no reason was given")
        said = _("%(amount)s could not be given back: %(reason)s. The money is still here.")
        return messages.ERROR, said % {**amount, "reason": reason}
    return messages.WARNING, _(
        "It is not known yet whether %(amount)s was given back. Stripe is asked again by itself; until then it cannot "
        "be given back a second time."
    ) % amount


def of_error(error: CheckoutError) -> Said:
    """Why nothing came of it. What Stripe refuses for a reason that we do not know is for a developer."""
    if isinstance(error, WrongEnvironment):
        return messages.ERROR, _("Nothing has been given back: %(evidence)s") % {"evidence": error}
    if isinstance(error, StripeRefused):
        if reason := refusal_in_words(str(error)):
            said = _("Stripe refused, and nothing has been given back: %(reason)s.")
            return messages.ERROR, said % {"reason": reason}
        said = _("Stripe refused the request, and nothing has been given back. For a developer: %(evidence)s")
        return messages.ERROR, said % {"evidence": error}
    if isinstance(error, StripeUnreachable):
        said = _("Stripe could not be reached. Nothing has been given back. Please try again in a moment.")
        return messages.ERROR, said
    if isinstance(error, NotPayable) and error.customer_message != NotPayable.default_message:
        return messages.ERROR, str(error.customer_message)
    return messages.ERROR, _("Nothing has been given back. For a developer: %(evidence)s") % {"evidence": error}


def why_nothing(checkout: Checkout, error: CheckoutError) -> str:
    """Why nothing of it can be given back, where ``error`` was the answer to how much is left."""
    if not isinstance(error, NotPayable):
        return of_error(error)[1]
    if checkout.succeeded or checkout.quarantine:
        return _("No card was charged by it: there is nothing to give back.")
    return _("Nothing has been paid by it.")


def now(refund: Refund) -> str:
    """How a refund stands at this moment."""
    said = _("The refund of %(amount)s now: %(state)s.")
    return said % {"amount": checkout_amount(refund.amount, refund.currency), "state": refund_state(refund)}
