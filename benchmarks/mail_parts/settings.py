"""Settings of the processes that send: the example site with its SMTP backend, and a database of its own."""

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

HOST, PORT = "127.0.0.1", int(os.environ.get("BENCH_SMTP_PORT", "0"))
BACKEND = "django.core.mail.backends.smtp.EmailBackend"
if django.VERSION >= (6, 1):
    MAILERS = {"default": {"BACKEND": BACKEND, "OPTIONS": {"host": HOST, "port": PORT, "timeout": 30}}}
else:
    EMAIL_BACKEND, EMAIL_HOST, EMAIL_PORT, EMAIL_TIMEOUT = BACKEND, HOST, PORT, 30
