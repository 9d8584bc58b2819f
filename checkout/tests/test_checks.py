"""Each system check fires when it should, and is silent when it should be."""

import os
import secrets
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from django.core import mail
from django.core.checks import run_checks

TOP = Path(__file__).resolve().parents[2]
LOCAL = {"default": {"BACKEND": "django.core.cache.backends.locmem.LocMemCache"}}
SHARED = {"default": {"BACKEND": "django.core.cache.backends.db.DatabaseCache", "LOCATION": "cache"}}
DUMMY = {"default": {"BACKEND": "django.core.cache.backends.dummy.DummyCache"}}
SIMULATOR = "http://127.0.0.1:12111"
SESSIONS = "django.contrib.sessions.middleware.SessionMiddleware"

# Django 6.1's own checks, which run with ours, look at the database.
pytestmark = pytest.mark.django_db


def found() -> set[str]:
    """The ids of our own checks that fire."""
    return {message.id.removeprefix("checkout.") for message in run_checks() if str(message.id).startswith("checkout.")}


@pytest.fixture
def site(settings: Any, monkeypatch: Any) -> Any:
    """A public site that is set up well: no DEBUG, and nothing that a test runner leaves."""
    monkeypatch.delattr(mail, "outbox")
    settings.DEBUG = False
    settings.STRIPE_PUBLISH_KEY = "pk_live_1"
    settings.STRIPE_SECRET_KEY = "sk_live_1"
    settings.CHECKOUT_STRIPE_HTTP_CLIENT = ""
    settings.CHECKOUT_STRIPE_API_BASE = ""
    settings.CACHES = SHARED
    return settings


def test_a_site_that_is_set_up_well_hears_nothing(site: Any) -> None:
    assert found() == set()


@pytest.mark.parametrize(
    ("name", "value", "wanted"),
    [
        ("STRIPE_PUBLISH_KEY", "", {"E001"}),
        ("STRIPE_PUBLISH_KEY", "sk_live_1", {"E001"}),
        ("STRIPE_SECRET_KEY", "", {"E002"}),
        ("STRIPE_SECRET_KEY", "pk_live_1", {"E002"}),
        ("STRIPE_SECRET_KEY", "rk_live_1", set()),
        ("STRIPE_SECRET_KEY", "sk_test_1", {"E003"}),
        ("STRIPE_PUBLISH_KEY", "pk_test_1", {"E003"}),
        ("CHECKOUT_STRIPE_API_BASE", SIMULATOR, {"E004", "E005"}),
        ("CHECKOUT_STRIPE_API_BASE", "https://api.stripe.com", set()),
        ("CHECKOUT_STRIPE_HTTP_CLIENT", "checkout.simulator.client.default_client", {"E004", "E005"}),
        ("CHECKOUT_STRIPE_JS_URL", f"{SIMULATOR}/stripe.js", {"E006"}),
        ("CHECKOUT_STRIPE_JS_URL", "http://js.stripe.com/v3/", {"E006"}),
        ("CHECKOUT_STRIPE_JS_URL", "https://js.stripe.com/v3/", set()),
        ("CHECKOUT_CURRENCY", "XXX", {"E007"}),
        ("CHECKOUT_CURRENCY", "eur", set()),
        ("CACHES", DUMMY, {"E009"}),
        ("RATELIMIT_USE_CACHE", "no-such-cache", {"E009"}),
        ("CACHES", LOCAL, {"W001"}),
    ],
)
def test_one_wrong_setting_is_named(site: Any, name: str, value: Any, wanted: set[str]) -> None:
    setattr(site, name, value)
    assert found() == wanted


def test_a_site_without_sessions_is_refused(site: Any) -> None:
    site.MIDDLEWARE = [name for name in site.MIDDLEWARE if name != SESSIONS]
    assert "E008" in found()


def test_test_keys_may_go_to_a_simulator_but_not_on_a_public_site(site: Any) -> None:
    site.STRIPE_PUBLISH_KEY, site.STRIPE_SECRET_KEY = "pk_test_1", "sk_test_1"
    site.CHECKOUT_STRIPE_API_BASE = SIMULATOR
    assert found() == {"E004"}


@pytest.mark.parametrize("where", ["debug", "tests"])
def test_a_simulator_is_allowed_under_debug_and_in_tests_but_never_with_a_live_key(
    site: Any, monkeypatch: Any, where: str
) -> None:
    if where == "debug":
        site.DEBUG = True
    else:
        monkeypatch.setattr(mail, "outbox", [], raising=False)
    site.CHECKOUT_STRIPE_API_BASE = SIMULATOR
    site.CHECKOUT_STRIPE_JS_URL = f"{SIMULATOR}/stripe.js"
    site.CACHES = LOCAL
    assert found() == {"E005"}
    site.STRIPE_PUBLISH_KEY, site.STRIPE_SECRET_KEY = "pk_test_1", "sk_test_1"
    assert found() == set()


PRODUCTION = {
    "DJANGO_SETTINGS_MODULE": "example_checkout.settings.base",
    "SECRET_KEY": secrets.token_urlsafe(60),
    "ALLOWED_HOSTS": "shop.example.com",
    "CACHE_URL": "redis://127.0.0.1:6379/1",
    "STRIPE_PUBLISH_KEY": "pk_live_1",
    "STRIPE_SECRET_KEY": "sk_live_1",
    "CHECKOUT_WEBHOOK_SECRETS": "whsec_1",
    "CHECKOUT_BASE_URL": "https://shop.example.com",
    "SECURE_HSTS_SECONDS": "31536000",
}


@pytest.mark.slow
@pytest.mark.parametrize(
    ("left_out", "said"),
    [
        ("", ""),
        ("CACHE_URL", "checkout.W001"),
        ("CHECKOUT_WEBHOOK_SECRETS", "checkout.W004"),
        ("SECRET_KEY", "SECRET_KEY"),
    ],
)
def test_the_example_as_in_production_passes_the_checks_for_deployment(left_out: str, said: str) -> None:
    own = {name: value for name, value in PRODUCTION.items() if name != left_out}
    kept = {name: os.environ[name] for name in ("PATH", "HOME", "LANG") if name in os.environ}
    command = [sys.executable, "-m", "django", "check", "--deploy", "--fail-level", "WARNING"]
    done = subprocess.run(command, cwd=TOP, env={**kept, **own}, capture_output=True, text=True, check=False)
    assert (done.returncode == 0) is (not said), done.stderr
    assert said in done.stderr
    assert "(0 silenced)" in done.stdout + done.stderr or left_out == "SECRET_KEY"
