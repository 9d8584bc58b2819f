"""The simulator as a web server on the loopback address: for the demo, browsers, load and chaos.

A plain ASGI application, run by uvicorn (``pip install "django-sca-checkout[simulator]"``).
"""

from __future__ import annotations

import asyncio
import contextlib
import ipaddress
import socket
import struct
import threading
import time
from collections.abc import Awaitable, Callable, MutableMapping
from types import TracebackType
from typing import TYPE_CHECKING, Any, Self
from urllib.parse import urlsplit

from checkout.simulator.control import Control, is_control_path, post_webhook
from checkout.simulator.engine import Response, Simulator
from checkout.simulator.errors import ConnectionLost

if TYPE_CHECKING:
    import uvicorn

Scope = MutableMapping[str, Any]
Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]

_DELIVERY_PAUSE = 0.05
_ALLOW_HEADERS = "authorization, content-type, idempotency-key, stripe-version, stripe-account"
_RESET_ON_CLOSE = struct.pack("ii", 1, 0)
_FOREIGN = b'{"error": {"type": "invalid_request_error", "message": "Only pages of this machine are served."}}'


def is_loopback(host: str) -> bool:
    """Say whether ``host`` (a name or an address) is this machine and nothing else."""
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host.strip("[]")).is_loopback
    except ValueError:
        return False


class App:
    """The ASGI application around one ``Simulator``.

    ``latency`` seconds are added to every API answer. With ``deliver`` (the default) webhooks are sent in the
    background as soon as they are due.
    """

    def __init__(self, simulator: Simulator, *, latency: float = 0, deliver: bool = True) -> None:
        self.simulator = simulator
        self.latency = latency
        self._control = Control(simulator)
        self._deliver = deliver

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one ASGI connection."""
        if scope["type"] == "lifespan":
            await self._lifespan(receive, send)
        elif scope["type"] == "http":
            await self._http(scope, receive, send)

    async def _http(self, scope: Scope, receive: Receive, send: Send) -> None:
        headers = {name.decode("latin-1").title(): value.decode("latin-1") for name, value in scope["headers"]}
        body = await _read_body(receive)
        if body is None:
            return
        origin = headers.get("Origin", "")
        if not _is_local_page(origin) or not _is_local_host(headers.get("Host", "localhost")):
            await _answer(send, Response(403, {"Content-Type": "application/json"}, _FOREIGN), "")
            return
        if scope["method"] == "OPTIONS":
            await _answer(send, _preflight(), origin)
            return
        try:
            response = await self._respond(scope, headers, body)
        except ConnectionLost:
            await _drop(scope, receive)
            return
        # What was asked is done before the wait, so a caller that dies meanwhile was charged all the same.
        if response.delay:
            await asyncio.sleep(response.delay)
        await _answer(send, response, origin)

    async def _respond(self, scope: Scope, headers: dict[str, str], body: bytes) -> Response:
        path = scope["raw_path"].decode("ascii")
        query = scope["query_string"].decode("ascii")
        if is_control_path(path):
            # A delivery calls the site, which may call the simulator back: so not on the event loop.
            return await asyncio.to_thread(self._control.handle, scope["method"], path, query, headers, body)
        target = f"{path}?{query}" if query else path
        return self.simulator.handle(scope["method"], target, headers, body, self.latency)

    async def _lifespan(self, receive: Receive, send: Send) -> None:
        await receive()
        task = asyncio.create_task(self._deliver_for_ever()) if self._deliver else None
        await send({"type": "lifespan.startup.complete"})
        await receive()
        if task is not None:
            task.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await task
        await send({"type": "lifespan.shutdown.complete"})

    async def _deliver_for_ever(self) -> None:
        while True:
            if self.simulator.has_pending_deliveries():
                await asyncio.to_thread(self.simulator.deliver_pending, post_webhook)
            await asyncio.sleep(_DELIVERY_PAUSE)


async def _read_body(receive: Receive) -> bytes | None:
    """The whole body; None if the caller went away in the middle: half a request asks for something else."""
    parts: list[bytes] = []
    while True:
        message = await receive()
        if message["type"] == "http.disconnect":
            return None
        parts.append(message.get("body", b""))
        if not message.get("more_body", False):
            return b"".join(parts)


def _is_local_page(origin: str) -> bool:
    return not origin or is_loopback(urlsplit(origin).hostname or "")


def _is_local_host(host: str) -> bool:
    # A name that somebody's DNS points at 127.0.0.1 would let a foreign page in.
    try:
        return is_loopback(urlsplit(f"//{host}").hostname or "")
    except ValueError:
        return False


def _preflight() -> Response:
    headers = {
        "Access-Control-Allow-Methods": "GET, POST, DELETE, OPTIONS",
        "Access-Control-Allow-Headers": _ALLOW_HEADERS,
        "Access-Control-Max-Age": "600",
    }
    return Response(204, headers, b"")


async def _answer(send: Send, response: Response, origin: str) -> None:
    headers = {**response.headers, "Content-Length": str(len(response.body))}
    if origin:
        headers |= {
            "Access-Control-Allow-Origin": origin,
            "Access-Control-Expose-Headers": "Request-Id",
            "Vary": "Origin",
        }
    if response.status == 204:
        del headers["Content-Length"]
    raw = [(name.lower().encode("latin-1"), value.encode("latin-1")) for name, value in headers.items()]
    await send({"type": "http.response.start", "status": response.status, "headers": raw})
    await send({"type": "http.response.body", "body": response.body})


async def _drop(scope: Scope, receive: Receive) -> None:
    """Close the connection without a word, and wait until uvicorn knows that it is gone."""
    scope["state"]["drop_connection"]()
    while (await receive())["type"] != "http.disconnect":
        pass


def _protocol() -> type[asyncio.Protocol]:
    """Return uvicorn's HTTP protocol, extended so that the application can break its own connection."""
    from uvicorn.protocols.http.auto import AutoHTTPProtocol

    class DroppableProtocol(AutoHTTPProtocol):  # type: ignore[misc, valid-type]
        app_state: dict[str, Any]

        def connection_made(self, transport: asyncio.Transport) -> None:
            super().connection_made(transport)

            def drop_connection() -> None:
                sock = transport.get_extra_info("socket")
                if sock is not None:
                    sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _RESET_ON_CLOSE)
                transport.abort()

            self.app_state = {**self.app_state, "drop_connection": drop_connection}

    return DroppableProtocol


