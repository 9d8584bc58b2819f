"""Staff charge a customer: a form, a page that shows exactly what will happen, the outcome; and what was charged."""

from dataclasses import dataclass
from datetime import timedelta
from decimal import Decimal
from typing import Any, ClassVar, Final
from uuid import UUID, uuid4

from django.contrib import messages
from django.db.models import Q, QuerySet
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect
from django.urls import reverse
from django.utils import timezone
from django.utils.translation import gettext_lazy as _
from django.views.generic import CreateView, DetailView

from checkout.conf import settings
from checkout.errors import CheckoutError
from checkout.flows.charge import SENTENCES, why_not_card
from checkout.models import Customer, CustomerPayment, Notice
from checkout.staff_forms import CustomerChargeForm
from checkout.templatetags.checkout_staff import PARTS, PAYMENTS, payment_state
from checkout.views.staff import customers, outcomes, record_list, statement
from checkout.views.staff.base import (
    CHARGE,
    FilteredListView,
    OutsideTransactionMixin,
    PermittedMixin,
    StaffMixin,
    day_filter,
)
from checkout.views.staff.export import Column, plain
from checkout.views.staff.signed import Shown

# Who charges the same customer twice within that time is shown the first one.
LATELY: Final = timedelta(days=1)


@dataclass(frozen=True)
class ChargeShown(Shown):
    """What the second page shows, and for which card."""

    SALT = "checkout.charge-customer"

    customer: int
    card: str
    amount: str
    currency: str
    description: str


