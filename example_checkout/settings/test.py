"""The test suite: the real stripe library against the simulator in the same process."""

import os

from example_checkout.settings.database import database
from example_checkout.settings.local import *  # noqa: F403

# For management commands; pytest-django turns it off, and with it nothing of ours changes.
DEBUG = True
DATABASES = {"default": database(os.environ.get("DATABASE_URL"), sqlite=":memory:")}
PASSWORD_HASHERS = ["django.contrib.auth.hashers.MD5PasswordHasher"]
# Django 6.1's name; before that the test runner sets EMAIL_BACKEND by itself.
MAILERS = {"default": {"BACKEND": "django.core.mail.backends.locmem.EmailBackend"}}

STRIPE_PUBLISH_KEY = "pk_test_simulator"
STRIPE_SECRET_KEY = "sk_test_simulator"  # noqa: S105
CHECKOUT_STRIPE_HTTP_CLIENT = "checkout.simulator.client.default_client"
CHECKOUT_BASE_URL = "http://testserver"

CHECKOUT_WEBHOOK_SECRETS = ["whsec_simulator"]
# An event is worked before the webhook answers; tests that want a worker say so.
CHECKOUT_EVENT_WORKER = False
CELERY_TASK_ALWAYS_EAGER = True
CELERY_TASK_EAGER_PROPAGATES = True
