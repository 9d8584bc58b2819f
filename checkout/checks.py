"""System checks, each with an id: what would lose money or trust is said at start."""

from collections.abc import Sequence
from typing import Any
from urllib.parse import urlsplit

import django
from django.conf import settings as django_settings
from django.core.checks import CheckMessage, Error, Tags, Warning, register
from django.core.exceptions import ImproperlyConfigured
from django.urls import NoReverseMatch, reverse

from checkout import declines
from checkout.conf import settings
from checkout.errors import NotPayable
from checkout.money import normalise_currency

STRIPE_API_HOST = "api.stripe.com"
STRIPE_JS_HOST = "js.stripe.com"
SMTP_BACKEND = "django.core.mail.backends.smtp.EmailBackend"


def _mode(key: str, kind: str) -> str:
    """``test`` or ``live``, or nothing for what is no key of this kind."""
    prefixes = ("pk",) if kind == "publish" else ("sk", "rk")
    for prefix in prefixes:
        for mode in ("test", "live"):
            if key.startswith(f"{prefix}_{mode}_"):
                return mode
    return ""


@register(Tags.security)
def check_keys(app_configs: Any, **kwargs: Any) -> Sequence[CheckMessage]:
    """E001 and E002: a key is missing or is no key; E003: one is for test, the other live."""
    found: list[CheckMessage] = []
    publish, secret = _mode(settings.publish_key, "publish"), _mode(settings.secret_key, "secret")
    if not publish:
        found.append(
            Error(
                "STRIPE_PUBLISH_KEY is missing.",
                hint="Set it to your pk_test_... or pk_live_... key.",
                id="checkout.E001",
            )
        )
    if not secret:
        found.append(
            Error(
                "STRIPE_SECRET_KEY is missing.",
                hint="Set it to your sk_... or rk_... key.",
                id="checkout.E002",
            )
        )
    if publish and secret and publish != secret:
        found.append(
            Error(
                f"STRIPE_PUBLISH_KEY is a {publish} key, STRIPE_SECRET_KEY a {secret} key.",
                hint="Take both from the same mode of the same Stripe account.",
                id="checkout.E003",
            )
        )
    return found


@register(Tags.security)
def check_addresses(app_configs: Any, **kwargs: Any) -> Sequence[CheckMessage]:
    """E004: not Stripe's API outside DEBUG; E005: a live key with it; E006: not Stripe's own Stripe.js."""
    found: list[CheckMessage] = []
    diverted = bool(settings.http_client) or (
        bool(settings.api_base) and urlsplit(settings.api_base).hostname != STRIPE_API_HOST
    )
    if diverted and not (django_settings.DEBUG or _under_test()):
        found.append(
            Error(
                "CHECKOUT_STRIPE_API_BASE or CHECKOUT_STRIPE_HTTP_CLIENT leads away from Stripe outside DEBUG.",
                hint="Remove it: payments would be recorded that nobody made.",
                id="checkout.E004",
            )
        )
    if diverted and "live" in (_mode(settings.publish_key, "publish"), _mode(settings.secret_key, "secret")):
        found.append(Error("A live key is set together with a simulator.", hint="Use test keys.", id="checkout.E005"))
    url = urlsplit(settings.js_url)
    own_script = url.scheme != "https" or url.hostname != STRIPE_JS_HOST
    if own_script and not (django_settings.DEBUG or _under_test()):
        found.append(
            Error(
                "CHECKOUT_STRIPE_JS_URL is not Stripe's outside DEBUG.",
                hint="Stripe.js must come from https://js.stripe.com/ (PCI DSS).",
                id="checkout.E006",
            )
        )
    return found


@register()
def check_currency(app_configs: Any, **kwargs: Any) -> Sequence[CheckMessage]:
    """E007: a currency that Stripe does not charge in."""
    try:
        normalise_currency(settings.currency)
    except NotPayable as error:
        return [Error(f"CHECKOUT_CURRENCY: {error}", id="checkout.E007")]
    return []


@register(Tags.caches)
def check_limits(app_configs: Any, **kwargs: Any) -> Sequence[CheckMessage]:
    """E008: no session; E009: no such cache, or one that forgets; W001: a cache of one process only."""
    found: list[CheckMessage] = []
    if not any("SessionMiddleware" in name for name in django_settings.MIDDLEWARE):
        found.append(
            Error(
                "There are no sessions: a customer could not open their checkout, and limits could not count.",
                hint="Add django.contrib.sessions and its SessionMiddleware.",
                id="checkout.E008",
            )
        )
    cache = django_settings.CACHES.get(settings.limits_cache, {})
    backend = cache.get("BACKEND", "")
    if not backend or backend.endswith("DummyCache"):
        found.append(
            Error(
                f"The cache {settings.limits_cache!r} that counts attempts against card testing keeps nothing.",
                hint="Configure CACHES with Redis, Memcached or the database.",
                id="checkout.E009",
            )
        )
    elif backend.endswith("LocMemCache") and not (django_settings.DEBUG or _under_test()):
        found.append(
            Warning(
                f"The cache {settings.limits_cache!r} is local to each process: limits hold per process only.",
                hint="Use a cache that all processes share.",
                id="checkout.W001",
            )
        )
    return found


