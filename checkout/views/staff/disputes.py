"""Payments that cardholders contest, and the plans that pause because of it."""

from datetime import date
from typing import Any, ClassVar, Final
from uuid import UUID

from django.contrib import messages
from django.contrib.contenttypes.models import ContentType
from django.contrib.contenttypes.prefetch import GenericPrefetch
from django.db.models import Q, QuerySet, prefetch_related_objects
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from checkout import states
from checkout.flows import dispute as dispute_flow
from checkout.models import CustomerPayment, Dispute, ObjectPaymentPlan, ObjectPaymentPlanInstalment
from checkout.templatetags.checkout_staff import DISPUTES, dispute_reason, dispute_state
from checkout.views.staff import outcomes, queue, statement
from checkout.views.staff.actions import ActionView
from checkout.views.staff.base import CHARGE, FilteredListView, day_filter
from checkout.views.staff.export import Column, plain

ANSWER: Final = "answer"


class DisputeListView(FilteredListView):
    """Every dispute, newest first; those that need an answer by when it is due."""

    template_name = "checkout/staff/dispute_list.html"
    section = "refunds"
    filters = ("state", "from", "to", "q")
    file_name = "disputes"
    columns: ClassVar[tuple[Column, ...]] = (
        (_("Opened"), lambda row: row.opened),
        (_("What"), lambda row: row.checkout.description),
        (_("State"), dispute_state),
        (_("Stripe’s word"), lambda row: row.stripe_status),
        (_("Only a question"), lambda row: row.is_inquiry),
        (_("Reason"), dispute_reason),
        (_("Answer by"), lambda row: row.due_by if row.needs_answer else None),
        (_("Decided"), lambda row: row.closed),
        (_("Dispute"), lambda row: row.dispute_id),
        (_("Payment"), lambda row: row.checkout.payment_intent_id),
        (_("Checkout"), lambda row: row.checkout.uuid),
        (_("Amount"), lambda row: plain(row.amount, row.currency)),
        (_("Currency"), lambda row: row.currency),
    )

    def rows(self) -> "QuerySet[Dispute]":
        """With the payment."""
        return queue.disputes().order_by("-pk")

    def narrow(self, rows: "QuerySet[Dispute]", chosen: dict[str, str]) -> "QuerySet[Dispute]":
        """By state, by the days on which it was opened, and ids."""
        rows = day_filter(rows, chosen, "opened")
        if chosen.get("state") == ANSWER:
            rows = queue.disputes().filter(queue.disputes_to_answer(), pk__in=rows.order_by().values("pk"))
        elif "state" in chosen:
            rows = rows.filter(state=chosen["state"])
        return rows.filter(self._search(chosen["q"])) if "q" in chosen else rows

    def get_context_data(self, **kwargs: Any) -> dict[str, Any]:
        """With what the payments of the page were for, and how many disputes need an answer."""
        words = {ANSWER: _("Needs an answer"), **DISPUTES}
        context = super().get_context_data(tab="disputes", heading=_("Disputes"), states=words, **kwargs)
        context["object_list"] = with_targets(context["object_list"])
        waiting = Dispute.objects.filter(queue.disputes_to_answer())
        context["waiting"] = 0 if context["filter"].get("state") == ANSWER else waiting.count()
        return context

    @staticmethod
    def _search(text: str) -> Q:
        found = Q(dispute_id=text) | Q(checkout__payment_intent_id=text)
        try:
            return found | Q(checkout__uuid=UUID(text))
        except ValueError:
            return found


def with_targets(rows: Any) -> list[Any]:
    """Disputes or refunds with what their payments were for: a query for each kind of object, however many."""
    found = list(rows)
    targets = GenericPrefetch(
        "checkout__content_object",
        [ObjectPaymentPlanInstalment.objects.with_plan(), CustomerPayment.objects.select_related("customer")],
    )
    prefetch_related_objects(found, targets)
    return found


