"""The page on which a customer pays an instalment, or an amount of staff, and the link of a mail that leads there."""

from typing import Any

from django.conf import settings as django_settings
from django.core.exceptions import ImproperlyConfigured
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseBase, HttpResponseRedirect
from django.shortcuts import render, resolve_url
from django.urls import NoReverseMatch
from django.utils.cache import add_never_cache_headers

from checkout import states
from checkout.access import remember_checkout
from checkout.conf import settings
from checkout.errors import AlreadySettled, CheckoutError, InProgress, NotPayable
from checkout.flows import on_file
from checkout.models import Checkout
from checkout.notify import links
from checkout.views import timeline
from checkout.views.by_uuid import NonAtomicMixin, paying_path
from checkout.views.mixins import CheckoutMixin
from checkout.views.pages import refused
from checkout.views.start import start_on_session


class CheckoutPayOnSessionMixin(CheckoutMixin):
    """The page of a payment in the browser: ``class PayOnSessionView(CheckoutPayOnSessionMixin, UpdateView)``.

    URL keyword ``uuid``. The card on file comes first, where that makes sense, and another card one button later. The
    card that pays is kept for the customer's later payments.
    """

    template_name = "checkout/checkout_pay_on_session.html"
    steps = ("begin", "declined")

    def get_object(self, queryset: Any = None) -> Checkout:
        """As for every page of a checkout; a 404 for one that is paid on another page."""
        checkout = super().get_object(queryset)
        if not checkout.is_pay_on_session:
            raise Http404("This checkout has a page of its own.")
        return checkout

    def get_context_data(self, **kwargs: Any) -> dict[str, Any]:
        """``why`` the customer is here, the ``card`` to begin with, and the ``plan_summary`` of an instalment."""
        context = super().get_context_data(**kwargs)
        checkout = self.get_object()
        found = on_file.look(checkout, decline=self.intent.decline if self.intent else None)
        plan = timeline.plan_of_checkout(checkout)
        return {
            **context,
            "why": found.why,
            "card": found.card,
            "object_url": self.object_url(),
            "plan_summary": timeline.summary(plan) if plan is not None else None,
        }


class CheckoutPayOnSessionRedirectMixin(NonAtomicMixin):
    """Where the links in mail lead: ``class PayLinkView(CheckoutPayOnSessionRedirectMixin, View)``, keyword ``token``.

    Takes nothing. Makes at most one open checkout, however often and by whomever it is followed, and goes on to its
    page: ``CHECKOUT_PAY_ON_SESSION_PAGE_URL_NAME``, or ``checkout_url_name`` on a site without that one. Where there is
    nothing to pay, ``closed_template_name`` says why.
    """

    closed_template_name = "checkout/link_closed.html"
    checkout_url_name = "web.checkout"
    request: HttpRequest

    def dispatch(self, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponseBase:
        """The token is for this site alone: no other host hears it as a referrer, no cache keeps it."""
        response: HttpResponseBase = super().dispatch(request, *args, **kwargs)  # type: ignore[misc]
        response.headers["Referrer-Policy"] = "same-origin"
        if isinstance(response, HttpResponse):
            add_never_cache_headers(response)
        return response

    def head(self, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:
        """For programs that look whether a link is alive: makes nothing."""
        return HttpResponse()

    def get(self, request: HttpRequest, token: str, *args: Any, **kwargs: Any) -> HttpResponseBase:
        """To the page to pay, or the page that says why not."""
        try:
            target = links.read(token)
        except links.LinkBroken:
            return self.closed("broken", status=404)
        except links.LinkExpired:
            return self.closed("expired", status=410)
        if target is None:
            return self.closed("gone", status=410)
        try:
            checkout = start_on_session(request, target)
        except AlreadySettled:
            return self.closed("paid", status=200)
        except InProgress:
            return self.in_progress(target)
        except NotPayable:
            return self.not_payable(target)
        except CheckoutError as error:
            return refused(request, error)
        path = paying_path(checkout.uuid, self.checkout_url_name)
        if not path:
            raise ImproperlyConfigured(
                f"There is no page to pay on: give one the URL name {settings.pay_on_session_page_url_name!r} "
                f"(CHECKOUT_PAY_ON_SESSION_PAGE_URL_NAME) or set {type(self).__name__}.checkout_url_name."
            )
        return HttpResponseRedirect(path)

    def in_progress(self, target: Any) -> HttpResponseBase:
        """The bank is at work: on the page that waits for it, where the customer paid in a browser."""
        attempts = Checkout.objects.for_content_object(target)
        paying = attempts.open_on_session().order_by("-pk").first()
        if paying is not None and attempts.unknown_charges().exists():
            # what is at work is our own charge: the page that was opened before it would say that nothing was paid
            paying = None
        path = target.checkout_success_url(paying.uuid) if paying is not None else ""
        if paying is None or not path:
            return self.closed("busy", status=409)
        remember_checkout(self.request, paying)
        return HttpResponseRedirect(path)

    def not_payable(self, target: Any) -> HttpResponseBase:
        """Why it cannot be paid: deleted, paid, stopped."""
        fresh = type(target)._base_manager.filter(pk=target.pk).first()
        if fresh is None:
            # at this moment
            return self.closed("gone", status=410)
        state = getattr(fresh, "state_id", "")
        paid = Checkout.objects.for_content_object(target).filter(state_id=states.SUCCESS)
        if state == states.SUCCESS or (not state and paid.exclude(action_id=states.PAYMENT_PLAN).exists()):
            return self.closed("paid", status=200)
        return self.closed("stopped", status=410)

    def closed(self, reason: str, *, status: int) -> HttpResponse:
        """The page for a link that leads to no payment; ``reason`` chooses its words."""
        try:
            login_url = resolve_url(django_settings.LOGIN_URL)
        except NoReverseMatch:
            login_url = ""
        context = {"reason": reason, "login_url": login_url}
        return render(self.request, self.closed_template_name, context, status=status)
