"""How fast a payment run may call Stripe. Nobody tells it the limit: it finds it by what is refused.

Calls are evenly spaced. After a 429 the rate is cut at once, then comes back to just below the limit that the
refusals show, and creeps up from there (``curve``). Processes divide one pace through Django's cache (``shared``).
"""

import threading
import time
from collections.abc import Callable

from django.core.cache import BaseCache, caches
from django.core.cache.backends.locmem import LocMemCache

from checkout.conf import settings

from .curve import Cut, corrected, next_cut, rate_after
from .local import AHEAD, LocalStore, Store
from .shared import SharedStore

__all__ = ["LocalStore", "Pace", "SharedStore", "Store", "pace_from_settings"]

#: Seconds: how often somebody who waits looks whether to give up.
POLL = 0.2


class Pace:
    """Shared by the threads of one process; thread-safe.

    ``ceiling`` is in calls a second, and so is ``rate``. ``clock`` counts for what the process keeps to itself;
    a ``store`` that is shared has its own.
    """

    def __init__(
        self,
        *,
        ceiling: float,
        store: Store | None = None,
        clock: Callable[[], float] = time.monotonic,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        if not ceiling > 0:
            raise ValueError("the ceiling is a number of calls a second above 0")
        self._ceiling = ceiling
        self._store: Store = LocalStore(ceiling, clock) if store is None else store
        self._sleep = sleep
        self._turn = threading.Lock()
        self._change = threading.Lock()

    @property
    def rate(self) -> float:
        """Calls a second at present."""
        return rate_after(self._store.read(), self._store.now(), self._ceiling)

    def wait(self, *, give_up: Callable[[], bool] = lambda: False) -> float | None:
        """Block until a call may be sent. Returns a ticket, the time it was sent, or None if ``give_up()`` said so."""
        # One at a time, so that no more than one call is planned ahead when the rate changes.
        while not self._turn.acquire(timeout=POLL):
            if give_up():
                return None
        try:
            ticket = self._my_turn(give_up)
        finally:
            self._turn.release()
        if ticket is not None:
            self._store.tell(ticket)
        return ticket

    def _my_turn(self, give_up: Callable[[], bool]) -> float | None:
        due, mine, planned = 0.0, False, None
        while not give_up():
            # What others found out may change the plan at any time.
            cut, now = self._store.read(), self._store.now()
            if mine and cut != planned:
                mine = not self._store.give_back(due)
                planned = cut
            if not mine:
                due, mine = self._store.claim(rate_after(cut, now, self._ceiling))
                planned = cut
            opens = due if cut is None else max(due, cut.opens)
            if mine and opens <= now:
                self._store.sent(now)
                return now
            self._sleep(min(opens - now if mine else max(opens - now - AHEAD, 0.001), POLL))
        if mine:
            self._store.give_back(due)
        return None

    def succeeded(self, ticket: float) -> None:
        """Stripe answered the call, with anything but 429."""
        if not _releases(self._store.read(), ticket, self._store.lag):
            return
        with self._change:
            cut = self._store.read()
            if cut is not None and _releases(cut, ticket, self._store.lag):
                self._store.write(cut.release(self._store.now()))

    def limited(self, ticket: float) -> None:
        """Stripe answered 429."""
        self._store.refused(ticket)
        with self._change:
            last, now = self._store.read(fresh=True), self._store.now()
            past = self._store.past(ticket)
            if last is not None and ticket <= last.at + self._store.lag:
                cut = corrected(last, past)
            else:
                rate = rate_after(last, ticket, self._ceiling)
                cut = next_cut(last, now=now, ticket=ticket, rate=rate, past=past)
            if cut != last:
                self._store.write(cut)


def _releases(cut: Cut | None, ticket: float, lag: float) -> bool:
    return cut is not None and cut.released is None and ticket > cut.at + lag


def pace_from_settings() -> Pace:
    """A pace under ``CHECKOUT_STRIPE_RATE``, shared by all processes where the cache is. Keep it for a whole run."""
    cache = caches[settings.pace_cache]
    store = SharedStore(cache, settings.stripe_rate) if _can_share(cache) else None
    return Pace(ceiling=settings.stripe_rate, store=store)


def _can_share(cache: BaseCache) -> bool:
    """Whether processes can count together in ``cache``.

    The database, files and Dummy inherit an ``incr`` that reads and then writes, so counts would be lost; and the
    threads of a run must not open database connections.
    """
    return not isinstance(cache, LocMemCache) and type(cache).incr is not BaseCache.incr
