"""What a payment run did, counted as it goes: its memory does not grow with the run."""

from collections import Counter
from dataclasses import dataclass, field
from decimal import Decimal

from checkout import states
from checkout.models.run import Line


@dataclass
class RunReport:
    """Outcomes by state slug (or ``released``, ``skipped``) and currency; amounts in major units.

    ``stopped`` says why the run was given up, if it was; ``errors`` counts what the host's code would not let settle.
    """

    counts: Counter[tuple[str, str]] = field(default_factory=Counter)
    amounts: dict[tuple[str, str], Decimal] = field(default_factory=dict)
    errors: int = 0
    stopped: str = ""

    def add(self, outcome: str, *, amount: Decimal, currency: str) -> None:
        """One more instalment came to its outcome."""
        key = (outcome, currency)
        self.counts[key] += 1
        self.amounts[key] = self.amounts.get(key, Decimal(0)) + amount

    def count(self, outcome: str) -> int:
        """How many came to ``outcome``, in any currency."""
        return sum(number for (slug, _currency), number in self.counts.items() if slug == outcome)

    @property
    def total(self) -> int:
        """How many instalments were looked at."""
        return sum(self.counts.values())

    def lines(self) -> list[Line]:
        """The summary, by currency and outcome."""
        order = list(states.OUTCOMES)
        keys = sorted(self.counts, key=lambda key: (key[1], order.index(key[0])))
        return [
            Line(outcome, currency, self.counts[outcome, currency], self.amounts[outcome, currency])
            for outcome, currency in keys
        ]

    def __str__(self) -> str:
        parts = [f"{line.outcome}={line.count} ({line.amount} {line.currency})" for line in self.lines()]
        return " ".join([*parts, f"errors={self.errors}"])
