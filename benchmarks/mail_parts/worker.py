"""One worker: the task of the example site, in a process of its own, watched; prints what it took as JSON."""

from __future__ import annotations

import json
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

    def count(execute: Any, sql: str, params: Any, many: bool, context: Any) -> Any:
        statements[sql.split()[0]] += 1
        return execute(sql, params, many, context)

    # there is no Stripe here to be asked whose account it is, which costs one query in each process
    approve()
    connection.ensure_connection()
    began, before = time.monotonic(), peak_mib()
    with connection.execute_wrapper(count):
        sent = send_on_session_payment_emails()
    seconds = time.monotonic() - began
    print(
        json.dumps({"sent": sent, "seconds": seconds, "statements": statements, "peak": peak_mib(), "before": before})
    )


if __name__ == "__main__":
    main()
