"""The mixin that hosts put in front of ``UpdateView``: the page on which a customer pays."""

from collections.abc import Callable
from decimal import Decimal, InvalidOperation
from typing import Any

from django.http import Http404, HttpRequest, HttpResponse, HttpResponseBase, JsonResponse
from django.shortcuts import redirect

from checkout import limits
from checkout.access import remember_checkout
from checkout.conf import settings
from checkout.errors import AlreadySettled, CheckoutError, NotPayable
from checkout.flows import on_session, payment
from checkout.forms import EmptyForm, InvoiceForm
from checkout.models import Checkout
from checkout.views import declines
from checkout.views.pages import refused_json
from checkout.views.plan_mixins import SignUpMixin
from checkout.views.start import start_on_session


class CheckoutMixin(SignUpMixin):
    """The page on which a customer pays: ``class PayView(CheckoutMixin, UpdateView)``, URL keyword ``uuid``.

    It is the page of a one-off payment, of an invoice, of the sign-up for a payment plan and of an instalment that its
    customer pays in the browser.
    ``offer_choice``: whether the page lets the customer change how to pay; leave it off where they have chosen already.
    """

    form_class = EmptyForm
    template_name = "checkout/checkout.html"
    offer_choice = False
    # what may be posted to the page
    steps: tuple[str, ...] = ("begin", "declined", "finish", "another_card", "choose", "invoice")
    intent: payment.Answer | None = None

    def get(self, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponseBase:
        """The page. One Stripe call, none for an invoice; more only where it settles what it finds."""
        checkout = self.get_object()
        if checkout.is_card_refresh:
            # it has a page of its own, as its customer's
            return redirect(checkout.content_object_url or "/")
        if checkout.held:
            # the money has come and a person looks at it: no form that asks for more
            return self.to_success_page()
        if checkout.is_open and (checkout.is_card_payment or checkout.is_payment_plan):
            limits.check_declined(request, checkout.content_object)
            on_session.not_being_charged(checkout.content_object)
            try:
                self.intent = payment.show(checkout)
            except AlreadySettled:
                pass
            else:
                declines.seen(request, checkout, self.intent.decline.reference if self.intent.decline else "")
        if checkout.succeeded and checkout.is_payment_plan:
            return self.after_sign_up(checkout)
        if checkout.succeeded and request.GET.get("redirect_status"):
            return self.to_success_page()
        if checkout.failed and checkout.is_pay_on_session:
            return self._once_more(checkout)
        if not checkout.is_open or not (self.intent is not None or checkout.is_invoice):
            raise AlreadySettled(f"Checkout {checkout.pk} is {checkout.state_id}.")
        if self.intent is not None and not self.intent.waiting:
            return self.to_success_page()
        response: HttpResponseBase = super().get(request, *args, **kwargs)  # type: ignore[misc]
        return response

    def post(self, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponseBase:
        """The steps of the page; ``step`` names one."""
        checkout = self.get_object()
        name = request.POST.get("step", "")
        if name not in self.steps:
            return redirect(request.path)
        step: Callable[[Checkout], HttpResponseBase] = getattr(self, f"_{name}")
        return step(checkout)

    def get_form(self, form_class: Any = None) -> Any:
        """Who to invoice, or nothing."""
        checkout = self.get_object()
        if not checkout.is_invoice:
            return EmptyForm(instance=checkout)
        if self.request.method == "POST":
            return InvoiceForm(self.request.POST)
        target = checkout.content_object
        initial = {"contact_name": target.checkout_name, "email": target.checkout_email} if target else {}
        return InvoiceForm(initial=initial)

    def get_context_data(self, **kwargs: Any) -> dict[str, Any]:
        """What the templates need; ``client_secret`` only for an intent that can be paid."""
        context: dict[str, Any] = super().get_context_data(**kwargs)  # type: ignore[misc]
        checkout = self.get_object()
        success_url = self.success_path()
        offered = checkout.content_object.checkout_actions if checkout.content_object else []
        context.update(
            client_secret=self.intent.client_secret if self.intent else "",
            success_url=success_url,
            return_url=self.request.build_absolute_uri(success_url),
            stripe_publish_key=settings.publish_key,
            stripe_js_url=settings.js_url,
            step_url=self.request.path,
            caption=settings.caption,
            lines=checkout.lines,
            # what staff and payment runs do with an object is no choice of its customer
            actions=[action for action in offered if action in payment.CHOICES],
            choice_made=not self.offer_choice,
        )
        return {**context, **self.plan_context(checkout)}

    def _once_more(self, checkout: Checkout) -> HttpResponseBase:
        """This page was closed unpaid (left for days, or at Stripe), and what it was for may still be to pay."""
        target = checkout.content_object
        closed = AlreadySettled(f"Checkout {checkout.pk} is {checkout.state_id}.")
        if target is None:
            raise closed
        # whoever was stopped for trying too many cards is not given another intent
        limits.check_declined(self.request, target)
        try:
            again = start_on_session(self.request, target)
        except NotPayable:
            raise closed from None
        return redirect(self.retry_path(again))

    def _begin(self, checkout: Checkout) -> HttpResponse:
        try:
            limits.check_declined(self.request, checkout.content_object)
            on_session.not_being_charged(checkout.content_object)
            if checkout.is_payment_plan:
                self.agree(checkout)
            else:
                payment.begin(checkout, shown_total=_decimal(self.request.POST.get("shown_total", "")))
        except CheckoutError as error:
            return refused_json(error, url=self.success_path() if checkout.succeeded else None)
        return JsonResponse({"ok": True})

    def _declined(self, checkout: Checkout) -> HttpResponse:
        try:
            declines.reported(self.request, checkout)
        except CheckoutError as error:
            return refused_json(error)
        return JsonResponse({"ok": True})

    def _choose(self, checkout: Checkout) -> HttpResponseBase:
        action = self.request.POST.get("action", "")
        target: Any = checkout.content_object
        limits.check_create(self.request, target)
        chosen = payment.choose(checkout, action=action, user=self.request.user)
        remember_checkout(self.request, chosen)
        match = self.request.resolver_match
        if match is None:
            raise Http404("No such page.")
        response: HttpResponseBase = redirect(match.view_name, *match.args, **{**match.kwargs, "uuid": chosen.uuid})
        return response

    def _invoice(self, checkout: Checkout) -> HttpResponseBase:
        self.object = checkout
        form = self.get_form()
        if not checkout.is_invoice or not checkout.is_open:
            raise AlreadySettled(f"Checkout {checkout.pk} is {checkout.action_id} {checkout.state_id}.")
        if not form.is_valid():
            context = self.get_context_data(form=form)
            response: HttpResponseBase = self.render_to_response(context, status=422)  # type: ignore[attr-defined]
            return response
        payment.invoice(checkout, details=form.cleaned_data)
        return self.to_success_page()


def _decimal(text: str) -> Decimal:
    """The amount that the page showed; -1, which is no total, for what is not a plain finite number."""
    try:
        number = Decimal(text) if len(text) <= 40 and text.isascii() else Decimal(-1)
    except InvalidOperation:
        return Decimal(-1)
    # to compare with a signalling NaN raises
    return number if number.is_finite() else Decimal(-1)
