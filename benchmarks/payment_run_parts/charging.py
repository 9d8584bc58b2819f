"""The parts that charge: how fast, with how many database statements, in how much memory."""

from __future__ import annotations

from dataclasses import dataclass

from simulator_throughput import running_simulator

from payment_run_parts.rows import books, fill, saved_card
from payment_run_parts.surroundings import calls, measured
from payment_run_parts.table import Row

LATENCY_MS = 200
# The same for every row but the last: a ceiling far above every limit, so nobody tells the run what the limit is.
UNTOLD = {"BENCH_RATE": "1000", "BENCH_CONCURRENCY": "40"}


@dataclass(frozen=True)
class Result:
    """What one run of ``due`` instalments brought. ``rate``: charges a second; ``cpu``: its seconds of processor."""

    due: int
    rate: float
    cpu: float
    too_many: int
    peak: float
    statements: dict[str, int]
    wrong: str

    @property
    def text(self) -> str:
        """For the table."""
        cpu = f", {self.cpu / self.due * 1000:.1f} ms of processor each" if self.cpu else ""
        return f"{self.rate:.1f} charges/s, {self.too_many} times 429{cpu}"


def charge(
    url: str,
    *,
    due: int,
    limit: int | None = None,
    latency_ms: int = LATENCY_MS,
    module: str = "runner",
    arguments: tuple[str, ...] = (),
    environment: dict[str, str] | None = None,
) -> Result:
    """Fill the tables, charge what is due against a simulator of its own, and compare our books with Stripe's."""
    with running_simulator(latency_ms, rate=limit) as simulator:
        customer, method = saved_card(simulator)
        fill(url, plans=due, customer=customer, method=method)
        found = measured(module, *arguments, BENCH_DATABASE_URL=url, BENCH_STRIPE=simulator, **(environment or {}))
        too_many = calls(simulator).get("429", 0)
        wrong = books(url, simulator).wrong(due)
    return Result(
        due=due,
        rate=due / found["seconds"],
        cpu=found.get("cpu", 0),
        too_many=too_many,
        peak=found.get("peak", 0),
        statements=found.get("statements", {}),
        wrong=wrong,
    )


def warm_up(url: str) -> None:
    """Run once, so that no later run pays for compiling what it imports: an installed package is compiled."""
    charge(url, due=10, latency_ms=0)


def speed(url: str, *, due: int, due_slow: int, loop: int) -> list[Row]:
    """How many charges a second, beside the plain loop."""
    plain = charge(url, due=loop, module="loop")
    rows = [Row(f"plain loop, {loop} due", plain.text, wrong=plain.wrong)]

    def row(what: str, target: int, *, due: int, limit: int | None, environment: dict[str, str]) -> Result:
        result = charge(url, due=due, limit=limit, environment=environment)
        rows.append(
            Row(f"{what}, {due:,} due", result.text, f"{target} charges/s", result.rate >= target, result.wrong)
        )
        return result

    at_100 = row("limit 100/s", 95, due=due, limit=100, environment=UNTOLD)
    times = at_100.rate / plain.rate
    rows.append(Row("  times the loop", f"{times:.1f}", "19", times >= 19))
    row("limit 25/s, not told", 24, due=due_slow, limit=25, environment=UNTOLD)
    row("no limit", 130, due=due, limit=None, environment=UNTOLD)
    row("limit 100/s, settings as they come", 95, due=due, limit=100, environment={})
    return rows


def queries(url: str, *, few: int, many: int) -> list[Row]:
    """How many database statements a run makes, counted in its process."""
    results = [charge(url, due=due, latency_ms=0, arguments=("--count",), environment=UNTOLD) for due in (few, many)]
    rows = []
    for result in results:
        by = {step: count / result.due for step, count in result.statements.items()}
        rest = by["all"] - by["claim"] - by["settle"]
        rows.append(
            Row(
                f"statements for each of {result.due:,} due",
                f"{by['all']:.2f} (claim {by['claim']:.2f}, settle {by['settle']:.2f}, rest {rest:.2f})",
                "10, constant",
                by["all"] <= 10,
                result.wrong,
            )
        )
    more = results[1].statements["all"] - results[0].statements["all"]
    rows.append(Row("each further instalment", f"{more / (many - few):.2f}", "10", more <= 10 * (many - few)))
    return rows


def memory(url: str, *, few: int, many: int) -> list[Row]:
    """The peak of the run's own process."""
    small, large = (charge(url, due=due, latency_ms=0, environment=UNTOLD) for due in (few, many))
    ratio = large.peak / small.peak
    return [
        Row(f"peak memory, {few:,} due", f"{small.peak:.1f} MiB", "below 80 MiB", small.peak < 80, small.wrong),
        Row(f"peak memory, {many:,} due", f"{large.peak:.1f} MiB", "below 80 MiB", large.peak < 80, large.wrong),
        Row("  ratio", f"{ratio:.3f}", "at most 1.2", ratio <= 1.2),
    ]
