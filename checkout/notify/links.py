"""The signed links in mail: each names the object to be paid, and expires."""

from typing import Any

from django.contrib.contenttypes.models import ContentType
from django.core import signing
from django.core.exceptions import ImproperlyConfigured
from django.db import models
from django.urls import reverse

from checkout.conf import settings

SALT = "checkout.pay-on-session"


class LinkExpired(Exception):
    """It was one of ours, and its time is over."""


class LinkBroken(Exception):
    """It is none of ours: changed, cut off or made up."""


def absolute(path: str) -> str:
    """``path`` with scheme and host, for mail. Raises ``ImproperlyConfigured`` without ``CHECKOUT_BASE_URL``."""
    if not settings.base_url:
        raise ImproperlyConfigured("CHECKOUT_BASE_URL is not set: links in mail need scheme and host of the site.")
    return f"{settings.base_url}{path}"


def token(content_object: models.Model) -> str:
    """Opens the page to pay ``content_object``, until ``CHECKOUT_LINK_MAX_AGE`` has passed."""
    kind = ContentType.objects.get_for_model(content_object)
    return signing.dumps(f"{kind.app_label}.{kind.model}:{content_object.pk}", salt=SALT)


def pay_url(content_object: models.Model) -> str:
    """The link in a mail: ``CHECKOUT_PAY_ON_SESSION_URL_NAME`` with a fresh token."""
    return absolute(reverse(settings.pay_on_session_url_name, args=[token(content_object)]))


def card_url() -> str:
    """The page on which the customer saves another card; it asks for a sign-in."""
    return absolute(reverse(settings.card_refresh_url_name))


def read(text: str) -> Any:
    """The object that a token is for; None if it has been deleted. Raises ``LinkExpired``, ``LinkBroken``."""
    try:
        value = str(signing.loads(text, salt=SALT, max_age=settings.link_max_age))
    except signing.SignatureExpired:
        raise LinkExpired from None
    except signing.BadSignature:
        raise LinkBroken from None
    label, _colon, pk = value.partition(":")
    app_label, _dot, model_name = label.partition(".")
    try:
        model: Any = ContentType.objects.get_by_natural_key(app_label, model_name).model_class()
    except ContentType.DoesNotExist:
        # of an app that the site has no more
        return None
    return model._base_manager.filter(pk=pk).first() if model is not None else None
