"""The payment plans that are offered: made, changed while nobody has agreed to them, retired."""

from dataclasses import dataclass
from decimal import Decimal
from typing import Any, ClassVar

from django.contrib import messages
from django.db import IntegrityError
from django.db.models import Count, Exists, OuterRef, QuerySet, Subquery
from django.db.models.functions import Coalesce
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.urls import reverse
from django.utils import timezone
from django.utils.translation import gettext_lazy as _
from django.views.generic import DetailView, UpdateView

from checkout.conf import settings
from checkout.errors import CheckoutError
from checkout.flows import by_hand
from checkout.models import Agreement, CheckoutSettings, ObjectPaymentPlan, PaymentPlan
from checkout.schedule import Part
from checkout.staff_forms import PaymentPlanForm
from checkout.views.staff.base import (
    ADD_TEMPLATE,
    CHANGE_TEMPLATE,
    RETIRE_TEMPLATE,
    FilteredListView,
    PermittedMixin,
)
from checkout.views.staff.export import Column

HUNDRED = Decimal(100)


@dataclass(frozen=True)
class Example:
    """What a customer would see for a total of 100 today; ``warning`` if nobody could agree to that."""

    parts: list[Part]
    currency: str
    total: Decimal = HUNDRED
    warning: str = ""


def example_of(plan: PaymentPlan) -> Example:
    """In ``CHECKOUT_CURRENCY``. ``plan`` must be valid; it need not be saved."""
    today, currency = timezone.localdate(), settings.currency
    try:
        return Example(plan.checked(today, HUNDRED, currency=currency), currency)
    except CheckoutError:
        parts = plan.example(today, HUNDRED, currency=currency)
        warning = str(_("A part of this is too small to be charged: such a total is refused."))
        return Example(parts, currency, warning=warning)


def default_plan() -> int | None:
    """The key of the plan that is offered where an object names none."""
    found: int | None = CheckoutSettings.objects.values_list("default_payment_plan", flat=True).first()
    return found


class PaymentPlanListView(FilteredListView):
    """Every template, the current ones first."""

    template_name = "checkout/staff/template_list.html"
    section = "templates"
    tab = "templates"
    filters = ()
    file_name = "plan-templates"
    columns: ClassVar[tuple[Column, ...]] = (
        (_("Name"), lambda row: row.name),
        (_("Short name"), lambda row: row.slug),
        (_("Offered"), lambda row: not row.deleted),
        (_("Deposit in percent"), lambda row: row.deposit),
        (_("Instalments"), lambda row: row.count),
        (_("Months between them"), lambda row: row.interval),
        (_("Plans made from it"), lambda row: row.plans),
    )

    def narrow(self, rows: "QuerySet[PaymentPlan]", chosen: dict[str, str]) -> "QuerySet[PaymentPlan]":
        """There are too few to need a filter."""
        return rows

    def rows(self) -> "QuerySet[PaymentPlan]":
        """With how many plans were made from each."""
        mine = OuterRef("pk")
        plans = ObjectPaymentPlan.objects.filter(payment_plan=mine).order_by().values("payment_plan")
        return PaymentPlan.objects.annotate(
            plans=Coalesce(Subquery(plans.annotate(count=Count("pk")).values("count")), 0),
            agreed=Exists(Agreement.objects.filter(payment_plan=mine)),
        ).order_by("deleted", "name", "pk")

    def get_context_data(self, **kwargs: Any) -> dict[str, Any]:
        """Which one is the default."""
        return super().get_context_data(default=default_plan(), **kwargs)


class PaymentPlanUpdateView(PermittedMixin, UpdateView):  # type: ignore[type-arg]
    """Change a template that nobody has agreed to: what the model refuses becomes a sentence in the form."""

    model = PaymentPlan
    form_class = PaymentPlanForm
    template_name = "checkout/staff/template_form.html"
    permission_required = CHANGE_TEMPLATE
    section = "templates"

    def form_valid(self, form: Any) -> HttpResponse:
        """Shows the example alone if that was asked for."""
        if "preview" in self.request.POST:
            return self._page(form, 200)
        try:
            # valid, so it is what the form says
            by_hand.save_template(plan := form.instance, user=self.request.user)
        except CheckoutError as error:
            # somebody has agreed to it while the form was open
            form.add_error(None, str(error.customer_message))
            return self.form_invalid(form)
        except IntegrityError:
            form.add_error("slug", _("Another payment plan has this short name."))
            return self.form_invalid(form)
        self.say(messages.SUCCESS, str(_("%(plan)s has been saved.")) % {"plan": plan})
        return redirect("checkout.payment.plan.update", plan.pk)

    def form_invalid(self, form: Any) -> HttpResponse:
        """The form again, with its mistakes."""
        return self._page(form, 422)

    def _page(self, form: Any, status: int) -> HttpResponse:
        return self.render_to_response(self.get_context_data(form=form), status=status)

    def get_context_data(self, **kwargs: Any) -> dict[str, Any]:
        """With an example of what the form says, if that is a plan."""
        context = super().get_context_data(**kwargs)
        form = context["form"]
        whole = form.is_valid() if form.is_bound else form.instance.pk is not None
        context["example"] = example_of(form.instance) if whole else None
        return context


class PaymentPlanCreateView(PaymentPlanUpdateView):
    """A new template."""

    permission_required = ADD_TEMPLATE

    def get_object(self, queryset: Any = None) -> Any:
        """There is none yet."""
        return None


class PaymentPlanDeleteView(PermittedMixin, DetailView):  # type: ignore[type-arg]
    """Retire a template: it is offered no longer, and what was made from it goes on. Safe to repeat."""

    model = PaymentPlan
    template_name = "checkout/staff/template_delete.html"
    permission_required = RETIRE_TEMPLATE
    section = "templates"

    def get_context_data(self, **kwargs: Any) -> dict[str, Any]:
        """With how many plans go on, and whether a default is left."""
        plans = ObjectPaymentPlan.objects.filter(payment_plan=self.object).count()
        return super().get_context_data(plans=plans, is_default=self.object.pk == default_plan(), **kwargs)

    def post(self, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:
        """Once; a second time changes nothing and says so."""
        plan = self.get_object()
        if by_hand.retire(plan, user=request.user):
            said = _("%(plan)s has been retired: it is offered no longer.")
            self.say(messages.SUCCESS, str(said) % {"plan": plan})
        else:
            self.say(messages.INFO, str(_("%(plan)s has been retired already.")) % {"plan": plan})
        return redirect(reverse("checkout.payment.plan.list"))
