"""Staff accept a payment that was put aside: a page that shows what differs, and a button that records it once."""

from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from django.contrib import messages
from django.db.models import QuerySet
from django.utils.functional import cached_property
from django.utils.translation import gettext as _

from checkout.errors import CheckoutError, StripeUnreachable
from checkout.flows import put_aside
from checkout.flows.put_aside import Found
from checkout.models import Checkout
from checkout.templatetags.checkout_staff import page_of
from checkout.templatetags.checkout_tags import checkout_amount
from checkout.templatetags.staff_words import aside_in_words
from checkout.views.staff import outcomes
from checkout.views.staff.actions import ActionView
from checkout.views.staff.base import MARK_PAID


@dataclass(frozen=True)
class Reading:
    """How a payment that was put aside stands now, ours and Stripe's. ``why_not``: why it may not be accepted."""

    found: Found | None
    others: list[Checkout]
    why_not: str


class CheckoutAcceptView(ActionView):
    """``pk`` in the address is the checkout's. Asks Stripe once for each page, and once more where it is recorded."""

    template_name = "checkout/staff/checkout_accept.html"
    context_object_name = "checkout"
    permission_required = MARK_PAID
    section = "checkouts"
    object: Checkout

    def get_queryset(self) -> "QuerySet[Checkout]":
        """With all that the page shows of it."""
        found: QuerySet[Checkout] = Checkout.objects.audit()
        return found.select_related("customer", "takes_over")

    def home(self) -> str:
        """The payment's page."""
        return page_of(self.object)

    @cached_property
    def reading(self) -> Reading:
        """Ours and Stripe's, of the same moment."""
        others = list(put_aside.others_of(self.object).select_related("action", "state"))
        try:
            found = put_aside.look(self.object)
        except CheckoutError as error:
            return Reading(None, others, self._said(error)[1])
        return Reading(found, others, str(put_aside.why_not(self.object, found, others)))

    def get_context_data(self, **kwargs: Any) -> dict[str, Any]:
        """With what was asked for beside what has come, and the other attempts for the same thing."""
        reading, checkout = self.reading, self.object
        found, more = reading.found, Decimal(0)
        if found is not None and checkout.total is not None and found.currency == checkout.currency:
            more = found.amount - checkout.total
        return super().get_context_data(
            found=found,
            others=reading.others,
            paid_by=put_aside.paid_by(reading.others),
            open_others=[one for one in reading.others if not one.succeeded and not one.quarantine],
            differs=aside_in_words(put_aside.differs(checkout, found)) if found is not None else "",
            more=more,
            less=-more,
            **kwargs,
        )

    def why_not(self) -> str:
        """The flow asks all of it again, with the rows locked."""
        return self.reading.why_not

    def shown(self) -> list[Any]:
        """What has come, where it stands here, why it was put aside, and who else pays for the same thing."""
        reading, checkout = self.reading, self.object
        found = reading.found
        theirs = (found.amount, found.currency, found.refunded, found.disputed) if found is not None else None
        others = [(one.pk, one.state_id) for one in reading.others]
        ours = [checkout.pk, checkout.state_id, checkout.quarantine, checkout.total]
        return [*ours, theirs, others, reading.why_not]

    def act(self) -> outcomes.Said:
        """Once."""
        found = self.reading.found
        if found is None or self.reading.why_not:
            return messages.WARNING, self.reading.why_not
        try:
            put_aside.accept(self.object, amount=found.amount, user=self.request.user)
        except CheckoutError as error:
            return self._said(error)
        said = _("%(amount)s has been accepted as paid.")
        return messages.SUCCESS, said % {"amount": checkout_amount(found.amount, found.currency)}

    def stands(self) -> str:
        """Whether somebody still has to look at it."""
        if self.object.succeeded:
            return _("It is recorded as paid.")
        if self.object.quarantine:
            return _("It is still put aside: %(reason)s.") % {"reason": aside_in_words(self.object.quarantine)}
        return _("It is not put aside any more.")

    @staticmethod
    def _said(error: CheckoutError) -> outcomes.Said:
        if isinstance(error, StripeUnreachable):
            return messages.ERROR, _("Stripe could not be reached. Nothing has been recorded. Please try again.")
        return outcomes.of_error(error)
