"""What the staff see. Reading needs ``is_staff``."""

from typing import Any
from uuid import UUID

from braces.views import LoginRequiredMixin, StaffuserRequiredMixin
from django.db.models import Q, QuerySet
from django.utils.decorators import method_decorator
from django.views.decorators.cache import never_cache
from django.views.generic import ListView

from checkout.models import Checkout, CheckoutAction, CheckoutState

LONGEST = 255


@method_decorator(never_cache, name="dispatch")
class CheckoutListView(LoginRequiredMixin, StaffuserRequiredMixin, ListView):  # type: ignore[type-arg, misc]
    """Every checkout, newest first, with filters in the address."""

    template_name = "checkout/list.html"
    paginate_by = 25
    # a visitor signs in; a customer who has signed in gets a 403 page, or they would be sent in circles
    raise_exception = True
    redirect_unauthenticated_users = True

    def get_filter(self) -> dict[str, str]:
        """The filters that are set."""
        return {name: value for name in ("state", "action", "q") if (value := self.request.GET.get(name, "").strip())}

    def get_queryset(self) -> QuerySet[Checkout]:
        """Filtered; the objects come with one query per kind of object."""
        rows: QuerySet[Checkout] = Checkout.objects.audit().prefetch_related("content_object")
        chosen = self.get_filter()
        if any("\x00" in value or len(value) > LONGEST for value in chosen.values()):
            # no row holds such a word, and databases refuse to look for it
            return rows.none()
        if "state" in chosen:
            rows = rows.filter(state_id=chosen["state"])
        if "action" in chosen:
            rows = rows.filter(action_id=chosen["action"])
        if "q" in chosen:
            rows = rows.filter(self._search(chosen["q"]))
        return rows

    def get_context_data(self, **kwargs: Any) -> dict[str, Any]:
        """The words for the filters come from the code, not from the tables."""
        context = super().get_context_data(**kwargs)
        context.update(
            filter=self.get_filter(),
            states=[CheckoutState(slug=slug, name=name) for slug, name in CheckoutState.WORDS.items()],
            actions=[CheckoutAction(slug=slug, name=name) for slug, name in CheckoutAction.WORDS.items()],
        )
        return context

    @staticmethod
    def _search(text: str) -> Q:
        found = Q(payment_intent_id=text) | Q(description__icontains=text)
        try:
            return found | Q(uuid=UUID(text))
        except ValueError:
            return found


class CheckoutAuditListView(CheckoutListView):
    """What needs a person first: payments in quarantine, then those whose outcome is not known."""

    template_name = "checkout/audit_list.html"

    def get_queryset(self) -> QuerySet[Checkout]:
        """Only what is not settled or was put aside."""
        return super().get_queryset().filter(~Q(quarantine="") | Q(state_id="request"))
