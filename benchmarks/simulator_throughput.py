"""How many payment intents a second the simulator creates over HTTP.

Run ``python benchmarks/simulator_throughput.py``. It starts ``python -m checkout.simulator`` in a process of
its own on a free loopback port, sends a bounded number of requests for a bounded time over kept-alive
connections, and stops it. Two rounds, with 100 requests in flight: 200 ms latency (target 400 a second) and
none (target 1,000 a second).
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import re
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import urlencode, urlsplit

TARGETS = ((200, 400), (0, 1000))
ROOT = Path(__file__).resolve().parent.parent


@dataclass
class Round:
    """What one round sends, and what came of it."""

    requests: int
    until: float
    started: int = 0
    failed: int = 0
    waits: list[float] = field(default_factory=list)

    def next_number(self) -> int | None:
        """Return the number of the next request, ``None`` when there is nothing left to send."""
        if self.started >= self.requests or time.monotonic() > self.until:
            return None
        self.started += 1
        return self.started


@contextlib.contextmanager
def running_simulator(latency_ms: int, *, rate: int | None = None) -> Iterator[str]:
    """Run the simulator, with a limit of ``rate`` requests a second if there is one, and give its URL; end it after."""
    command = [
        sys.executable,
        "-m",
        "checkout.simulator",
        "--listen",
        "127.0.0.1:0",
        "--latency-ms",
        str(latency_ms),
        *(["--rate", str(rate)] if rate else []),
    ]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True, cwd=ROOT)  # noqa: S603
    assert process.stdout is not None
    try:
        line = process.stdout.readline()
        found = re.search(r"http://\S+", line)
        if found is None:
            raise SystemExit(f"The simulator did not start: {line!r}")
        yield found.group()
    finally:
        process.send_signal(signal.SIGTERM)
        process.wait(10)
        process.stdout.close()


def request_bytes(host: str, number: int) -> bytes:
    """Return one request that creates a payment intent, under an idempotency key of its own."""
    body = urlencode({"amount": 1000 + number, "currency": "gbp", "description": f"Course {number}"}).encode()
    head = (
        f"POST /v1/payment_intents HTTP/1.1\r\nHost: {host}\r\nAuthorization: Bearer sk_test_benchmark\r\n"
        f"Idempotency-Key: benchmark-{number}\r\nContent-Type: application/x-www-form-urlencoded\r\n"
        f"Content-Length: {len(body)}\r\n\r\n"
    )
    return head.encode() + body


async def one_connection(url: str, work: Round) -> None:
    """Send requests one after another over one connection until there are none left."""
    parts = urlsplit(url)
    reader, writer = await asyncio.open_connection(parts.hostname, parts.port)
    try:
        while (number := work.next_number()) is not None:
            began = time.monotonic()
            writer.write(request_bytes(parts.netloc, number))
            head = await reader.readuntil(b"\r\n\r\n")
            length = re.search(rb"content-length: (\d+)", head, re.IGNORECASE)
            await reader.readexactly(int(length.group(1)) if length else 0)
            work.waits.append(time.monotonic() - began)
            work.failed += not head.startswith(b"HTTP/1.1 200")
    finally:
        writer.close()


async def load(url: str, *, requests: int, in_flight: int, seconds: float) -> tuple[float, Round]:
    """Return requests a second and the round's details."""
    await one_connection(url, Round(requests=1, until=time.monotonic() + 5))
    work = Round(requests=requests, until=time.monotonic() + seconds)
    began = time.monotonic()
    await asyncio.gather(*(one_connection(url, work) for _ in range(in_flight)))
    return len(work.waits) / (time.monotonic() - began), work


def main() -> int:
    """Run both rounds. Returns 1 if a target was missed or a request failed."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--requests", type=int, default=4000, help="at most so many requests a round")
    parser.add_argument("--in-flight", type=int, default=100)
    parser.add_argument("--seconds", type=float, default=20, help="at most so long a round")
    options = parser.parse_args()
    missed = False
    for latency_ms, target in TARGETS:
        with running_simulator(latency_ms) as url:
            rate, work = asyncio.run(
                load(url, requests=options.requests, in_flight=options.in_flight, seconds=options.seconds)
            )
        waits = sorted(work.waits)
        p99 = waits[int(len(waits) * 0.99)] * 1000
        print(
            f"latency {latency_ms:>3} ms, {options.in_flight} in flight: "
            f"{rate:.0f} requests/s (target {target}), {len(waits)} answered, {work.failed} failed, "
            f"median {waits[len(waits) // 2] * 1000:.0f} ms, p99 {p99:.0f} ms"
        )
        missed = missed or rate < target or work.failed > 0
    return int(missed)


if __name__ == "__main__":
    sys.exit(main())
