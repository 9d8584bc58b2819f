"""What the staff's pages say of states and reasons, and where they link to."""

from datetime import datetime
from typing import Any, Final
from urllib.parse import quote

from django import template
from django.urls import reverse
from django.utils import timezone
from django.utils.timesince import timesince, timeuntil
from django.utils.translation import gettext_lazy as _
from django.utils.translation import ngettext

from checkout import states
from checkout.conf import settings
from checkout.declines import Step
from checkout.models import (
    Checkout,
    Customer,
    CustomerPayment,
    Difference,
    Dispute,
    Event,
    Notice,
    ObjectPaymentPlan,
    ObjectPaymentPlanInstalment,
    PaymentPlan,
    Reconciliation,
    Refund,
)
from checkout.models.refund import REASONS as REFUND_REASONS
from checkout.templatetags import staff_words

register = template.Library()
register.filter("aside_in_words", staff_words.aside_in_words)
register.filter("outcome_in_words", staff_words.outcome_in_words)
register.filter("side_in_words", staff_words.side_in_words)
register.filter("detail_in_words", staff_words.detail_in_words)

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
REFUNDS: Final = {
    **{slug: _(name) for slug, name in states.REFUND_STATES.items()},
    states.REQUEST: _("Outcome not known yet"),
}
FAILED_LATER: Final = _("Failed later")
# Source: https://docs.stripe.com/refunds#failed-refunds
REFUND_FAILURES: Final = {
    "charge_for_pending_refund_disputed": _("the cardholder disputed the payment meanwhile"),
    "declined": _("the bank declined it"),
    "expired_or_canceled_card": _("the card has expired or was cancelled"),
    "insufficient_funds": _("there was not enough money on your balance at Stripe"),
    "lost_or_stolen_card": _("the card was reported lost or stolen"),
    "merchant_request": _("it was called back at Stripe"),
    "unknown": _("the bank gave no reason"),
}
# What Stripe refuses a refund for. Source: https://docs.stripe.com/error-codes
REFUND_REFUSALS: Final = {
    "charge_already_refunded": _("at Stripe all of it has been given back already"),
    "charge_disputed": _("the cardholder disputes the payment, and the bank has taken the money back already"),
    "amount": _("at Stripe less than that is left of the payment"),
}
DISPUTES: Final = {slug: _(name) for slug, name in states.DISPUTE_STATES.items()}
# Source: https://docs.stripe.com/disputes/categories
DISPUTE_REASONS: Final = {
    "bank_cannot_process": _("the bank could not process it"),
    "check_returned": _("the cheque was returned"),
    "credit_not_processed": _("a promised refund did not arrive"),
    "customer_initiated": _("the customer asked their bank"),
    "debit_not_authorized": _("the debit was not authorised"),
    "duplicate": _("paid twice"),
    "fraudulent": _("the cardholder did not authorise it"),
    "general": _("no particular reason"),
    "incorrect_account_details": _("the account details were wrong"),
    "insufficient_funds": _("there was not enough money"),
    "noncompliant": _("a rule of the card network was broken"),
    "product_not_received": _("not received"),
    "product_unacceptable": _("not as described"),
    "subscription_canceled": _("charged after it was cancelled"),
    "unrecognized": _("the cardholder does not recognise it"),
}
EVENTS: Final = {slug: _(name) for slug, name in states.EVENT_STATES.items()}
SOURCES: Final = {Event.WEBHOOK: _("Webhook"), Event.BACKFILL: _("Found by asking")}
# The page of each kind of row that staff do something with.
PAGES: Final[dict[type, str]] = {
    Checkout: "checkout.checkout",
    Customer: "checkout.customer",
    CustomerPayment: "checkout.customer.payment",
    Event: "checkout.event",
    Notice: "checkout.notice",
    ObjectPaymentPlan: "checkout.object.payment.plan",
    ObjectPaymentPlanInstalment: "checkout.object.payment.plan.instalment",
    PaymentPlan: "checkout.payment.plan.update",
    Reconciliation: "checkout.reconciliation",
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
def still(moment: datetime) -> str:
    """How long it is until then, in days or a smaller unit; empty when it is over."""
    left = moment - timezone.now()
    if left.days > 0:
        return ngettext("%(count)s day", "%(count)s days", left.days) % {"count": left.days}
    return timeuntil(moment, depth=1) if left.days == 0 else ""


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
def refund_state(refund: Refund) -> str:
    """How far it is. One that Stripe had made, and that did not reach the customer after all, is called so."""
    if refund.state == states.FAIL and refund.refund_id is not None:
        return str(FAILED_LATER)
    return str(REFUNDS[refund.state])


@register.filter
def refund_reason(refund: Refund) -> str:
    """Why money was given back, in words; empty where nobody said."""
    return str(_(REFUND_REASONS[refund.reason])) if refund.reason in REFUND_REASONS else refund.reason


@register.filter
def refund_failure(refund: Refund) -> str:
    """Why it failed, as a sentence can say it; empty for what has no words here."""
    if refund.failure in REFUND_FAILURES:
        return str(REFUND_FAILURES[refund.failure])
    return refusal_in_words(refund.failure)


def refusal_in_words(evidence: str) -> str:
    """What Stripe refused a refund for; empty for what has no words here."""
    return next((str(REFUND_REFUSALS[word]) for word in evidence.split() if word in REFUND_REFUSALS), "")


@register.filter
def dispute_reason(dispute: Dispute) -> str:
    """Why a payment is contested, in words; Stripe's own for what has none."""
    return str(DISPUTE_REASONS.get(dispute.reason, dispute.reason))


@register.filter
def at_stripe(row: Dispute | Refund | Checkout) -> str:
    """Its page in Stripe's dashboard, of the mode that this site is in; of a refund, the payment's.

    Of a payment whose intent has never reached us the search for our uuid, which stands in the intent's metadata.
    """
    mode = "" if settings.livemode else "test/"
    return f"https://dashboard.stripe.com/{mode}{_at_stripe(row.checkout if isinstance(row, Refund) else row)}"


def _at_stripe(row: Dispute | Checkout) -> str:
    if isinstance(row, Dispute):
        return f"disputes/{quote(row.dispute_id, safe='')}"
    if row.payment_intent_id:
        return f"payments/{quote(row.payment_intent_id, safe='')}"
    return f"setup_intents/{quote(row.setup_intent_id, safe='')}" if row.setup_intent_id else f"search?query={row.uuid}"


@register.filter
def dispute_state(dispute: Dispute) -> str:
    """Where a dispute stands, and whether somebody should answer it."""
    if dispute.needs_answer:
        return str(_("Needs an answer"))
    if dispute.is_open and dispute.stripe_status.endswith("under_review"):
        return str(_("The bank decides"))
    return str(DISPUTES[dispute.state])


@register.filter
def event_state(event: Event) -> str:
    """How far an event is."""
    return str(EVENTS.get(event.state, event.state))


@register.filter
def event_source(event: Event) -> str:
    """How an event reached us."""
    return str(SOURCES.get(event.source, event.source))


@register.filter
def difference_kind(difference: Difference) -> str:
    """What differs."""
    return str(_(Difference.KINDS[difference.kind])) if difference.kind in Difference.KINDS else difference.kind


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
    if isinstance(target, Checkout):
        return target.lines[0] if target.lines else str(target.uuid)
    if isinstance(target, Event):
        return f"{target.type} {target.event_id}"
    if isinstance(target, Notice):
        return f"{notice_kind(target)}: {', '.join(map(str, target.recipients))}"
    return str(target) if target is not None else str(_("(deleted)"))


def first_line(plan: ObjectPaymentPlan) -> str:
    """What a plan is for, in short."""
    return plan.lines[0] if plan.lines else str(plan.object_id)