def of_plan(plan: ObjectPaymentPlan, parts: list[ObjectPaymentPlanInstalment]) -> list[Dispute]:
    """The disputes of a plan's payments, newest first."""
    kind = ContentType.objects.get_for_model(ObjectPaymentPlanInstalment)
    keys = [str(part.pk) for part in parts]
    rows = Dispute.objects.filter(checkout__content_type=kind, checkout__object_id__in=keys)
    return list(rows.select_related("checkout"))


class PlanView(ActionView):
    """Something to be done with a plan as a whole."""

    context_object_name = "plan"
    permission_required = CHARGE
    object: ObjectPaymentPlan

    def get_queryset(self) -> "QuerySet[ObjectPaymentPlan]":
        """With the customer."""
        return ObjectPaymentPlan.objects.select_related("customer", "payment_plan", "agreement")

    def home(self) -> str:
        """Its own page."""
        return self.object.get_absolute_url()

    def get_context_data(self, **kwargs: Any) -> dict[str, Any]:
        """With what has been paid, what has fallen due, and the disputes."""
        read = self._read()
        parts = [line.part for line in read.lines]
        due = [part for part in parts if _falls_due(part, timezone.localdate())]
        disputes = of_plan(self.object, parts)
        return super().get_context_data(
            statement=read,
            due=due,
            due_amount=sum(part.amount for part in due),
            disputes=disputes,
            undecided=any(one.is_open for one in disputes),
            **kwargs,
        )

    def shown(self) -> list[Any]:
        """The plan, its parts and its disputes."""
        parts = [line.part for line in self._read().lines]
        disputes = [(one.pk, one.state) for one in of_plan(self.object, parts)]
        states_of = [(part.pk, part.state_id) for part in parts]
        return [self.object.pk, self.object.deleted, self.object.paused, states_of, disputes]

    def stands(self) -> str:
        """Whether it charges by itself."""
        if self.object.deleted:
            return str(_("The plan has been stopped. Nothing further will be charged."))
        if self.object.paused:
            return str(_("The plan is paused: nothing is charged by itself."))
        return str(_("The plan goes on."))

    def _read(self) -> statement.Statement:
        return statement.read(self.object)


class ObjectPaymentPlanPauseView(PlanView):
    """Charge nothing by itself until somebody says so."""

    template_name = "checkout/staff/plan_pause.html"

    def why_not(self) -> str:
        """It is paused or stopped already, has not begun, or there is nothing left to charge."""
        if self.object.deleted:
            return str(_("The plan has been stopped."))
        if self.object.paused:
            return str(_("It is paused already."))
        read = self._read()
        if any(line.part.deposit and line.part.state_id != states.SUCCESS for line in read.lines):
            # a deposit is charged as soon as it can be, and no pause is looked at there
            return str(_("The deposit has not been paid yet: the plan can only be stopped."))
        return str(_("The plan is paid in full: there is nothing to pause.")) if read.left == 0 else ""

    def act(self) -> outcomes.Said:
        """The flow looks again."""
        if reason := self.why_not():
            return messages.WARNING, reason
        dispute_flow.pause(self.object, user=self.request.user)
        return messages.SUCCESS, str(_("The plan is paused: nothing is charged by itself."))


class ObjectPaymentPlanResumeView(PlanView):
    """Go on with a plan that was paused."""

    template_name = "checkout/staff/plan_resume.html"

    def why_not(self) -> str:
        """It is not paused, or stopped."""
        if self.object.deleted:
            return str(_("The plan has been stopped, and cannot go on again."))
        return "" if self.object.paused else str(_("It is not paused."))

    def act(self) -> outcomes.Said:
        """The next run charges what has fallen due."""
        if not dispute_flow.resume(self.object, user=self.request.user):
            return messages.WARNING, self.why_not()
        return messages.SUCCESS, str(_("The plan goes on. What has fallen due is charged by the next payment run."))


def _falls_due(part: ObjectPaymentPlanInstalment, today: date) -> bool:
    """The next run would charge it."""
    if part.deposit:
        return False
    if part.state_id == states.PENDING:
        return part.due <= today
    return part.state_id == states.FAIL and part.retry_due is not None and part.retry_due <= today
