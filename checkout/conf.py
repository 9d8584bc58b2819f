"""The settings, read when they are used and never at import, one property each."""

import math
from collections.abc import Mapping, Sequence
from datetime import timedelta
from typing import Any

from django.conf import settings as django_settings
from django.core.exceptions import ImproperlyConfigured

DEFAULT_LIMITS: dict[str, dict[str, str]] = {
    "create": {"session": "20/h", "address": "60/h", "object": "30/h"},
    "decline": {"session": "6/h", "address": "20/h", "object": "10/h"},
    # following a link twice, or looking again, is no misuse: one attempt is made of it
    "link": {"session": "60/h", "address": "240/h", "object": "120/h"},
}
MIN_EVENT_DAYS = 30
STRIPE_JS_URL = "https://js.stripe.com/endive/stripe.js"


def _get(name: str, default: Any) -> Any:
    return getattr(django_settings, name, default)


def _above_zero(name: str, default: Any, what: str) -> float:
    """The setting ``name`` as a number. Raises ``ImproperlyConfigured`` unless it is finite and above 0."""
    value = _get(name, default)
    try:
        number = float(value)
    except (TypeError, ValueError):
        number = math.nan
    if not 0 < number < math.inf:
        raise ImproperlyConfigured(f"{name} is {value!r}. Set it to {what} above 0; without it {default} holds.")
    return number


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
    def livemode(self) -> bool:
        """Whether ``STRIPE_SECRET_KEY`` is for real money."""
        return self.secret_key.startswith(("sk_live_", "rk_live_"))

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
    def stripe_rate(self) -> float:
        """``CHECKOUT_STRIPE_RATE``: the most calls a second of payment runs, all processes together."""
        return _above_zero("CHECKOUT_STRIPE_RATE", 100, "a number of calls a second")

    @property
    def stripe_concurrency(self) -> int:
        """``CHECKOUT_STRIPE_CONCURRENCY``: how many calls of one payment run may be in flight at once."""
        number = _above_zero("CHECKOUT_STRIPE_CONCURRENCY", 40, "a whole number of calls")
        if number != int(number):
            raise ImproperlyConfigured(f"CHECKOUT_STRIPE_CONCURRENCY is {number}. Set it to a whole number of calls.")
        return int(number)

    @property
    def pace_cache(self) -> str:
        """``CHECKOUT_PACE_CACHE``: the cache through which processes share one pace towards Stripe."""
        return str(_get("CHECKOUT_PACE_CACHE", "default"))

    @property
    def abandon_after(self) -> timedelta:
        """``CHECKOUT_ABANDON_AFTER``: how long an unpaid payment stays open."""
        value: timedelta = _get("CHECKOUT_ABANDON_AFTER", timedelta(days=3))
        return value

    @property
    def setup_expires(self) -> timedelta:
        """``CHECKOUT_SETUP_EXPIRES``: how long a customer has to save a card before the sign-up is cancelled."""
        value: timedelta = _get("CHECKOUT_SETUP_EXPIRES", timedelta(minutes=60))
        return value

    @property
    def charge_deposit_at_sign_up(self) -> bool:
        """``CHECKOUT_CHARGE_DEPOSIT_AT_SIGN_UP``: whether the package charges it by itself."""
        return bool(_get("CHECKOUT_CHARGE_DEPOSIT_AT_SIGN_UP", True))

    @property
    def retry_days(self) -> tuple[int, ...]:
        """``CHECKOUT_RETRY_DAYS``: after how many days a declined charge is tried again, each counted from the last."""
        return tuple(_get("CHECKOUT_RETRY_DAYS", (3, 5, 7)))

    @property
    def terms_url(self) -> str:
        """``CHECKOUT_TERMS_URL``: where your terms say how to cancel a payment plan."""
        return str(_get("CHECKOUT_TERMS_URL", "") or "")

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
    def success_url_name(self) -> str:
        """``CHECKOUT_SUCCESS_URL_NAME``: your page after a payment, for what has no object of yours behind it."""
        return str(_get("CHECKOUT_SUCCESS_URL_NAME", "web.checkout.success"))

    @property
    def pay_on_session_url_name(self) -> str:
        """``CHECKOUT_PAY_ON_SESSION_URL_NAME``: where the links in mail lead; takes one signed token."""
        return str(_get("CHECKOUT_PAY_ON_SESSION_URL_NAME", "web.checkout.pay.on.session.redirect"))

    @property
    def pay_on_session_page_url_name(self) -> str:
        """``CHECKOUT_PAY_ON_SESSION_PAGE_URL_NAME``: your page (a ``CheckoutPayOnSessionMixin``), by ``uuid``."""
        return str(_get("CHECKOUT_PAY_ON_SESSION_PAGE_URL_NAME", "web.checkout.pay.on.session"))

    @property
    def card_refresh_url_name(self) -> str:
        """``CHECKOUT_CARD_REFRESH_URL_NAME``: your page on which a customer saves a new card."""
        return str(_get("CHECKOUT_CARD_REFRESH_URL_NAME", "web.checkout.refresh.card"))

    @property
    def card_refresh_success_url_name(self) -> str:
        """``CHECKOUT_CARD_REFRESH_SUCCESS_URL_NAME``: your page after that, by the checkout's uuid."""
        return str(_get("CHECKOUT_CARD_REFRESH_SUCCESS_URL_NAME", "web.checkout.refresh.card.success"))

    @property
    def active_login_months(self) -> int:
        """``CHECKOUT_ACTIVE_LOGIN_MONTHS``: how recently a user must have signed in to count as active."""
        return int(_get("CHECKOUT_ACTIVE_LOGIN_MONTHS", 6))

    @property
    def webhook_secrets(self) -> tuple[str, ...]:
        """``CHECKOUT_WEBHOOK_SECRETS``: the signing secrets of the webhook endpoint; two while one is rolled."""
        own = _get("CHECKOUT_WEBHOOK_SECRETS", ())
        listed = [own] if isinstance(own, str) else list(own or ())
        return tuple(secret.strip() for secret in listed if secret and secret.strip())

    @property
    def event_worker(self) -> bool:
        """``CHECKOUT_EVENT_WORKER``: a Celery worker takes events; by default if Celery has a broker."""
        own = _get("CHECKOUT_EVENT_WORKER", None)
        if own is not None:
            return bool(own)
        from celery import current_app

        return bool(current_app.conf.broker_url)

    @property
    def event_days(self) -> int:
        """``CHECKOUT_EVENT_DAYS``: how long events are kept; Stripe can repeat one for 30 days."""
        days = int(_get("CHECKOUT_EVENT_DAYS", 90))
        if days < MIN_EVENT_DAYS:
            raise ImproperlyConfigured(
                f"CHECKOUT_EVENT_DAYS is {days}. Set it to {MIN_EVENT_DAYS} or more: Stripe can send an event again "
                "for so long, and it would be worked as a new one."
            )
        return days

    @property
    def webhook_silence(self) -> timedelta:
        """``CHECKOUT_WEBHOOK_SILENCE``: how long after a payment no event at all is strange."""
        value: timedelta = _get("CHECKOUT_WEBHOOK_SILENCE", timedelta(hours=1))
        return value

    @property
    def environment(self) -> str:
        """``CHECKOUT_ENVIRONMENT``: what this installation is called; ``CHECKOUT_BASE_URL`` by default."""
        return str(_get("CHECKOUT_ENVIRONMENT", "") or "") or self.base_url

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
