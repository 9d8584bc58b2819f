"""Settings of the process that opens the pages: those of a payment run, and the name that Django's client calls."""

from payment_run_parts.settings import *  # noqa: F403

ALLOWED_HOSTS = ["testserver"]
