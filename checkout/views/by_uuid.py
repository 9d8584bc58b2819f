"""What every page of one checkout shares: found by its uuid, opened for those who may, refusals as pages."""

from collections.abc import Callable
from typing import Any
from uuid import UUID

from django.core.exceptions import ImproperlyConfigured
from django.db import transaction
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseBase, HttpResponseRedirect
from django.urls import NoReverseMatch, reverse
from django.utils.cache import add_never_cache_headers

from checkout.access import CheckoutExpired, check_access
from checkout.conf import settings
from checkout.errors import AlreadySettled, CheckoutError
from checkout.models import Checkout
from checkout.models.customer import normalise_email
from checkout.views.pages import forbidden, refused


class NonAtomicMixin:
    """A view that is never inside ``ATOMIC_REQUESTS``: each step commits before Stripe is asked."""

    @classmethod
    def as_view(cls, **initkwargs: Any) -> Callable[..., HttpResponseBase]:
        """As Django's."""
        view: Callable[..., HttpResponseBase] = super().as_view(**initkwargs)  # type: ignore[misc]
        return transaction.non_atomic_requests(view)


class CheckoutByUuidMixin(NonAtomicMixin):
    """A view of one checkout, found by the URL keyword ``uuid`` and opened only for those who may.

    ``checkout_url_name``: the URL name of your page to pay (a ``CheckoutMixin``), to which other pages lead back.
    """

    model = Checkout
    context_object_name = "checkout"
    checkout_url_name = "web.checkout"
    request: HttpRequest
    kwargs: dict[str, Any]
    object: Checkout
    _checkout: Checkout | None = None

    def dispatch(self, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponseBase:
        """Every refusal becomes a page with the right status."""
        try:
            response: HttpResponseBase = super().dispatch(request, *args, **kwargs)  # type: ignore[misc]
        except CheckoutExpired as error:
            return forbidden(request, error)
        except CheckoutError as error:
            # it is set once this visitor may open it
            return refused(request, error, self._checkout, object_url=self.object_url() if self._checkout else "")
        if isinstance(response, HttpResponse):
            add_never_cache_headers(response)
        return response

    def check_access(self, checkout: Checkout) -> None:
        """Who may open it. Override to be stricter; raise ``CheckoutExpired``."""
        check_access(self.request, checkout)

    def get_object(self, queryset: Any = None) -> Checkout:
        """The checkout, or a 404, or a 403 for a visitor who may not open it."""
        if self._checkout is None:
            if "uuid" not in self.kwargs:
                raise ImproperlyConfigured(f"{type(self).__name__}: its path needs <uuid:uuid>.")
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
            raise AlreadySettled(f"The object of checkout {self.get_object().pk} has been deleted.")
        return HttpResponseRedirect(path)

    def pay_path(self, checkout: Checkout) -> str:
        """The path of the page to pay, of this checkout or of another one."""
        try:
            return reverse(self.checkout_url_name, kwargs={"uuid": checkout.uuid})
        except NoReverseMatch:
            raise ImproperlyConfigured(
                f"{type(self).__name__}.checkout_url_name is {self.checkout_url_name!r}: set it to the URL name of "
                "your page to pay, with the keyword uuid."
            ) from None

    def object_url(self) -> str:
        """The object's own page, where it can be expected to open: whoever came by a link may not see it."""
        checkout = self.get_object()
        if not checkout.content_object_url or checkout.is_card_refresh or checkout.content_object_url == "/":
            return ""
        if not checkout.is_pay_on_session or self._is_payer(checkout):
            return checkout.content_object_url
        plan = checkout.instalment.object_payment_plan if checkout.instalment is not None else None
        return checkout.content_object_url if plan and plan.agreement and self._opens(plan.agreement.checkout) else ""

    def _is_payer(self, checkout: Checkout) -> bool:
        """Staff, or the customer whose plan it is; anybody else has been handed the link."""
        user = self.request.user
        if not user.is_authenticated or user.is_staff:
            return user.is_authenticated
        email = normalise_email(getattr(user, "email", "") or "")
        return bool(email) and checkout.customer is not None and email == checkout.customer.email

    def _opens(self, checkout: Checkout) -> bool:
        try:
            check_access(self.request, checkout)
        except CheckoutExpired:
            return False
        return True

    def retry_path(self, checkout: Checkout) -> str:
        """Where an open checkout is paid: on the page with the card on file, if your site has one."""
        if checkout.is_pay_on_session and (found := paying_path(checkout.uuid)):
            return found
        return self.pay_path(checkout)


def paying_path(uuid: UUID, *names: str) -> str:
    """Where an instalment is paid: ``CHECKOUT_PAY_ON_SESSION_PAGE_URL_NAME``, else the first of ``names`` there is."""
    for name in (settings.pay_on_session_page_url_name, *names):
        try:
            return reverse(name, kwargs={"uuid": uuid})
        except NoReverseMatch:
            continue
    return ""