@register()
def check_mail(app_configs: Any, **kwargs: Any) -> Sequence[CheckMessage]:
    """W002: a mail server that hangs would hang a worker; W003: links in mail would have no host."""
    if django_settings.DEBUG or _under_test():
        return []
    found: list[CheckMessage] = []
    backend, timeout = _mail_backend()
    if backend == SMTP_BACKEND and timeout is None:
        found.append(
            Warning(
                "Mail is sent without a timeout: a mail server that hangs keeps a worker for ever.",
                hint="Set EMAIL_TIMEOUT, or from Django 6.1 on OPTIONS['timeout'] in MAILERS, to some seconds.",
                id="checkout.W002",
            )
        )
    if not settings.base_url:
        found.append(
            Warning(
                "CHECKOUT_BASE_URL is not set: mail to customers cannot be written, because its links have no host.",
                hint="Set it to scheme and host of the site, for example https://shop.example.com.",
                id="checkout.W003",
            )
        )
    return found


@register()
def check_recovery(app_configs: Any, **kwargs: Any) -> Sequence[CheckMessage]:
    """E011: days of retries that are none; E012: who on the staff is told is no list; W006: it is nobody."""
    found: list[CheckMessage] = []
    if wrong := declines.wrong_days(getattr(django_settings, "CHECKOUT_RETRY_DAYS", ())):
        found.append(
            Error(
                f"CHECKOUT_RETRY_DAYS: {wrong}",
                hint="Set it to the days between attempts, for example (3, 5, 7), or to () for none.",
                id="checkout.E011",
            )
        )
    own = getattr(django_settings, "CHECKOUT_NOTIFY_EMAILS", None)
    if isinstance(own, str | bytes):
        found.append(
            Error(
                "CHECKOUT_NOTIFY_EMAILS is one text: each letter would be taken for an address.",
                hint='Set it to a list: ["accounts@example.com"].',
                id="checkout.E012",
            )
        )
    elif own is None and not settings.notify_emails and not (django_settings.DEBUG or _under_test()):
        found.append(
            Warning(
                "Nobody on the staff is told of payments that were put aside, disputes, and refunds that failed.",
                hint="Set CHECKOUT_NOTIFY_EMAILS or MANAGERS; CHECKOUT_NOTIFY_EMAILS = [] if the work queue is enough.",
                id="checkout.W006",
            )
        )
    return found


@register()
def check_webhook(app_configs: Any, **kwargs: Any) -> Sequence[CheckMessage]:
    """W004: the webhook refuses everything; W005: a signing secret is none; E010: events would be kept too short."""
    from checkout.views import stripe_webhook

    found: list[CheckMessage] = []
    try:
        reverse(stripe_webhook)
    except (NoReverseMatch, ImproperlyConfigured, ImportError):
        mounted = False
    else:
        mounted = True
    if mounted and not settings.webhook_secrets:
        found.append(
            Warning(
                "The webhook is in your urls, but CHECKOUT_WEBHOOK_SECRETS is not set: it refuses everything.",
                hint="manage.py checkout_webhook_endpoint --url https://.../ makes the endpoint and tells its secret.",
                id="checkout.W004",
            )
        )
    if any(not secret.startswith("whsec_") for secret in settings.webhook_secrets):
        found.append(
            Warning(
                "One of CHECKOUT_WEBHOOK_SECRETS is no signing secret.",
                hint="It begins with whsec_, and is neither a key of the API nor the id of the endpoint.",
                id="checkout.W005",
            )
        )
    try:
        _days = settings.event_days
    except (ImproperlyConfigured, TypeError, ValueError) as error:
        found.append(Error(f"CHECKOUT_EVENT_DAYS: {error}", id="checkout.E010"))
    return found


def _mail_backend() -> tuple[str, float | None]:
    """The backend of mail and its timeout, in Django 6.1's setting or in those before it."""
    mailers = getattr(django_settings, "MAILERS", None)
    if django.VERSION >= (6, 1) and mailers is not None:
        chosen = mailers.get("default", {})
        return chosen.get("BACKEND", SMTP_BACKEND), chosen.get("OPTIONS", {}).get("timeout")
    return django_settings.EMAIL_BACKEND, django_settings.EMAIL_TIMEOUT


def _under_test() -> bool:
    """Django's test runner and pytest-django both add an outbox and turn DEBUG off."""
    from django.core import mail

    return hasattr(mail, "outbox")
