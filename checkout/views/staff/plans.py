"""The customers' payment plans: the list, the statement of one, and one of its parts. Reading only."""

from collections.abc import Iterator
from typing import Any, ClassVar, Final

from django.db.models import Q, QuerySet
from django.utils import timezone
from django.utils.translation import gettext_lazy as _
from django.views.generic import DetailView

from checkout import states
from checkout.models import Notice, ObjectPaymentPlan, ObjectPaymentPlanInstalment
from checkout.templatetags.checkout_staff import part_state
from checkout.views.staff import disputes, queue, record_list, standing, statement
from checkout.views.staff.base import FilteredListView, StaffMixin, day_filter
from checkout.views.staff.export import CHUNK, Column, batches, plain

WAITING, FAILED, RETRIED, NO_CARD, UNKNOWN, OVERDUE = "waiting", "failed", "retried", "card", "unknown", "overdue"
PAUSED, DECIDED = "paused", "decided"
# Beside how a plan stands; some of these are in the work queue.
PAUSED_BY: Final = {PAUSED: _("Paused"), DECIDED: _("Paused, disputes decided")}
# What can be wrong with a part, in the words of the work queue; the others are simply to come, or paid.
PARTS_BY: Final = {
    WAITING: _("The bank wants the customer"),
    FAILED: _("Failed for good"),
    RETRIED: _("Declined, tried again"),
    NO_CARD: _("Due, and no card to charge"),
    UNKNOWN: _("Outcome not known yet"),
    OVERDUE: _("Overdue"),
}


class ObjectPaymentPlanListView(FilteredListView):
    """Every plan, newest first: what was bought, by whom, what is paid and what comes next."""

    template_name = "checkout/staff/plan_list.html"
    section = "plans"
    filters = ("state", "q")
    file_name = "payment-plans"
    columns: ClassVar[tuple[Column, ...]] = (
        (_("Payment plan"), lambda row: row.pk),
        (_("Since"), lambda row: row.created),
        (_("What"), lambda row: row.description),
        (_("Name"), lambda row: row.customer.name),
        (_("Email"), lambda row: row.customer.email),
        (_("Template"), lambda row: row.payment_plan.name),
        (_("State"), lambda row: standing.WORDS[row.standing]),
        (_("Paused"), lambda row: row.paused),
        (_("Next"), lambda row: None if row.deleted else row.next_due),
        (_("Total"), lambda row: plain(row.total, row.currency)),
        (_("Paid"), lambda row: plain(row.paid, row.currency)),
        (_("Left"), lambda row: plain(row.left, row.currency)),
        (_("Currency"), lambda row: row.currency),
    )

    def rows(self) -> "QuerySet[ObjectPaymentPlan]":
        """By their key: what a row shows of them is asked for the page alone."""
        return ObjectPaymentPlan.objects.only("pk").order_by("-pk")

    def narrow(self, rows: "QuerySet[ObjectPaymentPlan]", chosen: dict[str, str]) -> "QuerySet[ObjectPaymentPlan]":
        """By how they stand, and words of the customer, the description, or the key of the object."""
        if "state" in chosen:
            rows = _in_state(rows, chosen["state"])
        if "q" in chosen:
            rows = rows.filter(_search(chosen["q"]))
        return rows

    def chunks(self, rows: "QuerySet[ObjectPaymentPlan]") -> Iterator[list[Any]]:
        """How they stand is asked for each chunk: asked of all at once, databases read every part of every plan."""
        keys = rows.values_list("pk", flat=True).iterator(chunk_size=CHUNK)
        return (self._standing(chunk) for chunk in batches(keys))

    @staticmethod
    def _standing(keys: list[int]) -> list[ObjectPaymentPlan]:
        page = ObjectPaymentPlan.objects.filter(pk__in=keys)
        rows = page.select_related("customer", "payment_plan").order_by("-pk")
        return list(standing.with_standing(rows, timezone.localdate()))

    def get_context_data(self, **kwargs: Any) -> dict[str, Any]:
        """With how each plan of the page stands, and how many need a person."""
        today = timezone.localdate()
        context = super().get_context_data(standings={**standing.WORDS, **PAUSED_BY}, tab="plans", **kwargs)
        trouble = ObjectPaymentPlan.objects.filter(standing.conditions(today)[standing.ATTENTION])
        counted = context["filter"].get("state") == standing.ATTENTION
        context.update(
            object_list=self._standing([plan.pk for plan in context["object_list"]]),
            attention=0 if counted else trouble.count(),
        )
        return context


class ObjectPaymentPlanInstalmentListView(FilteredListView):
    """Parts of plans that go on, the longest due first: what needs somebody, or all of them."""

    template_name = "checkout/staff/part_list.html"
    section = "plans"
    filters = ("state", "from", "to", "q")
    file_name = "instalments"
    columns: ClassVar[tuple[Column, ...]] = (
        (_("Due"), lambda row: row.due),
        (_("Name"), lambda row: row.customer.name),
        (_("Email"), lambda row: row.customer.email),
        (_("Payment plan"), lambda row: row.object_payment_plan_id),
        (_("What"), lambda row: row.object_payment_plan.description),
        (_("Part"), lambda row: row.label),
        (_("State"), part_state),
        (_("Next attempt"), lambda row: row.retry_due),
        (_("Retries"), lambda row: row.retries),
        (_("Customer asked"), lambda row: row.customer_asked),
        (_("Paid"), lambda row: row.settled),
        (_("Amount"), lambda row: plain(row.amount, row.currency)),
        (_("Currency"), lambda row: row.currency),
    )

    def rows(self) -> "QuerySet[ObjectPaymentPlanInstalment]":
        """With plan and customer."""
        return queue.going_on()

    def narrow(
        self, rows: "QuerySet[ObjectPaymentPlanInstalment]", chosen: dict[str, str]
    ) -> "QuerySet[ObjectPaymentPlanInstalment]":
        """By what is wrong (or simply paid, or to come), by when they are due, and words."""
        rows = day_filter(rows, chosen, "due")
        if "state" in chosen:
            condition = _part_conditions().get(chosen["state"])
            rows = rows.filter(condition) if condition is not None else rows.none()
        return rows.filter(_search(chosen["q"], "object_payment_plan__")) if "q" in chosen else rows

    def get_context_data(self, **kwargs: Any) -> dict[str, Any]:
        """With what there is to choose from."""
        words = {**PARTS_BY, states.PENDING: _("To come"), states.SUCCESS: _("Paid")}
        return super().get_context_data(tab="parts", heading=_("Instalments"), states=words, **kwargs)


