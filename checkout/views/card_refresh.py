"""The page on which a customer saves a new card for all payment plans."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from typing import Any

from django.contrib.auth.views import redirect_to_login
from django.db.models import Min, Q, Sum
from django.http import HttpRequest, HttpResponse, HttpResponseBase, HttpResponseRedirect, JsonResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils.cache import add_never_cache_headers
from django.utils.translation import gettext as _

from checkout import limits, states
from checkout.access import CheckoutExpired
from checkout.conf import settings
from checkout.errors import AlreadySettled, CheckoutError
from checkout.flows import card, payment
from checkout.forms import EmptyForm
from checkout.models import Checkout, Customer, ObjectPaymentPlan
from checkout.views import declines
from checkout.views.by_uuid import NonAtomicMixin
from checkout.views.pages import forbidden, refused, refused_json, wants_json


@dataclass(frozen=True, kw_only=True)
class PlanServed:
    """A plan that the new card will serve. ``left``: what is to be paid, in major units of the plan's currency."""

    plan: ObjectPaymentPlan
    left: Decimal
    next_due: date | None


class ObjectPaymentPlanSetupIntentCardRefreshMixin(NonAtomicMixin):
    """A new card for every plan of the signed-in customer, with ``UpdateView``; the URL takes no keyword.

    The customer is the one with the user's address, compared without case. Nothing is charged. Override
    ``get_success_url``; ``self.object`` is the checkout (action ``card_refresh``).
    """

    model = Checkout
    context_object_name = "checkout"
    form_class = EmptyForm
    template_name = "checkout/card_refresh.html"
    no_plan_template_name = "checkout/card_refresh_no_plan.html"
    request: HttpRequest
    object: Checkout
    customer: Customer
    setup_intent: payment.Answer

    def dispatch(self, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponseBase:
        """Signed-in customers with a plan only; every refusal becomes a page."""
        if not request.user.is_authenticated:
            return self._not_signed_in(request)
        found = card.customer_of(request.user)
        if found is None:
            response: HttpResponseBase = render(request, self.no_plan_template_name, status=404)
        else:
            self.customer = found
            try:
                response = super().dispatch(request, *args, **kwargs)  # type: ignore[misc]
            except CheckoutError as error:
                response = refused(request, error)
        if isinstance(response, HttpResponse):
            add_never_cache_headers(response)
        return response

    def get(self, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponseBase:
        """The page. One Stripe call; one more where a new attempt begins."""
        limits.check_declined(request, self.customer)
        for _round in range(2):
            self.object = self._start()
            try:
                self.setup_intent = card.show(self.object)
                break
            except AlreadySettled:
                if self.object.succeeded or self.object.held:
                    # finished in another tab, at this moment
                    return HttpResponseRedirect(self.get_success_url())
                # closed, because it was left open for too long: a fresh one
        else:
            raise AlreadySettled(f"Checkout {self.object.pk} is {self.object.state_id}.")
        if not self.setup_intent.waiting:
            return HttpResponseRedirect(self.get_success_url())
        decline = self.setup_intent.decline
        declines.seen(request, self.object, decline.reference if decline else "")
        response: HttpResponseBase = super().get(request, *args, **kwargs)  # type: ignore[misc]
        return response

    def post(self, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponseBase:
        """The steps of the page's script; ``step`` names one."""
        steps: dict[str, Callable[[Checkout], object]] = {"begin": self._begin, "declined": self._declined}
        step = steps.get(request.POST.get("step", ""))
        if step is None:
            return redirect(request.path)
        try:
            checkout = self._open()
            if checkout is None:
                raise AlreadySettled(
                    f"Customer {self.customer.pk} has no open card refresh.",
                    customer_message=_("This page has been used already. Please reload it."),
                )
            step(checkout)
        except CheckoutError as error:
            return refused_json(error)
        return JsonResponse({"ok": True})

    def get_object(self, queryset: Any = None) -> Checkout:
        """The open checkout."""
        return self.object

    def get_success_url(self) -> str:
        """Where the customer goes once the card is saved: ``CHECKOUT_CARD_REFRESH_SUCCESS_URL_NAME``."""
        return reverse(settings.card_refresh_success_url_name, args=[self.object.uuid])

    def get_context_data(self, **kwargs: Any) -> dict[str, Any]:
        """What the template needs; ``plans``: those that the card will serve, with what is ``left`` of each."""
        context: dict[str, Any] = super().get_context_data(**kwargs)  # type: ignore[misc]
        success_url = self.get_success_url()
        return {
            **context,
            "client_secret": self.setup_intent.client_secret,
            "success_url": success_url,
            "return_url": self.request.build_absolute_uri(success_url),
            "stripe_publish_key": settings.publish_key,
            "stripe_js_url": settings.js_url,
            "step_url": self.request.path,
            "caption": settings.caption or _("the seller"),
            "customer": self.customer,
            "plans": plans_of(self.customer),
        }

    def _not_signed_in(self, request: HttpRequest) -> HttpResponseBase:
        if wants_json(request):
            return forbidden(request, CheckoutExpired("Nobody is signed in."))
        return redirect_to_login(request.get_full_path())

    def _open(self) -> Checkout | None:
        """This user's open attempt."""
        return card.open_refresh(self.customer, user=self.request.user)

    def _start(self) -> Checkout:
        if self._open() is None:
            limits.check_create(self.request, self.customer)
        return card.start_refresh(self.customer, user=self.request.user)

    def _begin(self, checkout: Checkout) -> None:
        """The button was pressed: nothing is claimed, for nothing is taken."""
        limits.check_declined(self.request, self.customer)

    def _declined(self, checkout: Checkout) -> None:
        declines.reported(self.request, checkout)


def plans_of(customer: Customer) -> list[PlanServed]:
    """The plans of a customer that go on, oldest first. One query."""
    paid = Q(instalments__state_id=states.SUCCESS)
    waiting = Q(instalments__state_id__in=[state for state in states.STATES if state != states.SUCCESS])
    rows = ObjectPaymentPlan.objects.outstanding_payment_plans.filter(customer=customer).annotate(
        paid=Sum("instalments__amount", filter=paid), next_due=Min("instalments__due", filter=waiting)
    )
    return [PlanServed(plan=row, left=row.total - (row.paid or 0), next_due=row.next_due) for row in rows]
