"""``python -m checkout.simulator``: the simulator as a web server on this machine."""

from __future__ import annotations

import argparse
import errno
import signal
import sys
from collections.abc import Sequence


def _address(text: str) -> tuple[str, int]:
    host, _, port = text.rpartition(":")
    if not host or not port.isdigit() or int(port) > 65535:
        raise argparse.ArgumentTypeError(f"{text!r} is not HOST:PORT, for example 127.0.0.1:12111")
    return host, int(port)


def _milliseconds(text: str) -> int:
    if not text.isdigit():
        raise argparse.ArgumentTypeError(f"{text!r} is not a number of milliseconds")
    return int(text)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m checkout.simulator",
        description="A small stateful Stripe for demo and tests. No money, no network, loopback only.",
    )
    parser.add_argument("--listen", type=_address, default=("127.0.0.1", 12111), metavar="HOST:PORT")
    parser.add_argument("--latency-ms", type=_milliseconds, default=0, metavar="N", help="delay each answer")
    parser.add_argument("--data", metavar="FILE", help="keep the state in FILE over a restart")
    return parser


def _fail(message: str, *, status: int) -> int:
    print(f"checkout.simulator: {message}", file=sys.stderr)
    return status


def main(arguments: Sequence[str] | None = None) -> int:
    """Run until stopped. Returns 0 after a stop, 1 if the port is taken, 2 for a refused argument."""
    options = _parser().parse_args(arguments)
    try:
        from checkout.simulator.server import App, make_server, open_socket, url_of
    except ModuleNotFoundError as missing:
        return _fail(f"{missing.name} is not installed.", status=2)
    host, port = options.listen
    try:
        sock = open_socket(host, port)
    except ValueError as refused:
        return _fail(str(refused), status=2)
    except OSError as problem:
        if problem.errno == errno.EADDRINUSE:
            return _fail(f"port {port} is in use. Stop what listens there, or choose another port.", status=1)
        return _fail(f"cannot listen on {host}:{port}: {problem.strerror}", status=1)
    from checkout.simulator.engine import Simulator

    url = url_of(sock)
    try:
        server = make_server(
            App(Simulator(data_file=options.data, origin=url), latency=options.latency_ms / 1000)
        )
    except ModuleNotFoundError as missing:
        sock.close()
        needed = 'pip install "django-sca-checkout[simulator]"'
        return _fail(f"{missing.name} is not installed: {needed}", status=2)
    for number in (signal.SIGTERM, signal.SIGINT):
        # uvicorn raises the signal again after its own clean stop; that must not kill us on the way out.
        signal.signal(number, lambda *_: None)
    print(f"Stripe simulator at {url} (stop it with Ctrl+C)", flush=True)
    with sock:
        server.run(sockets=[sock])
    return 0


if __name__ == "__main__":
    sys.exit(main())
