"""What is printed: a row for each thing measured, beside its target."""

from __future__ import annotations

from dataclasses import dataclass

HEAD = ("what", "measured", "target", "")


@dataclass(frozen=True)
class Row:
    """One line. ``met``: whether the target was; ``wrong``: what may not be on any machine, such as a lost charge."""

    what: str
    measured: str
    target: str = ""
    met: bool | None = None
    wrong: str = ""

    @property
    def verdict(self) -> str:
        """The last column."""
        if self.wrong:
            return f"WRONG: {self.wrong}"
        return "" if self.met is None else ("yes" if self.met else "missed")


def show(title: str, rows: list[Row]) -> None:
    """Print the rows of one part as a table."""
    lines = [HEAD, *((row.what, row.measured, row.target, row.verdict) for row in rows)]
    widths = [max(len(line[column]) for line in lines) for column in range(len(HEAD))]
    print(f"\n{title}\n")
    for number, line in enumerate(lines):
        print("  ".join(text.ljust(width) for text, width in zip(line, widths, strict=True)).rstrip())
        if number == 0:
            print("  ".join("-" * width for width in widths).rstrip())
    print(flush=True)
