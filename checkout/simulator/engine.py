"""The simulated Stripe account: answers requests, moves its clock, delivers its webhooks."""

from __future__ import annotations

import json
import re
import threading
from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from . import payments, setup_intents
from .account import add_endpoint
from .call import API_VERSION, Account, Call
from .clock import Clock
from .deliveries import Publisher
from .errors import ConnectionLost, StripeFault, invalid
from .forms import decode
from .idempotency import Keys, in_use
from .params import spec_for
from .render import expand, render
from .routes import Route, find_route
from .schedule import Agenda
from .store import Obj, Store
from .trouble import Trouble

_VERSION = re.compile(r"\d{4}-\d{2}-\d{2}(\.\w+)?\Z")
_BROWSER_EXTRAS = ("key", "client_secret", "_stripe_version", "_stripe_account", "expected_payment_method_type")


@dataclass
class Response:
    """An HTTP answer; the door waits ``delay`` seconds before it gives it."""

    status: int
    headers: dict[str, str]
    body: bytes
    delay: float = 0


@dataclass
class _Request:
    method: str
    path: str
    query: str
    headers: dict[str, str]
    body: str
    params: dict[str, Any] = field(default_factory=dict)


class Simulator:
    """A stateful Stripe for one account in test mode. Safe to use from several threads."""

    def __init__(
        self, data_file: str | None = None, origin: str = "http://127.0.0.1:12111", start: int | None = None
    ) -> None:
        self._lock = threading.RLock()
        store = Store(data_file)
        self.clock = Clock(start, self._run_due)
        if start is None:
            self.clock.offset = store.get_meta("offset") or 0
        self.trouble = Trouble()
        self._account = Account(store, self.clock, self.trouble, origin, Agenda(), Publisher(store))
        self._account.agenda.load(self._account)
        self._keys = Keys(store)
        for delivery in store.kinds["delivery"].values():
            delivery["sending"] = False
        self.record = False
        self.exchanges: list[dict[str, Any]] = []
        self.calls: Counter[str] = Counter()

    @property
    def origin(self) -> str:
        """Where the simulator's own pages are."""
        return self._account.origin

    @origin.setter
    def origin(self, origin: str) -> None:
        self._account.origin = origin

    @property
    def events(self) -> list[Obj]:
        """Every event, oldest first."""
        with self._lock:
            return [render(one) for one in self._account.store.kinds["event"].values()]

    def reset(self) -> None:
        """Forget everything: objects, trouble, recorded calls."""
        with self._lock:
            self._account.store.clear()
            self._account.agenda.load(self._account)
            self._keys.clear()
            self.trouble.clear()
            self.exchanges.clear()
            self.calls.clear()

    def close(self) -> None:
        """Write and close the data file."""
        with self._lock:
            self._account.store.close()

    # -- requests

    def handle(self, method: str, target: str, headers: Mapping[str, str], body: bytes) -> Response:
        """Answer one request; ``target`` is path and query."""
        path, _, query = target.partition("?")
        lower = {name.lower(): value for name, value in headers.items()}
        request = _Request(method.upper(), path, query, lower, body.decode("utf-8", "replace"))
        with self._lock:
            return self._handle(request)

    def _handle(self, request: _Request) -> Response:
        store = self._account.store
        call = Call(
            self._account,
            request_id=f"req_{store.token(14)}",
            method=request.method,
            path=request.path,
            idempotency_key=request.headers.get("idempotency-key") if request.method == "POST" else None,
        )
        take = self.trouble.take
        if take("reset_before", request.method, request.path):
            raise ConnectionLost(after_commit=False)
        slow = take("slow", request.method, request.path)
        delay = (slow.delay or 1.0) if slow else 0.0
        self._run_overdue()
        replayed = False
        try:
            status, answer, replayed = self._answer(call, request, delay)
        except StripeFault as fault:
            status, answer = fault.status, _encode({"error": fault.fields})
        if not self.clock.frozen:
            store.set_meta("offset", self.clock.offset)
        store.commit()
        if take("timeout_after_commit", request.method, request.path):
            raise ConnectionLost(after_commit=True)
        if self.record:
            self._record(call, request, status, answer)
        return Response(status, self._headers(call, request, replayed), answer, delay)

    def _answer(self, call: Call, request: _Request, delay: float) -> tuple[int, bytes, bytes | str | bool]:
        raise NotImplementedError
