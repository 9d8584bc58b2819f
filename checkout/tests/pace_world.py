"""A Stripe with a limit, and payment runs that call it, in simulated time: the same every time, and fast."""

import heapq
import itertools
import random
import threading
from bisect import bisect_left
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from django.core.cache.backends.base import BaseCache

from checkout.pace import Pace, SharedStore


class FakeTime:
    """A clock that jumps to whatever happens next. One thread runs at a time, in the order of the clock."""

    def __init__(self, start: float = 1000.0) -> None:
        self.now = start
        self._order = itertools.count()
        self._ahead: list[tuple[float, int, Callable[[], object] | threading.Semaphore]] = []

    def __call__(self) -> float:
        return self.now

    def at(self, when: float, what: Callable[[], object] | threading.Semaphore) -> None:
        heapq.heappush(self._ahead, (when, next(self._order), what))

    def sleep(self, seconds: float) -> None:
        """Let everything happen that is due before the caller wakes up."""
        assert seconds >= 0
        me = threading.Semaphore(0)
        self.at(self.now + seconds, me)
        self._go_on(me)

    def _go_on(self, me: threading.Semaphore | None) -> None:
        while self._ahead:
            when, _, what = heapq.heappop(self._ahead)
            self.now = max(self.now, when)
            if what is me:
                return
            if isinstance(what, threading.Semaphore):
                what.release()
                break
            what()
        if me is not None:
            me.acquire()

    def run(self, *works: Callable[[], object]) -> None:
        """Do all the works side by side, each in a thread of its own, until they end."""
        done = threading.Semaphore(0)
        unfinished = set(works)

        def body(work: Callable[[], object], start: threading.Semaphore) -> None:
            start.acquire()
            try:
                work()
                unfinished.discard(work)
            finally:
                done.release()
                self._go_on(None)

        for work in works:
            start = threading.Semaphore(0)
            self.at(self.now, start)
            threading.Thread(target=body, args=(work, start), daemon=True).start()
        self._go_on(None)
        for _ in works:
            done.acquire()
        assert not unfinished, "a run raised in its thread"


@dataclass
class Stripe:
    """Accepts at most ``limit`` calls in any second (strict sliding window); ``None``: all, 0: none."""

    clock: FakeTime
    limit: float | None
    latency: float = 0.2
    refusal_latency: float | None = None
    #: Every so many seconds it stands still for so many, and then takes at once what came meanwhile.
    stands_still: tuple[float, float] = (1e9, 0.0)
    accepted: list[float] = field(default_factory=list)
    refused: list[float] = field(default_factory=list)
    _window: deque[float] = field(default_factory=deque)

    def wakes(self) -> float:
        """When it takes a call that comes now."""
        every, lasting = self.stands_still
        into = self.clock.now % every
        return self.clock.now + max(lasting - into, 0.0)

    def call(self) -> bool:
        at = self.clock.now
        while self._window and self._window[0] <= at - 1 + 1e-9:
            self._window.popleft()
        if self.limit is not None and len(self._window) >= self.limit:
            self.refused.append(at)
            return False
        self._window.append(at)
        self.accepted.append(at)
        return True

    @property
    def calls(self) -> list[float]:
        """When every call came, refused ones too."""
        return sorted(self.accepted + self.refused)

    def most_in_a_second(self) -> int:
        return most_in_a_second(self.calls)


def most_in_a_second(times: list[float]) -> int:
    return max(bisect_left(times, at + 1 - 1e-6) - number for number, at in enumerate(times))


@dataclass
class Run:
    """Charges ``jobs`` with at most ``lines`` calls in flight; what is refused is sent again."""

    clock: FakeTime
    stripe: Stripe
    pace: Pace
    jobs: int = 2000
    lines: int = 40
    until: float = float("inf")
    #: Seconds that a call may be late, drawn at random.
    jitter: float = 0.0
    stall: float = 0.0
    seed: int = 1
    began: float = 0.0
    ended: float = 0.0
    charged: int = 0
    _in_flight: int = 0

    def work(self) -> None:
        self.began = self.clock.now
        self._random = random.Random(self.seed)
        while self.charged < self.jobs and self.clock.now < self.until:
            if self._in_flight >= min(self.lines, self.jobs - self.charged):
                self.clock.sleep(0.001)
                continue
            ticket = self.pace.wait(give_up=lambda: self.clock.now >= self.until)
            if ticket is not None:
                self._send(ticket)
            if self.stall and self._random.random() < 0.01:
                self.clock.sleep(self.stall)
        self.ended = self.clock.now

    def _send(self, ticket: float) -> None:
        self._in_flight += 1
        late = self._random.expovariate(1 / self.jitter) if self.jitter else 0.0
        self.clock.at(self.clock.now + late, lambda: self._arrive(ticket))

    def _arrive(self, ticket: float) -> None:
        wakes = self.stripe.wakes()
        if wakes > self.clock.now:
            self.clock.at(wakes + 1e-6, lambda: self._arrive(ticket))
            return
        good = self.stripe.call()
        latency = self.stripe.latency
        if not good and self.stripe.refusal_latency is not None:
            latency = self.stripe.refusal_latency
        self.clock.at(self.clock.now + latency, lambda: self._answer(ticket, good))

    def _answer(self, ticket: float, good: bool) -> None:
        self._in_flight -= 1
        if good:
            self.charged += 1
            self.pace.succeeded(ticket)
        else:
            self.pace.limited(ticket)

    @property
    def per_second(self) -> float:
        """Charges a second over the whole run."""
        return self.charged / (self.ended - self.began)


class World:
    """One Stripe, and as many runs as a test starts."""

    def __init__(self, limit: float | None, **stripe: Any) -> None:
        self.time = FakeTime(1_700_000_000.0)
        self.began = self.time.now
        self.stripe = Stripe(self.time, limit, **stripe)

    def pace(self, ceiling: float, cache: BaseCache | None = None) -> Pace:
        store = SharedStore(cache, ceiling, self.time) if cache else None
        return Pace(ceiling=ceiling, store=store, clock=self.time, sleep=self.time.sleep)

    def run(self, ceiling: float, **options: Any) -> Run:
        run = Run(self.time, self.stripe, self.pace(ceiling), **options)
        self.time.run(run.work)
        return run

    def later(self, seconds: float, limit: float | None) -> None:
        """Change the limit after so many seconds."""
        self.time.at(self.began + seconds, lambda: setattr(self.stripe, "limit", limit))

    def accepted(self, start: float, end: float) -> int:
        return sum(start <= at - self.began < end for at in self.stripe.accepted)

    def refused(self, start: float, end: float) -> int:
        return sum(start <= at - self.began < end for at in self.stripe.refused)
