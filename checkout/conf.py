"""The settings, read when they are used and never at import, one property each."""

from collections.abc import Mapping, Sequence
from datetime import timedelta
from typing import Any

from django.conf import settings as django_settings

DEFAULT_LIMITS: dict[str, dict[str, str]] = {
    "create": {"session": "20/h", "address": "60/h", "object": "30/h"},
    "decline": {"session": "6/h", "address": "20/h", "object": "10/h"},
}
STRIPE_JS_URL = "https://js.stripe.com/endive/stripe.js"


def _get(name: str, default: Any) -> Any:
    return getattr(django_settings, name, default)


class Settings:
    """Everything that a host site may set. ``docs/settings.rst`` describes each one."""

    @property
    def publish_key(self) -> str:
        """``STRIPE_PUBLISH_KEY``: ``pk_test_...`` or ``pk_live_...``."""
        return str(_get("STRIPE_PUBLISH_KEY", "") or "")

    @property
    def secret_key(self) -> str:
        """``STRIPE_SECRET_KEY``: ``sk_...`` or a restricted ``rk_...``."""
        return str(_get("STRIPE_SECRET_KEY", "") or "")

    @property
    def caption(self) -> str:
        """``STRIPE_CAPTION``: the name of the business that the customer sees."""
        return str(_get("STRIPE_CAPTION", "") or "")

    @property
    def currency(self) -> str:
        """``CHECKOUT_CURRENCY``: the currency of an object that does not name its own."""
        return str(_get("CHECKOUT_CURRENCY", "GBP")).upper()

    @property
    def base_url(self) -> str:
        """``CHECKOUT_BASE_URL``: scheme and host for links in mail."""
        return str(_get("CHECKOUT_BASE_URL", "") or "").rstrip("/")

    @property
    def notify_emails(self) -> list[str]:
        """``CHECKOUT_NOTIFY_EMAILS``: who on the staff is told; ``MANAGERS`` by default."""
        own = _get("CHECKOUT_NOTIFY_EMAILS", None)
        if own is not None:
            return list(own)
        managers: Sequence[Any] = django_settings.MANAGERS
        return [m if isinstance(m, str) else m[1] for m in managers]

    @property
    def limits(self) -> Mapping[str, Mapping[str, str]]:
        """``CHECKOUT_LIMITS``: rates against card testing, merged over the defaults."""
        own: Mapping[str, Mapping[str, str]] = _get("CHECKOUT_LIMITS", {})
        return {kind: {**rates, **own.get(kind, {})} for kind, rates in DEFAULT_LIMITS.items()}

    @property
    def limits_cache(self) -> str:
        """``RATELIMIT_USE_CACHE`` (of django-ratelimit): the cache that counts."""
        return str(_get("RATELIMIT_USE_CACHE", "default"))

    @property
    def timeout(self) -> float:
        """``CHECKOUT_STRIPE_TIMEOUT``: seconds until an answer of Stripe counts as lost."""
        return float(_get("CHECKOUT_STRIPE_TIMEOUT", 20))

    @property
    def abandon_after(self) -> timedelta:
        """``CHECKOUT_ABANDON_AFTER``: how long an unpaid payment stays open."""
        value: timedelta = _get("CHECKOUT_ABANDON_AFTER", timedelta(days=3))
        return value

    @property
    def success_page_minutes(self) -> int:
        """``CHECKOUT_SUCCESS_PAGE_MINUTES``: how long an anonymous visitor may see it."""
        return int(_get("CHECKOUT_SUCCESS_PAGE_MINUTES", 10))

    @property
    def link_max_age(self) -> timedelta:
        """``CHECKOUT_LINK_MAX_AGE``: how long a signed link opens a checkout."""
        value: timedelta = _get("CHECKOUT_LINK_MAX_AGE", timedelta(days=7))
        return value

    @property
    def api_base(self) -> str:
        """``CHECKOUT_STRIPE_API_BASE``: another address than Stripe's, for a simulator."""
        return str(_get("CHECKOUT_STRIPE_API_BASE", "") or "")

    @property
    def http_client(self) -> str:
        """``CHECKOUT_STRIPE_HTTP_CLIENT``: dotted path of a callable that makes one."""
        return str(_get("CHECKOUT_STRIPE_HTTP_CLIENT", "") or "")

    @property
    def js_url(self) -> str:
        """``CHECKOUT_STRIPE_JS_URL``: where the page loads Stripe.js from."""
        return str(_get("CHECKOUT_STRIPE_JS_URL", STRIPE_JS_URL))


settings = Settings()
