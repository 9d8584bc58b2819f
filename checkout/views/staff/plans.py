"""The customers' payment plans: the list, the statement of one, and one of its parts. Reading only."""

from typing import Any

from django.db.models import Q, QuerySet
from django.utils import timezone
from django.views.generic import DetailView

from checkout.models import ObjectPaymentPlan, ObjectPaymentPlanInstalment
from checkout.views.staff import standing, statement
from checkout.views.staff.base import FilteredListView, StaffMixin


class ObjectPaymentPlanListView(FilteredListView):
    """Every plan, newest first: what was bought, by whom, what is paid and what comes next."""

    template_name = "checkout/staff/plan_list.html"
    section = "plans"
    filters = ("state", "q")

    def rows(self) -> "QuerySet[ObjectPaymentPlan]":
        """By their key: what a row shows of them is asked for the page alone."""
        return ObjectPaymentPlan.objects.only("pk").order_by("-pk")

    def narrow(self, rows: "QuerySet[ObjectPaymentPlan]", chosen: dict[str, str]) -> "QuerySet[ObjectPaymentPlan]":
        """By how they stand, and words of the customer, the description, or the key of the object."""
        if "state" in chosen:
            condition = standing.conditions(timezone.localdate()).get(chosen["state"])
            rows = rows.filter(condition) if condition is not None else rows.none()
        if "q" in chosen:
            rows = rows.filter(_search(chosen["q"]))
        return rows

    def get_context_data(self, **kwargs: Any) -> dict[str, Any]:
        """With how each plan of the page stands, and how many need a person."""
        today = timezone.localdate()
        context = super().get_context_data(standings=standing.WORDS, **kwargs)
        page = ObjectPaymentPlan.objects.filter(pk__in=[plan.pk for plan in context["object_list"]])
        rows = page.select_related("customer", "payment_plan").order_by("-pk")
        trouble = ObjectPaymentPlan.objects.filter(standing.conditions(today)[standing.ATTENTION])
        counted = context["filter"].get("state") == standing.ATTENTION
        context.update(
            object_list=list(standing.with_standing(rows, today)), attention=0 if counted else trouble.count()
        )
        return context


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
        context.update(
            object_url=target.get_absolute_url() if hasattr(target, "get_absolute_url") else "",
            can_stop=read.can_stop,
            buttons=any(has_button(line.part, context["may"]) for line in read.lines),
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
        return super().get_context_data(plan=plan, attempts=attempts, overdue=line.overdue, **kwargs)


def has_button(part: ObjectPaymentPlanInstalment, may: dict[str, bool]) -> bool:
    """Whether ``_part_buttons.html`` offers anything."""
    charge = may["charge"] and part.checkout_can_charge and part.customer.has_card
    return bool(charge or (may["mark_paid"] and part.can_pay_by_hand))


def _search(text: str) -> Q:
    words = Q(customer__name__icontains=text) | Q(customer__email__icontains=text) | Q(description__icontains=text)
    return words | Q(object_id=text) | Q(customer__customer_id=text)
