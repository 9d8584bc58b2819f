"""A clock that tests move, and the asynchronous work that falls due as it moves."""

from __future__ import annotations

import time
from collections.abc import Callable


class Clock:
    """Follows real time plus an offset, unless frozen.

    Moving it forward calls ``run_due`` with the new time, so that asynchronous work happens in order.
    """

    def __init__(self, start: int | None = None, run_due: Callable[[int], None] | None = None) -> None:
        self.offset = 0 if start is None else start - int(time.time())
        self._frozen: int | None = None
        self._run_due = run_due

    def now(self) -> int:
        """The simulated time in Unix seconds."""
        return self._frozen if self._frozen is not None else int(time.time()) + self.offset

    def advance(self, seconds: int) -> None:
        """Move forward and do what falls due on the way."""
        if seconds < 0:
            raise ValueError("the clock only moves forward")
        target = self.now() + seconds
        if self._run_due is not None:
            self._run_due(target)
        self.set(target)

    def set(self, moment: int) -> None:
        """Jump to a moment without doing any work."""
        if self._frozen is not None:
            self._frozen = moment
        else:
            self.offset = moment - int(time.time())

    def freeze(self, moment: int | None = None) -> None:
        """Stop the clock, at a given moment or where it is."""
        self._frozen = self.now() if moment is None else moment

    def thaw(self) -> None:
        """Let a frozen clock run on from where it stands."""
        if self._frozen is not None:
            self.offset = self._frozen - int(time.time())
            self._frozen = None
