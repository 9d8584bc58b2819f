"""``python -m checkout.simulator --webhook URL=SECRET``: events reach a site over HTTP, also after a restart."""

import http.client
import json
import queue
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import urlencode, urlsplit

import pytest
import stripe

from checkout.simulator import Simulator
from checkout.simulator import __main__ as command

COMMAND = [sys.executable, "-m", "checkout.simulator", "--listen", "127.0.0.1:0"]
HEADERS = {"Authorization": "Bearer sk_test_webhook", "Content-Type": "application/x-www-form-urlencoded"}
PAID = {
    "amount": 1200,
    "currency": "gbp",
    "payment_method": "pm_card_visa",
    "confirm": "true",
    "return_url": "https://shop.example.com/",
}


class Site:
    """A site that keeps what is posted to it."""

    def __init__(self) -> None:
        self.got: queue.Queue[tuple[bytes, str]] = queue.Queue()
        site = self

        class Door(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["Content-Length"]))
                site.got.put((body, self.headers["Stripe-Signature"]))
                self.send_response(200)
                self.end_headers()

            def log_message(self, *args: Any) -> None:
                """Silent."""

        self.server = HTTPServer(("127.0.0.1", 0), Door)
        self.url = f"http://127.0.0.1:{self.server.server_port}/stripe/"
        threading.Thread(target=self.server.serve_forever, daemon=True).start()

    def event(self, secret: str) -> stripe.Event:
        """The next one, which must be signed with that secret."""
        body, signature = self.got.get(timeout=10)
        return stripe.Webhook.construct_event(body, signature, secret)


@pytest.fixture
def site() -> Iterator[Site]:
    made = Site()
    yield made
    made.server.shutdown()
    made.server.server_close()


def pay_at_a_simulator(site: Site, secret: str, *arguments: str) -> list[dict[str, Any]]:
    """Start one that tells the site, pay, wait for the event; its endpoints. It is stopped afterwards."""
    process = subprocess.Popen(
        [*COMMAND, "--webhook", f"{site.url}={secret}", *arguments],
        stdout=subprocess.PIPE,
        text=True,
    )
    assert process.stdout is not None
    try:
        address = urlsplit(process.stdout.readline().split()[3])
        call(address.netloc, "POST", "/v1/payment_intents", PAID)
        assert site.event(secret).type == "payment_intent.succeeded"
        # what has been answered is not sent again
        while any(one["pending_webhooks"] for one in call(address.netloc, "GET", "/v1/events", {})["data"]):
            time.sleep(0.02)
        return list(call(address.netloc, "GET", "/v1/webhook_endpoints", {})["data"])
    finally:
        process.send_signal(signal.SIGTERM)
        process.communicate(timeout=10)


def call(host: str, method: str, path: str, params: dict[str, Any]) -> Any:
    connection = http.client.HTTPConnection(host, timeout=10)
    connection.request(method, path, urlencode(params) if method == "POST" else None, HEADERS)
    answer = connection.getresponse()
    body = json.loads(answer.read())
    connection.close()
    assert answer.status == 200, body
    return body


def test_events_reach_a_site_and_a_restart_makes_no_second_endpoint(site: Site, tmp_path: Path) -> None:
    data = str(tmp_path / "state")
    only = ("--webhook-events", "payment_intent.succeeded,charge.refunded", "--data", data)
    first = pay_at_a_simulator(site, "whsec_first", *only)
    again = pay_at_a_simulator(site, "whsec_second", *only)
    assert site.got.empty()
    assert [one["id"] for one in first] == [one["id"] for one in again]
    assert again[0]["url"] == site.url
    assert again[0]["enabled_events"] == ["payment_intent.succeeded", "charge.refunded"]
    assert again[0]["api_version"] == stripe.api_version


@pytest.mark.parametrize(
    "webhook",
    [
        "http://127.0.0.1:8000/stripe/",
        "http://127.0.0.1:8000/stripe/=secret",
        "http://127.0.0.1:8000/stripe/=whsec_",
        "http://127.0.0.1:99999/=whsec_a",
        "https://127.0.0.1:8000/=whsec_a",
        "http://shop.example.com/stripe/=whsec_a",
        "=whsec_a",
    ],
)
def test_what_is_no_webhook_of_this_machine_is_refused(webhook: str, capsys: Any) -> None:
    with pytest.raises(SystemExit) as caught:
        command.main(["--webhook", webhook])
    assert caught.value.code == 2
    assert "is not URL=SECRET on this machine" in capsys.readouterr().err


def test_an_address_may_have_a_query_and_a_secret_an_equals_sign() -> None:
    assert command._webhook("http://localhost/a?b=c=whsec_d=") == ("http://localhost/a?b=c", "whsec_d=")


def test_every_type_is_sent_unless_told_otherwise() -> None:
    made = Simulator().add_webhook_endpoint("http://127.0.0.1/", "whsec_a")
    assert made["enabled_events"] == ["*"]
