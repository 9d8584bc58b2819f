"""Every checkout, and those of them that a person should look at."""

from datetime import timedelta
from typing import Any
from uuid import UUID

from django.db.models import BooleanField, Case, IntegerField, Q, QuerySet, Value, When
from django.utils import timezone

from checkout import states
from checkout.models import Checkout, CheckoutAction, CheckoutState
from checkout.views.staff.base import FilteredListView

# after that long an outcome that is still unknown is not on its way any more
LONG_UNKNOWN = timedelta(days=1)


class CheckoutListView(FilteredListView):
    """Every checkout, newest first, with filters in the address."""

    template_name = "checkout/list.html"
    section = "checkouts"
    filters = ("state", "action", "q")

    def rows(self) -> QuerySet[Checkout]:
        """The objects come with one query per kind of object."""
        found: QuerySet[Checkout] = Checkout.objects.audit().prefetch_related("content_object")
        return found

    def narrow(self, rows: QuerySet[Checkout], chosen: dict[str, str]) -> QuerySet[Checkout]:
        """By state, action, and words of the description or an id."""
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

    def rows(self) -> QuerySet[Checkout]:
        """Only what is not settled or was put aside; ``unknown`` and ``long`` are of charges alone."""
        unknown = Q(action_id=states.CHARGE, state_id=states.REQUEST)
        long = unknown & Q(created__lt=timezone.now() - LONG_UNKNOWN)
        put_aside = ~Q(quarantine="")
        rows = super().rows().filter(put_aside | Q(state_id=states.REQUEST))
        rank = Case(
            When(put_aside, then=Value(0)), When(long, then=Value(1)), default=Value(2), output_field=IntegerField()
        )
        return rows.annotate(unknown=_flag(unknown), long=_flag(long), rank=rank).order_by("rank", "-pk")


def _flag(condition: Q) -> Case:
    return Case(When(condition, then=Value(True)), default=Value(False), output_field=BooleanField())
