"""The simulated Stripe account: answers requests, moves its clock, delivers its webhooks."""

from __future__ import annotations

import json
import threading
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from . import gate, payments, setup_intents
from .account import add_endpoint
from .call import API_VERSION, Account, Call
from .clock import Clock
from .deliveries import Post, Publisher
from .errors import ConnectionLost, StripeFault, invalid
from .forms import decode
from .idempotency import Keys, in_use
from .params import spec_for
from .payment_methods import legacy_card, replace_card
from .rate import RateLimit
from .render import expand, render
from .routes import Route, find_route
from .schedule import Agenda
from .store import Obj, Store
from .trouble import Trouble

_OUTCOMES = ("complete", "fail", "cancel")


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
    headers: dict[str, str]
    raw: str
    version: str = ""
    params: dict[str, Any] = field(default_factory=dict)
    #: The request id that a replayed answer was first given under.
    original: str | None = None


class Simulator:
    """A stateful Stripe for one account in test mode. Safe to use from several threads."""

    def __init__(
        self,
        data_file: str | None = None,
        origin: str = "http://127.0.0.1:12111",
        start: int | None = None,
        rate: float | None = None,
    ) -> None:
        self._lock = threading.RLock()
        self._store = Store(data_file)
        self.clock = Clock(start, self._run_due)
        if start is None:
            self.clock.offset = self._store.get_meta("offset") or 0
        self._saved_offset = self.clock.offset
        self.trouble = Trouble()
        self._rate_limit = RateLimit(rate)
        self._publisher = Publisher(self._store)
        self._agenda = Agenda()
        self._account = Account(
            self._store, self.clock, self.trouble, origin.rstrip("/"), self._agenda, self._publisher
        )
        self._agenda.load(self._account)
        self._keys = Keys(self._store)
        for delivery in self._store.kinds["delivery"].values():
            delivery["sending"] = False
        #: Keep every exchange in ``exchanges`` when true.
        self.record = False
        self.exchanges: list[dict[str, Any]] = []
        #: How often each operation was asked for; under "429" what was refused for coming too fast.
        self.calls: Counter[str] = Counter()

    @property
    def origin(self) -> str:
        """Where the simulator's own pages are."""
        return self._account.origin

    @origin.setter
    def origin(self, origin: str) -> None:
        self._account.origin = origin.rstrip("/")

    @property
    def rate(self) -> float | None:
        """The most requests a second of real time, whatever the simulated clock says; None for no limit."""
        return self._rate_limit.rate

    @rate.setter
    def rate(self, rate: float | None) -> None:
        with self._lock:
            self._rate_limit.rate = rate

    @property
    def events(self) -> list[Obj]:
        """Every event, oldest first."""
        with self._lock:
            return [render(one) for one in self._store.kinds["event"].values()]

    def reset(self) -> None:
        """Forget everything: objects, trouble, recorded calls. The rate stays."""
        with self._lock:
            self._store.clear()
            self._agenda.load(self._account)
            self._keys.clear()
            self.trouble.clear()
            self._rate_limit.clear()
            self.exchanges.clear()
            self.calls.clear()

    def close(self) -> None:
        """Write and close the data file."""
        with self._lock:
            self._commit()
            self._store.close()

    # Requests

    def handle(self, method: str, target: str, headers: Mapping[str, str], body: bytes, latency: float = 0) -> Response:
        """Answer one request; ``target`` is path and query. Raises ``ConnectionLost`` for trouble on the wire.

        ``latency`` seconds are added to the answer's ``delay``, and the request runs until then.
        """
        path, _, query = target.partition("?")
        lower = {name.lower(): value for name, value in headers.items()}
        raw = "&".join(part for part in (query, body.decode("utf-8", "replace")) if part)
        request = _Request(method.upper(), path, lower, raw)
        with self._lock:
            return self._handle(request, latency)

    def _handle(self, request: _Request, latency: float) -> Response:
        call = Call(
            self._account,
            request_id=f"req_{self._store.token(14)}",
            method=request.method,
            path=request.path,
            idempotency_key=request.headers.get("idempotency-key") if request.method == "POST" else None,
        )
        take = self.trouble.take
        if take("reset_before", request.method, request.path):
            raise ConnectionLost(after_commit=False)
        slow = take("slow", request.method, request.path)
        delay = latency + ((slow.delay or 1.0) if slow else 0.0)
        self._run_overdue()
        try:
            status, body = self._answer(call, request, delay)
        except StripeFault as fault:
            status, body = fault.status, _encode({"error": fault.fields})
        self._commit()
        if self.record:
            self._record(call, request, status, body)
        if take("timeout_after_commit", request.method, request.path):
            raise ConnectionLost(after_commit=True)
        return Response(status, self._headers(call, request, status), body, delay)

    def _answer(self, call: Call, request: _Request, delay: float) -> tuple[int, bytes]:
        params = decode(request.raw)
        request.params = params
        key = gate.api_key(request.headers, params)
        browser, call.account_id = key.startswith("pk_"), gate.account_of(key)
        request.version = gate.check_version(request.headers)
        self._limit(call, request)
        found = find_route(request.method, request.path)
        if found is None:
            self.calls[f"{request.method} {request.path}"] += 1
            raise StripeFault(
                404,
                f"Unrecognized request URL ({request.method}: {request.path}). Please see "
                "https://stripe.com/docs or we can help at https://support.stripe.com/.",
                saved=False,
            )
        route, call.ids = found
        self.calls[f"{route.method} {route.template}"] += 1
        gate.check_rights(key, route)
        fingerprint = Keys.fingerprint(request.method, request.path, params) if call.idempotency_key else ""
        kept = self._keys.lookup(call, fingerprint)
        if kept is not None:
            request.original = kept["request"]
            return int(kept["status"]), kept["body"].encode()
        try:
            status, body = 200, _encode(self._perform(call, route, params, browser))
        except StripeFault as fault:
            status, body = fault.status, _encode({"error": fault.fields})
            if not fault.saved:
                return status, body
        self._keys.keep(call, fingerprint, status, body, delay)
        return status, body

    def _limit(self, call: Call, request: _Request) -> None:
        """What Stripe's own limits answer, before idempotency is looked at."""
        limit = self.trouble.take("rate_limit", request.method, request.path)
        if limit or not self._rate_limit.allows():
            self.calls["429"] += 1
            raise StripeFault(
                429,
                "Request rate limit exceeded. You can learn more about rate limits here "
                "https://stripe.com/docs/rate-limits.",
                code=(limit and limit.code) or "rate_limit",
                saved=False,
            )
        if self.trouble.take("conflict", request.method, request.path):
            raise in_use(call.idempotency_key)

    def _perform(self, call: Call, route: Route, params: dict[str, Any], browser: bool) -> Obj:
        if self.trouble.take("server_error", call.method, call.path):
            raise StripeFault(500, "An unexpected error occurred.", kind="api_error")
        if route.intent_write and "payment_method_types" in params:
            raise invalid(
                "The payment_method_types parameter is no longer supported. Use allowed_payment_method_types, "
                "excluded_payment_method_types or automatic_payment_methods.",
                code="payment_method_types_no_longer_supported",
                param="payment_method_types",
            )
        params = dict(params)
        if browser:
            gate.admit_browser(call, route, params)
        if route.browser:
            gate.take_client_secret(call, params)
        checked = spec_for(route.operation).check(params, "")
        paths = checked.pop("expand", None) or []
        body = route.handler(call, checked)
        return expand(self._store, body, paths) if paths else body

    def _headers(self, call: Call, request: _Request, status: int) -> dict[str, str]:
        headers = {
            "Content-Type": "application/json",
            "Request-Id": call.request_id or "",
            "Stripe-Version": request.version or request.headers.get("stripe-version", ""),
        }
        if call.idempotency_key is not None:
            headers["Idempotency-Key"] = call.idempotency_key
            headers["Original-Request"] = request.original or call.request_id or ""
        if request.original is not None:
            headers["Idempotent-Replayed"] = "true"
            headers["Stripe-Should-Retry"] = "false"
        elif status == 409:
            headers["Stripe-Should-Retry"] = "true"
        return headers

    def _record(self, call: Call, request: _Request, status: int, body: bytes) -> None:
        self.exchanges.append(
            {
                "method": request.method,
                "path": request.path,
                "params": request.raw,
                "status": status,
                "body": json.loads(body),
                "browser": call.browser,
            }
        )

    # The clock

    def _run_due(self, until: int) -> None:
        with self._lock:
            self._agenda.run_due(self._account, until)
            self._commit()

    def _run_overdue(self) -> None:
        due = self._agenda.next_due()
        if due is not None and due <= self.clock.now():
            self._agenda.run_due(self._account, self.clock.now())

    def _commit(self) -> None:
        if self.clock.offset != self._saved_offset:
            self._saved_offset = self.clock.offset
            self._store.set_meta("offset", self._saved_offset)
        self._store.commit()

    # 3-D Secure

    def authenticate(self, intent_id: str, outcome: str, client_secret: str | None = None) -> Obj:
        """What the customer does when the bank asks: ``complete``, ``fail`` or ``cancel``."""
        if outcome not in _OUTCOMES:
            raise ValueError(f"the outcome is one of {', '.join(_OUTCOMES)}, not {outcome!r}")
        with self._lock:
            kind = "setup_intent" if intent_id.startswith("seti_") else "payment_intent"
            intent = self._store.get(kind, intent_id)
            if intent is None:
                raise LookupError(f"no such intent: {intent_id}")
            if client_secret is not None and client_secret != intent["client_secret"]:
                raise ValueError("the client secret is not that of the intent")
            if intent["status"] != "requires_action":
                raise ValueError(f"{intent_id} asks for nothing: it is {intent['status']}")
            call = Call(self._account, path=f"/v1/{kind}s/{intent_id}/authenticate")
            module = setup_intents if kind == "setup_intent" else payments
            module.authenticated(call, intent, outcome == "complete")
            self._commit()
            return render(intent)

    # Cards

    def legacy_card(
        self, customer_id: str, number: str = "4242424242424242", exp_month: int = 12, exp_year: int = 2034
    ) -> str:
        """Give a customer a card from before payment methods, as ``default_source``. Returns its ``card_...`` id."""
        with self._lock:
            customer = self._store.get("customer", customer_id)
            if customer is None or customer.get("_deleted"):
                raise LookupError(f"no such customer: {customer_id}")
            made = legacy_card(Call(self._account), customer, number, exp_month, exp_year)
            self._commit()
            return str(made["id"])

    def replace_card(self, ident: str, exp_month: int, exp_year: int, last4: str | None = None) -> Obj:
        """What the networks' card updater does: new expiry, and perhaps number, behind the same id."""
        with self._lock:
            method = self._store.get("payment_method", ident)
            if method is None:
                raise LookupError(f"no such payment method: {ident}")
            replace_card(Call(self._account), method, exp_month, exp_year, last4)
            self._commit()
            return render(method)

    # Webhooks

    def add_webhook_endpoint(self, url: str, secret: str, events: tuple[str, ...] = ("*",)) -> Obj:
        """Register an endpoint whose secret is known beforehand (the API makes one up)."""
        with self._lock:
            for endpoint in self._store.kinds["webhook_endpoint"].values():
                if endpoint["url"] == url:
                    endpoint["_secret"], endpoint["enabled_events"] = secret, list(events)
                    self._store.touch(endpoint)
                    self._commit()
                    return render(endpoint)
            # in the version in which events are really written, as a site's own endpoint is
            params = {"url": url, "enabled_events": list(events), "api_version": API_VERSION}
            made = add_endpoint(Call(self._account), params, secret)
            self._commit()
            return render(made)

    def has_pending_deliveries(self) -> bool:
        """Whether any delivery is still to be made, now or later."""
        with self._lock:
            return bool(self._store.kinds["delivery"])

    def deliver_pending(self, post: Post) -> int:
        """Make the deliveries that are due, in order; ``post(url, body, headers)`` answers a status.

        A status other than 2xx, or an ``OSError`` from ``post``, is a failure, and is retried later.
        """
        with self._lock:
            self._run_overdue()
            due = self._publisher.due(self.clock.now())
        for delivery in due:
            with self._lock:
                wanted = self._publisher.request_for(delivery, self.clock.now())
            if wanted is None:
                continue
            try:
                status = post(*wanted)
            except OSError:
                status = 0
            with self._lock:
                self._publisher.settle(delivery, status, self.clock.now())
                self._commit()
        return len(due)


def _encode(body: Obj) -> bytes:
    return json.dumps(body, separators=(",", ":")).encode()
