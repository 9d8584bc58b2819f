"""Signed events, posted as Stripe posts them."""

from __future__ import annotations

import asyncio
import hashlib
import hmac
import re
import time
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field

from webhooks_parts.numbers import WEBHOOK_SECRET


def request(path: str, body: str) -> bytes:
    """One delivery, signed now; good for five minutes."""
    raw, moment = body.encode(), int(time.time())
    digest = hmac.new(WEBHOOK_SECRET.encode(), f"{moment}.".encode() + raw, hashlib.sha256).hexdigest()
    head = (
        f"POST {path} HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Type: application/json; charset=utf-8\r\n"
        f"User-Agent: Stripe/1.0 (+https://stripe.com/docs/webhooks)\r\nConnection: close\r\n"
        f"Stripe-Signature: t={moment},v1={digest}\r\nContent-Length: {len(raw)}\r\n\r\n"
    )
    return head.encode() + raw


@dataclass
class Sent:
    """What came of one round."""

    seconds: float = 0
    statuses: Counter[str] = field(default_factory=Counter)
    bodies: Counter[str] = field(default_factory=Counter)
    counted: set[tuple[int, int]] = field(default_factory=set)

    @property
    def rate(self) -> float:
        """Events taken a second."""
        return self.statuses["200"] / self.seconds

    @property
    def wrong(self) -> str:
        """What was answered besides 200."""
        return ", ".join(f"{count} times {status}" for status, count in self.statuses.items() if status != "200")


async def _post(port: int, whole: bytes, sent: Sent) -> None:
    """A connection of its own for each: gunicorn's sync workers keep none."""
    try:
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        writer.write(whole)
        answer = (await reader.read()).decode("latin-1")
        writer.close()
    except OSError as error:
        sent.statuses[type(error).__name__] += 1
        return
    head, _end, body = answer.partition("\r\n\r\n")
    sent.statuses[head[9:12] or "no answer"] += 1
    sent.bodies[body if not body.strip().isdigit() else "a number"] += 1
    found = re.search(r"X-Statements: (\d+)\r\nX-Transactions: (\d+)", head)
    if found:
        sent.counted.add((int(found[1]), int(found[2])))


async def _one_after_another(port: int, requests: Iterator[bytes], until: float, sent: Sent) -> None:
    for whole in requests:
        await _post(port, whole, sent)
        if time.monotonic() > until:
            return


def post(port: int, requests: list[bytes], *, connections: int, seconds: float = 600) -> Sent:
    """So many at a time, until there are none left or the time is over; what was under way is waited for."""

    async def everything() -> Sent:
        sent, waiting = Sent(), iter(requests)
        began = time.monotonic()
        await asyncio.gather(
            *(_one_after_another(port, waiting, began + seconds, sent) for _number in range(connections))
        )
        sent.seconds = time.monotonic() - began
        return sent

    return asyncio.run(everything())
