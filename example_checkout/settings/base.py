"""What every installation of the example site shares."""

import os
from pathlib import Path

import django

from example_checkout.settings.csp import content_security_policy
from example_checkout.settings.database import database

BASE_DIR = Path(__file__).resolve().parent.parent.parent

SECRET_KEY = os.environ.get("SECRET_KEY", "")
DEBUG = False
ALLOWED_HOSTS: list[str] = os.environ.get("ALLOWED_HOSTS", "").split()

INSTALLED_APPS = [
    "django.contrib.admin",
    "django.contrib.auth",
    "django.contrib.contenttypes",
    "django.contrib.humanize",
    "django.contrib.messages",
    "django.contrib.sessions",
    "django.contrib.staticfiles",
    "csp",
    # Before checkout: our templates/checkout/base.html wraps the one that checkout brings.
    "example_checkout",
    "checkout",
]
MIDDLEWARE = [
    "django.middleware.security.SecurityMiddleware",
    "csp.middleware.CSPMiddleware",
    # This early, so that what the middleware below refuses has the header too.
    "django.middleware.clickjacking.XFrameOptionsMiddleware",
    "django.contrib.sessions.middleware.SessionMiddleware",
    "django.middleware.locale.LocaleMiddleware",
    "django.middleware.common.CommonMiddleware",
    "django.middleware.csrf.CsrfViewMiddleware",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
    "django.contrib.messages.middleware.MessageMiddleware",
]
TEMPLATES = [
    {
        "BACKEND": "django.template.backends.django.DjangoTemplates",
        "APP_DIRS": True,
        "OPTIONS": {
            "context_processors": [
                "django.template.context_processors.request",
                "django.contrib.auth.context_processors.auth",
                "django.contrib.messages.context_processors.messages",
            ]
        },
    }
]
ROOT_URLCONF = "example_checkout.urls"
WSGI_APPLICATION = "example_checkout.wsgi.application"

DATABASES = {"default": database(os.environ.get("DATABASE_URL"), sqlite=BASE_DIR / "example.sqlite3")}
# The limits against card testing count here, so all processes must share it: redis://... in production.
CACHE_URL = os.environ.get("CACHE_URL", "")
CACHES = {
    "default": {"BACKEND": "django.core.cache.backends.redis.RedisCache", "LOCATION": CACHE_URL}
    if CACHE_URL
    else {"BACKEND": "django.core.cache.backends.locmem.LocMemCache"}
}
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"

LANGUAGE_CODE = "en-gb"
# What checkout is translated into; the example's own texts are English only.
LANGUAGES = [("en-gb", "English"), ("de", "Deutsch")]
TIME_ZONE = "Europe/London"
USE_TZ = True
STATIC_URL = "/static/"
STATIC_ROOT = BASE_DIR / "var" / "static"

LOGIN_URL = "login"
LOGIN_REDIRECT_URL = "example.bookings"
LOGOUT_REDIRECT_URL = "example.home"

SECURE_SSL_REDIRECT = True
# A browser that has seen it insists on HTTPS for so long, whatever becomes of the site: begin with an hour.
SECURE_HSTS_SECONDS = int(os.environ.get("SECURE_HSTS_SECONDS", "3600"))
SECURE_HSTS_INCLUDE_SUBDOMAINS = True
SECURE_HSTS_PRELOAD = True
SECURE_CONTENT_TYPE_NOSNIFF = True
# Stripe's secret can be in the address of the return page: no other site may see more than our origin.
SECURE_REFERRER_POLICY = "strict-origin-when-cross-origin"
# A bank may open its 3-D Secure page in a window of its own.
SECURE_CROSS_ORIGIN_OPENER_POLICY = "same-origin-allow-popups"
SESSION_COOKIE_SECURE = True
SESSION_COOKIE_HTTPONLY = True
# Lax, so that the session is still there when the bank sends the customer back to us.
SESSION_COOKIE_SAMESITE = "Lax"
CSRF_COOKIE_SECURE = True
CSRF_COOKIE_HTTPONLY = True
X_FRAME_OPTIONS = "DENY"
CONTENT_SECURITY_POLICY = content_security_policy()

STRIPE_PUBLISH_KEY = os.environ.get("STRIPE_PUBLISH_KEY", "")
STRIPE_SECRET_KEY = os.environ.get("STRIPE_SECRET_KEY", "")
# From `manage.py checkout_webhook_endpoint`; two of them, with a space between, while one is rolled.
CHECKOUT_WEBHOOK_SECRETS = os.environ.get("CHECKOUT_WEBHOOK_SECRETS", "").split()
STRIPE_CAPTION = "Kiln & Loom"
CHECKOUT_CURRENCY = "GBP"
CHECKOUT_BASE_URL = os.environ.get("CHECKOUT_BASE_URL", "")
# Linked from the text that a customer agrees to before a card is saved for instalments.
CHECKOUT_TERMS_URL = "/terms/"
CHECKOUT_NOTIFY_EMAILS = ["accounts@example.com"]

DEFAULT_FROM_EMAIL = "Kiln & Loom <bookings@example.com>"
# A mail server that hangs must not keep a worker for ever.
EMAIL_SECONDS = 10
if django.VERSION >= (6, 1):
    MAILERS = {
        "default": {
            "BACKEND": "django.core.mail.backends.smtp.EmailBackend",
            "OPTIONS": {"host": os.environ.get("EMAIL_HOST", "localhost"), "timeout": EMAIL_SECONDS},
        }
    }
else:
    EMAIL_HOST = os.environ.get("EMAIL_HOST", "localhost")
    EMAIL_TIMEOUT = EMAIL_SECONDS
CELERY_BROKER_URL = os.environ.get("CELERY_BROKER_URL", "redis://127.0.0.1:6379/0")
CELERY_TASK_IGNORE_RESULT = True
CELERY_TIMEZONE = TIME_ZONE
# The tasks that charge are acknowledged late, so a worker that dies hands on what it had: let it have one portion a
# process, and not hold more that others could do meanwhile.
CELERY_WORKER_PREFETCH_MULTIPLIER = 1
CELERY_BROKER_CONNECTION_RETRY_ON_STARTUP = True
if CELERY_BROKER_URL.startswith("redis"):
    # Seconds after which Redis hands a portion to another worker, dead or not. It must be longer than the longest
    # portion takes, or work is done twice over for nothing (no charge is): seconds as a rule, three quarters of an
    # hour if Stripe answers nothing but 429. RabbitMQ sees at once that a worker is gone; its consumer_timeout (30
    # minutes) is a limit of the same kind.
    CELERY_BROKER_TRANSPORT_OPTIONS = {"visibility_timeout": 60 * 60}

LOGGING = {
    "version": 1,
    "disable_existing_loggers": False,
    "formatters": {"line": {"format": "{asctime} {levelname} {name} {message}", "style": "{"}},
    "handlers": {"console": {"class": "logging.StreamHandler", "formatter": "line"}},
    "loggers": {"checkout": {"handlers": ["console"], "level": "INFO"}},
}
