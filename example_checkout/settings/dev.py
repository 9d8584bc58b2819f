"""Development against Stripe's own test mode; the keys come from the environment."""

import django

from example_checkout.settings.local import *  # noqa: F403

DEBUG = True
CHECKOUT_BASE_URL = "http://127.0.0.1:8000"
if django.VERSION >= (6, 1):
    MAILERS = {"default": {"BACKEND": "django.core.mail.backends.console.EmailBackend"}}
else:
    EMAIL_BACKEND = "django.core.mail.backends.console.EmailBackend"
