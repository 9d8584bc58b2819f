"""The customers: the list, everything about one of them, and whose card is to be refreshed. Reading only."""

from typing import Any, ClassVar

from dateutil.relativedelta import relativedelta
from django.contrib.contenttypes.models import ContentType
from django.db.models import F, Q, QuerySet
from django.utils import timezone
from django.utils.translation import gettext_lazy as _
from django.views.generic import DetailView

from checkout.models import (
    Checkout,
    Customer,
    CustomerPayment,
    ObjectPaymentPlan,
    ObjectPaymentPlanInstalment,
)
from checkout.views.staff import queue, record_list, standing, statement
from checkout.views.staff.base import FilteredListView, StaffMixin
from checkout.views.staff.export import Column

EXPIRING, REFUSED, LEGACY, NO_CARD, GOOD = "expiring", "refused", "legacy", "none", "good"
OUTSTANDING = "outstanding"
# So many attempts and mails stand on a customer's page; the lists have them all.
MOST = 25

CARDS = {
    GOOD: _("Good"),
    EXPIRING: _("Expiring"),
    REFUSED: _("Refused for good"),
    LEGACY: _("From before SCA"),
    NO_CARD: _("No card"),
}


def card_state(customer: Customer) -> str:
    """How the card on file is, in words; the worst first."""
    if not customer.has_card:
        return str(CARDS[NO_CARD])
    for slug, holds in (
        (REFUSED, customer.card_refused),
        (EXPIRING, customer.is_expiring or customer.refresh),
        (LEGACY, customer.is_legacy),
    ):
        if holds:
            return str(CARDS[slug])
    return str(CARDS[GOOD])


class CustomerListView(FilteredListView):
    """Every customer by address, with the card on file."""

    template_name = "checkout/staff/customer_list.html"
    section = "customers"
    tab = "customers"
    heading = _("Customers")
    filters = ("card", "q")
    file_name = "customers"
    columns: ClassVar[tuple[Column, ...]] = (
        (_("Name"), lambda row: row.name),
        (_("Email"), lambda row: row.email),
        (_("Plans to be paid"), lambda row: row.plans),
        (_("Card"), lambda row: row.brand),
        (_("Last four"), lambda row: row.last4),
        (_("Expires"), lambda row: row.expiry_date),
        (_("State of the card"), card_state),
        (_("Customer at Stripe"), lambda row: row.customer_id),
    )

    def rows(self) -> "QuerySet[Customer]":
        """With how many plans go on."""
        return queue.with_plans(Customer.objects.order_by("email"))

    def narrow(self, rows: "QuerySet[Customer]", chosen: dict[str, str]) -> "QuerySet[Customer]":
        """By the state of the card, and words of name, address or Stripe's id."""
        if "card" in chosen:
            condition = _card_conditions().get(chosen["card"])
            rows = rows.filter(condition) if condition is not None else rows.none()
        return rows.filter(search(chosen["q"])) if "q" in chosen else rows

    def get_context_data(self, **kwargs: Any) -> dict[str, Any]:
        """With the states of cards to choose from."""
        words = {"tab": self.tab, "heading": self.heading, "cards": CARDS}
        return super().get_context_data(**words, **kwargs)


class CardRefreshListView(CustomerListView):
    """Whose card is to be refreshed: those with something left to pay first, the nearest date first."""

    tab = "refresh"
    heading = _("Cards to refresh")
    template_name = "checkout/staff/refresh_list.html"
    filters = ("plans", "q")
    file_name = "cards-to-refresh"

    def rows(self) -> "QuerySet[Customer]":
        """Those that the daily look at Stripe has marked."""
        marked = queue.with_plans(Customer.objects.filter(refresh=True))
        return marked.order_by(queue.outstanding().desc(), "expiry_date", "email")

    def narrow(self, rows: "QuerySet[Customer]", chosen: dict[str, str]) -> "QuerySet[Customer]":
        """By whether something is left to pay, and words."""
        if "plans" in chosen:
            rows = rows.filter(queue.outstanding()) if chosen["plans"] == OUTSTANDING else rows.none()
        return rows.filter(search(chosen["q"])) if "q" in chosen else rows

    def get_context_data(self, **kwargs: Any) -> dict[str, Any]:
        """With the one choice."""
        return super().get_context_data(choices={OUTSTANDING: _("With something left to pay")}, **kwargs)


