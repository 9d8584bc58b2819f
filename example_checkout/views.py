"""The shop's pages. From "book" on, everything that concerns money is ``checkout``'s."""

from typing import Any

from django.contrib import messages
from django.contrib.auth.mixins import LoginRequiredMixin
from django.db import transaction
from django.db.models import QuerySet
from django.http import Http404, HttpRequest, HttpResponseBase
from django.shortcuts import get_object_or_404, redirect
from django.urls import reverse
from django.utils.decorators import method_decorator
from django.views.generic import CreateView, DetailView, ListView, TemplateView, UpdateView, View

from checkout.errors import CheckoutError, LimitReached, NotPayable
from checkout.flows import sign_up
from checkout.views import (
    CheckoutFailMixin,
    CheckoutMixin,
    CheckoutPayOnSessionMixin,
    CheckoutPayOnSessionRedirectMixin,
    CheckoutSuccessMixin,
    ObjectPaymentPlanMixin,
    ObjectPaymentPlanSetupIntentCardRefreshMixin,
    limited,
    start_checkout,
)
from example_checkout.forms import BookingForm
from example_checkout.models import Product, SalesLedger

SESSION_KEY = "example_bookings"


def booking_for(request: HttpRequest, number: str) -> SalesLedger:
    """The booking, for those who may see it: who made it, whose session made it, and staff. Else 404."""
    booking = get_object_or_404(SalesLedger.objects.select_related("contact", "product"), number=number)
    user = request.user
    owns = user.is_authenticated and booking.contact.user_id == user.pk
    if owns or getattr(user, "is_staff", False) or number in request.session.get(SESSION_KEY, []):
        return booking
    raise Http404("No such booking, or not yours.")


def plan_offer(booking: SalesLedger) -> sign_up.Offer | None:
    """The instalments that the customer could agree to today; None where there is nothing to offer."""
    if not booking.checkout_can_charge or "payment_plan" not in booking.checkout_actions:
        return None
    try:
        return sign_up.offer(booking)
    except NotPayable:
        return None


def go_to_checkout(request: HttpRequest, booking: SalesLedger, action: str) -> HttpResponseBase:
    """Start a checkout for the booking and go to its page, or say on the booking's page why not."""
    try:
        checkout = start_checkout(request, action, booking)
    except LimitReached as error:
        return limited(request, error)
    except CheckoutError as error:
        messages.error(request, error.customer_message)
        return redirect(booking)
    return redirect("web.checkout", checkout.uuid)


class HomeView(ListView):
    """All courses."""

    model = Product
    template_name = "example/home.html"


# The booking must be committed before Stripe is asked, also on a site with ATOMIC_REQUESTS.
@method_decorator(transaction.non_atomic_requests, name="dispatch")
class CourseView(CreateView):
    """A course and the form to book it."""

    form_class = BookingForm
    template_name = "example/course.html"

    def get_form_kwargs(self) -> dict[str, Any]:
        """The form knows the course and who is asking."""
        product = get_object_or_404(Product, slug=self.kwargs["slug"])
        return {**super().get_form_kwargs(), "product": product, "user": self.request.user}

    def get_context_data(self, **kwargs: Any) -> dict[str, Any]:
        """The course is the form's."""
        context = super().get_context_data(**kwargs)
        return {**context, "product": context["form"].product}

    def form_valid(self, form: BookingForm) -> HttpResponseBase:
        """Book, remember whose booking it is, and go on to pay."""
        booking = form.save()
        if not self.request.user.is_authenticated:
            self.request.session[SESSION_KEY] = [*self.request.session.get(SESSION_KEY, []), booking.number][-50:]
        return go_to_checkout(self.request, booking, form.cleaned_data["action"])


class BookingView(DetailView):
    """A booking, and what can be done about it."""

    template_name = "example/booking.html"
    context_object_name = "booking"

    def get_object(self, queryset: QuerySet[Any] | None = None) -> SalesLedger:
        """Only for those who may see it."""
        return booking_for(self.request, self.kwargs["number"])

    def get_context_data(self, **kwargs: Any) -> dict[str, Any]:
        """What paying in instalments would mean, where that is offered."""
        return {**super().get_context_data(**kwargs), "plan_offer": plan_offer(self.object)}


class SalesLedgerPlanView(ObjectPaymentPlanMixin, DetailView):
    """ "My payment plan" of a booking; a 404 for one that has none, and for everybody else."""

    template_name = "example/plan.html"
    context_object_name = "booking"

    def get_object(self, queryset: QuerySet[Any] | None = None) -> SalesLedger:
        """Only for those who may see it."""
        return booking_for(self.request, self.kwargs["number"])


class TermsView(TemplateView):
    """What ``CHECKOUT_TERMS_URL`` points to."""

    template_name = "example/terms.html"


@method_decorator(transaction.non_atomic_requests, name="dispatch")
class SalesLedgerSessionRedirectView(View):
    """Make the checkout for a booking and redirect to its page. POST only: it creates something at Stripe."""

    http_method_names = ["post"]

    def post(self, request: HttpRequest, number: str) -> HttpResponseBase:
        """Take the way to pay from the form; ``checkout`` refuses one that the booking does not offer."""
        return go_to_checkout(request, booking_for(request, number), request.POST.get("action", "payment"))


class MyBookingsView(LoginRequiredMixin, ListView):
    """What the signed-in customer booked."""

    template_name = "example/bookings.html"
    paginate_by = 20

    def get_queryset(self) -> QuerySet[SalesLedger]:
        """Newest first."""
        return SalesLedger.objects.filter(contact__user=self.request.user.pk).select_related("product")

    def get_context_data(self, **kwargs: Any) -> dict[str, Any]:
        """Whether there is a card that could be changed."""
        context = super().get_context_data(**kwargs)
        return {**context, "has_plan": any(booking.on_plan for booking in context["object_list"])}


class SalesLedgerCheckoutView(CheckoutMixin, UpdateView):
    """The page where the customer pays."""


class SalesLedgerCheckoutSuccessView(CheckoutSuccessMixin, DetailView):
    """Thank you, or please wait."""


class SalesLedgerCheckoutFailView(CheckoutFailMixin, DetailView):
    """What to do next when it did not work."""


class InstalmentPayView(CheckoutPayOnSessionMixin, UpdateView):
    """Where the customer pays what their bank would not pay without them."""


class InstalmentLinkView(CheckoutPayOnSessionRedirectMixin, View):
    """Where the links in our mail lead."""


class CheckoutRefreshCardView(LoginRequiredMixin, ObjectPaymentPlanSetupIntentCardRefreshMixin, UpdateView):
    """A new card for the payment plans of whoever is signed in."""

    def get_success_url(self) -> str:
        """Thank you."""
        return reverse("web.checkout.refresh.card.success", args=[self.object.uuid])


class CheckoutRefreshCardSuccessView(CheckoutSuccessMixin, DetailView):
    """Thank you, and what happens next."""
