"""The simulator's doors: the in-process client, the web server and its control calls, the command."""

from __future__ import annotations

import http.client
import json
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, HTTPServer
from typing import Any
from urllib.parse import urlencode, urlsplit

import pytest
import stripe

from checkout.simulator import Simulator, SimulatorHTTPClient
from checkout.simulator import __main__ as command
from checkout.simulator.client import default_client, get_simulator, set_simulator
from checkout.simulator.control import return_address
from checkout.simulator.server import LiveServer, is_loopback, open_socket

KEY = {"Authorization": "Bearer sk_test_doors", "Content-Type": "application/x-www-form-urlencoded"}
INTENT = {"amount": 1200, "currency": "gbp"}


@pytest.fixture
def simulator() -> Simulator:
    return Simulator()


@pytest.fixture
def library(simulator: Simulator) -> stripe.StripeClient:
    return stripe.StripeClient("sk_test_doors", http_client=SimulatorHTTPClient(simulator), max_network_retries=0)


@pytest.fixture
def server() -> Iterator[LiveServer]:
    with LiveServer() as live:
        yield live


def call(
    server: LiveServer, method: str, path: str, body: Any = None, headers: dict[str, str] | None = None
) -> tuple[int, dict[str, str], bytes]:
    connection = http.client.HTTPConnection(urlsplit(server.url).netloc, timeout=10)
    try:
        connection.request(method, path, body=body, headers=headers or {})
        answer = connection.getresponse()
        return answer.status, dict(answer.getheaders()), answer.read()
    finally:
        connection.close()


def control(server: LiveServer, method: str, name: str, content: Any = None) -> tuple[int, Any]:
    body = None if content is None else json.dumps(content)
    status, _, answer = call(server, method, f"/_simulator/{name}", body)
    return status, json.loads(answer)


def create_intent(server: LiveServer, **params: Any) -> dict[str, Any]:
    status, _, body = call(server, "POST", "/v1/payment_intents", urlencode({**INTENT, **params}), KEY)
    assert status == 200, body
    return json.loads(body)


class TestClient:
    def test_the_real_library_creates_and_reads(self, library: stripe.StripeClient) -> None:
        made = library.v1.payment_intents.create({"amount": 1200, "currency": "gbp", "description": "A course"})
        read = library.v1.payment_intents.retrieve(made.id)
        assert (read.amount, read.description) == (1200, "A course")

    def test_errors_arrive_as_the_library_s_own(self, library: stripe.StripeClient) -> None:
        with pytest.raises(stripe.InvalidRequestError):
            library.v1.payment_intents.retrieve("pi_missing")

    @pytest.mark.parametrize(("trouble", "made"), [("timeout_after_commit", 1), ("reset_before", 0)])
    def test_a_broken_wire(self, simulator: Simulator, library: stripe.StripeClient, trouble: str, made: int) -> None:
        simulator.trouble.add(trouble)
        with pytest.raises(stripe.APIConnectionError) as caught:
            library.v1.payment_intents.create({"amount": 1200, "currency": "gbp"})
        assert caught.value.should_retry
        assert len(library.v1.payment_intents.list().data) == made

    def test_the_library_retries_with_one_key_and_without_waiting(self, simulator: Simulator) -> None:
        library = stripe.StripeClient(
            "sk_test_doors", http_client=SimulatorHTTPClient(simulator), max_network_retries=2
        )
        simulator.trouble.add("timeout_after_commit")
        began = time.monotonic()
        made = library.v1.payment_intents.create({"amount": 1200, "currency": "gbp"})
        assert time.monotonic() - began < 0.4
        assert [one.id for one in library.v1.payment_intents.list().data] == [made.id]

    def test_an_answer_slower_than_the_time_out(self, simulator: Simulator) -> None:
        client = SimulatorHTTPClient(simulator, timeout=5)
        library = stripe.StripeClient("sk_test_doors", http_client=client, max_network_retries=0)
        simulator.trouble.add("slow", delay=6)
        with pytest.raises(stripe.APIConnectionError, match="ReadTimeout"):
            library.v1.payment_intents.create({"amount": 1200, "currency": "gbp"})

    def test_headers_are_found_in_any_case(self, simulator: Simulator) -> None:
        _, _, headers = SimulatorHTTPClient(simulator).request(
            "get", "https://api.stripe.com/v1/payment_intents?limit=1", KEY
        )
        assert "REQUEST-ID" in headers
        assert headers["request-id"] == headers.get("Request-Id")
        assert headers.get("absent", "nothing") == "nothing"

    def test_asynchronous_calls_are_refused_in_words(self, library: stripe.StripeClient) -> None:
        # one step by hand: Playwright's event loop may be running in this very thread
        with pytest.raises(RuntimeError, match="synchronous calls only"):
            library.v1.payment_intents.retrieve_async("pi_1").send(None)

    def test_streams_are_refused_in_words(self, simulator: Simulator) -> None:
        with pytest.raises(RuntimeError, match="does not stream"):
            SimulatorHTTPClient(simulator).request_stream("get", "https://files.stripe.com/v1/files", {})

    def test_the_default_client_uses_the_simulator_of_the_process(self, simulator: Simulator) -> None:
        set_simulator(simulator)
        assert default_client().simulator is get_simulator() is simulator
        set_simulator(None)
        assert get_simulator() is not simulator
        set_simulator(None)


