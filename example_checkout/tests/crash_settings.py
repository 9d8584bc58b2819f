"""Settings of the processes that ``test_crash`` starts and kills: the test's database and its Stripe over HTTP."""

import json
import os

from example_checkout.settings.test import *  # noqa: F403
from example_checkout.settings.test import INSTALLED_APPS

INSTALLED_APPS = [*INSTALLED_APPS, "example_checkout.tests.crashing.CrashingConfig"]
DATABASES = {"default": json.loads(os.environ["CRASH_DATABASE"])}
CHECKOUT_STRIPE_API_BASE = os.environ["CRASH_STRIPE"]
CHECKOUT_STRIPE_HTTP_CLIENT = "example_checkout.tests.crashing.KillingClient"
