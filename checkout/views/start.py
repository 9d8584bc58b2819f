"""Start a checkout from a host's view."""

from typing import Any

from django.http import HttpRequest

from checkout import limits, states
from checkout.access import remember_checkout, remembered
from checkout.contract import Payable
from checkout.flows import payment
from checkout.models import Checkout, CheckoutAction


def start_checkout(request: HttpRequest, action: CheckoutAction | str, content_object: Payable) -> Checkout:
    """The visitor's checkout of ``content_object``: their open one, or a new one, which they may open from now on.

    Counts new ones against the limits before Stripe is called. Call it from a POST that is not inside a transaction.
    Raises ``LimitReached``, ``NotPayable``, ``StripeRefused``, ``StripeUnreachable``; ``checkout.views.refused`` makes
    a page of each.
    """
    slug = action if isinstance(action, str) else action.slug
    checkout = remembered_checkout(request, slug, content_object)
    if checkout is None or not payment.resume(checkout):
        limits.check_create(request, content_object)  # type: ignore[arg-type]
        checkout = Checkout.objects.create_checkout(slug, content_object, request.user)
    if checkout.user_id is None or checkout.user_id != request.user.pk:
        # a signed-in customer's own checkout is opened by the sign-in
        remember_checkout(request, checkout)
    return checkout


def start_on_session(request: HttpRequest, target: Payable) -> Checkout:
    """The one open checkout in which ``target`` is paid in the browser; this visitor may open it from now on.

    Counted against the limits first. Not inside a transaction. Raises ``LimitReached`` and what
    ``Checkout.objects.create_checkout_pay_on_session`` raises.
    """
    limits.check_link(request, target)  # type: ignore[arg-type]
    checkout = Checkout.objects.create_checkout_pay_on_session(target, request.user)
    remember_checkout(request, checkout)
    return checkout


def remembered_checkout(request: HttpRequest, action: str, content_object: Any) -> Checkout | None:
    """The open checkout of that object and action which this session may open, if there is one."""
    uuids = remembered(request)
    if not uuids or action not in payment.OFFERED:
        return None
    mine = Checkout.objects.for_content_object(content_object).filter(uuid__in=uuids)
    found: Checkout | None = mine.filter(action_id=action, state_id__in=states.OPEN).order_by("-pk").first()
    return found
