"""One payment run as ``manage.py process_payments`` makes it, in a process of its own, watched from outside."""

from __future__ import annotations

import json
import sys
import time
from collections import Counter
from collections.abc import Callable
from typing import Any

from django.core.management import execute_from_command_line

from payment_run_parts.surroundings import peak_mib


class Watch:
    """What the run took: seconds by the clock and of processor, and database statements by the step that made them."""

    def __init__(self) -> None:
        self.seconds = self.cpu = 0.0
        self.statements: Counter[str] = Counter()

    def timed(self, function: Callable[..., Any]) -> Callable[..., Any]:
        """``function``, with its time taken: the process's start is nothing that a longer run pays again."""

        def wrapped(*args: Any, **kwargs: Any) -> Any:
            began, cpu = time.monotonic(), time.process_time()
            try:
                return function(*args, **kwargs)
            finally:
                self.seconds += time.monotonic() - began
                self.cpu += time.process_time() - cpu

        return wrapped

    def counted(self, step: str, function: Callable[..., Any]) -> Callable[..., Any]:
        """``function``, with the statements of its thread counted under ``step``."""
        from django.db import connection

        def count(execute: Any, sql: str, params: Any, many: bool, context: Any) -> Any:
            self.statements[step] += 1
            return execute(sql, params, many, context)

        def wrapped(*args: Any, **kwargs: Any) -> Any:
            with connection.execute_wrapper(count):
                return function(*args, **kwargs)

        return wrapped


def main(*, count: bool) -> None:
    """Run the command and print what was measured."""
    import django

    django.setup()
    from checkout.flows import charge, run

    watch = Watch()
    if count:
        run.claim_batch = watch.counted("claim", run.claim_batch)
        charge.conclude = watch.counted("settle", charge.conclude)
        charge.conclude_together = watch.counted("settle", charge.conclude_together)
        run.process_payments = watch.counted("all", run.process_payments)
    run.process_payments = watch.timed(run.process_payments)
    execute_from_command_line(["manage.py", "process_payments"])
    found = {"seconds": watch.seconds, "cpu": watch.cpu, "statements": watch.statements, "peak": peak_mib()}
    print(json.dumps(found))


if __name__ == "__main__":
    main(count="--count" in sys.argv)
