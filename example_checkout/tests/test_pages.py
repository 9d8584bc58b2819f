"""What holds for every page: strict headers, no inline code, no secrets; and none of these in any log."""

import logging
from collections.abc import Callable, Iterator
from html.parser import HTMLParser
from typing import Any
from uuid import uuid4

import pytest
from django.core.cache import cache
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import reverse

from checkout.models import Checkout
from example_checkout import views
from example_checkout.models import SalesLedger
from example_checkout.tests.plans import ALWAYS_ASKS, FAILS_LATER
from example_checkout.tests.shop import STRANGER, Shop, booking_pay, pay_url, plan_url

pytestmark = pytest.mark.django_db
JSON = {"accept": "application/json"}
SECRET_KEY = "sk_test_simulator"


Show = Callable[[Shop], Any]
# By name: the status, the heading, and how a visitor comes there.
#: pages of the checkout itself, which nobody may keep a copy of
CHECKOUT_PAGES: dict[str, tuple[int, str, Show]] = {
    "pay": (200, "Payment details", lambda shop: shop.get()),
    "success": (200, "Thank you: you have paid", lambda shop: shop.paid().get("web.checkout.success")),
    "waiting": (200, "Waiting for your bank", lambda shop: shop.unreachable().get("web.checkout.success")),
    "held for a person": (200, "We are checking your payment", lambda shop: shop.held().get("web.checkout.success")),
    "fail": (200, "The payment did not go through", lambda shop: shop.closed().get("web.checkout.fail")),
    "settled paid": (200, "This has been settled already", lambda shop: shop.paid().get()),
    "settled closed": (200, "This checkout is closed", lambda shop: shop.closed().get()),
    "403 of another browser": (403, "This page has closed", lambda shop: Client().get(pay_url(shop))),
    "429 on the pay page": (429, "Too many attempts", lambda shop: shop.limited("decline").get()),
    "429 at the start": (
        429,
        "Too many attempts",
        lambda shop: shop.closed().limited("create").client.post(booking_pay(shop)),
    ),
    "503": (503, "Payments are not available just now", lambda shop: shop.unreachable().get()),
    "staff list": (200, "Checkouts", lambda shop: shop.signed_in(is_staff=True).get(reverse("checkout.list"))),
    "audit list": (200, "Audit", lambda shop: shop.signed_in(is_staff=True).get(reverse("checkout.list.audit"))),
}
INVOICE_PAGES: dict[str, tuple[int, str, Show]] = {
    "invoice": (200, "Who should we invoice?", lambda shop: shop.get()),
    "invoice with errors": (422, "Who should we invoice?", lambda shop: shop.post(step="invoice")),
    "invoice requested": (
        200,
        "Thank you: we will invoice you",
        lambda shop: shop.invoiced().get("web.checkout.success"),
    ),
}
PLAN_PAGES: dict[str, tuple[int, str, Show]] = {
    "sign-up": (200, "Set up your payment plan", lambda shop: shop.get()),
    "signed up": (
        200,
        "Thank you: your payment plan is set up",
        lambda shop: shop.signed_up().get("web.checkout.success"),
    ),
    "signed up already": (200, "This has been settled already", lambda shop: shop.signed_up().get()),
    "deposit waits": (200, "Confirm your deposit", lambda shop: shop.signed_up(ALWAYS_ASKS).get()),
    "deposit declined": (200, "Your deposit has not been paid", lambda shop: shop.signed_up(FAILS_LATER).get()),
    "card not saved": (200, "Your card was not saved", lambda shop: shop.get("web.checkout.fail")),
}
MY_PLAN: dict[str, tuple[int, str, Show]] = {
    "my plan": (200, "My payment plan", lambda shop: shop.signed_up().client.get(plan_url(shop))),
    "my plan, deposit waits": (
        200,
        "My payment plan",
        lambda shop: shop.signed_up(ALWAYS_ASKS).client.get(plan_url(shop)),
    ),
}
OTHER_PAGES: dict[str, tuple[int, str, Show]] = {
    "home": (200, "Courses for hands", lambda shop: shop.client.get("/")),
    "course": (200, "Course ", lambda shop: shop.client.get(shop.product.get_absolute_url())),
    "course with errors": (200, "Course ", lambda shop: shop.client.post(shop.product.get_absolute_url(), {})),
    "booking": (200, "Course ", lambda shop: shop.client.get(shop.booking.get_absolute_url())),
    "my bookings": (200, "My bookings", lambda shop: shop.signed_in().get(reverse("example.bookings"))),
    "terms": (200, "Terms", lambda shop: shop.client.get(reverse("example.terms"))),
    "login": (200, "Sign in", lambda shop: shop.client.get(reverse("login"))),
    "login with errors": (
        200,
        "Sign in",
        lambda shop: shop.client.post(reverse("login"), {"username": "x", "password": "y"}),
    ),
    "400": (400, "We did not understand that", lambda shop: shop.client.get("/", headers={"host": "evil.example"})),
    "403 for who is not staff": (
        403,
        "This page is not for you",
        lambda shop: shop.signed_in().get(reverse("checkout.list")),
    ),
    "403 without a token": (
        403,
        "This page was open for too long",
        lambda shop: shop.without_token().post(pay_url(shop), {"step": "begin"}),
    ),
    "404 of no such address": (404, "There is nothing here", lambda shop: shop.client.get("/no/such/page/")),
    "404 of no such checkout": (
        404,
        "There is nothing here",
        lambda shop: shop.client.get(reverse("web.checkout", args=[uuid4()])),
    ),
}
# where the customer confirms something with Stripe
CONFIRMS = {"pay", "sign-up", "deposit waits"}
ACTIONS = {
    **dict.fromkeys(INVOICE_PAGES, "invoice"),
    **dict.fromkeys([*PLAN_PAGES, *MY_PLAN], "payment_plan"),
}
PAGES = {**CHECKOUT_PAGES, **INVOICE_PAGES, **PLAN_PAGES, **MY_PLAN, **OTHER_PAGES}