class TestServer:
    def test_the_real_library_over_a_socket(self, server: LiveServer) -> None:
        library = stripe.StripeClient("sk_test_doors", base_addresses={"api": server.url})
        made = library.v1.payment_intents.create({"amount": 1200, "currency": "gbp"})
        assert library.v1.payment_intents.retrieve(made.id).amount == 1200

    @pytest.mark.parametrize(("trouble", "made"), [("timeout_after_commit", 1), ("reset_before", 0)])
    def test_the_connection_is_dropped_without_an_answer(self, server: LiveServer, trouble: str, made: int) -> None:
        server.simulator.trouble.add(trouble)
        with pytest.raises((ConnectionResetError, http.client.RemoteDisconnected)):
            create_intent(server)
        _, _, body = call(server, "GET", "/v1/payment_intents", headers=KEY)
        assert len(json.loads(body)["data"]) == made

    def test_latency_holds_no_other_call_up(self) -> None:
        with LiveServer(latency=0.2) as server:
            began = time.monotonic()
            threads = [threading.Thread(target=create_intent, args=[server]) for _ in range(10)]
            for thread in threads:
                thread.start()
            for thread in threads:
                thread.join()
            took = time.monotonic() - began
        assert 0.2 <= took < 1.2

    def test_a_page_of_this_machine_may_call(self, server: LiveServer) -> None:
        origin = {"Origin": "http://localhost:8000", "Access-Control-Request-Method": "POST"}
        status, headers, _ = call(server, "OPTIONS", "/v1/payment_intents", headers=origin)
        assert (status, headers["access-control-allow-origin"]) == (204, "http://localhost:8000")
        assert "authorization" in headers["access-control-allow-headers"]
        _, headers, _ = call(server, "GET", "/v1/payment_intents", headers={**KEY, **origin})
        assert headers["access-control-allow-origin"] == "http://localhost:8000"

    @pytest.mark.parametrize("headers", [{"Origin": "https://evil.example"}, {"Host": "evil.example"}])
    def test_a_page_from_elsewhere_may_not(self, server: LiveServer, headers: dict[str, str]) -> None:
        status, answer, _ = call(server, "GET", "/v1/payment_intents", headers={**KEY, **headers})
        assert status == 403
        assert "access-control-allow-origin" not in answer

    @pytest.mark.parametrize("path", ["/stripe.js", "/endive/stripe.js"])
    def test_the_stand_in_script(self, server: LiveServer, path: str) -> None:
        status, headers, body = call(server, "GET", path)
        assert (status, headers["content-type"]) == (200, "text/javascript; charset=utf-8")
        assert b"confirmPayment" in body

    def test_webhooks_go_out_by_themselves(self, server: LiveServer) -> None:
        with listener() as (url, received):
            params = {"url": url, "enabled_events[0]": "payment_intent.created"}
            status, _, body = call(server, "POST", "/v1/webhook_endpoints", urlencode(params), KEY)
            assert status == 200, body
            intent = create_intent(server)
            wait_for(lambda: bool(received))
        headers, event = received[0]
        assert event["type"] == "payment_intent.created"
        assert event["data"]["object"]["id"] == intent["id"]
        verified = stripe.Webhook.construct_event(
            headers["raw"], headers["Stripe-Signature"], json.loads(body)["secret"]
        )
        assert verified.id == event["id"]

    @pytest.mark.parametrize(
        ("host", "yes"),
        [("127.0.0.1", True), ("::1", True), ("[::1]", True), ("localhost", True), ("192.0.2.1", False), ("", False)],
    )
    def test_what_counts_as_loopback(self, host: str, yes: bool) -> None:
        assert is_loopback(host) is yes


