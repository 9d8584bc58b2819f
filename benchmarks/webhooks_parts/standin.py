"""A stand-in for Stripe that is faster than what is measured: ``python -m webhooks_parts.standin --latency-ms 200``.

It knows payments by their numbers and keeps nothing: intents, charges and refunds, one by one and 100 a page.
``/_standin/calls`` says how often it was called since the last time, ``/_standin/latency/200`` makes it slow.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import re
import signal
from collections import Counter
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

from webhooks_parts.numbers import REFUND_EVERY, number
from webhooks_parts.shapes import Shapes

PAGE = 100
NO_SUCH = json.dumps({"error": {"type": "invalid_request_error", "code": "resource_missing", "message": "none"}})
ACCOUNT = re.compile(r"/v1/accounts?(/.*)?")


class Books:
    """Answers by path. ``count``: how many payments are listed, the newest with the highest number."""

    def __init__(self, shapes: Shapes, *, count: int) -> None:
        self.shapes, self.count = shapes, count
        self.latency = 0.0
        self.calls: Counter[str] = Counter()

    def answer(self, target: str) -> tuple[int, str]:
        """Status and body."""
        parts = urlsplit(target)
        if parts.path.startswith("/_standin/"):
            return 200, self._control(parts.path)
        kind, _slash, which = parts.path.removeprefix("/v1/").partition("/")
        self.calls[f"{kind} one" if which else kind] += 1
        if ACCOUNT.fullmatch(parts.path):
            return 200, self.shapes.account
        query = parse_qs(parts.query)
        if not which:
            return self._page(kind, number(query.get("starting_after", [""])[0]))
        n = number(which)
        if not n or (kind == "refunds" and n % REFUND_EVERY):
            return 404, NO_SUCH
        if kind == "payment_intents":
            return 200, self.shapes.intent(n, expanded="latest_charge" in str(query))
        if kind == "payment_methods":
            return 200, self.shapes.method(n)
        return (200, self.shapes.charge(n)) if kind == "charges" else (404, NO_SUCH)

    def _page(self, kind: str, after: int) -> tuple[int, str]:
        newest = (after or self.count + 1) - 1
        if kind == "payment_intents":
            numbers = range(newest, 0, -1)
            rows = [self.shapes.intent(n, expanded=True) for n in numbers[:PAGE]]
        elif kind == "refunds":
            numbers = range(newest - newest % REFUND_EVERY, 0, -REFUND_EVERY)
            rows = [self.shapes.refund(n) for n in numbers[:PAGE]]
        else:
            return 404, NO_SUCH
        more = "true" if len(numbers) > PAGE else "false"
        return 200, f'{{"object": "list", "url": "/v1/{kind}", "has_more": {more}, "data": [{", ".join(rows)}]}}'

    def _control(self, path: str) -> str:
        verb, _slash, value = path.removeprefix("/_standin/").partition("/")
        if verb == "latency":
            self.latency = float(value) / 1000
        calls, self.calls = self.calls, Counter()
        return json.dumps(calls)


class Connection(asyncio.Protocol):
    """One kept-alive connection: a request at a time, all of them GET."""

    def __init__(self, books: Books) -> None:
        self.books = books
        self.received = b""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """As asyncio wants it."""
        assert isinstance(transport, asyncio.Transport)
        self.transport = transport

    def data_received(self, data: bytes) -> None:
        """Answer once the head is complete."""
        self.received += data
        while b"\r\n\r\n" in self.received:
            head, _end, self.received = self.received.partition(b"\r\n\r\n")
            status, body = self.books.answer(head.split(b" ", 2)[1].decode())
            text = body.encode()
            start = f"HTTP/1.1 {status} -\r\nContent-Type: application/json\r\nContent-Length: {len(text)}\r\n\r\n"
            whole = start.encode() + text
            if self.books.latency and b" /_standin/" not in head:
                asyncio.get_running_loop().call_later(self.books.latency, self.transport.write, whole)
            else:
                self.transport.write(whole)


async def serve(books: Books) -> None:
    """Until it is told to end; prints its address first."""
    loop = asyncio.get_running_loop()
    ended = asyncio.Event()
    loop.add_signal_handler(signal.SIGTERM, ended.set)
    server = await loop.create_server(lambda: Connection(books), "127.0.0.1", 0)
    print(f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}", flush=True)
    await ended.wait()
    server.close()


def main() -> None:
    """Read the options and serve."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--latency-ms", type=float, default=0)
    parser.add_argument("--count", type=int, default=0, help="how many payments it lists")
    parser.add_argument("--odd", type=Path, help="a JSON file: what is different about some of the payments")
    options = parser.parse_args()
    books = Books(Shapes(json.loads(options.odd.read_text()) if options.odd else None), count=options.count)
    books.latency = options.latency_ms / 1000
    asyncio.run(serve(books))


if __name__ == "__main__":
    main()
