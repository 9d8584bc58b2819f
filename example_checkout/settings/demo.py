"""``make demo``: a simulated Stripe, no Redis, no mail server; everything goes to ``.demo``."""

import os

import django

from example_checkout.settings.csp import content_security_policy
from example_checkout.settings.database import database
from example_checkout.settings.local import *  # noqa: F403
from example_checkout.settings.local import BASE_DIR

DEMO = BASE_DIR / ".demo"
for folder in ("broker", "processed", "control", "mail"):
    (DEMO / folder).mkdir(parents=True, exist_ok=True)

DEBUG = True
# `make demo` leaves here what a command in a second terminal needs to know.
STANDING = (
    dict(line.split("=", 1) for line in (DEMO / "running").read_text().splitlines())
    if (DEMO / "running").exists()
    else {}
)
STANDING.update(os.environ)
DATABASES = {"default": database(STANDING.get("DATABASE_URL"), sqlite=DEMO / "example.sqlite3")}
ROOT_URLCONF = "example_checkout.demo_urls"
DEMO_MAIL = DEMO / "mail"

SIMULATOR = f"http://127.0.0.1:{STANDING.get('DEMO_STRIPE_PORT', '12111')}"
CHECKOUT_WEBHOOK_SECRETS = STANDING.get("CHECKOUT_WEBHOOK_SECRETS", "").split()
STRIPE_PUBLISH_KEY = "pk_test_simulator"
STRIPE_SECRET_KEY = "sk_test_simulator"  # noqa: S105
CHECKOUT_STRIPE_API_BASE = SIMULATOR
CHECKOUT_STRIPE_JS_URL = f"{SIMULATOR}/stripe.js"
CHECKOUT_BASE_URL = f"http://127.0.0.1:{STANDING.get('DEMO_PORT', '8000')}"
# The same database on another port is no copy of it.
CHECKOUT_ENVIRONMENT = "demo"
CONTENT_SECURITY_POLICY = content_security_policy(SIMULATOR)

if django.VERSION >= (6, 1):
    MAILERS = {
        "default": {
            "BACKEND": "django.core.mail.backends.filebased.EmailBackend",
            "OPTIONS": {"file_path": DEMO / "mail"},
        }
    }
else:
    EMAIL_BACKEND = "django.core.mail.backends.filebased.EmailBackend"
    EMAIL_FILE_PATH = DEMO / "mail"

CELERY_BROKER_URL = "filesystem://"
CELERY_BROKER_TRANSPORT_OPTIONS = {
    "data_folder_in": DEMO / "broker",
    "data_folder_out": DEMO / "broker",
    "processed_folder": DEMO / "processed",
    "control_folder": DEMO / "control",
}
