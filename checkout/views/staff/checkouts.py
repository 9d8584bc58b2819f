"""Every checkout, and those of them that a person should look at."""

from datetime import timedelta
from typing import Any, ClassVar
from uuid import UUID

from django.db.models import BooleanField, Case, IntegerField, Q, QuerySet, Value, When
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from checkout import states
from checkout.models import Checkout, CheckoutAction, CheckoutState
from checkout.templatetags.checkout_staff import in_words
from checkout.templatetags.staff_words import aside_in_words
from checkout.views.staff import queue
from checkout.views.staff.base import FilteredListView, day_filter
from checkout.views.staff.export import Column, plain

# after that long an outcome that is still unknown is not on its way any more
LONG_UNKNOWN = timedelta(days=1)
ASIDE, UNKNOWN = "aside", "unknown"
REASONS = {ASIDE: _("Put aside"), UNKNOWN: _("Unknown longer than an hour")}


class CheckoutListView(FilteredListView):
    """Every checkout, newest first, with filters in the address."""

    template_name = "checkout/list.html"
    section = "checkouts"
    tab = "checkouts"
    filters: ClassVar[tuple[str, ...]] = ("state", "action", "from", "to", "q")
    file_name = "checkouts"
    columns: ClassVar[tuple[Column, ...]] = (
        (_("Created"), lambda row: row.created),
        (_("Checkout"), lambda row: row.uuid),
        (_("What"), lambda row: row.description),
        (_("How"), lambda row: row.action),
        (_("State"), lambda row: row.state),
        (_("Put aside"), lambda row: aside_in_words(row.quarantine)),
        (_("Reason"), lambda row: in_words(row.failure) or row.failure),
        (_("Code"), lambda row: row.failure),
        (_("Who"), lambda row: row.user),
        (_("Stripe"), lambda row: row.intent_id),
        (_("Settled"), lambda row: row.settled),
        (_("Amount"), lambda row: plain(row.total, row.currency)),
        (_("Currency"), lambda row: row.currency),
    )

    def rows(self) -> QuerySet[Checkout]:
        """The objects come with one query per kind of object."""
        found: QuerySet[Checkout] = Checkout.objects.audit().prefetch_related("content_object")
        return found

    def narrow(self, rows: QuerySet[Checkout], chosen: dict[str, str]) -> QuerySet[Checkout]:
        """By state, action, the days on which it was made, and words of the description or an id."""
        rows = day_filter(rows, chosen)
        if "state" in chosen:
            rows = rows.filter(state_id=chosen["state"])
        if "action" in chosen:
            rows = rows.filter(action_id=chosen["action"])
        if "q" in chosen:
            rows = rows.filter(self._search(chosen["q"]))
        return rows

    def get_context_data(self, **kwargs: Any) -> dict[str, Any]:
        """The words for the filters come from the code, not from the tables."""
        return super().get_context_data(
            states=[CheckoutState(slug=slug, name=name) for slug, name in CheckoutState.WORDS.items()],
            actions=[CheckoutAction(slug=slug, name=name) for slug, name in CheckoutAction.WORDS.items()],
            **kwargs,
        )

    @staticmethod
    def _search(text: str) -> Q:
        found = Q(payment_intent_id=text) | Q(setup_intent_id=text) | Q(description__icontains=text)
        try:
            return found | Q(uuid=UUID(text))
        except ValueError:
            return found


class CheckoutAuditListView(CheckoutListView):
    """What needs a person first: payments in quarantine, charges unknown for long, then what is not known yet."""

    template_name = "checkout/audit_list.html"
    section = "audit"
    tab = "audit"
    filters = ("what", *CheckoutListView.filters)
    file_name = "audit"

    def narrow(self, rows: QuerySet[Checkout], chosen: dict[str, str]) -> QuerySet[Checkout]:
        """Also by why it is here."""
        rows = super().narrow(rows, chosen)
        if "what" not in chosen:
            return rows
        conditions = {ASIDE: queue.put_aside(), UNKNOWN: queue.unknown_long(timezone.now())}
        condition = conditions.get(chosen["what"])
        return rows.filter(condition) if condition is not None else rows.none()

    def get_context_data(self, **kwargs: Any) -> dict[str, Any]:
        """With the reasons to choose from."""
        return super().get_context_data(reasons=REASONS, **kwargs)

    def rows(self) -> QuerySet[Checkout]:
        """Only what is not settled or was put aside; ``unknown`` and ``long`` are of charges alone."""
        unknown = Q(action_id=states.CHARGE, state_id=states.REQUEST)
        long = unknown & Q(created__lt=timezone.now() - LONG_UNKNOWN)
        put_aside = queue.put_aside()
        rows = super().rows().filter(put_aside | Q(state_id=states.REQUEST))
        rank = Case(
            When(put_aside, then=Value(0)), When(long, then=Value(1)), default=Value(2), output_field=IntegerField()
        )
        return rows.annotate(unknown=_flag(unknown), long=_flag(long), rank=rank).order_by("rank", "-pk")


def _flag(condition: Q) -> Case:
    return Case(When(condition, then=Value(True)), default=Value(False), output_field=BooleanField())
