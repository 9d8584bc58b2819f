"""Settings of the processes that the crash tests and the proofs start and kill.

``CRASH_DATABASE``: Django's entry as JSON. ``CRASH_STRIPE``: the address of a simulator. ``CRASH_BROKER``, for Celery:
``{"url": ..., "queue": ..., "options": {...}}`` as JSON. ``CRASH_LINES``: how many calls a run keeps in flight.
"""

import json
import os

import django

from example_checkout.settings.test import *  # noqa: F403
from example_checkout.settings.test import INSTALLED_APPS, LOGGING

INSTALLED_APPS = [*INSTALLED_APPS, "example_checkout.tests.crashing.CrashingConfig"]
DATABASES = {"default": json.loads(os.environ["CRASH_DATABASE"])}
CHECKOUT_STRIPE_API_BASE = os.environ["CRASH_STRIPE"]
CHECKOUT_STRIPE_HTTP_CLIENT = "example_checkout.tests.crashing.KillingClient"
CHECKOUT_STRIPE_CONCURRENCY = int(os.environ.get("CRASH_LINES", "10"))
if django.VERSION < (6, 1):
    # what the test runner does by itself in its own process; from 6.1 on it is in MAILERS
    EMAIL_BACKEND = "django.core.mail.backends.locmem.EmailBackend"
# a line for each of thousands of charges would hide what went wrong
LOGGING = {**LOGGING, "loggers": {"checkout": {"handlers": ["console"], "level": "WARNING"}}}

if "CRASH_BROKER" in os.environ:
    broker = json.loads(os.environ["CRASH_BROKER"])
    CELERY_TASK_ALWAYS_EAGER = False
    CELERY_BROKER_URL = broker["url"]
    # of this test alone: others use the same broker
    CELERY_TASK_DEFAULT_QUEUE = broker["queue"]
    CELERY_BROKER_TRANSPORT_OPTIONS = broker["options"]
    # leaves nothing behind on the broker
    CELERY_WORKER_ENABLE_REMOTE_CONTROL = False
