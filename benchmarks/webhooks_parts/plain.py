"""Settings that both sites share: what ``django-admin startproject`` gives, on PostgreSQL with kept connections."""

import os

from psycopg.conninfo import conninfo_to_dict

from webhooks_parts.numbers import WEBHOOK_SECRET  # noqa: F401


def database(url: str) -> dict[str, object]:
    """The entry for ``DATABASES``. Connections are kept, as a site with this much traffic has it."""
    parts = conninfo_to_dict(url)
    known = {"NAME": "dbname", "USER": "user", "PASSWORD": "password", "HOST": "host", "PORT": "port"}
    entry = {name: str(parts.pop(key, "")) for name, key in known.items()}
    return {"ENGINE": "django.db.backends.postgresql", **entry, "OPTIONS": parts, "CONN_MAX_AGE": None}


SECRET_KEY = "only-for-the-benchmark"  # noqa: S105
DEBUG = False
ALLOWED_HOSTS = ["127.0.0.1"]
MIDDLEWARE = [
    "django.middleware.security.SecurityMiddleware",
    "django.contrib.sessions.middleware.SessionMiddleware",
    "django.middleware.common.CommonMiddleware",
    "django.middleware.csrf.CsrfViewMiddleware",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
    "django.contrib.messages.middleware.MessageMiddleware",
    "django.middleware.clickjacking.XFrameOptionsMiddleware",
]
DATABASES = {"default": database(os.environ["BENCH_DATABASE_URL"])}
STRIPE_SECRET_KEY = "sk_test_onlyForTheBenchmark0000000000"  # noqa: S105
USE_TZ = True
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"