class CustomerChargeCreateView(OutsideTransactionMixin, PermittedMixin, CreateView):  # type: ignore[type-arg]
    """Charge a customer's saved card: first a form, then what will happen, then once.

    ``pk`` in the address is the customer's. Extend it, or replace ``checkout/staff/customer_charge.html`` and
    ``checkout/staff/customer_charge_confirm.html``.
    """

    model = CustomerPayment
    form_class = CustomerChargeForm
    template_name = "checkout/staff/customer_charge.html"
    confirm_template_name = "checkout/staff/customer_charge_confirm.html"
    permission_required = CHARGE
    section = "customers"
    customer: Customer

    def get(self, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:
        """The form."""
        self.customer = self.get_customer()
        return super().get(request, *args, **kwargs)

    def post(self, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:
        """The form leads to the page that shows what will happen, and its button charges."""
        self.customer = self.get_customer()
        if "confirm" in request.POST:
            return self.confirmed(request.POST["confirm"])
        return super().post(request, *args, **kwargs)

    def get_customer(self) -> Customer:
        """Whose card is charged."""
        return get_object_or_404(Customer, pk=self.kwargs["pk"])

    def get_initial(self) -> dict[str, Any]:
        """In the site's currency; a payment of its own."""
        return {**super().get_initial(), "currency": settings.currency, "uuid": uuid4()}

    def get_success_url(self) -> str:
        """The customer's page."""
        return reverse("checkout.customer", args=[self.customer.pk])

    def get_context_data(self, **kwargs: Any) -> dict[str, Any]:
        """With the customer, and why nothing can be charged."""
        reason = why_not_card(self.customer)
        return super().get_context_data(
            customer=self.customer, why_not=str(SENTENCES.get(reason, reason)), back=self.get_success_url(), **kwargs
        )

    def form_invalid(self, form: Any) -> HttpResponse:
        """The form again, with its mistakes."""
        return self.render_to_response(self.get_context_data(form=form), status=422)

    def form_valid(self, form: Any) -> HttpResponse:
        """Nothing is charged or written: what would be is shown. A payment that was made already is not made again."""
        values = form.cleaned_data
        if (made := self._made(values["uuid"])) is not None:
            return self.already(made)
        context = self.get_context_data(form=form)
        if context["why_not"]:
            return self.render_to_response(context, status=422)
        shown = ChargeShown(
            uuid=str(values["uuid"]),
            customer=self.customer.pk,
            user=str(self.request.user.pk),
            card=self.customer.payment_method_id,
            amount=str(values["amount"]),
            currency=values["currency"],
            description=values["description"],
        )
        context.update(shown=shown, amount=values["amount"], token=shown.sign(), lately=self._lately(values))
        return self.response_class(self.request, [self.confirm_template_name], context, using=self.template_engine)

    def confirmed(self, token: str) -> HttpResponse:
        """Charge what was shown, once; then the customer's page, with the outcome."""
        shown = ChargeShown.read(token, by=self.request.user)
        if shown is None or shown.customer != self.customer.pk:
            return self.nothing_done(_("Nothing has been charged: the page was open for too long. Please start again."))
        if (made := self._made(UUID(shown.uuid))) is not None:
            return self.already(made)
        if shown.card != self.customer.payment_method_id:
            return self.nothing_done(
                _("Nothing has been charged: the customer has another card now. Please start again.")
            )
        try:
            payment = CustomerPayment.objects.charge_customer(
                self.customer,
                amount=Decimal(shown.amount),
                currency=shown.currency,
                description=shown.description,
                user=self.request.user,
                uuid=UUID(shown.uuid),
            )
        except CheckoutError as error:
            level, sentence = outcomes.of_error(error)
        else:
            level, sentence = outcomes.of_payment(payment)
        self.say(level, str(sentence))
        return redirect(self.get_success_url())

    def already(self, payment: CustomerPayment) -> HttpResponse:
        """The page was sent again: what became of the first time."""
        self.say(messages.INFO, str(_("This has been sent before, and nothing was charged a second time.")))
        self.say(messages.INFO, outcomes.payment_now(payment))
        return redirect(self.get_success_url())

    def nothing_done(self, sentence: Any) -> HttpResponse:
        """Back to the form, which is a new one."""
        self.say(messages.WARNING, str(sentence))
        return redirect(reverse("checkout.customer.charge", args=[self.customer.pk]))

    def _made(self, uuid: UUID) -> CustomerPayment | None:
        """The payment that this page has made; one that never came to a charge may be tried on."""
        found = CustomerPayment.objects.filter(uuid=uuid).first()
        if found is None or (found.customer_id == self.customer.pk and found.checkout_can_charge):
            return None
        return found

    def _lately(self, values: dict[str, Any]) -> list[CustomerPayment]:
        rows = self.customer.customer_payments.filter(amount=values["amount"], currency=values["currency"])
        return list(rows.filter(created__gte=timezone.now() - LATELY).select_related("state", "user")[:3])


class CustomerPaymentListView(FilteredListView):
    """Every amount that staff charged, newest first."""

    template_name = "checkout/staff/payment_list.html"
    section = "customers"
    filters = ("state", "from", "to", "q")
    file_name = "payments-by-staff"
    columns: ClassVar[tuple[Column, ...]] = (
        (_("Charged"), lambda row: row.created),
        (_("Name"), lambda row: row.customer.name),
        (_("Email"), lambda row: row.customer.email),
        (_("Reason"), lambda row: row.description),
        (_("State"), payment_state),
        (_("Amount"), lambda row: plain(row.amount, row.currency)),
        (_("Currency"), lambda row: row.currency),
        (_("Paid"), lambda row: row.settled),
        (_("By"), lambda row: row.user),
    )

    def rows(self) -> "QuerySet[CustomerPayment]":
        """With customer, state and user."""
        return CustomerPayment.objects.select_related("customer", "state", "user").order_by("-pk")

    def narrow(self, rows: "QuerySet[CustomerPayment]", chosen: dict[str, str]) -> "QuerySet[CustomerPayment]":
        """By state, days, and words of the reason or the customer."""
        rows = day_filter(rows, chosen)
        if "state" in chosen:
            rows = rows.filter(state_id=chosen["state"])
        if "q" in chosen:
            rows = rows.filter(Q(description__icontains=chosen["q"]) | customers.search(chosen["q"], "customer__"))
        return rows

    def get_context_data(self, **kwargs: Any) -> dict[str, Any]:
        """With the states to choose from."""
        words = {"tab": "payments", "heading": _("Payments by staff"), "states": {**PARTS, **PAYMENTS}}
        return super().get_context_data(**words, **kwargs)


class CustomerPaymentView(StaffMixin, DetailView):  # type: ignore[type-arg]
    """One amount of staff: where it stands, its attempts, the mail, and what can be done."""

    template_name = "checkout/staff/payment.html"
    context_object_name = "payment"
    section = "customers"
    object: CustomerPayment

    def get_queryset(self) -> "QuerySet[CustomerPayment]":
        """With customer, state and user."""
        return CustomerPayment.objects.select_related("customer", "state", "user")

    def get_context_data(self, **kwargs: Any) -> dict[str, Any]:
        """With its attempts, the last mail, and what staff did."""
        attempts = statement.attempts_of(self.object)
        keys = [attempt.checkout.pk for attempt in attempts]
        asked = Notice.objects.filter(kind=Notice.AUTHORISE, checkout__in=keys).order_by("-pk").first()
        actions = record_list.about((CustomerPayment, [self.object.pk]))
        paid_by = statement.paid_by(attempts)
        return super().get_context_data(attempts=attempts, paid_by=paid_by, asked=asked, actions=actions, **kwargs)
