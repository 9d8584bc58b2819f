"""``move_to``: the only writer of a state."""

from collections.abc import Iterable
from typing import Any, ClassVar

from django.db import models
from django.utils import timezone

from checkout.errors import IllegalMove
from checkout.states import sources


class StateModel(models.Model):
    """A row whose state changes by compare-and-set on its own column, along ``MOVES`` and no other way.

    From the states in ``ONLY_BY_AUDIT`` it moves only where the caller says that an audit found them wrong.
    """

    MOVES: ClassVar[dict[str, frozenset[str]]] = {}
    ONLY_BY_AUDIT: ClassVar[frozenset[str]] = frozenset()
    # the column: that of a foreign key to a table of words, or a plain one
    STATE: ClassVar[str] = "state_id"

    class Meta:
        abstract = True

    def move_to(self, to: str, *, by_audit: bool = False, **values: Any) -> bool:
        """Move to the state ``to`` and write ``values`` with it, if the row is still where we believe it is.

        True if this call moved it; False if a rival was first (the instance is then left as it was: refresh it). Raises
        ``IllegalMove`` if the table does not list the move. A single UPDATE; safe inside or outside a transaction, and
        safe to call twice.
        """
        now = getattr(self, self.STATE)
        if now not in sources(self.MOVES, to) or (now in self.ONLY_BY_AUDIT and not by_audit):
            raise IllegalMove(f"{self._meta.label} {self.pk}: {now} -> {to} is not a legal move.")
        values = {**values, self.STATE: to, "updated": timezone.now()}
        model: Any = type(self)
        moved = model._default_manager.filter(pk=self.pk, **{self.STATE: now}).update(**values)
        if moved:
            for name, value in values.items():
                setattr(self, name, value)
        return bool(moved)

    def refresh_state(self, state: str) -> None:
        """After ``move_many``: what the row is now known to be. Writes nothing."""
        setattr(self, self.STATE, state)

    @classmethod
    def move_many(cls, pks: Iterable[Any], to: str, *, frm: str, **values: Any) -> int:
        """Move those of ``pks`` that are in the state ``frm`` to ``to``; how many moved. One UPDATE.

        For claims in batches, of rows that the caller has locked. Raises ``IllegalMove`` if the table does not list it.
        """
        if frm not in sources(cls.MOVES, to):
            raise IllegalMove(f"{cls._meta.label}: {frm} -> {to} is not a legal move.")
        values["updated"] = timezone.now()
        model: Any = cls
        rows = model._default_manager.filter(pk__in=list(pks), **{cls.STATE: frm})
        moved: int = rows.update(**{cls.STATE: to}, **values)
        return moved
