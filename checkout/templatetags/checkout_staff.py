"""What the staff's pages say of states and reasons, and where they link to."""

from typing import Any, Final

from django import template
from django.urls import reverse
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from checkout import states
from checkout.models import Checkout, ObjectPaymentPlanInstalment

register = template.Library()

PARTS: Final = {
    states.PENDING: _("To come"),
    states.REQUEST: _("Outcome not known yet"),
    states.SUCCESS: _("Paid"),
    states.FAIL: _("Declined"),
    states.PAY_ON_SESSION: _("The bank wants the customer"),
}
# By Stripe's decline code, else by its error code. Source: https://docs.stripe.com/declines/codes
REASONS: Final = {
    "authentication_required": _("the bank wants the customer to approve the payment"),
    "approve_with_id": _("the bank could not approve it just then"),
    "call_issuer": _("the customer should ask their bank"),
    "card_declined": _("the bank gave no reason"),
    "card_not_supported": _("the card does not allow this kind of payment"),
    "card_velocity_exceeded": _("the card's limit was reached"),
    "currency_not_supported": _("the card does not support the currency"),
    "do_not_honor": _("the bank gave no reason"),
    "expired_card": _("the card has expired"),
    "fraudulent": _("Stripe suspects fraud"),
    "generic_decline": _("the bank gave no reason"),
    "incorrect_cvc": _("the security code is wrong"),
    "incorrect_number": _("the card number is wrong"),
    "insufficient_funds": _("there was not enough money"),
    "invalid_account": _("the account of the card is closed or invalid"),
    "issuer_not_available": _("the bank could not be reached"),
    "lost_card": _("the card was reported lost"),
    "merchant_blacklist": _("Stripe blocked it by your own rules"),
    "pickup_card": _("the card was reported lost or stolen"),
    "processing_error": _("an error of the bank or of Stripe"),
    "restricted_card": _("the card is restricted"),
    "revocation_of_all_authorizations": _("the customer has revoked the permission at their bank"),
    "revocation_of_authorization": _("the customer has revoked the permission at their bank"),
    "stolen_card": _("the card was reported stolen"),
    "stop_payment_order": _("the customer has stopped the payment at their bank"),
    "transaction_not_allowed": _("the card does not allow this kind of payment"),
    "try_again_later": _("the bank could not approve it just then"),
    "withdrawal_count_limit_exceeded": _("the card's limit was reached"),
    # our own, of payment runs
    "an earlier attempt is not resolved yet": _("an earlier attempt is not resolved yet"),
    "another payment of it is in progress": _("another payment of it is in progress"),
    "no card on file": _("there is no card on file"),
    "the run ended before Stripe was asked": _("the run ended before Stripe was asked"),
}
RELEASED: Final = "released:"


@register.filter
def in_words(failure: str) -> str:
    """``card_declined insufficient_funds`` as a sentence can say it; empty for what has no words here."""
    if failure.startswith(RELEASED):
        return str(_("Stripe refused the request or was not asked, nothing was charged"))
    codes = [failure, *reversed(failure.split())]
    return next((str(REASONS[code]) for code in codes if code in REASONS), "")


@register.filter
def part_state(part: ObjectPaymentPlanInstalment) -> str:
    """The state of a part of a plan, in a word."""
    if part.state_id == states.PENDING and part.due <= timezone.localdate():
        return str(_("Due"))
    return str(PARTS[str(part.state_id)])


@register.filter
def staff_url(checkout: Checkout) -> str:
    """Where staff look at what a checkout is for: the plan of an instalment, else the object's own page."""
    target: Any = checkout.content_object
    if isinstance(target, ObjectPaymentPlanInstalment):
        return reverse("checkout.object.payment.plan", args=[target.object_payment_plan_id])
    return checkout.content_object_url
