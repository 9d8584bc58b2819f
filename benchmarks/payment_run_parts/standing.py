"""The part that charges nothing: what is due among a million instalments."""

from __future__ import annotations

from payment_run_parts.rows import fill
from payment_run_parts.surroundings import measured
from payment_run_parts.table import Row

PARTS = 8


def due(url: str, *, rows: int) -> list[Row]:
    """The plans of the queries that find and lock what is due; the plans are printed in full."""
    fill(url, plans=-(-rows // PARTS), history=True)
    found = measured("due", BENCH_DATABASE_URL=url)
    table = [Row(f"due now, of {rows:,} instalments", f"{found['due']:,}")]
    for one in found["plans"]:
        print(f"\n{one['name']}:\n{one['plan']}")
        uses = "Index" in one["plan"] and "Seq Scan on checkout_objectpaymentplaninstalment" not in one["plan"]
        table.append(Row(one["name"], f"{one['ms']:.2f} ms", "uses an index", uses))
    return table
