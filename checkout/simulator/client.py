"""The simulator behind the real stripe library: an HTTP client that needs no socket."""

from __future__ import annotations

import threading
import time
from collections.abc import Mapping
from typing import Any, NoReturn
from urllib.parse import urlsplit

import stripe

from checkout.simulator.engine import Simulator
from checkout.simulator.errors import ConnectionLost

_NO_ASYNC = (
    "The simulator's in-process client answers synchronous calls only. "
    "Use the method without the _async suffix, or point the library at `python -m checkout.simulator`."
)
_BROKEN = "Unexpected error communicating with Stripe.  If this problem persists, let us know at support@stripe.com."
_RESET = "ConnectionError: ('Connection aborted.', ConnectionResetError(104, 'Connection reset by peer'))"


class _Headers(dict[str, str]):
    """Answer headers that the library may look up in any case, as those of requests."""

    def __init__(self, headers: Mapping[str, str]) -> None:
        super().__init__(headers)
        self._names = {name.lower(): name for name in headers}

    def __contains__(self, name: object) -> bool:
        return isinstance(name, str) and name.lower() in self._names

    def __getitem__(self, name: str) -> str:
        return super().__getitem__(self._names.get(name.lower(), name))

    def get(self, name: str, default: Any = None) -> Any:
        """Return the header called ``name`` in any case, else ``default``."""
        return super().get(self._names.get(name.lower(), name), default)


class SimulatorHTTPClient(stripe.HTTPClient):
    """Answer the stripe library's requests from a simulator in the same process.

    The library's own retries, idempotency keys and error classes stay in force; only the wire is replaced.
    Pass it to ``stripe.StripeClient(..., http_client=...)``. ``timeout`` is how many seconds a slow answer
    may take before the client gives up, as the requests client does after 80.
    """

    name = "simulator"

    def __init__(self, simulator: Simulator, *, timeout: float = 80) -> None:
        super().__init__(verify_ssl_certs=False)
        self.simulator = simulator
        self.timeout = timeout

    def _sleep_time_seconds(self, num_retries: int) -> float:
        # The library reads its delays from the base class, so a smaller INITIAL_DELAY here would be ignored.
        return 0.001 * num_retries

    def request(
        self,
        method: str,
        url: str,
        headers: Mapping[str, str] | None,
        post_data: Any = None,
        *,
        _usage: list[str] | None = None,
    ) -> tuple[Any, int, Mapping[str, str]]:
        """Answer one request; raise ``stripe.APIConnectionError`` where the wire would have broken."""
        parts = urlsplit(url)
        target = f"{parts.path}?{parts.query}" if parts.query else parts.path
        body = post_data.encode() if isinstance(post_data, str) else (post_data or b"")
        try:
            response = self.simulator.handle(method.upper(), target, dict(headers or {}), body)
        except ConnectionLost as lost:
            self._broken(self._timed_out() if lost.after_commit else _RESET, lost)
        if response.delay > self.timeout:
            self._broken(self._timed_out(), None)
        if response.delay:
            time.sleep(response.delay)
        return response.body, response.status, _Headers(response.headers)

    def _timed_out(self) -> str:
        return f"ReadTimeout: read timed out. (read timeout={self.timeout:g})"

    def _broken(self, network_error: str, cause: BaseException | None) -> NoReturn:
        message = f"{_BROKEN}\n\n(Network error: {network_error})"
        # The library leaves this constructor without types.
        raise stripe.APIConnectionError(message, should_retry=True) from cause  # type: ignore[no-untyped-call]

    def request_stream(
        self,
        method: str,
        url: str,
        headers: Mapping[str, str] | None,
        post_data: Any = None,
        *,
        _usage: list[str] | None = None,
    ) -> NoReturn:
        """Refuse: nothing that the simulator knows is streamed."""
        raise RuntimeError("The simulator does not stream answers.")

    def close(self) -> None:
        """Do nothing: there is no connection to close."""

    async def request_async(self, method: str, url: str, headers: Mapping[str, str], post_data: Any = None) -> NoReturn:
        """Refuse with a sentence that says what to use."""
        raise RuntimeError(_NO_ASYNC)

    async def request_stream_async(
        self, method: str, url: str, headers: Mapping[str, str], post_data: Any = None
    ) -> NoReturn:
        """Refuse with a sentence that says what to use."""
        raise RuntimeError(_NO_ASYNC)

    async def close_async(self) -> None:
        """Do nothing: there is no connection to close."""


_lock = threading.Lock()
_default: Simulator | None = None


def get_simulator() -> Simulator:
    """Return the simulator of this process, made at the first call."""
    global _default
    with _lock:
        if _default is None:
            _default = Simulator()
        return _default


def set_simulator(simulator: Simulator | None) -> None:
    """Make ``simulator`` the one of this process; ``None`` forgets it, so that the next use starts afresh."""
    global _default
    with _lock:
        _default = simulator


def default_client() -> SimulatorHTTPClient:
    """Return a client of this process's simulator: the value for ``CHECKOUT_STRIPE_HTTP_CLIENT``."""
    return SimulatorHTTPClient(get_simulator())
