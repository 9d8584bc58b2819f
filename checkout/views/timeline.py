"""A payment plan as its customer sees it: every part with its date, its amount and where it stands, in words."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from typing import Any

from django.contrib.contenttypes.models import ContentType
from django.db import models
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseBase
from django.urls import NoReverseMatch, reverse
from django.utils import timezone
from django.utils.cache import add_never_cache_headers
from django.utils.translation import gettext as _

from checkout import states
from checkout.access import CheckoutExpired, check_access
from checkout.flows.sign_up import Offer
from checkout.models import Checkout, Customer, ObjectPaymentPlan, ObjectPaymentPlanInstalment
from checkout.templatetags.checkout_tags import checkout_day

Part = tuple[date, Decimal]


@dataclass(frozen=True, kw_only=True)
class Line:
    """One part. ``amount`` in major units; ``state`` in words, ``tone`` its colour; both empty before the sign-up."""

    label: str
    due: date
    amount: Decimal
    deposit: bool
    paid: bool = False
    state: str = ""
    tone: str = ""

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
    count = plan.payment_plan.count
    lines = [_line(part, count, today=today, stopped=plan.deleted) for part in parts]
    # the instalments are written when the deposit has been paid; until then they are as agreed
    agreed = plan.agreement.schedule if plan.agreement else _counted(plan, parts)
    state = _("Stopped") if plan.deleted else _("Planned")
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


def _counted(plan: ObjectPaymentPlan, parts: Iterable[ObjectPaymentPlanInstalment]) -> list[Part]:
    due = next(part.due for part in parts if part.deposit)
    return plan.payment_plan.example(due, plan.total, currency=plan.currency)


def _planned(number: int, part: Part, count: int, *, state: str = "") -> Line:
    due, amount = part
    return Line(label=_label(number, count), due=due, amount=amount, deposit=number == 0, state=state)


def _line(part: ObjectPaymentPlanInstalment, count: int, *, today: date, stopped: bool) -> Line:
    state, tone = _standing(part, today=today, stopped=stopped)
    return Line(
        label=_label(part.number, count),
        due=part.due,
        amount=part.amount,
        deposit=part.deposit,
        paid=part.state_id == states.SUCCESS,
        state=state,
        tone=tone,
    )


def _label(number: int, count: int) -> str:
    if number == 0:
        return _("Deposit")
    return _("Instalment %(number)s of %(total)s") % {"number": number, "total": count}


def _standing(part: ObjectPaymentPlanInstalment, *, today: date, stopped: bool) -> tuple[str, str]:
    """Where a part stands: the words for its customer, and the colour."""
    if part.state_id == states.SUCCESS:
        return _("Paid"), states.SUCCESS
    if part.state_id == states.REQUEST:
        return _("Being charged"), states.REQUEST
    if stopped:
        return _("Stopped"), ""
    if part.state_id == states.PAY_ON_SESSION:
        return _("Your bank wants you to confirm it"), states.PAY_ON_SESSION
    if part.state_id == states.FAIL:
        if part.retry_due is None:
            return _("Not paid"), states.FAIL
        return _("Declined, we try again on %(day)s") % {"day": checkout_day(part.retry_due)}, states.FAIL
    return (_("Due now"), states.REQUEST) if part.due <= today else (_("Planned"), "")


class ObjectPaymentPlanMixin:
    """ "My payment plan": ``class PlanView(ObjectPaymentPlanMixin, DetailView)``, a view of your own object.

    ``get_object`` is yours, and so is the decision who may see it. Without a plan it is a 404.
    """

    template_name = "checkout/my_plan.html"
    checkout_url_name = "web.checkout"
    request: HttpRequest
    object: Any

    def dispatch(self, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponseBase:
        """No cache keeps a page that is one person's."""
        response: HttpResponseBase = super().dispatch(request, *args, **kwargs)  # type: ignore[misc]
        if isinstance(response, HttpResponse):
            add_never_cache_headers(response)
        return response

    def get_context_data(self, **kwargs: Any) -> dict[str, Any]:
        """``plan_summary``; and ``deposit_url`` where a deposit waits for its customer."""
        context: dict[str, Any] = super().get_context_data(**kwargs)  # type: ignore[misc]
        plan = plan_of(self.object)
        if plan is None:
            raise Http404("This has no payment plan.")
        found = summary(plan)
        return {**context, "plan_summary": found, "deposit_url": self._deposit_url(found)}

    def _deposit_url(self, found: PlanSummary) -> str:
        """The sign-up's page, which knows what to do about its deposit, for those who may open it."""
        if found.sign_up is None or found.deposit.paid or found.stopped:
            return ""
        try:
            check_access(self.request, found.sign_up)
            return reverse(self.checkout_url_name, kwargs={"uuid": found.sign_up.uuid})
        except (CheckoutExpired, NoReverseMatch):
            return ""
