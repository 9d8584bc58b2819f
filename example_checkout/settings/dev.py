"""Development against Stripe's own test mode; the keys come from the environment."""

from example_checkout.settings.local import *  # noqa: F403

DEBUG = True
CHECKOUT_BASE_URL = "http://127.0.0.1:8000"
EMAIL_BACKEND = "django.core.mail.backends.console.EmailBackend"
