"""Settings of our site: the example site with the middleware of a plain one, its Stripe the stand-in."""

import os

import django

from example_checkout.settings.base import *  # noqa: F403
from example_checkout.settings.base import LOGGING
from webhooks_parts.plain import (  # noqa: F401
    ALLOWED_HOSTS,
    DATABASES,
    MIDDLEWARE,
    SECRET_KEY,
    STRIPE_SECRET_KEY,
    WEBHOOK_SECRET,
)

SECURE_SSL_REDIRECT = False
CHECKOUT_STRIPE_API_BASE = os.environ.get("BENCH_STRIPE", "")
CHECKOUT_WEBHOOK_SECRETS = [WEBHOOK_SECRET]
CHECKOUT_BASE_URL = "https://shop.example.com"
CHECKOUT_EVENT_WORKER = True
LOGGING = {**LOGGING, "loggers": {"checkout": {"handlers": ["console"], "level": "WARNING"}}}
# DEBUG is off, as on a site that charges, so the check that forbids a stand-in there must be silent.
SILENCED_SYSTEM_CHECKS = ["checkout.E004"]

CELERY_BROKER_URL = os.environ.get("BENCH_BROKER", "memory://")
CELERY_TASK_DEFAULT_QUEUE = os.environ.get("BENCH_QUEUE", "checkout-benchmark")
CELERY_BROKER_TRANSPORT_OPTIONS = {"global_keyprefix": f"{CELERY_TASK_DEFAULT_QUEUE}:"}

BACKEND = "mail_parts.counting.EmailBackend"
if django.VERSION >= (6, 1):
    MAILERS = {"default": {"BACKEND": BACKEND}}
else:
    EMAIL_BACKEND = BACKEND
