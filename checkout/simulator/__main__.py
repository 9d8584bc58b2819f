"""``python -m checkout.simulator``: the simulator as a web server on this machine."""

from __future__ import annotations

import argparse
import contextlib
import errno
import math
import signal
import socket
import sqlite3
import sys
from collections.abc import Sequence
from importlib.util import find_spec
from urllib.parse import urlsplit

_LOOPBACK = ("localhost", "127.0.0.1", "::1")


def _address(text: str) -> tuple[str, int]:
    host, _, port = text.rpartition(":")
    if not host or not port.isdigit() or int(port) > 65535:
        raise argparse.ArgumentTypeError(f"{text!r} is not HOST:PORT, for example 127.0.0.1:12111")
    return host, int(port)


def _milliseconds(text: str) -> int:
    if not text.isdigit():
        raise argparse.ArgumentTypeError(f"{text!r} is not a number of milliseconds")
    return int(text)


def _rate(text: str) -> float:
    try:
        rate = float(text)
    except ValueError:
        rate = math.nan
    if not 0 < rate < math.inf:
        raise argparse.ArgumentTypeError(f"{text!r} is not a number of requests a second above 0")
    return rate


def _webhook(text: str) -> tuple[str, str]:
    url, found, rest = text.rpartition("=whsec_")
    try:
        parts = urlsplit(url)
        # a simulator speaks to nobody but this machine
        good = parts.scheme == "http" and parts.hostname in _LOOPBACK and parts.port != 0
    except ValueError:
        good = False
    if not (found and rest and good):
        raise argparse.ArgumentTypeError(
            f"{text!r} is not URL=SECRET on this machine, for example http://127.0.0.1:8000/stripe/webhook/=whsec_demo"
        )
    return url, f"whsec_{rest}"


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m checkout.simulator",
        description="A small stateful Stripe for demo and tests. No money, no network, loopback only.",
    )
    parser.add_argument("--listen", type=_address, default=("127.0.0.1", 12111), metavar="HOST:PORT")
    parser.add_argument("--latency-ms", type=_milliseconds, default=0, metavar="N", help="delay each answer")
    parser.add_argument("--rate", type=_rate, metavar="N", help="refuse more than N requests a second with 429")
    parser.add_argument(
        "--webhook",
        type=_webhook,
        action="append",
        default=[],
        metavar="URL=SECRET",
        help="send events to URL, signed with SECRET (whsec_...); may be given several times",
    )
    parser.add_argument(
        "--webhook-events",
        type=lambda text: tuple(text.split(",")),
        default=("*",),
        metavar="TYPE,TYPE",
        help="only these types (every one)",
    )
    parser.add_argument("--data", metavar="FILE", help="keep the state in FILE over a restart")
    return parser


def _fail(message: str, *, status: int) -> int:
    print(f"checkout.simulator: {message}", file=sys.stderr)
    return status


def _open(host: str, port: int) -> socket.socket | str:
    from checkout.simulator.server import open_socket

    try:
        return open_socket(host, port)
    except OSError as problem:
        if problem.errno == errno.EADDRINUSE:
            return f"port {port} is in use. Stop what listens there, or choose another port."
        return f"cannot listen on {host}:{port}: {problem.strerror}"


def _serve(sock: socket.socket, options: argparse.Namespace) -> None:
    from checkout.simulator.engine import Simulator
    from checkout.simulator.server import App, make_server, url_of

    url = url_of(sock)
    with contextlib.closing(Simulator(data_file=options.data, origin=url, rate=options.rate)) as simulator:
        for endpoint, secret in options.webhook:
            simulator.add_webhook_endpoint(endpoint, secret, options.webhook_events)
        server = make_server(App(simulator, latency=options.latency_ms / 1000))

        def stop(*_: object) -> None:
            server.should_exit = True

        for number in (signal.SIGTERM, signal.SIGINT):
            # uvicorn raises the signal again after its own clean stop; that must not kill us on the way out.
            signal.signal(number, stop)
        print(f"Stripe simulator at {url} (stop it with Ctrl+C)", flush=True)
        server.run(sockets=[sock])


def main(arguments: Sequence[str] | None = None) -> int:
    """Run until stopped. Returns 0 after a stop, 1 if it cannot start, 2 for a refused argument."""
    options = _parser().parse_args(arguments)
    for name in ("stripe", "uvicorn"):
        if find_spec(name) is None:
            return _fail(f'{name} is missing: pip install "django-sca-checkout[simulator]"', status=1)
    try:
        sock = _open(*options.listen)
    except ValueError as refused:
        return _fail(str(refused), status=2)
    if isinstance(sock, str):
        return _fail(sock, status=1)
    with sock:
        try:
            _serve(sock, options)
        except (OSError, sqlite3.Error) as problem:
            return _fail(f"cannot keep the state in {options.data}: {problem}", status=1)
    return 0


if __name__ == "__main__":
    sys.exit(main())