def open_socket(host: str, port: int) -> socket.socket:
    """Bind ``host``:``port`` (0: any free port). Raises ``ValueError`` off loopback, ``OSError`` if taken."""
    if not is_loopback(host):
        raise ValueError(
            f"{host} is not a loopback address. The simulator listens on 127.0.0.1, ::1 or localhost only."
        )
    address = host.strip("[]")
    family = socket.AF_INET6 if ":" in address else socket.AF_INET
    sock = socket.socket(family, socket.SOCK_STREAM)
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        sock.bind((address, port))
        # From now on a caller waits instead of being refused, however long the rest takes to start.
        sock.listen(1024)
    except OSError:
        sock.close()
        raise
    return sock


def url_of(sock: socket.socket) -> str:
    """Return the address of a bound socket as ``http://host:port``."""
    host, port = sock.getsockname()[:2]
    return f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}"


def make_server(app: App) -> uvicorn.Server:
    """Return a uvicorn server for ``app``: no access log, no waiting for idle connections at the end."""
    import uvicorn

    config = uvicorn.Config(
        app,
        http=_protocol(),
        ws="none",
        lifespan="on",
        log_level="warning",
        access_log=False,
        server_header=False,
        date_header=False,
        timeout_keep_alive=75,
        timeout_graceful_shutdown=2,
        backlog=1024,
    )
    return uvicorn.Server(config)


class LiveServer:
    """A simulator over HTTP in a thread of this process, on a free port: a context manager.

    ``latency`` seconds are added to every answer; ``rate`` is the most requests a second, if there is a limit.
    """

    def __init__(
        self,
        simulator: Simulator | None = None,
        *,
        latency: float = 0,
        deliver: bool = True,
        rate: float | None = None,
    ) -> None:
        self.simulator = simulator or Simulator()
        if rate is not None:
            self.simulator.rate = rate
        self._socket = open_socket("127.0.0.1", 0)
        self.url = self.simulator.origin = url_of(self._socket)
        self._server = make_server(App(self.simulator, latency=latency, deliver=deliver))
        self._thread = threading.Thread(target=self._run, name="stripe-simulator", daemon=True)

    def _run(self) -> None:
        self._server.run(sockets=[self._socket])

    def __enter__(self) -> Self:
        """Start and wait until it answers."""
        self._thread.start()
        until = time.monotonic() + 10
        while not self._server.started:
            if not self._thread.is_alive() or time.monotonic() > until:
                raise RuntimeError("The simulator's web server did not start.")
            time.sleep(0.005)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Stop and wait until the port is free."""
        self._server.should_exit = True
        self._thread.join(10)
        self._socket.close()
