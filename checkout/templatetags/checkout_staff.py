"""What the staff's pages say of states and reasons, and where they link to."""

from datetime import datetime
from typing import Any, Final

from django import template
from django.urls import reverse
from django.utils import timezone
from django.utils.timesince import timesince
from django.utils.translation import gettext_lazy as _

from checkout import states
from checkout.declines import Step
from checkout.models import (
    Checkout,
    Customer,
    CustomerPayment,
    Notice,
    ObjectPaymentPlan,
    ObjectPaymentPlanInstalment,
    PaymentPlan,
)

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
# Amounts of staff; the other states are called as those of parts.
PAYMENTS: Final = {states.PENDING: _("Not charged")}
# What a bank's no led to.
STEPS: Final = {
    Step.RETRY: _("tried again by itself"),
    Step.ANOTHER_CARD: _("the customer was asked for another card"),
    Step.CHECK_CARD: _("the customer was asked to check the card"),
    Step.ASK_BANK: _("the customer was asked to talk to the bank"),
    # whoever holds a stolen card is not told so
    Step.STOP: _("the card is not tried again, the customer was asked for another one"),
    Step.AUTHENTICATE: _("the customer is asked to approve it"),
}
NOTICES: Final = {slug: _(name) for slug, name in states.NOTICE_STATES.items()}
KINDS: Final = {slug: _(name) for slug, name in Notice.KINDS.items()}
# The page of each kind of row that staff do something with.
PAGES: Final[dict[type, str]] = {
    Customer: "checkout.customer",
    CustomerPayment: "checkout.customer.payment",
    Notice: "checkout.notice",
    ObjectPaymentPlan: "checkout.object.payment.plan",
    ObjectPaymentPlanInstalment: "checkout.object.payment.plan.instalment",
    PaymentPlan: "checkout.payment.plan.update",
}


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
def span(moment: datetime) -> str:
    """How long ago, in one unit: ``4 hours``."""
    return timesince(moment, depth=1)


@register.filter
def payment_state(payment: CustomerPayment) -> str:
    """The state of an amount of staff, in a word."""
    slug = str(payment.state_id)
    return str(PAYMENTS.get(slug) or PARTS[slug])


@register.filter
def step_in_words(step: str) -> str:
    """What a bank's no led to; empty for none."""
    return next((str(words) for known, words in STEPS.items() if known == step), "")


@register.filter
def notice_state(notice: Notice) -> str:
    """How far a mail is."""
    return str(NOTICES.get(notice.state, notice.state))


@register.filter
def notice_kind(notice: Notice) -> str:
    """What a mail says."""
    return str(KINDS.get(notice.kind, notice.kind))


@register.filter
def staff_url(checkout: Checkout) -> str:
    """Where staff look at what a checkout is for: the plan of an instalment, else the object's own page."""
    target: Any = checkout.content_object
    if isinstance(target, ObjectPaymentPlanInstalment):
        return reverse("checkout.object.payment.plan", args=[target.object_payment_plan_id])
    return page_of(target) or checkout.content_object_url


@register.filter
def page_of(target: Any) -> str:
    """The staff's page of a row of ours; empty for anything else."""
    name = PAGES.get(type(target))
    return reverse(name, args=[target.pk]) if name else ""


@register.filter
def named(target: Any) -> str:
    """A row in the words of the staff's pages: of a part, the plan that it belongs to as well."""
    if isinstance(target, ObjectPaymentPlanInstalment):
        return f"{first_line(target.object_payment_plan)}: {target.label}"
    if isinstance(target, ObjectPaymentPlan):
        return first_line(target)
    if isinstance(target, CustomerPayment):
        return f"{target.description} ({target.customer})"
    if isinstance(target, Notice):
        return f"{notice_kind(target)}: {', '.join(map(str, target.recipients))}"
    return str(target) if target is not None else str(_("(deleted)"))


def first_line(plan: ObjectPaymentPlan) -> str:
    """What a plan is for, in short."""
    return plan.lines[0] if plan.lines else str(plan.object_id)
