"""Payment runs: what each did, and what became of every instalment in it. Reading only."""

from collections import defaultdict
from typing import Any, ClassVar

from django.db.models import Case, Count, IntegerField, QuerySet, Sum, Value, When
from django.shortcuts import get_object_or_404
from django.utils.translation import gettext_lazy as _
from django.views.generic import ListView

from checkout import states
from checkout.models import PaymentRun, PaymentRunItem
from checkout.models.run import Line
from checkout.views.staff.base import FilteredListView, StaffMixin

# what needs a person first
ORDER = (states.REQUEST, states.FAIL, states.PAY_ON_SESSION, states.RELEASED, states.SKIPPED, states.SUCCESS)


class PaymentRunListView(StaffMixin, ListView):  # type: ignore[type-arg]
    """Every run, newest first, with its outcomes: two queries a page."""

    template_name = "checkout/staff/run_list.html"
    queryset = PaymentRun.objects.order_by("-date")
    section = "runs"
    paginate_by = 25

    def get_context_data(self, **kwargs: Any) -> dict[str, Any]:
        """Each run of the page with its summary."""
        context = super().get_context_data(**kwargs)
        page = list(context["object_list"])
        summaries = summaries_of(page)
        context["runs"] = [(run, summaries[run.pk]) for run in page]
        return context


class PaymentRunView(FilteredListView):
    """One run: the summary, why it was stopped, and its items, those that need a person first."""

    template_name = "checkout/staff/run.html"
    section = "runs"
    filters: ClassVar[tuple[str, ...]] = ("outcome",)
    paginate_by = 50
    run: PaymentRun

    def rows(self) -> "QuerySet[PaymentRunItem]":
        """With customer and plan, in the one query of the page."""
        self.run = get_object_or_404(PaymentRun, pk=self.kwargs["pk"])
        rank = Case(
            *(When(outcome=outcome, then=Value(place)) for place, outcome in enumerate(ORDER)),
            default=Value(len(ORDER)),
            output_field=IntegerField(),
        )
        plan = "instalment__object_payment_plan"
        rows = PaymentRunItem.objects.filter(payment_run=self.run)
        return rows.select_related(f"{plan}__customer", f"{plan}__payment_plan").order_by(rank, "pk")

    def narrow(self, rows: "QuerySet[PaymentRunItem]", chosen: dict[str, str]) -> "QuerySet[PaymentRunItem]":
        """By outcome."""
        return rows.filter(outcome=chosen["outcome"]) if "outcome" in chosen else rows

    def get_context_data(self, **kwargs: Any) -> dict[str, Any]:
        """With the run and its summary."""
        outcomes = [(outcome, _(states.OUTCOMES[outcome])) for outcome in ORDER]
        return super().get_context_data(run=self.run, summary=self.run.summary(), outcomes=outcomes, **kwargs)


def summaries_of(runs: list[PaymentRun]) -> dict[int, list[Line]]:
    """What ``PaymentRun.summary`` says, for many runs in one query."""
    items = PaymentRunItem.objects.filter(payment_run__in=runs).order_by()
    rows = items.values_list("payment_run", "outcome", "currency").annotate(Count("pk"), Sum("amount"))
    found: dict[int, list[Line]] = defaultdict(list)
    for run, outcome, currency, count, amount in rows:
        found[run].append(Line(outcome, currency, count, amount))
    for lines in found.values():
        lines.sort(key=lambda line: (line.currency, list(states.OUTCOMES).index(line.outcome)))
    return found