@contextmanager
def listener() -> Iterator[tuple[str, list[tuple[dict[str, Any], Any]]]]:
    """A web site that only listens for webhooks."""
    received: list[tuple[dict[str, Any], Any]] = []

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            raw = self.rfile.read(int(self.headers["Content-Length"]))
            received.append(({**self.headers, "raw": raw}, json.loads(raw)))
            self.send_response(200)
            self.end_headers()

        def log_message(self, *arguments: Any) -> None:
            """Keep quiet."""

    with HTTPServer(("127.0.0.1", 0), Handler) as site:
        thread = threading.Thread(target=site.serve_forever)
        thread.start()
        yield f"http://127.0.0.1:{site.server_address[1]}/hook/", received
        site.shutdown()
        thread.join()


def wait_for(condition: Callable[[], bool], seconds: float = 10) -> None:
    until = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < until, "it did not happen in time"
        time.sleep(0.01)


class TestControl:
    def test_trouble_is_had_and_cleared(self, server: LiveServer) -> None:
        assert control(server, "POST", "trouble", {"name": "server_error", "times": 2})[0] == 200
        status, _, _ = call(server, "POST", "/v1/payment_intents", urlencode(INTENT), KEY)
        assert status == 500
        assert control(server, "DELETE", "trouble") == (200, {"cleared": True})
        assert create_intent(server)["amount"] == 1200

    @pytest.mark.parametrize(
        ("name", "body", "words"),
        [
            ("trouble", "{", "not JSON"),
            ("trouble", "[]", "JSON object"),
            ("trouble", '{"name": "plague"}', "decline"),
            ("trouble", '{"name": "slow", "for": 3}', "Unknown option"),
            ("trouble", '{"name": "slow", "share": 7}', "share"),
            ("clock", '{"seconds": -1}', "forward"),
            ("clock", '{"seconds": "1"}', "whole number"),
            ("clock", '{"seconds": true}', "whole number"),
            ("authenticate", "{}", "client_secret"),
            ("authenticate", '{"client_secret": "pi_1_secret_1", "outcome": "perhaps"}', "complete"),
            ("authenticate", '{"client_secret": "pi_1_secret_1", "outcome": "fail"}', "pi_1"),
        ],
    )
    def test_bad_input_is_refused_in_a_sentence(self, server: LiveServer, name: str, body: str, words: str) -> None:
        status, _, answer = call(server, "POST", f"/_simulator/{name}", body)
        assert status == 400
        assert words in json.loads(answer)["error"]["message"]

    def test_what_does_not_exist(self, server: LiveServer) -> None:
        assert control(server, "GET", "nothing")[0] == 404
        assert control(server, "GET", "static/secrets.txt")[0] == 404

    def test_the_clock_moves(self, server: LiveServer) -> None:
        before = server.simulator.clock.now()
        status, answer = control(server, "POST", "clock", {"seconds": 86400})
        assert status == 200
        assert answer["now"] >= before + 86400

    def test_calls_events_and_reset(self, server: LiveServer) -> None:
        create_intent(server)
        assert control(server, "GET", "calls")[1]["calls"]
        assert control(server, "GET", "events")[1]["events"]
        assert control(server, "POST", "deliver")[1] == {"delivered": 0}
        assert control(server, "POST", "reset") == (200, {"reset": True})
        assert control(server, "GET", "events")[1] == {"events": []}

    @pytest.mark.parametrize(
        ("outcome", "status", "redirect_status"),
        [("complete", "succeeded", "succeeded"), ("fail", "requires_payment_method", "failed")],
    )
    def test_the_bank_s_page(self, server: LiveServer, outcome: str, status: str, redirect_status: str) -> None:
        intent = create_intent(
            server,
            confirm="true",
            payment_method="pm_card_threeDSecure2Required",
            return_url="https://shop.example/back?basket=7",
        )
        page = intent["next_action"]["redirect_to_url"]["url"]
        assert page == f"{server.url}/_simulator/redirect/{intent['id']}"
        assert b"Complete" in call(server, "GET", urlsplit(page).path)[2]
        code, headers, _ = call(server, "POST", urlsplit(page).path, f"outcome={outcome}")
        assert code == 303
        assert headers["location"] == (
            f"https://shop.example/back?basket=7&payment_intent={intent['id']}"
            f"&payment_intent_client_secret={intent['client_secret']}&redirect_status={redirect_status}"
        )
        _, _, body = call(server, "GET", f"/v1/payment_intents/{intent['id']}", headers=KEY)
        assert json.loads(body)["status"] == status

    def test_the_bank_s_page_for_nobody(self, server: LiveServer) -> None:
        assert call(server, "POST", "/_simulator/redirect/pi_none", "outcome=complete")[0] == 400

    def test_return_address_of_a_setup(self) -> None:
        setup = {"object": "setup_intent", "id": "seti_1", "client_secret": "seti_1_secret_2", "status": "processing"}
        assert return_address("https://shop.example/", setup) == (
            "https://shop.example/?setup_intent=seti_1&setup_intent_client_secret=seti_1_secret_2"
            "&redirect_status=pending"
        )


