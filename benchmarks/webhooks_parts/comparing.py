"""One reconciliation as ``manage.py reconcile`` makes it, in a process of its own; prints what it took as JSON."""

from __future__ import annotations

import json
import time
from collections import Counter
from typing import Any

import django
from payment_run_parts.surroundings import peak_mib


def main() -> None:
    """Compare once."""
    django.setup()
    from django.db import connection

    from checkout.flows import reconcile

    statements: Counter[str] = Counter()

    def counted(execute: Any, sql: str, params: Any, many: bool, context: Any) -> Any:
        statements[sql.split()[0]] += 1
        return execute(sql, params, many, context)

    connection.ensure_connection()
    began, cpu = time.monotonic(), time.process_time()
    with connection.execute_wrapper(counted):
        run = reconcile.reconcile()
    took = {"seconds": time.monotonic() - began, "cpu": time.process_time() - cpu, "peak": peak_mib()}
    counts = {name: getattr(run, name) for name in ("intents", "foreign", "refunds", "plans", "differences")}
    print(json.dumps({**took, **counts, "statements": sum(statements.values()), "by": statements}))


if __name__ == "__main__":
    main()
