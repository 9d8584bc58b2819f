"""Settings of the processes that are measured: the example site, a database of its own, the simulator as its Stripe."""

import os

from example_checkout.settings.base import *  # noqa: F403
from example_checkout.settings.database import database

SECRET_KEY = "only-for-the-benchmark"  # noqa: S105
DATABASES = {"default": database(os.environ["BENCH_DATABASE_URL"], sqlite="unused")}
STRIPE_PUBLISH_KEY = "pk_test_benchmark"
STRIPE_SECRET_KEY = "sk_test_benchmark"  # noqa: S105
CHECKOUT_STRIPE_API_BASE = os.environ.get("BENCH_STRIPE", "")
# DEBUG is off, as on a site that charges, so the check that forbids a simulator there must be silent.
SILENCED_SYSTEM_CHECKS = ["checkout.E004"]

if "BENCH_RATE" in os.environ:
    CHECKOUT_STRIPE_RATE = float(os.environ["BENCH_RATE"])
if "BENCH_CONCURRENCY" in os.environ:
    CHECKOUT_STRIPE_CONCURRENCY = int(os.environ["BENCH_CONCURRENCY"])
