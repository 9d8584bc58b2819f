"""Sections of the work queue about money that was paid: contested, or given back and not arrived."""

from datetime import datetime
from typing import Any

from django.contrib.contenttypes.prefetch import GenericPrefetch
from django.db.models import prefetch_related_objects
from django.urls import reverse
from django.utils.translation import gettext_lazy as _

from checkout.models import (
    ChargedModel,
    Checkout,
    CustomerPayment,
    Dispute,
    ObjectPaymentPlan,
    ObjectPaymentPlanInstalment,
    Refund,
)
from checkout.templatetags.checkout_staff import (
    at_stripe,
    dispute_reason,
    dispute_state,
    first_line,
    named,
    page_of,
    refund_failure,
    refund_reason,
    refund_state,
)
from checkout.templatetags.checkout_tags import checkout_amount
from checkout.views.staff import plans, queue
from checkout.views.staff.disputes import ANSWER
from checkout.views.staff.refund_list import TROUBLE, UNKNOWN
from checkout.views.staff.section import BACK_HERE, LOOK_UP, MOST, Button, Row, Section, whole_list

PLAN = "checkout.object.payment.plan"


def sections(may: dict[str, bool], now: datetime) -> list[Section]:
    """As many queries however much there is."""
    disputes = queue.disputes().filter(queue.disputes_to_answer())
    failed = queue.refunds().filter(queue.refunds_failed(now))
    unknown = queue.refunds().filter(queue.refunds_unknown(now))
    rows: list[list[Any]] = [list(found[:MOST]) for found in (disputes, failed, unknown)]
    _read_targets([one for found in rows for one in found])
    return [
        _disputes(disputes.count(), rows[0]),
        _paused(may),
        _failed(failed.count(), rows[1], may),
        _unknown(unknown.count(), rows[2]),
    ]


def _disputes(count: int, found: list[Dispute]) -> Section:
    return Section(
        slug="disputes",
        title=_("Disputes that need an answer"),
        meaning=_(
            "A cardholder contests a payment at their bank. Send what proves it in Stripe's dashboard, or accept it "
            "there. Without an answer by that day the money is lost."
        ),
        count=count,
        rows=[_dispute(one) for one in found],
        links=[whole_list("checkout.dispute.list", state=ANSWER)],
    )


def _paused(may: dict[str, bool]) -> Section:
    found = queue.paused().filter(queue.decided())
    return Section(
        slug="paused",
        title=_("Paused, and the disputes are decided"),
        meaning=_(
            "Nothing is charged by itself while a plan is paused. Its disputes have come to an end: go on with it, or "
            "stop it."
        ),
        count=found.count(),
        rows=[_plan(one, may) for one in queue.with_last_dispute(found)[:MOST]],
        links=[whole_list(f"{PLAN}.list", state=plans.DECIDED)],
    )


def _failed(count: int, found: list[Refund], may: dict[str, bool]) -> Section:
    again = _("Give back")
    rows = [
        _refund(
            one,
            since=one.settled,
            why=refund_failure(one) or one.failure or refund_state(one),
            buttons=[Button(reverse("checkout.refund", args=[one.checkout_id]), again)] if may["refund"] else [],
        )
        for one in found
    ]
    return Section(
        slug="refunds-failed",
        title=_("Refunds that failed"),
        meaning=_(
            "The customer does not have the money, even if it looked so at first. Give it back again, or find another "
            "way together with them."
        ),
        count=count,
        rows=rows,
        links=[whole_list("checkout.refund.list", state=TROUBLE)],
    )


def _unknown(count: int, found: list[Refund]) -> Section:
    return Section(
        slug="refunds-unknown",
        title=_("Refunds unknown for more than an hour"),
        meaning=_(
            "A refund was asked for and the answer was lost. Stripe is asked again by itself, and nothing can be given "
            "back twice meanwhile. After a day look it up in Stripe's dashboard."
        ),
        count=count,
        rows=[
            _refund(
                one,
                since=one.created,
                why=_("the answer was lost"),
                told=refund_reason(one),
                buttons=[Button(at_stripe(one), LOOK_UP)],
            )
            for one in found
        ],
        links=[whole_list("checkout.refund.list", state=UNKNOWN)],
    )


# one row of each kind


def _dispute(dispute: Dispute) -> Row:
    checkout = dispute.checkout
    return Row(
        url=page_of(checkout),
        what=named(checkout),
        more=_label(checkout),
        customer=_payer(checkout),
        amount=checkout_amount(dispute.amount, dispute.currency),
        since=dispute.opened,
        until=dispute.due_by,
        why=dispute_reason(dispute),
        told=_("only a question so far, the money is still here") if dispute.is_inquiry else "",
        reference=dispute.dispute_id,
        buttons=[Button(at_stripe(dispute), _("Answer it"))],
    )


def _plan(plan: ObjectPaymentPlan, may: dict[str, bool]) -> Row:
    buttons = []
    if may["charge"]:
        buttons.append(Button(f"{reverse(f'{PLAN}.resume', args=[plan.pk])}{BACK_HERE}", _("Go on with it")))
    if may["stop"]:
        buttons.append(Button(f"{reverse(f'{PLAN}.delete', args=[plan.pk])}{BACK_HERE}", _("Stop this plan")))
    last = plan.last_dispute  # type: ignore[attr-defined]
    return Row(
        url=plan.get_absolute_url(),
        what=first_line(plan),
        customer=plan.customer,
        since=plan.paused,
        why=_("the last dispute: %(state)s") % {"state": dispute_state(Dispute(state=last))},
        buttons=buttons,
    )


def _refund(refund: Refund, **values: Any) -> Row:
    checkout = refund.checkout
    return Row(
        url=page_of(checkout),
        what=named(checkout),
        more=_label(checkout),
        customer=_payer(checkout),
        amount=checkout_amount(refund.amount, refund.currency),
        reference=refund.refund_id or "",
        **values,
    )


# what is known of them


def _read_targets(rows: list[Any]) -> None:
    """What was paid for: a query for each kind of object, however many."""
    targets = GenericPrefetch(
        "content_object",
        [ObjectPaymentPlanInstalment.objects.with_plan(), CustomerPayment.objects.select_related("customer")],
    )
    prefetch_related_objects([row.checkout for row in rows], targets)


def _label(checkout: Checkout) -> str:
    target = checkout.content_object
    return target.label if isinstance(target, ObjectPaymentPlanInstalment) else ""


def _payer(checkout: Checkout) -> Any:
    target = checkout.content_object
    return target.payer if isinstance(target, ChargedModel) else None