class ObjectPaymentPlanView(StaffMixin, DetailView):  # type: ignore[type-arg]
    """One plan, as a statement."""

    template_name = "checkout/staff/plan.html"
    context_object_name = "plan"
    section = "plans"

    def get_queryset(self) -> "QuerySet[ObjectPaymentPlan]":
        """With everything that the page shows of it."""
        related = ("customer", "payment_plan", "agreement__user", "agreement__payment_plan", "content_type")
        return standing.with_standing(ObjectPaymentPlan.objects.select_related(*related), timezone.localdate())

    def get_context_data(self, **kwargs: Any) -> dict[str, Any]:
        """With its parts and attempts, and whether there is anything to do for this user."""
        plan, read = self.object, statement.read(self.object)
        target: Any = plan.content_object
        context = super().get_context_data(statement=read, attempts=read.attempts, **kwargs)
        found = disputes.of_plan(plan, [line.part for line in read.lines])
        context.update(
            disputes=found,
            # of what made it pause, what is open counts; the newest one where all are decided
            because=[one for one in found if one.is_open] or found[:1],
            # then what can be done is offered beside the reason
            paused=bool(plan.paused) and not plan.deleted,
            can_pause=not plan.deleted and not plan.paused and len(read.lines) > 1 and read.left > 0,
            object_url=target.get_absolute_url() if hasattr(target, "get_absolute_url") else "",
            can_stop=read.can_stop,
            buttons=any(has_button(line.part, context["may"]) for line in read.lines),
            actions=record_list.about(
                (ObjectPaymentPlan, [plan.pk]),
                (ObjectPaymentPlanInstalment, [line.part.pk for line in read.lines]),
            ),
        )
        return context


class ObjectPaymentPlanInstalmentView(StaffMixin, DetailView):  # type: ignore[type-arg]
    """One part of a plan, with its attempts."""

    template_name = "checkout/staff/instalment.html"
    context_object_name = "part"
    section = "plans"

    def get_queryset(self) -> "QuerySet[ObjectPaymentPlanInstalment]":
        """With plan, customer and state."""
        rows: QuerySet[ObjectPaymentPlanInstalment] = ObjectPaymentPlanInstalment.objects.with_plan()
        return rows

    def get_context_data(self, **kwargs: Any) -> dict[str, Any]:
        """With its own attempts."""
        plan = self.object.object_payment_plan
        line = statement.Line(part=self.object, balance=None)
        attempts = statement.read(plan).of(self.object)
        return super().get_context_data(
            plan=plan,
            attempts=attempts,
            paid_by=statement.paid_by(attempts),
            overdue=line.overdue,
            asked=Notice.objects.filter(kind=Notice.ON_SESSION_PAYMENT, instalment=self.object).order_by("-pk").first(),
            actions=record_list.about((ObjectPaymentPlanInstalment, [self.object.pk])),
            **kwargs,
        )


def _in_state(rows: "QuerySet[ObjectPaymentPlan]", slug: str) -> "QuerySet[ObjectPaymentPlan]":
    if slug in PAUSED_BY:
        found = queue.paused().filter(queue.decided()) if slug == DECIDED else queue.paused()
        return rows.filter(pk__in=found.order_by().values("pk"))
    condition = standing.conditions(timezone.localdate()).get(slug)
    return rows.filter(condition) if condition is not None else rows.none()


def has_button(part: ObjectPaymentPlanInstalment, may: dict[str, bool]) -> bool:
    """Whether ``_part_buttons.html`` offers anything."""
    charge = may["charge"] and part.checkout_can_charge and part.customer.checkout_can_charge
    ask = may["ask"] and part.state_id == states.PAY_ON_SESSION and not part.stopped
    return bool(charge or ask or (may["mark_paid"] and part.can_pay_by_hand))


def _search(text: str, plan: str = "") -> Q:
    columns = ("customer__name", "customer__email", "description")
    words = Q(**{f"{plan}object_id": text}) | Q(**{f"{plan}customer__customer_id": text})
    for column in columns:
        words |= Q(**{f"{plan}{column}__icontains": text})
    return words


def _part_conditions() -> dict[str, Q]:
    today = timezone.localdate()
    return {
        WAITING: queue.bank_wants(),
        FAILED: queue.failed_for_good(),
        RETRIED: queue.tried_again(),
        NO_CARD: queue.no_card(today),
        UNKNOWN: queue.unknown(),
        OVERDUE: queue.overdue(today),
        states.PENDING: Q(state_id=states.PENDING),
        states.SUCCESS: Q(state_id=states.SUCCESS),
    }
