"""A payment plan as its customer sees it: every part with its date, its amount and where it stands, in words."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date
from decimal import Decimal

from django.contrib.contenttypes.models import ContentType
from django.db import models
from django.utils import timezone
from django.utils.translation import gettext as _

from checkout import states
from checkout.flows.sign_up import Offer
from checkout.models import Checkout, Customer, ObjectPaymentPlan, ObjectPaymentPlanInstalment
from checkout.templatetags.checkout_tags import checkout_day

Part = tuple[date, Decimal]


@dataclass(frozen=True, kw_only=True)
class Line:
    """One part. ``amount`` in major units; ``state`` in words, ``tone`` its colour; both empty before the sign-up.

    ``note``: what comes next, where that is not plain; ``payable``: the key of a part that its customer may pay now;
    ``wants_customer``: it is not charged by itself.
    """

    label: str
    due: date
    amount: Decimal
    deposit: bool
    paid: bool = False
    state: str = ""
    tone: str = ""
    note: str = ""
    payable: int | None = None
    wants_customer: bool = False

    @property
    def is_today(self) -> bool:
        """What is charged as soon as the customer agrees."""
        return self.deposit and not self.state


@dataclass(frozen=True, kw_only=True)
class PlanSummary:
    """A plan at a glance. Amounts in major units of ``currency``; ``next`` is the first part that is not paid."""

    plan: ObjectPaymentPlan
    lines: list[Line]
    paid: Decimal
    left: Decimal
    next: Line | None

    @property
    def total(self) -> Decimal:
        """The whole."""
        return self.plan.total

    @property
    def currency(self) -> str:
        """The plan's."""
        return self.plan.currency

    @property
    def stopped(self) -> bool:
        """Nothing further is charged, though not everything has been paid."""
        return self.plan.deleted and self.left > 0

    @property
    def paused(self) -> bool:
        """Nothing is charged by itself until somebody goes on with it; what is due may still be paid by hand."""
        return self.plan.paused is not None and not self.plan.deleted and self.left > 0

    @property
    def deposit(self) -> Line:
        """The first part."""
        return self.lines[0]

    @property
    def card(self) -> Customer | None:
        """Whose saved card is charged, where there is one to be shown."""
        return self.plan.customer if self.plan.customer.last4 else None

    @property
    def sign_up(self) -> Checkout | None:
        """The checkout by which the customer agreed, if it was that way."""
        return self.plan.agreement.checkout if self.plan.agreement else None


def offered(offer: Offer) -> list[Line]:
    """The parts of what a customer is asked to agree to."""
    return [_planned(number, part, offer.payment_plan.count) for number, part in enumerate(offer.parts)]


def summary(plan: ObjectPaymentPlan, *, today: date | None = None) -> PlanSummary:
    """Where ``plan`` stands. One query; two more unless customer, template and agreement were selected with it."""
    today = today or timezone.localdate()
    parts = list(plan.payments)
    for part in parts:
        part.object_payment_plan = plan
    count = plan.payment_plan.count
    lines = [_line(part, count, today=today, stopped=plan.deleted) for part in parts]
    # the instalments are written when the deposit has been paid; until then they are as agreed
    agreed = plan.agreement.schedule if plan.agreement else _counted(plan, parts)
    state = _("Stopped") if plan.deleted else _("Paused") if plan.paused else _("Planned")
    lines += [_planned(number, agreed[number], count, state=state) for number in range(len(lines), len(agreed))]
    paid = sum((line.amount for line in lines if line.paid), Decimal(0))
    following = None if plan.deleted else next((line for line in lines if not line.paid), None)
    return PlanSummary(plan=plan, lines=lines, paid=paid, left=plan.total - paid, next=following)


def plan_of(content_object: models.Model) -> ObjectPaymentPlan | None:
    """The plan of an object with all that a summary needs. One query."""
    rows = ObjectPaymentPlan.objects.select_related("customer", "payment_plan", "agreement__checkout")
    content_type = ContentType.objects.get_for_model(content_object)
    return rows.filter(content_type=content_type, object_id=str(content_object.pk)).first()


