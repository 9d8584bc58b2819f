"""The stand-in for Stripe.js in a real browser, on a page with a policy as strict as a site's."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import urlencode

import pytest
import stripe

from checkout.simulator.server import LiveServer

pytestmark = pytest.mark.browser

PAGE = """<!doctype html><html lang="en"><head><meta charset="utf-8"><title>Pay</title>
<meta name="viewport" content="width=device-width, initial-scale=1"><link rel="icon" href="data:,">
<script src="{origin}/stripe.js"></script></head><body><main><h1>Pay</h1>
<form id="form"><div id="card"></div><button id="pay">Pay</button></form></main>
<script src="/page.js"></script></body></html>"""
SCRIPT = """
const query = new URLSearchParams(location.search);
window.seen = {};
const note = (name, value) => { window.seen[name] = value; };
const start = () => {
  const stripe = Stripe("pk_test_simulator");
  const elements = stripe.elements({
    clientSecret: query.get("secret"),
    appearance: { theme: query.get("theme") || "stripe", variables: { borderRadius: "11px" } },
  });
  const payment = elements.create("payment");
  for (const name of ["ready", "loaderror", "change"]) payment.on(name, (event) => note(name, event));
  payment.mount("#card");
  document.getElementById("form").addEventListener("submit", async (event) => {
    event.preventDefault();
    note("posted", [...new FormData(event.target).keys()]);
    const { error } = await elements.submit();
    if (error) return note("invalid", error);
    const confirm = (redirect) => stripe[query.get("call") || "confirmPayment"]({
      elements, confirmParams: { return_url: `${location.origin}/back?basket=7` }, redirect,
    });
    const first = confirm(query.get("redirect") || "if_required");
    if (query.get("twice")) note("second", await confirm("if_required"));
    note("done", await first);
  });
  Object.assign(window, { stripe, elements });
};
if (query.has("secret")) start();
"""


@pytest.fixture
def shop(stripe_server: LiveServer) -> Iterator[str]:
    """A page that takes a card, under a policy without 'unsafe-inline'."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            script = self.path == "/page.js"
            body = (SCRIPT if script else PAGE.format(origin=stripe_server.url)).encode()
            origin = stripe_server.url
            policy = (
                f"default-src 'none'; script-src 'self' {origin}; connect-src {origin}; style-src 'self'; img-src data:"
            )
            self.send_response(200)
            self.send_header("Content-Type", "text/javascript" if script else "text/html; charset=utf-8")
            self.send_header("Content-Length", str(len(body)))
            self.send_header("Content-Security-Policy", policy)
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *arguments: Any) -> None:
            """Keep quiet."""

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as site:
        thread = threading.Thread(target=site.serve_forever)
        thread.start()
        yield f"http://127.0.0.1:{site.server_address[1]}"
        site.shutdown()
        thread.join()


@pytest.fixture
def library(stripe_server: LiveServer) -> stripe.StripeClient:
    return stripe.StripeClient("sk_test_simulator", base_addresses={"api": stripe_server.url})


@pytest.fixture
def open_page(shop: str, page: Any, library: stripe.StripeClient) -> Callable[..., Any]:
    """Open the shop's page for a new intent and wait for its card form."""

    def visit(**options: str) -> Any:
        if options.get("call") == "confirmSetup":
            secret = library.v1.setup_intents.create({}).client_secret
        else:
            secret = library.v1.payment_intents.create({"amount": 5000, "currency": "gbp"}).client_secret
        page.goto(f"{shop}/?{urlencode({'secret': secret or '', **options})}")
        seen(page, "ready")
        return page

    return visit


def seen(page: Any, name: str) -> Any:
    page.wait_for_function("name => name in window.seen", arg=name)
    return page.evaluate("name => window.seen[name]", name)


def forget(page: Any) -> None:
    page.evaluate("window.seen = {}")


def enter(page: Any, card: str = "4242424242424242") -> None:
    """Type a card by keyboard alone."""
    page.locator("[name=cc-number]").fill("")
    page.get_by_label("Card number").focus()
    for text in (card, "1234", "123"):
        page.keyboard.type(text)
        page.keyboard.press("Tab")


def problems(page: Any) -> list[str]:
    from axe_playwright_python.sync_playwright import Axe

    return [violation["id"] for violation in Axe().run(page).response["violations"]]


def test_paying_by_keyboard(open_page: Callable[..., Any]) -> None:
    page = open_page()
    enter(page)
    assert page.input_value("[name=cc-number]") == "4242 4242 4242 4242"
    assert page.input_value("[name=cc-exp]") == "12 / 34"
    assert seen(page, "change")["complete"] is True
    page.keyboard.press("Enter")
    assert seen(page, "done")["paymentIntent"]["status"] == "succeeded"
    assert seen(page, "posted") == []


def test_nothing_styled_inline_and_the_look_is_taken_over(open_page: Callable[..., Any]) -> None:
    page = open_page()
    assert page.evaluate("document.querySelectorAll('[style], style').length") == 0
    radius = "getComputedStyle(document.querySelector('[name=cc-number]')).borderRadius"
    assert page.evaluate(radius) == "11px"


