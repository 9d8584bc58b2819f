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
from checkout.errors import AlreadySettled, CheckoutError
from checkout.models import Checkout
from checkout.views.pages import forbidden, refused


class CheckoutByUuidMixin:
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
