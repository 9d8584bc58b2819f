"""Every refund, by our staff or made at Stripe."""

from typing import Any, ClassVar, Final
from uuid import UUID

from django.db.models import Q, QuerySet
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from checkout import states
from checkout.models import Checkout, Refund
from checkout.templatetags.checkout_staff import REFUNDS, refund_failure, refund_reason, refund_state
from checkout.views.staff import queue
from checkout.views.staff.base import FilteredListView, day_filter
from checkout.views.staff.export import Column, plain

LATER, TROUBLE, UNKNOWN = "later", "trouble", "unknown"
# Beside the states: in the words of the work queue.
MORE: Final = {
    LATER: _("Failed after Stripe had made it"),
    TROUBLE: _("Failed lately, not made again"),
    UNKNOWN: _("Unknown longer than an hour"),
}


class RefundListView(FilteredListView):
    """Every refund, newest first."""

    template_name = "checkout/staff/refund_list.html"
    section = "refunds"
    filters = ("state", "from", "to", "q")
    file_name = "refunds"
    columns: ClassVar[tuple[Column, ...]] = (
        (_("Asked for"), lambda row: row.created),
        (_("What"), lambda row: row.checkout.description),
        (_("State"), refund_state),
        (_("Settled"), lambda row: row.settled),
        (_("Why it failed"), lambda row: refund_failure(row) or row.failure),
        (_("Reason"), refund_reason),
        (_("Note"), lambda row: row.note),
        (_("By"), lambda row: row.user),
        (_("Refund"), lambda row: row.refund_id),
        (_("Payment"), lambda row: row.checkout.payment_intent_id),
        (_("Checkout"), lambda row: row.checkout.uuid),
        (_("Amount"), lambda row: plain(row.amount, row.currency)),
        (_("Currency"), lambda row: row.currency),
    )

    def rows(self) -> "QuerySet[Refund]":
        """With payment and user."""
        return queue.refunds().order_by("-pk")

    def narrow(self, rows: "QuerySet[Refund]", chosen: dict[str, str]) -> "QuerySet[Refund]":
        """By state, by the days on which it was asked for, and ids."""
        rows = day_filter(rows, chosen)
        if "state" in chosen:
            rows = rows.filter(self._conditions().get(chosen["state"], Q(state=chosen["state"])))
        return rows.filter(self._search(chosen["q"])) if "q" in chosen else rows

    def get_context_data(self, **kwargs: Any) -> dict[str, Any]:
        """With the states to choose from, and how many need a person."""
        context = super().get_context_data(tab="refunds", heading=_("Refunds"), states={**REFUNDS, **MORE}, **kwargs)
        trouble = Refund.objects.filter(self._conditions()[TROUBLE])
        context["trouble"] = 0 if context["filter"].get("state") == TROUBLE else trouble.count()
        return context

    @staticmethod
    def _conditions() -> dict[str, Q]:
        now = timezone.now()
        return {
            LATER: Q(state=states.FAIL) & ~Q(refund_id=None),
            TROUBLE: queue.refunds_failed(now),
            UNKNOWN: queue.refunds_unknown(now),
        }

    @staticmethod
    def _search(text: str) -> Q:
        # by the keys of the payments: an "or" through a join would read every refund
        found = Q(refund_id=text) | Q(checkout__in=_payments(payment_intent_id=text))
        try:
            uuid = UUID(text)
        except ValueError:
            return found
        return found | Q(uuid=uuid) | Q(checkout__in=_payments(uuid=uuid))


def _payments(**how: Any) -> "QuerySet[Checkout, Any]":
    found: QuerySet[Checkout, Any] = Checkout.objects.filter(**how).order_by().values("pk")
    return found
