"""Who may open a checkout: its session, its user, staff, or the holder of a signed link.

One in which an instalment is paid in the browser opens, for an hour after it was made, also to whoever holds its uuid.
"""

import uuid as uuid_module
from datetime import datetime, timedelta

from django.core import signing
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest
from django.utils import timezone

from checkout.conf import settings
from checkout.models import Checkout

SESSION_KEY = "checkout_uuids"
REMEMBERED = 20
SALT = "checkout.link"
PARAMETER = "token"
UUID_OPENS = timedelta(hours=1)


class CheckoutExpired(PermissionDenied):
    """This visitor may not see this checkout (any more)."""


def remember_checkout(request: HttpRequest, checkout: Checkout) -> None:
    """Let this session open ``checkout`` from now on. Call it where the checkout is made."""
    uuids = [u for u in request.session.get(SESSION_KEY, []) if u != str(checkout.uuid)]
    request.session[SESSION_KEY] = [*uuids, str(checkout.uuid)][-REMEMBERED:]


def remembered(request: HttpRequest) -> list[str]:
    """The uuids that this session made, oldest first."""
    return list(request.session.get(SESSION_KEY, []))


def sign(checkout_uuid: uuid_module.UUID) -> str:
    """A token for a link: it opens this one checkout, until ``CHECKOUT_LINK_MAX_AGE`` has passed."""
    return signing.dumps(str(checkout_uuid), salt=SALT)


def check_access(request: HttpRequest, checkout: Checkout) -> None:
    """Return if the visitor may open ``checkout``; ``CheckoutExpired`` (a 403) otherwise."""
    user = request.user
    if user.is_authenticated and (user.is_staff or (checkout.user_id is not None and user.pk == checkout.user_id)):
        return
    if str(checkout.uuid) in remembered(request):
        return
    if checkout.is_pay_on_session and timezone.now() - checkout.created <= UUID_OPENS:
        # not remembered: after the hour it opens as all others do
        return
    if _opens(request.GET.get(PARAMETER, ""), checkout):
        remember_checkout(request, checkout)
        return
    raise CheckoutExpired(f"Checkout {checkout.pk} is not this visitor's.")


def check_success_page(request: HttpRequest, checkout: Checkout, *, settled: datetime | None) -> None:
    """As ``check_access``; and for a visitor who is not logged in the page closes some minutes after the payment.

    ``settled``: when that was; None while it is not paid.
    """
    check_access(request, checkout)
    closes_after = timedelta(minutes=settings.success_page_minutes)
    if not request.user.is_authenticated and settled and timezone.now() - settled > closes_after:
        raise CheckoutExpired(f"The success page of checkout {checkout.pk} has closed.")


def _opens(token: str, checkout: Checkout) -> bool:
    if not token:
        return False
    try:
        value = signing.loads(token, salt=SALT, max_age=settings.link_max_age)
    except signing.BadSignature:
        return False
    return bool(value == str(checkout.uuid))
