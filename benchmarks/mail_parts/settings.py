"""Settings of the processes that send: the example site, a database of its own, a backend that counts."""

import os

import django

from example_checkout.settings.base import *  # noqa: F403
from example_checkout.settings.base import LOGGING
from example_checkout.settings.database import database

SECRET_KEY = "only-for-the-benchmark"  # noqa: S105
DATABASES = {"default": database(os.environ["BENCH_DATABASE_URL"], sqlite="unused")}
STRIPE_PUBLISH_KEY = "pk_test_benchmark"
STRIPE_SECRET_KEY = "sk_test_benchmark"  # noqa: S105
CHECKOUT_BASE_URL = "https://shop.example.com"
LOGGING = {**LOGGING, "loggers": {"checkout": {"handlers": ["console"], "level": "WARNING"}}}

BACKEND = "mail_parts.counting.EmailBackend"
if django.VERSION >= (6, 1):
    MAILERS = {"default": {"BACKEND": BACKEND}}
else:
    EMAIL_BACKEND = BACKEND
