"""Settings of a small site with dj-stripe, its Stripe the stand-in. Read in dj-stripe's own virtual environment."""

import os

from webhooks_parts.plain import (  # noqa: F401
    ALLOWED_HOSTS,
    DATABASES,
    DEBUG,
    DEFAULT_AUTO_FIELD,
    MIDDLEWARE,
    SECRET_KEY,
    STRIPE_SECRET_KEY,
    USE_TZ,
    WEBHOOK_SECRET,
)

INSTALLED_APPS = [
    "django.contrib.auth",
    "django.contrib.contenttypes",
    "django.contrib.messages",
    "django.contrib.sessions",
    "djstripe",
]
ROOT_URLCONF = "webhooks_parts.their_urls"
STRIPE_TEST_SECRET_KEY = STRIPE_SECRET_KEY
STRIPE_LIVE_MODE = False
STRIPE_API_HOST = os.environ.get("BENCH_STRIPE", "")
DJSTRIPE_FOREIGN_KEY_TO_FIELD = "id"
