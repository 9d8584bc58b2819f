"""What the whole suite shares: the simulator's fixtures, seeded tables, contract check, browser."""

import os
import shutil
from collections import Counter
from collections.abc import Iterator
from typing import Any

import pytest
from django.db.models.signals import post_migrate

from checkout.tests import contract

pytest_plugins = ["checkout.simulator.fixtures"]

CHROMIUM_FLAGS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]


def _seed(**_signal: Any) -> None:
    """Write the words of actions and states, which a flush has just removed, once more."""
    from checkout.models import CheckoutAction, CheckoutState

    for table in (CheckoutAction, CheckoutState):
        rows = [table(slug=slug, name=name) for slug, name in table.WORDS.items()]
        table.objects.bulk_create(rows, ignore_conflicts=True)


@pytest.fixture(scope="session")
def django_db_setup(django_db_setup: None) -> None:
    """Keep the seeded tables when a test with real transactions empties the database, whatever the order."""
    # Connected after the migrations have run, so that it cannot hide a migration that forgot to seed.
    post_migrate.connect(_seed, dispatch_uid="seed-after-flush")


@pytest.fixture(autouse=True)
def site_language() -> Iterator[None]:
    """A page asked for in German leaves its language behind in the thread: not for the next test."""
    from django.utils import translation

    yield
    translation.deactivate()


@pytest.fixture(autouse=True)
def right_environment() -> Iterator[None]:
    """Take every database of a test for one that is where it belongs; what the guard does has tests of its own."""
    from checkout.models import environment

    environment.approve()
    yield
    environment.forget()


@pytest.fixture(autouse=True)
def stripe_contract(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Hold everything that a simulator heard, said and announced during a test against Stripe's contract."""
    from checkout import gateway
    from checkout.simulator import client
    from checkout.simulator.engine import Simulator

    made: list[Simulator] = []
    original = Simulator.__init__

    def recording(self: Simulator, *args: Any, **kwargs: Any) -> None:
        original(self, *args, **kwargs)
        self.record = True
        made.append(self)

    monkeypatch.setattr(Simulator, "__init__", recording)
    yield
    if not made:
        return
    client.set_simulator(None)
    gateway.reset()
    # The simulator's own tests send wrong requests on purpose; the site never should, not even one that is refused.
    strict = "example_checkout" in request.path.parts
    found = [line for one in made for line in contract.check_exchanges(one, requests=strict)]
    assert found == [], "\n".join(["not as Stripe's contract says:", *found[:20]])


DATABASE = {"db", "transactional_db", "live_server", "site", "crash_site"}


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Mark what needs no database: `make test` runs that once and not on each of them."""
    for item in items:
        fixtures = set(getattr(item, "fixturenames", ()))
        if item.get_closest_marker("django_db") is None and not DATABASE & fixtures:
            item.add_marker(pytest.mark.pure)


def pytest_terminal_summary(terminalreporter: Any) -> None:
    """Say it loudly where the contract could not be checked."""
    if not contract.CHECKER.exists():
        terminalreporter.write_line(contract.MISSING, red=True, bold=True)
    _say_what_the_state_machine_saw(terminalreporter)


def _say_what_the_state_machine_saw(terminalreporter: Any) -> None:
    """Its own counts, from whichever process ran it: so that nobody mistakes an empty run for a good one."""
    seen: Counter[str] = Counter()
    for reports in terminalreporter.stats.values():
        for report in reports:
            if getattr(report, "when", "") == "call":
                seen.update(dict(report.user_properties).get("statemachine", {}))
    if seen:
        terminalreporter.section(f"state machine: {seen.pop('examples')} examples")
        for name, count in sorted(seen.items()):
            terminalreporter.write_line(f"{count:>9,}  {name}")


@pytest.fixture
def told(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """Collect which checkouts the example's host was told have succeeded."""
    from example_checkout.models import SalesLedger

    calls: list[int] = []
    original = SalesLedger.checkout_success

    def count(self: Any, checkout: Any) -> None:
        calls.append(checkout.pk)
        original(self, checkout)

    monkeypatch.setattr(SalesLedger, "checkout_success", count)
    return calls


def _chromium() -> str | None:
    """Where the machine's Chromium is; None stands for Playwright's own."""
    names = ("chromium", "chromium-browser", "google-chrome")
    return os.environ.get("CHROMIUM") or next((path for name in names if (path := shutil.which(name))), None)


@pytest.fixture(scope="session")
def browser() -> Iterator[Any]:
    """Give a headless Chromium; ``make browser`` installs one where there is none."""
    from playwright.sync_api import sync_playwright

    # Playwright's loop runs in this thread, where Django would refuse synchronous database access.
    before = os.environ.get("DJANGO_ALLOW_ASYNC_UNSAFE")
    os.environ["DJANGO_ALLOW_ASYNC_UNSAFE"] = "1"
    with sync_playwright() as playwright:
        chromium = playwright.chromium.launch(executable_path=_chromium(), args=CHROMIUM_FLAGS)
        yield chromium
        chromium.close()
    if before is None:
        del os.environ["DJANGO_ALLOW_ASYNC_UNSAFE"]


@pytest.fixture
def console_errors() -> list[str]:
    """Collect what pages of ``page`` complain about; a test that provokes an error clears the list."""
    return []


@pytest.fixture
def page(browser: Any, stripe_server: Any, console_errors: list[str]) -> Iterator[Any]:
    """Give a page in a context of its own; the test fails if its console shows an error at the end.

    Needs ``stripe_server`` so that the page closes before the server that it may still talk to.
    """
    context = browser.new_context(viewport={"width": 1280, "height": 900}, locale="en-GB")
    context.set_default_timeout(15_000)

    def note(message: Any) -> None:
        if message.type == "error":
            console_errors.append(f"{message.text} ({message.location.get('url', '')})")

    context.on("console", note)
    context.on("weberror", lambda problem: console_errors.append(str(problem.error)))
    yield context.new_page()
    context.close()
    assert console_errors == [], "the browser's console shows errors"


@pytest.fixture
def site(live_server: Any, stripe_server: Any, settings: Any) -> Iterator[Any]:
    """Give the example site on a port of its own (``site.url``), with ``stripe_server`` as its Stripe."""
    from django.core.cache import cache

    from checkout import gateway
    from example_checkout.settings.csp import content_security_policy

    # Every visitor of these tests has the same address, whose attempts would add up.
    cache.clear()
    settings.STRIPE_PUBLISH_KEY = "pk_test_simulator"
    settings.STRIPE_SECRET_KEY = "sk_test_simulator"
    settings.CHECKOUT_STRIPE_HTTP_CLIENT = ""
    settings.CHECKOUT_STRIPE_API_BASE = stripe_server.url
    settings.CHECKOUT_STRIPE_JS_URL = f"{stripe_server.url}/stripe.js"
    settings.CHECKOUT_BASE_URL = live_server.url
    settings.CONTENT_SECURITY_POLICY = content_security_policy(stripe_server.url)
    gateway.reset()
    yield live_server
    gateway.reset()
