"""The mixins that hosts put in front of ``UpdateView`` and ``DetailView``."""

from collections.abc import Callable
from decimal import Decimal, InvalidOperation
from typing import Any
from uuid import UUID

from django.db import transaction
from django.http import (
    Http404,
    HttpRequest,
    HttpResponse,
    HttpResponseBase,
    HttpResponseRedirect,
    JsonResponse,
)
from django.shortcuts import redirect
from django.utils.cache import add_never_cache_headers
from django.utils.translation import gettext_lazy as _

from checkout import limits
from checkout.access import CheckoutExpired, check_access, check_success_page, remember_checkout
from checkout.conf import settings
from checkout.errors import CheckoutError, NotPayable
from checkout.flows import payment
from checkout.forms import EmptyForm, InvoiceForm
from checkout.models import Checkout
from checkout.views import declines
from checkout.views.pages import forbidden, refused, refused_json, wants_json


class CheckoutByUuidMixin:
    """A view of one checkout, found by the URL keyword ``uuid`` and opened only for those who may."""

    model = Checkout
    context_object_name = "checkout"
    request: HttpRequest
    kwargs: dict[str, Any]
    object: Checkout
    _checkout: Checkout | None = None

    @classmethod
    def as_view(cls, **initkwargs: Any) -> Callable[..., HttpResponseBase]:
        """Never inside ``ATOMIC_REQUESTS``: each step commits before Stripe is asked."""
        view: Callable[..., HttpResponseBase] = super().as_view(**initkwargs)  # type: ignore[misc]
        return transaction.non_atomic_requests(view)

    def dispatch(self, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponseBase:
        """Every refusal becomes a page with the right status."""
        try:
            response: HttpResponseBase = super().dispatch(request, *args, **kwargs)  # type: ignore[misc]
        except CheckoutExpired as error:
            return forbidden(request, error)
        except CheckoutError as error:
            return refused(request, error, self._checkout)
        if isinstance(response, HttpResponse):
            add_never_cache_headers(response)
        return response

    def check_access(self, checkout: Checkout) -> None:
        """Who may open it. Override to be stricter; raise ``CheckoutExpired``."""
        check_access(self.request, checkout)

    def get_object(self, queryset: Any = None) -> Checkout:
        """The checkout, or a 404, or a 403 for a visitor who may not open it."""
        if self._checkout is None:
            try:
                uuid = UUID(str(self.kwargs["uuid"]))
            except ValueError:
                raise Http404("No such checkout.") from None
            found = Checkout.objects.filter(uuid=uuid).first()
            if found is None:
                raise Http404("No such checkout.")
            self.check_access(found)
            self._checkout = found
        return self._checkout

    def success_path(self) -> str:
        """The path of the host's success page; empty if the object is gone."""
        target = self.get_object().content_object
        return target.checkout_success_url(self.get_object().uuid) if target is not None else ""

    def to_success_page(self) -> HttpResponse:
        """A redirect; ``AlreadySettled``, which becomes a page, if the object and its addresses are gone."""
        path = self.success_path()
        if not path:
            raise payment.AlreadySettled(f"The object of checkout {self.get_object().pk} has been deleted.")
        return HttpResponseRedirect(path)


class CheckoutMixin(CheckoutByUuidMixin):
    """The page on which a customer pays: ``class PayView(CheckoutMixin, UpdateView)``, URL keyword ``uuid``.

    ``offer_choice``: whether the page lets the customer change how to pay; leave it off where they have chosen already.
    """

    form_class = EmptyForm
    template_name = "checkout/checkout.html"
    offer_choice = False
    intent: payment.Intent | None = None

    def get(self, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponseBase:
        """The page. One Stripe call for a payment, none for an invoice."""
        checkout = self.get_object()
        if checkout.held:
            # the money has come and a person looks at it: no form that asks for more
            return self.to_success_page()
        if checkout.is_open and checkout.is_payment:
            limits.check_declined(request, checkout.content_object)
            try:
                self.intent = payment.show(checkout)
            except payment.AlreadySettled:
                pass
            else:
                declines.seen(request, checkout, self.intent.decline.reference if self.intent.decline else "")
        if checkout.succeeded and request.GET.get("redirect_status"):
            return self.to_success_page()
        if not checkout.is_open or not (checkout.is_payment or checkout.is_invoice):
            raise payment.AlreadySettled(f"Checkout {checkout.pk} is {checkout.state_id}.")
        if self.intent is not None and not self.intent.waiting:
            return self.to_success_page()
        response: HttpResponseBase = super().get(request, *args, **kwargs)  # type: ignore[misc]
        return response

    def post(self, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponseBase:
        """The steps of the page; ``step`` names one."""
        checkout = self.get_object()
        step = request.POST.get("step", "")
        if step == "begin":
            return self._begin(checkout)
        if step == "declined":
            return self._declined(checkout)
        if step == "choose":
            return self._choose(checkout)
        if step == "invoice":
            return self._invoice(checkout)
        return redirect(request.path)

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
        context.update(
            client_secret=self.intent.client_secret if self.intent else "",
            success_url=success_url,
            return_url=self.request.build_absolute_uri(success_url),
            stripe_publish_key=settings.publish_key,
            stripe_js_url=settings.js_url,
            step_url=self.request.path,
            caption=settings.caption,
            lines=checkout.lines,
            actions=list(checkout.content_object.checkout_actions) if checkout.content_object else [],
            choice_made=not self.offer_choice,
        )
        return context

    def _begin(self, checkout: Checkout) -> HttpResponse:
        try:
            limits.check_declined(self.request, checkout.content_object)
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
            raise payment.AlreadySettled(f"Checkout {checkout.pk} is {checkout.action_id} {checkout.state_id}.")
        if not form.is_valid():
            context = self.get_context_data(form=form)
            response: HttpResponseBase = self.render_to_response(context, status=422)  # type: ignore[attr-defined]
            return response
        payment.invoice(checkout, details=form.cleaned_data)
        return self.to_success_page()


class CheckoutSuccessMixin(CheckoutByUuidMixin):
    """The page to which a customer returns: ``class SuccessView(CheckoutSuccessMixin, DetailView)``.

    Asks Stripe and settles before it answers. While the bank has not decided it shows ``waiting_template_name``,
    which asks the same address for JSON until there is an answer; and ``held_template_name`` for a payment that
    came but was put aside for a person to look at.
    """

    template_name = "checkout/checkout_success.html"
    waiting_template_name = "checkout/checkout_waiting.html"
    held_template_name = "checkout/checkout_held.html"
    fail_template_name = "checkout/checkout_fail.html"
    waiting = False
    unpaid = False

    def check_access(self, checkout: Checkout) -> None:
        """For visitors who are not logged in the page closes some minutes after the payment."""
        check_success_page(self.request, checkout)

    def get(self, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponseBase:
        """The answer: paid, not paid, or not known yet."""
        checkout = self.get_object()
        intent = payment.finish(checkout)
        unpaid = intent is not None and intent.waiting
        url = self._elsewhere(checkout, unpaid=unpaid)
        if wants_json(request):
            url = url or (request.path if checkout.succeeded or checkout.failed or unpaid else None)
            # "held" tells a waiting page to load itself anew: no later answer will bring an address
            return JsonResponse({"state": checkout.state_id, "url": url} | ({"held": True} if checkout.held else {}))
        if url:
            return HttpResponseRedirect(url)
        # the object and its fail page are gone: that is no reason to wait for what will not come
        self.unpaid = checkout.failed or unpaid
        self.waiting = not (checkout.succeeded or checkout.held or self.unpaid)
        if "payment_intent_client_secret" in request.GET:
            # the secret leaves the address bar, the history and every referrer
            return HttpResponseRedirect(request.path)
        response: HttpResponseBase = super().get(request, *args, **kwargs)  # type: ignore[misc]
        return response

    def get_template_names(self) -> list[str]:
        """The waiting page while nothing is known; never for money that has come."""
        if self.get_object().held:
            return [self.held_template_name]
        if self.unpaid:
            return [self.fail_template_name]
        if self.waiting:
            return [self.waiting_template_name]
        return [self.template_name]

    def _elsewhere(self, checkout: Checkout, *, unpaid: bool) -> str | None:
        if (checkout.failed or unpaid) and checkout.content_object is not None:
            url: str = checkout.content_object.checkout_fail_url(checkout.uuid)
            return url
        return None


class CheckoutFailMixin(CheckoutByUuidMixin):
    """The page for a payment that did not go through: ``class FailView(CheckoutFailMixin, DetailView)``.

    Asks Stripe about an open payment, and sends the customer on to the success page unless it is sure that nothing was
    paid: that page thanks, waits or explains.
    """

    template_name = "checkout/checkout_fail.html"

    def get(self, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponseBase:
        """Never says "failed" of what is paid."""
        checkout = self.get_object()
        intent = payment.finish(checkout)
        asked = checkout.is_open and bool(checkout.payment_intent_id)
        if checkout.succeeded or (asked and not (intent is not None and intent.waiting)):
            return self.to_success_page()
        target = checkout.content_object
        if target is not None and not target.checkout_can_charge:
            # another attempt has paid: "try again" would be wrong, and so would "it did not go through"
            raise NotPayable(
                f"Checkout {checkout.pk} is {checkout.state_id}, but its object cannot be charged any more.",
                customer_message=_("There is nothing to pay here any more."),
            )
        response: HttpResponseBase = super().get(request, *args, **kwargs)  # type: ignore[misc]
        return response


def _decimal(text: str) -> Decimal:
    """The amount that the page showed; -1, which is no total, for what is not a plain finite number."""
    try:
        number = Decimal(text) if len(text) <= 40 and text.isascii() else Decimal(-1)
    except InvalidOperation:
        return Decimal(-1)
    # to compare with a signalling NaN raises
    return number if number.is_finite() else Decimal(-1)
