"""Payment runs: what each did, and what became of every instalment in it. Reading only."""

from collections import defaultdict
from collections.abc import Iterator
from typing import Any, ClassVar

from django.db.models import Case, Count, IntegerField, QuerySet, Sum, Value, When
from django.shortcuts import get_object_or_404
from django.utils.translation import gettext_lazy as _

from checkout import states
from checkout.models import PaymentRun, PaymentRunItem
from checkout.models.run import Line
from checkout.templatetags.checkout_staff import in_words
from checkout.views.staff.base import FilteredListView, day_filter
from checkout.views.staff.export import CHUNK, Column, batches, plain

# a run in which nothing was due
NOTHING: list[Any] = [None]
# what needs a person first
ORDER = (states.REQUEST, states.FAIL, states.PAY_ON_SESSION, states.RELEASED, states.SKIPPED, states.SUCCESS)


class PaymentRunListView(FilteredListView):
    """Every run, newest first, with its outcomes: two queries a page. The file has a row for each outcome."""

    template_name = "checkout/staff/run_list.html"
    section = "runs"
    tab = "runs"
    filters = ("from", "to")
    file_name = "payment-runs"
    columns: ClassVar[tuple[Column, ...]] = (
        (_("Date"), lambda row: row[0].date),
        (_("Started"), lambda row: row[0].started),
        (_("Ended"), lambda row: row[0].finished),
        (_("Stopped early"), lambda row: row[0].stopped),
        (_("Outcome"), lambda row: row[1] and row[1].label),
        (_("Instalments"), lambda row: row[1] and row[1].count),
        (_("Amount"), lambda row: row[1] and plain(row[1].amount, row[1].currency)),
        (_("Currency"), lambda row: row[1] and row[1].currency),
    )

    def rows(self) -> "QuerySet[PaymentRun]":
        """Without their outcomes."""
        return PaymentRun.objects.order_by("-date")

    def narrow(self, rows: "QuerySet[PaymentRun]", chosen: dict[str, str]) -> "QuerySet[PaymentRun]":
        """By day."""
        return day_filter(rows, chosen, "date")

    def chunks(self, rows: "QuerySet[PaymentRun]") -> Iterator[list[Any]]:
        """Each run with each of its outcomes; two queries for each chunk of runs."""
        for chunk in batches(rows.iterator(chunk_size=CHUNK)):
            summaries = summaries_of(chunk)
            yield [(run, line) for run in chunk for line in summaries.get(run.pk) or NOTHING]

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
    file_name = "payment-run"
    columns: ClassVar[tuple[Column, ...]] = (
        (_("Name"), lambda row: row.instalment.customer.name),
        (_("Email"), lambda row: row.instalment.customer.email),
        (_("Payment plan"), lambda row: row.instalment.object_payment_plan_id),
        (_("What"), lambda row: row.instalment.object_payment_plan.description),
        (_("Part"), lambda row: row.instalment.label),
        (_("Outcome"), lambda row: row.get_outcome_display()),
        (_("Reason"), lambda row: in_words(row.reason) or row.reason),
        (_("Code"), lambda row: row.reason),
        (_("Amount"), lambda row: plain(row.amount, row.currency)),
        (_("Currency"), lambda row: row.currency),
    )
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