@pytest.mark.parametrize("theme", ["stripe", "night"])
def test_axe_finds_nothing_at_360_px(open_page: Callable[..., Any], page: Any, theme: str) -> None:
    page.set_viewport_size({"width": 360, "height": 740})
    open_page(theme=theme)
    # The night theme brings no page background of its own: that is the shop's.
    page.evaluate("theme => { document.body.bgColor = theme === 'night' ? '#12141c' : '#ffffff' }", theme)
    page.evaluate("theme => { document.body.text = theme === 'night' ? '#ffffff' : '#000000' }", theme)
    page.click("#pay")
    seen(page, "invalid")
    assert problems(page) == []
    assert page.evaluate("document.documentElement.scrollWidth") <= 360


def test_mistakes_are_said_next_to_their_fields(open_page: Callable[..., Any]) -> None:
    page = open_page()
    enter(page, "4242424242424241")
    page.click("#pay")
    assert seen(page, "invalid")["code"] == "invalid_number"
    number = page.get_by_label("Card number")
    assert number.get_attribute("aria-invalid") == "true"
    described = number.get_attribute("aria-describedby")
    assert page.locator(f"#{described}").inner_text() == "Your card number is invalid."
    assert page.evaluate("document.activeElement.name") == "cc-number"


def test_a_decline_and_then_a_good_card(open_page: Callable[..., Any], console_errors: list[str]) -> None:
    page = open_page()
    enter(page, "4000000000009995")
    page.click("#pay")
    error = seen(page, "done")["error"]
    assert (error["type"], error["code"]) == ("card_error", "card_declined")
    assert error["payment_intent"]["status"] == "requires_payment_method"
    # Chromium notes the status 402, as it does with the real Stripe.
    console_errors.clear()
    forget(page)
    enter(page)
    page.click("#pay")
    assert seen(page, "done")["paymentIntent"]["status"] == "succeeded"


def test_3d_secure_cancelled_failed_completed(open_page: Callable[..., Any]) -> None:
    page = open_page()
    enter(page, "4000002760003184")
    for outcome in ("Escape", "Cancel", "Fail", "Complete"):
        forget(page)
        page.focus("#pay")
        page.keyboard.press("Enter")
        dialog = page.get_by_role("dialog", name="3-D Secure test authentication")
        dialog.wait_for()
        assert page.evaluate("document.activeElement.textContent") == "Complete"
        if outcome == "Escape":
            assert problems(page) == []
            page.keyboard.press("Escape")
        else:
            dialog.get_by_role("button", name=outcome).click()
        answer = seen(page, "done")
        assert page.evaluate("document.activeElement.id") == "pay"
        if outcome != "Complete":
            assert answer["error"]["code"] == "payment_intent_authentication_failure"
            assert answer["error"]["payment_intent"]["status"] == "requires_payment_method"
    assert answer["paymentIntent"]["status"] == "succeeded"


def test_a_card_is_saved_with_3d_secure(open_page: Callable[..., Any]) -> None:
    page = open_page(call="confirmSetup")
    enter(page, "4000002500003155")
    page.click("#pay")
    page.get_by_role("button", name="Complete").click()
    assert seen(page, "done")["setupIntent"]["status"] == "succeeded"


def test_a_second_confirm_meanwhile_is_refused(open_page: Callable[..., Any], stripe_server: LiveServer) -> None:
    page = open_page(twice="1")
    enter(page)
    page.click("#pay")
    assert seen(page, "done")["paymentIntent"]["status"] == "succeeded"
    assert seen(page, "second")["error"]["type"] == "invalid_request_error"
    charges = [event for event in stripe_server.simulator.events if event["type"] == "charge.succeeded"]
    assert len(charges) == 1


def test_redirect_always(open_page: Callable[..., Any]) -> None:
    page = open_page(redirect="always")
    enter(page)
    with page.expect_request("**/back?**") as request:
        page.click("#pay")
    assert "basket=7&payment_intent=pi_" in request.value.url
    assert request.value.url.endswith("redirect_status=succeeded")
    page.wait_for_url("**/back?**")


def test_a_paid_intent_is_not_mounted_again(open_page: Callable[..., Any]) -> None:
    page = open_page()
    enter(page)
    page.click("#pay")
    seen(page, "done")
    page.reload()
    error = seen(page, "loaderror")["error"]
    assert error["type"] == "invalid_request_error"
    assert page.locator("[name=cc-number]").count() == 0


def test_wrong_use_is_said_aloud(open_page: Callable[..., Any]) -> None:
    page = open_page()
    told = """async (code) => {
      try { await (0, eval)(code); return ""; } catch (error) { return `${error.name}: ${error.message}`; }
    }"""
    calls = {
        "Stripe('sk_test_1')": "publishable key",
        "Stripe('pk_live_1')": "live keys",
        "stripe.elements({})": "clientSecret or mode",
        "stripe.elements({mode: 'payment', paymentMethodTypes: ['card']})": "allowedPaymentMethodTypes",
        "elements.create('payment')": "Can only create one",
        "stripe.retrievePaymentIntent('nonsense')": "nonsense",
        "stripe.confirmPayment({elements})": "return_url",
    }
    for code, words in calls.items():
        assert words in page.evaluate(told, code), json.dumps(code)