def plan_of_checkout(checkout: Checkout) -> ObjectPaymentPlan | None:
    """The plan that a sign-up made, or of which a checkout pays a part; None for any other checkout. One query."""
    if checkout.is_payment_plan:
        object_type, object_id = checkout.content_type_id, checkout.object_id
    elif checkout.instalment is not None:
        plan = checkout.instalment.object_payment_plan
        object_type, object_id = plan.content_type_id, plan.object_id
    else:
        return None
    rows = ObjectPaymentPlan.objects.select_related("customer", "payment_plan", "agreement__checkout")
    return rows.filter(content_type_id=object_type, object_id=object_id).first()


def waited_for_card(customer: Customer) -> list[ObjectPaymentPlanInstalment]:
    """What is due and not paid, and is charged to a card of ``customer`` by itself within days. One query."""
    rows = ObjectPaymentPlanInstalment.objects.with_plan().filter(
        models.Q(state_id=states.PENDING) | models.Q(state_id=states.FAIL, retry_due__isnull=False),
        object_payment_plan__customer=customer,
        object_payment_plan__deleted=False,
        object_payment_plan__paused=None,
        due__lte=timezone.localdate(),
    )
    return list(rows.order_by("due", "pk"))


def _counted(plan: ObjectPaymentPlan, parts: Iterable[ObjectPaymentPlanInstalment]) -> list[Part]:
    due = next(part.due for part in parts if part.deposit)
    return plan.payment_plan.example(due, plan.total, currency=plan.currency)


def _planned(number: int, part: Part, count: int, *, state: str = "") -> Line:
    due, amount = part
    return Line(label=_label(number, count), due=due, amount=amount, deposit=number == 0, state=state)


def _line(part: ObjectPaymentPlanInstalment, count: int, *, today: date, stopped: bool) -> Line:
    state, tone = _standing(part, today=today, stopped=stopped)
    payable = part.can_pay_on_session
    return Line(
        label=_label(part.number, count),
        due=part.due,
        amount=part.amount,
        deposit=part.deposit,
        paid=part.state_id == states.SUCCESS,
        state=state,
        tone=tone,
        note=_note(part) if payable else "",
        payable=part.pk if payable else None,
        wants_customer=payable and (part.state_id == states.PAY_ON_SESSION or _given_up(part)),
    )


def _label(number: int, count: int) -> str:
    if number == 0:
        return _("Deposit")
    return _("Instalment %(number)s of %(total)s") % {"number": number, "total": count}


def _standing(part: ObjectPaymentPlanInstalment, *, today: date, stopped: bool) -> tuple[str, str]:
    """Where a part stands: the words for its customer, and the colour. Of a paused plan no day is promised."""
    paused = part.object_payment_plan.paused is not None
    if part.state_id == states.SUCCESS:
        return _("Paid"), states.SUCCESS
    if part.state_id == states.REQUEST:
        return _("Being charged"), states.REQUEST
    if stopped:
        return _("Stopped"), ""
    if part.state_id == states.PAY_ON_SESSION:
        return _("Your bank wants you to confirm it"), states.PAY_ON_SESSION
    if part.state_id == states.FAIL:
        if part.retry_due is None or paused:
            return _("Not paid"), states.FAIL
        return _("Declined, we try again on %(day)s") % {"day": checkout_day(part.retry_due)}, states.FAIL
    if paused:
        return _("Paused"), ""
    return (_("Due now"), states.REQUEST) if part.due <= today else (_("Planned"), "")


def _given_up(part: ObjectPaymentPlanInstalment) -> bool:
    return part.state_id == states.FAIL and part.retry_due is None


def _note(part: ObjectPaymentPlanInstalment) -> str:
    """What comes next for a part that its customer may pay now."""
    if part.state_id == states.PAY_ON_SESSION:
        return _("We could not charge your card without you. Pay it here, and your bank asks you to confirm it.")
    if part.object_payment_plan.paused:
        return _("It is not charged by itself while the plan is paused. You may pay it now if you like.")
    if part.state_id == states.FAIL and not _given_up(part):
        return _("You need not wait for that: you may pay it now, with this card or another one.")
    if part.state_id == states.FAIL:
        return _("Your card was declined, and we do not try it again by ourselves. Please pay it here.")
    return _("It is charged to your card by itself, or you pay it now.") if not part.deposit else ""
