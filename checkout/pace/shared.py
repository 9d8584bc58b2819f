"""What processes and machines share about their pace, through Django's cache. Times are Unix seconds.

Every entry runs out by itself, so nobody who dies leaves the others waiting. Nothing here stops a payment: while
the cache does not answer, each process keeps its own pace.
"""

import logging
import math
import time
from collections.abc import Callable
from dataclasses import astuple
from typing import TypeVar

from django.core.cache import BaseCache

from .curve import FORGET, Cut, Past
from .local import AHEAD, CATCH_UP, MEMORY, LocalStore

logger = logging.getLogger(__name__)

Answer = TypeVar("Answer")

PREFIX = "checkout-pace"
COUNTER = f"{PREFIX}-next"
#: Seconds between two looks at what the others found out.
REFRESH = 0.2
#: Seconds that go by before a cache that failed is asked again.
RETRY = 10.0
#: After that, so many seconds go by before everybody's calls of one second are counted again.
UNCOUNTED = 1.5
#: What lies further ahead, in seconds, is the work of a wrong clock.
NONSENSE = 30.0
#: Calls are counted by the tenth of a second.
SLOTS = 10
#: Seconds for which such counts are kept.
KEPT = 10
_MICRO = 1_000_000


class ClockWrongError(Exception):
    """The cache holds a time that cannot be: the clock of some machine is wrong."""


def steady_wall() -> Callable[[], float]:
    """A clock of Unix seconds that does not jump when somebody sets the machine's."""
    offset = time.time() - time.monotonic()
    return lambda: time.monotonic() + offset


class SharedStore:
    """One pace for everybody who uses ``cache``; its ``add`` and ``incr`` must be atomic (Redis, Memcached).

    The times at which calls are sent are dealt out by a counter of microseconds, which every claim moves on.
    """

    #: ``REFRESH`` and a little for clocks that differ.
    lag = 0.3

    def __init__(self, cache: BaseCache, ceiling: float, wall: Callable[[], float] | None = None) -> None:
        self._cache = cache
        self._wall = wall or steady_wall()
        self._own = LocalStore(ceiling, self._wall)
        self._cut: Cut | None = None
        self._read_at = self._failed_at = -math.inf
        self._warned = False

    def now(self) -> float:
        return self._wall()

    def claim(self, rate: float) -> tuple[float, bool]:
        claimed = self._ask(lambda: self._claim(rate))
        return self._own.claim(rate) if claimed is None else claimed

    def give_back(self, due: float) -> bool:
        # The counter cannot be moved back under the feet of others, and the time is near.
        return False

    def sent(self, at: float) -> None:
        self._own.sent(at)

    def tell(self, at: float) -> None:
        self._ask(lambda: self._count("sent", at))

    def refused(self, at: float) -> None:
        self._own.refused(at)
        self._ask(lambda: self._count("refused", at))

    def past(self, ticket: float) -> Past | None:
        if self._failed(self.now()):
            return self._own.past(ticket)
        if ticket < self._failed_at + RETRY + UNCOUNTED or ticket < self.now() - MEMORY:
            return None
        return self._ask(lambda: self._past(ticket))

    def read(self, *, fresh: bool = False) -> Cut | None:
        now = self.now()
        if fresh or not 0 <= now - self._read_at < REFRESH:
            self._read_at = now
            self._ask(self._refresh)
        # A time that is still to come was written by a wrong clock.
        return self._cut if self._cut is not None and self._cut.at < now + 1 else None

    def write(self, cut: Cut) -> None:
        self._cut = cut
        self._ask(lambda: self._cache.set(f"{PREFIX}-cut", astuple(cut), FORGET))

    def _refresh(self) -> None:
        kept = self._cache.get(f"{PREFIX}-cut")
        self._cut = None if kept is None else Cut(*kept)
        self._cache.touch(COUNTER, FORGET)

    def _claim(self, rate: float) -> tuple[float, bool]:
        interval = round(_MICRO / rate)
        now = round(self.now() * _MICRO)
        if interval > AHEAD * _MICRO:
            # At a slow rate a time claimed far ahead would be in the way when the rate comes back.
            last = self._cache.get(COUNTER)
            if last is not None and last + interval > now + AHEAD * _MICRO:
                return self._sane(last + interval), False
        due = self._move(interval, now)
        if due < now - CATCH_UP * _MICRO and self._cache.add(f"{COUNTER}-{now // 50_000}", 1, KEPT):
            # Nobody has claimed for a while. Only one moves the counter up to now, or they would move it past.
            due = self._move(now - due, now)
        return self._sane(due), True

    def _move(self, by: int, now: int) -> int:
        try:
            return self._cache.incr(COUNTER, by)
        except ValueError:
            return now if self._cache.add(COUNTER, now, FORGET) else self._cache.incr(COUNTER, by)

    def _sane(self, due: int) -> float:
        at = due / _MICRO
        if at > self.now() + NONSENSE:
            raise ClockWrongError
        return at

    def _count(self, what: str, at: float) -> None:
        key = f"{PREFIX}-{what}-{int(at * SLOTS)}"
        if not self._cache.add(key, 1, KEPT):
            self._cache.incr(key)

    def _past(self, ticket: float) -> Past:
        last = int(ticket * SLOTS)
        slots = range(last - int(MEMORY) * SLOTS, last + 1)
        counts = self._cache.get_many([f"{PREFIX}-{what}-{slot}" for slot in slots for what in ("sent", "refused")])
        times: list[float] = []
        all_refused = 0
        for slot in slots:
            sent = counts.get(f"{PREFIX}-sent-{slot}", 0)
            refused = counts.get(f"{PREFIX}-refused-{slot}", 0)
            times += [(slot + part / sent) / SLOTS for part in range(max(sent - refused, 0))]
            all_refused += refused if slot >= last - SLOTS else 0
        return Past(ticket, [at for at in times if at <= ticket], all_refused)

    def _failed(self, now: float) -> bool:
        return now < self._failed_at + RETRY

    def _ask(self, ask: Callable[[], Answer]) -> Answer | None:
        """What the cache says; None while it does not answer, which is logged once and never raised."""
        if self._failed(self.now()):
            return None
        try:
            return ask()
        except Exception:
            self._failed_at = self.now()
            if not self._warned:
                self._warned = True
                logger.warning("the cache for the pace failed; each process keeps its own", exc_info=True)
            return None
