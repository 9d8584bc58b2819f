"""The sheet on which a reconciliation writes down what differs: a page of rows at a time."""

from typing import Any, Final

from django.utils import timezone

from checkout.models import Difference, Reconciliation

AT_ONCE: Final = 100
LONG: Final = 255
SHORT: Final = 100


class Book:
    """``run`` and its counts; the differences found so far are on disk but for the last few."""

    def __init__(self, run: Reconciliation) -> None:
        self.run = run
        self._rows: list[Difference] = []

    def add(self, kind: str, *, ours: str = "", theirs: str = "", detail: str = "", **where: Any) -> None:
        """One difference. ``where``: checkout, plan, stripe_id."""
        self._rows.append(
            Difference(
                reconciliation=self.run,
                kind=kind,
                ours=ours[:SHORT],
                theirs=theirs[:SHORT],
                detail=detail[:LONG],
                **where,
            )
        )
        self.run.differences += 1
        if len(self._rows) >= AT_ONCE:
            self._write()

    def close(self) -> None:
        """Write the rest and the counts; only now is it the last result that staff see."""
        self._write()
        self.run.finished = timezone.now()
        self.run.save()

    def _write(self) -> None:
        Difference.objects.bulk_create(self._rows)
        self._rows = []
