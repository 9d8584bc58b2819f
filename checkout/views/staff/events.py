"""Events of Stripe's: what came, what became of it, and how the webhook is doing."""

from typing import Any, ClassVar, Final

from django.contrib import messages
from django.db.models import Q, QuerySet
from django.utils import timezone
from django.utils.translation import gettext as now_
from django.utils.translation import gettext_lazy as _
from django.views.generic import DetailView

from checkout.flows import endpoint, inbox
from checkout.flows.webhook_health import health
from checkout.models import Checkout, Customer, Dispute, Event, Refund
from checkout.templatetags.checkout_staff import EVENTS, SOURCES, event_state, page_of
from checkout.templatetags.staff_words import outcome_in_words
from checkout.views.staff import outcomes, queue
from checkout.views.staff.actions import ActionView
from checkout.views.staff.base import REPLAY_EVENT, FilteredListView, StaffMixin, day_filter
from checkout.views.staff.export import Column

TROUBLE: Final = "trouble"
# As people choose them: all that is about one kind of object, or one type.
TYPES: Final = {
    name: name for name in sorted({name.partition(".")[0] for name in endpoint.EVENTS} | {*endpoint.EVENTS})
}


class EventListView(FilteredListView):
    """Every event, newest first, below how the webhook is doing."""

    template_name = "checkout/staff/event_list.html"
    section = "events"
    tab = "events"
    filters = ("state", "type", "from", "to", "q")
    file_name = "events"
    columns: ClassVar[tuple[Column, ...]] = (
        (_("Received"), lambda row: row.created),
        (_("Type"), lambda row: row.type),
        (_("State"), event_state),
        (_("What came of it"), lambda row: outcome_in_words(row.outcome)),
        (_("Event"), lambda row: row.event_id),
        (_("Object"), lambda row: row.stripe_object_id),
        (_("Came by"), lambda row: SOURCES.get(row.source, row.source)),
        (_("Happened"), lambda row: row.happened),
        (_("Worked"), lambda row: row.worked),
        (_("Tries"), lambda row: row.tries),
        (_("Last error"), lambda row: row.last_error),
        (_("API version"), lambda row: row.api_version),
    )

    def rows(self) -> "QuerySet[Event]":
        """Without the tracebacks, which only the page of one shows."""
        return Event.objects.defer("traceback").order_by("-pk")

    def narrow(self, rows: "QuerySet[Event]", chosen: dict[str, str]) -> "QuerySet[Event]":
        """By state (or trouble), type, days, and the start of an event's or object's id."""
        rows = day_filter(rows, chosen)
        if chosen.get("state") == TROUBLE:
            rows = rows.filter(queue.events_in_trouble(timezone.now()))
        elif "state" in chosen:
            rows = rows.filter(state=chosen["state"])
        if "type" in chosen:
            rows = rows.filter(Q(type=chosen["type"]) | Q(type__startswith=f"{chosen['type']}."))
        if "q" in chosen:
            text = chosen["q"]
            rows = rows.filter(Q(event_id__startswith=text) | Q(stripe_object_id__startswith=text))
        return rows

    def get_context_data(self, **kwargs: Any) -> dict[str, Any]:
        """With how the webhook is doing, and what there is to choose from."""
        words = {TROUBLE: _("In trouble"), **EVENTS}
        return super().get_context_data(heading=_("Events"), health=health(), states=words, types=TYPES, **kwargs)


class EventView(StaffMixin, DetailView):  # type: ignore[type-arg]
    """One event. The traceback, which shows code, is for those who may work it again."""

    template_name = "checkout/staff/event.html"
    section = "events"
    model = Event
    context_object_name = "event"

    def get_context_data(self, **kwargs: Any) -> dict[str, Any]:
        """With the row of ours that it is about."""
        target = about(self.object)
        return super().get_context_data(target=target, target_url=page_of(target), **kwargs)


class EventReplayView(ActionView):
    """Work an event once more, now."""

    template_name = "checkout/staff/event_replay.html"
    section = "events"
    context_object_name = "event"
    permission_required = REPLAY_EVENT
    model = Event
    object: Event

    def home(self) -> str:
        """Its own page."""
        return page_of(self.object)

    def why_not(self) -> str:
        """Any may be: what has been done already is not done twice."""
        return ""

    def shown(self) -> list[Any]:
        """How far it is."""
        return [self.object.pk, self.object.state, self.object.tries, self.object.work_after]

    def act(self) -> outcomes.Said:
        """Ask Stripe for what it is about, and follow."""
        if inbox.replay(self.object, user=self.request.user):
            outcome = outcome_in_words(self.object.outcome)
            return messages.SUCCESS, now_("The event has been worked: %(outcome)s.") % {"outcome": outcome}
        return messages.ERROR, now_("The event could not be worked: %(error)s") % {"error": self.object.last_error}

    def stands(self) -> str:
        """Its state."""
        return now_("The event now: %(state)s.") % {"state": event_state(self.object)}


def about(event: Event) -> Checkout | Customer | None:
    """Whose row an event is about; a refund's and a dispute's is the payment. One or two queries."""
    key = event.stripe_object_id
    found: Checkout | Customer | None = None
    if event.type.startswith("payment_intent."):
        found = Checkout.objects.filter(payment_intent_id=key).order_by("-pk").first()
    elif event.type.startswith("setup_intent."):
        found = Checkout.objects.filter(setup_intent_id=key).order_by("-pk").first()
    elif event.type.startswith("refund."):
        refund = Refund.objects.filter(refund_id=key).select_related("checkout").first()
        found = refund.checkout if refund is not None else None
    elif event.type.startswith("charge.dispute."):
        dispute = Dispute.objects.filter(dispute_id=key).select_related("checkout").first()
        found = dispute.checkout if dispute is not None else None
    elif event.type.startswith("payment_method."):
        found = Customer.objects.filter(payment_method_id=key).first() if key else None
    elif event.type.startswith("customer."):
        found = Customer.objects.filter(customer_id=key).first() if key else None
    return found
