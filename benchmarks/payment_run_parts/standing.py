"""The parts that charge nothing: what is due among a million instalments, and what installing the app costs."""

from __future__ import annotations

from statistics import median

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


def importing(*, times: int) -> list[Row]:
    """``django.setup()`` with and without us, in turn; once as it is, and once without Python's garbage collector."""
    rows = []
    for what, arguments in (("", ()), (", garbage collector off", ("uncollected",))):
        bare, ours = [], []
        for number in range(times + 1):
            pair = measured("setup_cost", *arguments)["ms"], measured("setup_cost", "checkout", *arguments)["ms"]
            # the first pair only compiles, and warms the disk's cache
            if number:
                bare.append(pair[0])
                ours.append(pair[1])
        more = median(mine - theirs for mine, theirs in zip(ours, bare, strict=True))
        rows += [
            Row(f"django.setup() without checkout{what}", f"{median(bare):.0f} ms"),
            Row(f"django.setup() with checkout{what}", f"{median(ours):.0f} ms"),
            Row(f"  more, pair by pair, median of {times}", f"{more:.1f} ms", "at most 20 ms", more <= 20),
        ]
    return rows
