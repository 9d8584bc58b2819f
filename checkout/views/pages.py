"""Refusals as pages: what happened, in one safe sentence, and the right status."""

import logging
from typing import Any

from django.http import HttpRequest, HttpResponse, JsonResponse
from django.shortcuts import render
from django.utils.cache import add_never_cache_headers

from checkout.access import CheckoutExpired
from checkout.errors import CheckoutError, LimitReached, StripeRefused, StripeUnreachable
from checkout.models import Checkout

logger = logging.getLogger(__name__)


def limited(request: HttpRequest, error: LimitReached) -> HttpResponse:
    """429: too many attempts."""
    return _page(request, "checkout/limited.html", 429, error)


def expired(request: HttpRequest) -> HttpResponse:
    """403: this visitor may not open this checkout, or not any more."""
    response = render(request, "checkout/checkout_expired.html", status=403)
    add_never_cache_headers(response)
    return response


def refused(
    request: HttpRequest, error: CheckoutError, checkout: Checkout | None = None, *, object_url: str = ""
) -> HttpResponse:
    """The page that fits ``error``: 429, 503 when Stripe did not answer, else that nothing is left to pay here.

    ``object_url``: the page of what was to be paid, for a visitor who may open that.
    """
    if isinstance(error, LimitReached):
        return limited(request, error)
    if isinstance(error, StripeUnreachable | StripeRefused):
        return _page(request, "checkout/unavailable.html", 503, error)
    logger.info("views refused error=%s evidence=%s", type(error).__name__, error)
    if checkout is None:
        return _page(request, "checkout/error.html", 400, error)
    return _page(request, "checkout/checkout_settled.html", 200, error, checkout=checkout, object_url=object_url)


def refused_json(error: CheckoutError, *, url: str | None = None) -> JsonResponse:
    """The same for our script."""
    reasons: dict[str, tuple[str, int]] = {
        "AmountChanged": ("changed", 409),
        "AlreadySettled": ("paid", 409),
        "ConsentMissing": ("consent", 422),
        "InProgress": ("busy", 409),
        "LimitReached": ("limited", 429),
        "StripeUnreachable": ("unavailable", 503),
    }
    reason, status = reasons.get(type(error).__name__, ("unavailable", 409))
    logger.info("views refused reason=%s evidence=%s", reason, error)
    return JsonResponse(
        {"ok": False, "reason": reason, "message": str(error.customer_message), "url": url}, status=status
    )


def forbidden(request: HttpRequest, error: CheckoutExpired) -> HttpResponse:
    """403 as a page, or for our script as JSON."""
    logger.info("views forbidden evidence=%s", error)
    if wants_json(request):
        return JsonResponse({"ok": False, "reason": "expired", "message": "", "url": None}, status=403)
    return expired(request)


def wants_json(request: HttpRequest) -> bool:
    """Whether our own script asks."""
    return request.headers.get("Accept", "").startswith("application/json")


def _page(request: HttpRequest, template: str, status: int, error: CheckoutError, **context: Any) -> HttpResponse:
    response = render(request, template, {"message": error.customer_message, **context}, status=status)
    add_never_cache_headers(response)
    return response
