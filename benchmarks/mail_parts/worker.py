"""One worker: the task of the example site, in a process of its own, watched; prints what it took as JSON.

It says when it is ready and begins when it is told to, so that several begin at the same moment.
"""

from __future__ import annotations

import json
import sys
import time
from collections import Counter
from typing import Any

import django
from payment_run_parts.surroundings import peak_mib


def main() -> None:
    """Run the task once."""
    django.setup()
    from django.db import connection

    from checkout.models.environment import approve
    from example_checkout.tasks import send_on_session_payment_emails

    statements: Counter[str] = Counter()
    waited = 0.0

    def count(execute: Any, sql: str, params: Any, many: bool, context: Any) -> Any:
        nonlocal waited
        statements[sql.split()[0]] += 1
        began = time.monotonic()
        try:
            return execute(sql, params, many, context)
        finally:
            waited += time.monotonic() - began

    # there is no Stripe here to be asked whose account it is, which costs one query in each process
    approve()
    connection.ensure_connection()
    print("ready", flush=True)
    sys.stdin.readline()
    cpu, before, began = time.process_time(), peak_mib(), time.time()
    with connection.execute_wrapper(count):
        sent = send_on_session_payment_emails()
    found = {
        "sent": sent,
        "began": began,
        "ended": time.time(),
        "cpu": time.process_time() - cpu,
        "waited": waited,
        "statements": statements,
        "before": before,
        "peak": peak_mib(),
    }
    print(json.dumps(found))


if __name__ == "__main__":
    main()
