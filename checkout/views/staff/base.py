"""What the staff's pages share: who may open them, filters in the address, CSV, no transaction around a charge."""

from collections.abc import Callable, Iterator, Sequence
from datetime import date, datetime, time, timedelta
from typing import Any, ClassVar

from braces.views import LoginRequiredMixin, PermissionRequiredMixin, StaffuserRequiredMixin
from django.contrib import messages
from django.db import transaction
from django.db.models import DateTimeField, QuerySet
from django.http import HttpRequest, HttpResponseBase
from django.utils import timezone
from django.utils.decorators import method_decorator
from django.views.decorators.cache import never_cache
from django.views.generic import ListView

from checkout.views.staff import export

LONGEST = 255
# Beyond these no row of ours has a day, and some database cannot compare it.
YEARS = range(1970, 9000)

CHARGE = "checkout.charge"
MARK_PAID = "checkout.mark_paid"
STOP_PLAN = "checkout.delete_objectpaymentplan"
ADD_TEMPLATE = "checkout.add_paymentplan"
CHANGE_TEMPLATE = "checkout.change_paymentplan"
RETIRE_TEMPLATE = "checkout.delete_paymentplan"
# Asking a customer for money again is for those who may charge the card.
ASK_AGAIN = CHARGE
SEND_AGAIN = "checkout.change_notice"
REPLAY_EVENT = "checkout.change_event"
REFUND = "checkout.refund"


def may(user: Any) -> dict[str, bool]:
    """What the templates ask before they offer a button; each view asks again."""
    return {
        "charge": user.has_perm(CHARGE),
        "mark_paid": user.has_perm(MARK_PAID),
        "stop": user.has_perm(STOP_PLAN),
        "add": user.has_perm(ADD_TEMPLATE),
        "change": user.has_perm(CHANGE_TEMPLATE),
        "retire": user.has_perm(RETIRE_TEMPLATE),
        "ask": user.has_perm(ASK_AGAIN),
        "send": user.has_perm(SEND_AGAIN),
        "replay": user.has_perm(REPLAY_EVENT),
        "refund": user.has_perm(REFUND),
    }


@method_decorator(never_cache, name="dispatch")
class StaffMixin(LoginRequiredMixin, StaffuserRequiredMixin):  # type: ignore[misc]
    """A page for staff. ``section``: which link of the navigation is the page's own; ``tab``: which list of those."""

    request: HttpRequest
    section = ""
    tab = ""
    # a visitor signs in; a customer who has signed in gets a 403 page, or they would be sent in circles
    raise_exception = True
    redirect_unauthenticated_users = True

    def get_context_data(self, **kwargs: Any) -> dict[str, Any]:
        """The navigation, and what this user may do."""
        context: dict[str, Any] = super().get_context_data(**kwargs)
        context.update(section=self.section, may=may(self.request.user))
        context.setdefault("tab", self.tab)
        return context

    def say(self, level: int, sentence: str) -> None:
        """A message on the next page; a host without Django's messages does without."""
        messages.add_message(self.request, level, sentence, fail_silently=True)


class PermittedMixin(StaffMixin, PermissionRequiredMixin):  # type: ignore[misc]
    """A page for staff with ``permission_required``; the others get a 403 page."""


class OutsideTransactionMixin:
    """Never inside ``ATOMIC_REQUESTS``: each step of a flow commits before Stripe is asked."""

    @classmethod
    def as_view(cls, **initkwargs: Any) -> Callable[..., HttpResponseBase]:
        """As Django's, marked."""
        view: Callable[..., HttpResponseBase] = super().as_view(**initkwargs)  # type: ignore[misc]
        return transaction.non_atomic_requests(view)


class NoSuchRow(ValueError):
    """A filter that no row can match: a word that no column holds, or a day that is none."""


def day_filter(rows: "QuerySet[Any]", chosen: dict[str, str], field: str = "created") -> "QuerySet[Any]":
    """Those from the day ``from`` to the day ``to``, both included, in the site's zone. Raises ``NoSuchRow``."""
    begin: Any = _day(chosen["from"]) if "from" in chosen else None
    end: Any = _day(chosen["to"]) + timedelta(days=1) if "to" in chosen else None
    if isinstance(rows.model._meta.get_field(field), DateTimeField):
        begin, end = (day and timezone.make_aware(datetime.combine(day, time.min)) for day in (begin, end))
    rows = rows.filter(**{f"{field}__gte": begin}) if begin else rows
    return rows.filter(**{f"{field}__lt": end}) if end else rows


def _day(text: str) -> date:
    try:
        day = date.fromisoformat(text)
    except ValueError:
        raise NoSuchRow(text) from None
    if day.year not in YEARS:
        raise NoSuchRow(text)
    return day


class FilteredListView(StaffMixin, ListView):  # type: ignore[type-arg]
    """A list in pages whose filters are in the address, and as a file. Say ``rows``, ``narrow`` and ``columns``."""

    paginate_by = 25
    filters: ClassVar[tuple[str, ...]] = ("q",)
    # of the file, and what stands in it
    file_name = ""
    columns: ClassVar[Sequence[export.Column]] = ()

    def get(self, request: HttpRequest, *args: Any, **kwargs: Any) -> Any:
        """The page, or with ``format=csv`` every row that the filters leave, as a file."""
        if self.columns and request.GET.get("format") == "csv":
            return export.answer(self.file_name, self.columns, self.chunks(self.get_queryset()))
        return super().get(request, *args, **kwargs)

    def get_filter(self) -> dict[str, str]:
        """The filters that are set."""
        return {name: value for name in self.filters if (value := self.request.GET.get(name, "").strip())}

    def rows(self) -> "QuerySet[Any]":
        """Every row, in the order of the list."""
        raise NotImplementedError

    def narrow(self, rows: "QuerySet[Any]", chosen: dict[str, str]) -> "QuerySet[Any]":
        """Those that the filters leave. May raise ``NoSuchRow``."""
        raise NotImplementedError

    def chunks(self, rows: "QuerySet[Any]") -> Iterator[list[Any]]:
        """What the file is made of, a list at a time: each costs the same queries, and the last one is forgotten."""
        return export.batches(rows.iterator(chunk_size=export.CHUNK))

    def get_queryset(self) -> "QuerySet[Any]":
        """Filtered."""
        chosen, rows = self.get_filter(), self.rows()
        if any("\x00" in value or len(value) > LONGEST for value in chosen.values()):
            # no row holds such a word, and databases refuse to look for it
            return rows.none()
        try:
            return self.narrow(rows, chosen)
        except NoSuchRow:
            return rows.none()

    def get_context_data(self, **kwargs: Any) -> dict[str, Any]:
        """With the filters that are set."""
        return super().get_context_data(filter=self.get_filter(), has_csv=bool(self.columns), **kwargs)
