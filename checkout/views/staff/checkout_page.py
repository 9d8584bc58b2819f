"""One payment: where it stands, what was given back of it, and whether it is contested. Reading only."""

from decimal import Decimal
from typing import Any

from django.db.models import QuerySet
from django.views.generic import DetailView

from checkout import states
from checkout.flows.refund import TAKEN
from checkout.models import Checkout
from checkout.views.staff import record_list
from checkout.views.staff.base import StaffMixin


class CheckoutView(StaffMixin, DetailView):  # type: ignore[type-arg]
    """One attempt to take money or card details. Asks nobody."""

    template_name = "checkout/staff/checkout.html"
    context_object_name = "checkout"
    section = "checkouts"
    object: Checkout

    def get_queryset(self) -> "QuerySet[Checkout]":
        """With all that the page shows of it."""
        found: QuerySet[Checkout] = Checkout.objects.audit()
        return found.select_related("customer", "takes_over", "taken_over_by")

    def get_context_data(self, **kwargs: Any) -> dict[str, Any]:
        """With its refunds, its disputes, and what staff did."""
        checkout = self.object
        refunds, disputes = list(checkout.refunds.select_related("user")), list(checkout.disputes.all())
        given = sum((one.amount for one in refunds if one.state != states.FAIL), Decimal(0))
        taken = sum((one.amount for one in disputes if one.took_back), Decimal(0))
        paid = checkout.total if checkout.succeeded and may_give_back(checkout) else None
        return super().get_context_data(
            refunds=refunds,
            disputes=disputes,
            paid=paid,
            given=given,
            taken=taken,
            kept=paid - given - taken if paid is not None else None,
            can_accept=bool(checkout.quarantine) and may_give_back(checkout) and not given,
            can_refund=may_give_back(checkout) and (paid is None or paid > given),
            actions=record_list.about((Checkout, [checkout.pk])),
            **kwargs,
        )


def may_give_back(checkout: Checkout) -> bool:
    """Stripe took money by it, or may have where it was put aside."""
    if checkout.action_id not in TAKEN or not checkout.payment_intent_id:
        return False
    return checkout.succeeded or bool(checkout.quarantine)
