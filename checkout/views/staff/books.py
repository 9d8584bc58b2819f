"""Reconciliations: do our books agree with Stripe's, and what differs. Reading only."""

from typing import Any, ClassVar

from django.db.models import QuerySet
from django.shortcuts import get_object_or_404
from django.utils.translation import gettext_lazy as _

from checkout.models import Difference, Reconciliation
from checkout.templatetags.checkout_staff import difference_kind, page_of
from checkout.templatetags.staff_words import detail_in_words, side_in_words
from checkout.views.staff.base import FilteredListView, day_filter
from checkout.views.staff.export import Column

DIFFER = "differ"
WHAT = {DIFFER: _("With differences")}


class ReconciliationListView(FilteredListView):
    """Every comparison, newest first. One query for a page, beside the count."""

    template_name = "checkout/staff/reconciliation_list.html"
    section = "books"
    tab = "books"
    filters = ("what", "from", "to")
    file_name = "reconciliations"
    columns: ClassVar[tuple[Column, ...]] = (
        (_("Compared"), lambda row: row.created),
        (_("Ended"), lambda row: row.finished),
        (_("From"), lambda row: row.since),
        (_("To"), lambda row: row.until),
        (_("Payments"), lambda row: row.intents),
        (_("Refunds"), lambda row: row.refunds),
        (_("Payment plans"), lambda row: row.plans),
        (_("Not ours"), lambda row: row.foreign),
        (_("Differences"), lambda row: row.differences),
    )

    def rows(self) -> "QuerySet[Reconciliation]":
        """With the counts that each has written down."""
        return Reconciliation.objects.order_by("-pk")

    def narrow(self, rows: "QuerySet[Reconciliation]", chosen: dict[str, str]) -> "QuerySet[Reconciliation]":
        """By day, and those that found something."""
        rows = day_filter(rows, chosen)
        return rows.filter(differences__gt=0) if chosen.get("what") == DIFFER else rows

    def get_context_data(self, **kwargs: Any) -> dict[str, Any]:
        """With what there is to choose from."""
        return super().get_context_data(what=WHAT, **kwargs)


class ReconciliationView(FilteredListView):
    """One comparison, and what differs."""

    template_name = "checkout/staff/reconciliation.html"
    section = "books"
    filters: ClassVar[tuple[str, ...]] = ("kind",)
    paginate_by = 50
    file_name = "differences"
    columns: ClassVar[tuple[Column, ...]] = (
        (_("What differs"), difference_kind),
        (_("Checkout"), lambda row: row.checkout.uuid if row.checkout else ""),
        (_("Payment plan"), lambda row: row.plan_id),
        (_("At Stripe"), lambda row: row.stripe_id),
        (_("Our books say"), lambda row: side_in_words(row, "ours")),
        (_("It should be"), lambda row: side_in_words(row, "theirs")),
        (_("Details"), detail_in_words),
    )
    run: Reconciliation

    def rows(self) -> "QuerySet[Difference]":
        """With payment and plan, in the one query of the page."""
        self.run = get_object_or_404(Reconciliation, pk=self.kwargs["pk"])
        rows = Difference.objects.filter(reconciliation=self.run).order_by("pk")
        return rows.select_related("checkout", "plan__payment_plan")

    def narrow(self, rows: "QuerySet[Difference]", chosen: dict[str, str]) -> "QuerySet[Difference]":
        """By what differs."""
        return rows.filter(kind=chosen["kind"]) if "kind" in chosen else rows

    def get_context_data(self, **kwargs: Any) -> dict[str, Any]:
        """With the run, the kinds that it found, and where each difference is about."""
        context = super().get_context_data(run=self.run, **kwargs)
        found = set(
            Difference.objects.filter(reconciliation=self.run).order_by().values_list("kind", flat=True).distinct()
        )
        context["kinds"] = {slug: _(Difference.KINDS[slug]) for slug in Difference.KINDS if slug in found}
        context["rows"] = [(row, place_of(row)) for row in context["object_list"]]
        return context


def place_of(row: Difference) -> str:
    """Where staff look at what differs: the payment's page, else the plan's."""
    return (page_of(row.checkout) or page_of(row.plan)) if row.checkout or row.plan else ""
