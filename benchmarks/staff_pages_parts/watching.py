"""Statements of Django's as they are made, how long each took, and what PostgreSQL says about the slowest."""

from __future__ import annotations

import json
import re
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

from django.db import connection, transaction

# What is read whole should not be larger than this.
LARGE = 20_000
# Of so many statements the plans are looked at, the slowest first.
MOST_PLANS = 12


@dataclass(frozen=True)
class Statement:
    """One that was made, with its milliseconds."""

    sql: str
    params: Any
    ms: float


@dataclass
class Watch:
    """Keeps every statement that passes."""

    statements: list[Statement] = field(default_factory=list)

    def __call__(self, execute: Any, sql: str, params: Any, many: bool, context: Any) -> Any:
        """As ``execute_wrapper`` wants it."""
        began = time.perf_counter()
        try:
            return execute(sql, params, many, context)
        finally:
            self.statements.append(Statement(sql, params, (time.perf_counter() - began) * 1000))


@contextmanager
def watched() -> Iterator[Watch]:
    """Watch what is asked of the database in this block."""
    watch = Watch()
    with connection.execute_wrapper(watch):
        yield watch


def measured(name: str, work: Callable[[], Any], *, times: int = 3) -> dict[str, Any]:
    """Do it ``times`` times: the quickest of them, and the plans of its statements. ``whole``: ``whole_tables``."""
    runs = []
    for _ in range(times):
        began = time.perf_counter()
        with watched() as watch:
            outcome = work()
        runs.append(((time.perf_counter() - began) * 1000, watch.statements))
    took, best = min(runs, key=lambda run: sum(one.ms for one in run[1]))
    # what is read by a cursor of the server's is not paid for by the statement
    asked = {one.sql: one for one in sorted(best, key=lambda one: one.ms) if one.sql.startswith("SELECT")}
    plans = [explained(one) for one in sorted(asked.values(), key=lambda one: -one.ms)[:MOST_PLANS]]
    return {
        "name": name,
        "found": len(outcome) if isinstance(outcome, list) else outcome,
        "statements": len(best),
        "took": took,
        "ms": sum(one.ms for one in best),
        "whole": list(dict.fromkeys(table for plan in plans for table in plan["whole"])),
        "blocks": sum(plan["blocks"] for plan in plans),
        "plans": [plan["text"] for plan in plans],
    }


def explained(statement: Statement) -> dict[str, Any]:
    """PostgreSQL's plan of a statement, run once more and rolled back."""
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute(f"EXPLAIN (ANALYZE, BUFFERS, FORMAT JSON) {statement.sql}", statement.params)
        ((found,),) = cursor.fetchall()
        cursor.execute(f"EXPLAIN (ANALYZE, BUFFERS) {statement.sql}", statement.params)
        text = "\n".join(line for (line,) in cursor.fetchall())
        transaction.set_rollback(True)
    plan = json.loads(found) if isinstance(found, str) else found
    top = plan[0]["Plan"]
    blocks = top["Shared Hit Blocks"] + top["Shared Read Blocks"]
    return {"blocks": blocks, "whole": whole_tables(top), "text": f"{statement.ms:.1f} ms: {statement.sql}\n{text}"}


def whole_tables(plan: dict[str, Any]) -> list[str]:
    """Large tables that a plan reads from end to end, in the order in which it does."""
    found = []
    if "Scan" in plan["Node Type"]:
        removed = plan.get("Rows Removed by Filter", 0) + plan.get("Rows Removed by Index Recheck", 0)
        workers = 1 if plan["Node Type"].startswith("Bitmap") else plan["Actual Loops"]
        rows = (plan["Actual Rows"] + removed) * (workers if plan.get("Parallel Aware") else 1)
        condition = plan.get("Index Cond")
        if rows >= LARGE and condition is None and "Relation Name" in plan and "Bitmap" not in plan["Node Type"]:
            found.append(re.sub("^checkout_", "", plan["Relation Name"]))
    for below in plan.get("Plans", []):
        found += whole_tables(below)
    return list(dict.fromkeys(found))
