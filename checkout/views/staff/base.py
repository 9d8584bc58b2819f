"""What the staff's pages share: who may open them, filters in the address, no transaction around a charge."""

from collections.abc import Callable
from typing import Any, ClassVar

from braces.views import LoginRequiredMixin, PermissionRequiredMixin, StaffuserRequiredMixin
from django.contrib import messages
from django.db import transaction
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponseBase
from django.utils.decorators import method_decorator
from django.views.decorators.cache import never_cache
from django.views.generic import ListView

LONGEST = 255

CHARGE = "checkout.charge"
MARK_PAID = "checkout.mark_paid"
STOP_PLAN = "checkout.delete_objectpaymentplan"
ADD_TEMPLATE = "checkout.add_paymentplan"
CHANGE_TEMPLATE = "checkout.change_paymentplan"
RETIRE_TEMPLATE = "checkout.delete_paymentplan"


def may(user: Any) -> dict[str, bool]:
    """What the templates ask before they offer a button; each view asks again."""
    return {
        "charge": user.has_perm(CHARGE),
        "mark_paid": user.has_perm(MARK_PAID),
        "stop": user.has_perm(STOP_PLAN),
        "add": user.has_perm(ADD_TEMPLATE),
        "change": user.has_perm(CHANGE_TEMPLATE),
        "retire": user.has_perm(RETIRE_TEMPLATE),
    }


@method_decorator(never_cache, name="dispatch")
class StaffMixin(LoginRequiredMixin, StaffuserRequiredMixin):  # type: ignore[misc]
    """A page for staff. ``section`` says which link of the navigation is the page's own."""

    request: HttpRequest
    section = ""
    # a visitor signs in; a customer who has signed in gets a 403 page, or they would be sent in circles
    raise_exception = True
    redirect_unauthenticated_users = True

    def get_context_data(self, **kwargs: Any) -> dict[str, Any]:
        """The navigation, and what this user may do."""
        context: dict[str, Any] = super().get_context_data(**kwargs)
        context.update(section=self.section, may=may(self.request.user))
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


class FilteredListView(StaffMixin, ListView):  # type: ignore[type-arg]
    """A list in pages whose filters are in the address. Say ``rows`` and ``narrow``."""

    paginate_by = 25
    filters: ClassVar[tuple[str, ...]] = ("q",)

    def get_filter(self) -> dict[str, str]:
        """The filters that are set."""
        return {name: value for name in self.filters if (value := self.request.GET.get(name, "").strip())}

    def rows(self) -> "QuerySet[Any]":
        """Every row, in the order of the list."""
        raise NotImplementedError

    def narrow(self, rows: "QuerySet[Any]", chosen: dict[str, str]) -> "QuerySet[Any]":
        """Those that the filters leave."""
        raise NotImplementedError

    def get_queryset(self) -> "QuerySet[Any]":
        """Filtered."""
        chosen = self.get_filter()
        if any("\x00" in value or len(value) > LONGEST for value in chosen.values()):
            # no row holds such a word, and databases refuse to look for it
            return self.rows().none()
        return self.narrow(self.rows(), chosen)

    def get_context_data(self, **kwargs: Any) -> dict[str, Any]:
        """With the filters that are set."""
        return super().get_context_data(filter=self.get_filter(), **kwargs)
