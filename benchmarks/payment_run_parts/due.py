"""What is due among a million instalments: the real queries, captured as they are made, and PostgreSQL's plans."""

from __future__ import annotations

import json
import re
from typing import Any

import django

# How far behind the first page the "later" one is.
LATER = 50


class Captured:
    """Keeps the last question that was asked of the database, and passes every statement on."""

    sql = ""
    params: Any = None

    def __call__(self, execute: Any, sql: str, params: Any, many: bool, context: Any) -> Any:
        """As ``execute_wrapper`` wants it."""
        if sql.startswith("SELECT"):
            self.sql, self.params = sql, params
        return execute(sql, params, many, context)


def explained(name: str, captured: Captured) -> dict[str, Any]:
    """The plan of a statement, run once more and rolled back."""
    from django.db import connection, transaction

    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute(f"EXPLAIN (ANALYZE, BUFFERS) {captured.sql}", captured.params)
        plan = "\n".join(line for (line,) in cursor.fetchall())
        transaction.set_rollback(True)
    found = re.search(r"Execution Time: ([\d.]+) ms", plan)
    return {"name": name, "plan": plan, "ms": float(found.group(1)) if found else 0.0}


def main() -> None:
    """Make each query as a run makes it, and print the plans."""
    django.setup()
    from django.db import connection, transaction
    from django.utils import timezone

    from checkout.flows import claims, run
    from checkout.models import ObjectPaymentPlanInstalment, PaymentRun

    captured = Captured()
    today, _created = PaymentRun.objects.get_or_create(date=timezone.localdate())
    plans = []
    pages = run.due_pages(today)
    with connection.execute_wrapper(captured):
        first = next(pages)
        plans.append(explained("first page", captured))
        for _page in range(LATER):
            last = next(pages)
        plans.append(explained(f"page {LATER + 1}", captured))
        total = ObjectPaymentPlanInstalment.objects.due.count()
        plans.append(explained("count for the progress bar", captured))
        with transaction.atomic():
            locked = claims._lock(today, first[: claims.BATCH])
            plans.append(explained("lock of a claim", captured))
        claims.note_unresolved(today)
        plans.append(explained("what is unresolved", captured))
    assert len(last) == run.PAGE
    assert len(locked) == claims.BATCH
    print(json.dumps({"due": total, "plans": plans}))


if __name__ == "__main__":
    main()