class TestCommand:
    def test_it_runs_and_stops_cleanly(self, tmp_path: Any) -> None:
        data = tmp_path / "state"
        arguments = ["--listen", "127.0.0.1:0", "--latency-ms", "1", "--data", str(data)]
        process = subprocess.Popen(
            [sys.executable, "-m", "checkout.simulator", *arguments], stdout=subprocess.PIPE, text=True
        )
        assert process.stdout is not None
        line = process.stdout.readline()
        process.send_signal(signal.SIGTERM)
        rest, _ = process.communicate(timeout=10)
        assert line.startswith("Stripe simulator at http://127.0.0.1:")
        assert (process.returncode, rest) == (0, "")

    @pytest.mark.parametrize("address", ["0.0.0.0:12111", "192.0.2.1:80", "example.com:80"])
    def test_it_refuses_an_address_that_others_can_reach(self, address: str, capsys: Any) -> None:
        assert command.main(["--listen", address]) == 2
        assert "not a loopback address" in capsys.readouterr().err

    @pytest.mark.parametrize(
        "arguments", [["--listen", "127.0.0.1"], ["--listen", "127.0.0.1:99999"], ["--latency-ms", "-5"]]
    )
    def test_it_refuses_nonsense(self, arguments: list[str], capsys: Any) -> None:
        with pytest.raises(SystemExit) as caught:
            command.main(arguments)
        assert caught.value.code == 2

    def test_a_port_in_use(self, capsys: Any) -> None:
        with socket.socket() as taken:
            taken.bind(("127.0.0.1", 0))
            taken.listen()
            assert command.main(["--listen", f"127.0.0.1:{taken.getsockname()[1]}"]) == 1
        assert "is in use" in capsys.readouterr().err

    def test_a_socket_off_loopback_is_never_opened(self) -> None:
        with pytest.raises(ValueError, match="not a loopback address"):
            open_socket("192.0.2.1", 0)

    def test_importing_the_package_is_cheap(self) -> None:
        code = "import sys, checkout.simulator as s; assert 'stripe' not in sys.modules; s.Simulator"
        subprocess.run([sys.executable, "-c", code], check=True)


def test_half_a_request_is_no_request(server: LiveServer) -> None:
    parts = urlsplit(server.url)
    with socket.create_connection((parts.hostname or "", parts.port or 0)) as caller:
        head = "POST /v1/payment_intents HTTP/1.1\r\nHost: 127.0.0.1\r\nAuthorization: Bearer sk_test_doors\r\n"
        caller.sendall(f"{head}Content-Length: 100\r\n\r\namount=12".encode())
        time.sleep(0.1)
    assert call(server, "GET", "/v1/payment_intents", headers=KEY)[0] == 200
    time.sleep(0.1)
    assert set(server.simulator.calls) == {"GET /v1/payment_intents"}
