"""The WSGI application of either site. With ``BENCH_COUNT`` each answer says how often it asked the database."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable
from typing import Any

from django.core.wsgi import get_wsgi_application
from django.db import connection

TRANSACTION = ("BEGIN", "COMMIT", "ROLLBACK", "SAVEPOINT", "RELEASE")

_site = get_wsgi_application()


def _counted(environ: dict[str, Any], start_response: Callable[..., Any]) -> Iterable[bytes]:
    """Django keeps what it sent, transactions too, while it is told to debug; it forgets at each request's start."""
    connection.force_debug_cursor = True

    def start(status: str, headers: list[tuple[str, str]], *rest: Any) -> Any:
        words = [str(query["sql"]).split()[0].upper() for query in connection.queries_log]
        around = sum(word in TRANSACTION for word in words)
        counts = [("X-Statements", str(len(words) - around)), ("X-Transactions", str(around))]
        return start_response(status, [*headers, *counts], *rest)

    return _site(environ, start)


application = _counted if os.environ.get("BENCH_COUNT") else _site
