"""What the threads of one process share about their pace, in memory."""

import math
import threading
import time
from collections import deque
from collections.abc import Callable
from typing import Protocol

from .curve import Cut, Past

#: A call may be claimed so many seconds ahead of its time; what lies further ahead is asked for again later.
AHEAD = 0.2
#: Whoever is late by no more than that makes up for it, so that a slow wake-up costs no throughput.
CATCH_UP = 0.05
#: Seconds for which it is known what was sent.
MEMORY = 5.0


class Store(Protocol):
    """Where those that share a pace keep it. Every time is in seconds of ``now()``."""

    #: For so many seconds after a cut somebody may not have heard of it.
    lag: float

    def now(self) -> float:
        """The time."""

    def claim(self, rate: float) -> tuple[float, bool]:
        """When the next call may be sent at ``rate``, and whether that time is the caller's now."""

    def give_back(self, due: float) -> bool:
        """The time that was claimed shall not be used. Returns whether that was possible."""

    def sent(self, at: float) -> None:
        """A call is sent. Called before anybody else claims."""

    def tell(self, at: float) -> None:
        """Let the others know of it, which may take a while."""

    def refused(self, at: float) -> None:
        """The call that was sent at that time was answered with 429."""

    def past(self, ticket: float) -> Past | None:
        """What became of the calls sent before that one was; None if that is not known."""

    def read(self, *, fresh: bool = False) -> Cut | None:
        """The last cut that anybody made. Unless it is to be ``fresh``, it may be ``lag`` old."""

    def write(self, cut: Cut) -> None:
        """Tell the others."""


class LocalStore:
    """The pace of one process: exact, and never above ``ceiling`` calls in any second."""

    lag = 0.0

    def __init__(self, ceiling: float, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._lock = threading.Lock()
        self._cut: Cut | None = None
        self._before = self._last = -math.inf
        self._catch_up = CATCH_UP
        # As many calls as are allowed, and in how long: 100 in 1 s, or 1 in 4 s.
        self._recent: deque[float] = deque(maxlen=max(int(ceiling), 1))
        self._span = max(int(ceiling), 1) / ceiling
        self._not_refused: deque[float] = deque()
        self._refused: deque[float] = deque()

    def now(self) -> float:
        return self._clock()

    def claim(self, rate: float) -> tuple[float, bool]:
        with self._lock:
            now = self.now()
            due = self._last + 1 / rate
            if due < now - self._catch_up:
                due = now
            self._catch_up = CATCH_UP
            if len(self._recent) == self._recent.maxlen:
                due = max(due, self._recent[0] + self._span)
            if due > now + AHEAD:
                return due, False
            self._before, self._last = self._last, due
            return due, True

    def give_back(self, due: float) -> bool:
        with self._lock:
            if self._last == due:
                self._last = self._before
                # What the next claim is late, the change of the rate made it, not a slow wake-up.
                self._catch_up = 0.0
            return True

    def sent(self, at: float) -> None:
        with self._lock:
            self._recent.append(at)
            self._not_refused.append(at)
            for times in (self._not_refused, self._refused):
                while times and times[0] < at - MEMORY:
                    times.popleft()

    def tell(self, at: float) -> None:
        """There are no others."""

    def refused(self, at: float) -> None:
        with self._lock:
            if at in self._not_refused:
                self._not_refused.remove(at)
                self._refused.append(at)

    def past(self, ticket: float) -> Past | None:
        if ticket - 1 < self.now() - MEMORY:
            return None
        with self._lock:
            accepted = [at for at in self._not_refused if at <= ticket]
            return Past(ticket, accepted, sum(ticket - 1 < at <= ticket for at in self._refused))

    def read(self, *, fresh: bool = False) -> Cut | None:
        return self._cut

    def write(self, cut: Cut) -> None:
        self._cut = cut