class CustomerView(StaffMixin, DetailView):  # type: ignore[type-arg]
    """One customer: card, plans, amounts of staff, attempts, mails, and what staff did."""

    template_name = "checkout/staff/customer.html"
    context_object_name = "customer"
    section = "customers"
    model = Customer
    object: Customer

    def get_context_data(self, **kwargs: Any) -> dict[str, Any]:
        """As many queries for a customer with much as for one with little."""
        customer = self.object
        plans = list(
            standing.with_standing(
                customer.payment_plans.select_related("payment_plan").order_by("-pk"), timezone.localdate()
            )
        )
        payments = list(customer.customer_payments.select_related("state", "user")[:MOST])
        mails = list(customer.notices.order_by("-pk")[:MOST])
        return super().get_context_data(
            plans=plans,
            payments=payments,
            mails=mails,
            attempts=self._attempts(),
            actions=record_list.about_customer(plans, payments, mails),
            card_state=card_state(customer),
            most=MOST,
            **kwargs,
        )

    def _attempts(self) -> list[statement.Attempt]:
        """Charges and what was paid or saved in the browser, newest first, each with its part where it has one."""
        found = list(Checkout.objects.audit().filter(customer=self.object)[:MOST])
        kind = ContentType.objects.get_for_model(ObjectPaymentPlanInstalment)
        amounts = ContentType.objects.get_for_model(CustomerPayment)
        keys: dict[int, list[int]] = {kind.pk: [], amounts.pk: []}
        for one in found:
            if one.content_type_id in keys:
                keys[one.content_type_id].append(int(one.object_id))
        by_kind: dict[int, dict[int, Any]] = {
            kind.pk: ObjectPaymentPlanInstalment.objects.with_plan().in_bulk(keys[kind.pk]),
            amounts.pk: CustomerPayment.objects.in_bulk(keys[amounts.pk]),
        }
        steps = statement.steps_of(found)
        return [
            statement.Attempt(
                checkout=one,
                part=by_kind[one.content_type_id].get(int(one.object_id)) if one.content_type_id in by_kind else None,
                step=steps.get(one.pk, ""),
            )
            for one in found
        ]


class CardExpiryListView(FilteredListView):
    """Plans that go on, by when their card expires: unknown first, then the nearest."""

    template_name = "checkout/staff/expiry_list.html"
    section = "plans"
    file_name = "card-expiry-dates"
    columns: ClassVar[tuple[Column, ...]] = (
        (_("Expires"), lambda row: row.customer.expiry_date),
        (_("Card"), lambda row: row.customer.brand),
        (_("Last four"), lambda row: row.customer.last4),
        (_("State of the card"), lambda row: card_state(row.customer)),
        (_("Name"), lambda row: row.customer.name),
        (_("Email"), lambda row: row.customer.email),
        (_("Payment plan"), lambda row: row.pk),
        (_("What"), lambda row: row.description),
    )

    def rows(self) -> "QuerySet[ObjectPaymentPlan]":
        """As the command ``report_card_expiry_dates`` lists them."""
        return ObjectPaymentPlan.objects.report_card_expiry_dates

    def narrow(self, rows: "QuerySet[ObjectPaymentPlan]", chosen: dict[str, str]) -> "QuerySet[ObjectPaymentPlan]":
        """By words of the customer or of what was bought."""
        if "q" not in chosen:
            return rows
        return rows.filter(search(chosen["q"], "customer__") | Q(description__icontains=chosen["q"]))

    def get_context_data(self, **kwargs: Any) -> dict[str, Any]:
        """With what it is called."""
        return super().get_context_data(tab="expiry", heading=_("When cards expire"), **kwargs)


def search(text: str, prefix: str = "") -> Q:
    """Words of a customer, or the id at Stripe."""
    words = Q(**{f"{prefix}name__icontains": text}) | Q(**{f"{prefix}email__icontains": text})
    return words | Q(**{f"{prefix}customer_id": text})


def _card_conditions() -> dict[str, Q]:
    none = Q(payment_method_id="") | Q(customer_id="")
    soon = timezone.localdate() + relativedelta(months=1)
    refused = ~none & Q(refused_payment_method_id=F("payment_method_id"))
    expiring = ~none & (Q(refresh=True) | Q(expiry_date__lte=soon))
    legacy = ~none & ~Q(payment_method_id__startswith="pm_")
    return {
        NO_CARD: none,
        REFUSED: refused,
        EXPIRING: expiring,
        LEGACY: legacy,
        GOOD: ~none & ~Q(refused_payment_method_id=F("payment_method_id")) & ~expiring & ~legacy,
    }