@pytest.fixture(autouse=True)
def counters() -> Iterator[None]:
    cache.clear()
    yield
    cache.clear()


@pytest.fixture
def shop(stripe_simulator: Any, pay: Any, stripe_trouble: Any, settings: Any) -> Shop:
    return Shop(pay, stripe_trouble, settings)


@pytest.fixture
def show(stripe_simulator: Any, pay: Any, stripe_trouble: Any, settings: Any) -> Callable[[str], Any]:
    """Open a page by its name."""

    def answer(name: str) -> Any:
        shop = Shop(pay, stripe_trouble, settings, action=ACTIONS.get(name, "payment"))
        status, heading, door = PAGES[name]
        response = door(shop)
        assert response.status_code == status
        assert heading in Inspector(response.content.decode()).heading
        return response

    return answer


class Inspector(HTMLParser):
    """Notes what a strict policy would refuse, the addresses that a page loads, and forms without their token."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.faults: list[str] = []
        self.loads: list[str] = []
        self.tags: set[str] = set()
        self.open_form = ""
        self.heading = ""
        self._in_heading = False
        self.feed(html)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        given = {name: value or "" for name, value in attrs}
        self.tags.add(tag)
        self._in_heading = tag == "h1" or self._in_heading
        if tag == "style" or (tag == "script" and "src" not in given):
            self.faults.append(f"inline <{tag}>")
        for name, value in given.items():
            if name.startswith("on") or name in ("style", "srcdoc"):
                self.faults.append(f"<{tag} {name}>")
            if value.strip().lower().startswith("javascript:"):
                self.faults.append(f"<{tag} {name}={value}>")
        if tag in ("script", "img", "iframe"):
            self.loads.append(given.get("src", ""))
        if tag == "link":
            self.loads.append(given.get("href", ""))
        if tag == "form" and given.get("method", "").lower() == "post":
            self.open_form = given.get("action", "?") or "?"
        if given.get("name") == "csrfmiddlewaretoken" and given.get("value"):
            self.open_form = ""

    def handle_data(self, data: str) -> None:
        if self._in_heading:
            self.heading += data

    def handle_endtag(self, tag: str) -> None:
        self._in_heading = self._in_heading and tag != "h1"
        if tag == "form" and self.open_form:
            self.faults.append(f"a form without a token: {self.open_form}")
            self.open_form = ""


def test_the_inspector_sees_what_it_looks_for() -> None:
    bad = """<style>a{}</style><script>1</script><p style="x" onclick="y"></p><a href=" JavaScript:z">z</a>
        <form method="post" action="/a"></form>"""
    assert len(Inspector(bad).faults) == 6
    good = '<script src="/a.js"></script><form method="post"><input name="csrfmiddlewaretoken" value="x"></form>'
    assert Inspector(good).faults == []


def policy_of(headers: Any) -> dict[str, str]:
    parts = headers["Content-Security-Policy"].split(";")
    return dict(part.strip().split(" ", 1) for part in parts if part.strip())


@pytest.mark.parametrize("name", PAGES)
def test_every_page_has_strict_headers(show: Any, name: str) -> None:
    headers = show(name).headers
    policy = policy_of(headers)
    assert policy["default-src"] == "'none'"
    assert policy["script-src"].split() == ["'self'", "https://js.stripe.com", "https://*.js.stripe.com"]
    assert policy["style-src"] == "'self'"
    assert policy["frame-ancestors"] == "'none'"
    assert policy["base-uri"] == "'none'"
    assert policy["form-action"] == "'self'"
    assert not {"'unsafe-inline'", "'unsafe-eval'", "*", "data:"} & set(policy["script-src"].split())
    assert "Content-Security-Policy-Report-Only" not in headers
    assert headers["X-Frame-Options"] == "DENY"
    assert headers["X-Content-Type-Options"] == "nosniff"
    assert headers["Referrer-Policy"] == "strict-origin-when-cross-origin"


@pytest.mark.parametrize("name", PAGES)
def test_no_page_has_inline_code_or_loads_from_elsewhere(show: Any, name: str) -> None:
    answer = show(name)
    assert answer["Content-Type"].startswith("text/html")
    page = Inspector(answer.content.decode())
    assert page.faults == []
    assert {"html", "title", "main", "h1", "link"} <= page.tags, "a whole page of the shop"
    foreign = [url for url in page.loads if not url.startswith("/static/")]
    assert foreign == (["https://js.stripe.com/endive/stripe.js"] if name in CONFIRMS else [])


def test_the_choice_of_how_to_pay_is_as_strict(shop: Shop, monkeypatch: Any) -> None:
    monkeypatch.setattr(views.SalesLedgerCheckoutView, "offer_choice", True)
    body = shop.get().content.decode()
    assert 'id="id_checkout_form"' in body
    assert Inspector(body).faults == []


@pytest.mark.parametrize("name", ["success", "waiting", "held for a person"])
def test_the_secret_leaves_the_address_of_the_return_page(shop: Shop, name: str) -> None:
    page = PAGES[name][2](shop).request["PATH_INFO"]
    answer = shop.client.get(page, {"payment_intent_client_secret": "pi_1_secret_2", "redirect_status": "succeeded"})
    assert (answer.status_code, answer.url) == (302, page)


@pytest.mark.parametrize("name", PAGES)
def test_no_page_shows_a_secret_or_somebody_else(show: Any, name: str) -> None:
    body = show(name).content.decode()
    assert SECRET_KEY not in body
    assert ("_secret_" in body) is (name in CONFIRMS), "the client secret belongs where something is confirmed"
    assert body.count("_secret_") <= 1
    assert not any(word in body for word in STRANGER)


@pytest.mark.parametrize("name", [*CHECKOUT_PAGES, *INVOICE_PAGES, *PLAN_PAGES, *MY_PLAN])
def test_no_cache_keeps_a_page_of_the_checkout(show: Any, name: str) -> None:
    kept = {part.strip() for part in show(name).headers.get("Cache-Control", "").split(",")}
    assert {"no-store", "private", "no-cache", "max-age=0"} <= kept


def test_no_cache_keeps_the_json_of_the_waiting_page(shop: Shop) -> None:
    answer = shop.client.get(reverse("web.checkout.success", args=[shop.checkout.uuid]), headers=JSON)
    assert answer["Content-Type"] == "application/json"
    assert "no-store" in answer["Cache-Control"]


@pytest.mark.parametrize("url", ["/", "pay"])
def test_an_error_of_ours_is_a_page_without_evidence(
    shop: Shop, settings: Any, monkeypatch: Any, caplog: Any, url: str
) -> None:
    def broken(self: Any, **kwargs: Any) -> Any:
        raise RuntimeError(f"evidence {settings.STRIPE_SECRET_KEY}")

    for view in (views.HomeView, views.SalesLedgerCheckoutView):
        monkeypatch.setattr(view, "get_context_data", broken)
    answer = shop.client.get(pay_url(shop) if url == "pay" else url)
    assert answer.status_code == 500
    body = answer.content.decode()
    assert "Something went wrong at our end" in body
    assert not any(word in body for word in ("Traceback", "RuntimeError", "evidence", SECRET_KEY, "_secret_"))
    assert Inspector(body).faults == []
    assert policy_of(answer.headers)["default-src"] == "'none'"
    assert answer.headers["X-Frame-Options"] == "DENY"


def test_no_secret_is_logged_on_the_whole_journey(
    shop: Shop, stripe_simulator: Any, caplog: Any, settings: Any, monkeypatch: Any, capfd: Any
) -> None:
    caplog.set_level(logging.DEBUG)
    for name in ("stripe", "checkout", "django", "django.db.backends", "urllib3"):
        caplog.set_level(logging.DEBUG, logger=name)
    with CaptureQueriesContext(connection):
        start = shop.client.post(booking_pay(shop), {"action": "payment"})
        shop.checkout = Checkout.objects.get(uuid=start.url.split("/")[2])
        secret = shop.get().context["client_secret"]
        shop.client.post(pay_url(shop), {"step": "begin", "shown_total": "120.00"}, headers=JSON)
        shop.pay(shop.checkout, card="4000000000009995")
        shop.client.post(pay_url(shop), {"step": "declined"}, headers=JSON)
        shop.pay(shop.checkout, card="4000002760003184", authenticate="fail")
        for trouble in ("reset_before", "server_error", "rate_limit"):
            shop.trouble(trouble, times=2, method="GET")
            assert shop.get().status_code == 503
            stripe_simulator.trouble.clear()
        shop.pay(shop.checkout, card="4242424242424242")
        returned = {"payment_intent": shop.checkout.payment_intent_id, "payment_intent_client_secret": secret}
        with monkeypatch.context() as patched:
            patched.setattr(SalesLedger, "checkout_success", lambda self, checkout: 1 / 0)
            shop.get("web.checkout.success", **returned)
        Checkout.objects.payment_intent_fulfillment()
        shop.get("web.checkout.success", **returned)
    shop.checkout.refresh_from_db()
    assert shop.checkout.succeeded
    heard = {record.name.split(".")[0] for record in caplog.records}
    assert {"stripe", "checkout", "django"} <= heard, "the loggers were listened to"
    logged = "\n".join([caplog.text, *capfd.readouterr()])
    assert shop.checkout.payment_intent_id in logged
    for word in (secret, "_secret_", SECRET_KEY, "4242424242424242", "4000000000009995", "4000002760003184"):
        assert word not in logged
