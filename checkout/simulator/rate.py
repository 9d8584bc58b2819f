"""A limit of requests a second, as Stripe keeps one for every account."""

from __future__ import annotations

import math
import time
from collections import deque
from collections.abc import Callable


class RateLimit:
    """A strict sliding window of one second over what was let through, on the machine's own clock.

    ``rate`` is in requests a second, None for no limit. Its fraction is dropped; below 1 it means one request
    every ``1 / rate`` seconds. Not safe to use from several threads.
    """

    def __init__(self, rate: float | None = None, clock: Callable[[], float] = time.monotonic) -> None:
        # The default is bound here, at import: a test that freezes time would otherwise never be let through again.
        self._clock = clock
        self._passed: deque[float] = deque()
        self.rate = rate

    @property
    def rate(self) -> float | None:
        """Requests a second, None for no limit. Setting it raises ``ValueError`` unless it is above 0."""
        return self._rate

    @rate.setter
    def rate(self, rate: float | None) -> None:
        if rate is not None and not 0 < rate < math.inf:
            raise ValueError("the rate is a number of requests a second above 0, or None for no limit")
        self._rate = rate

    def clear(self) -> None:
        """Forget what was let through; the rate stays."""
        self._passed.clear()

    def allows(self) -> bool:
        """Whether one more request is let through now. One that is not uses nothing up."""
        if self._rate is None:
            self._passed.clear()
            return True
        now = self._clock()
        most, window = (int(self._rate), 1.0) if self._rate >= 1 else (1, 1 / self._rate)
        while self._passed and self._passed[0] <= now - window:
            self._passed.popleft()
        if len(self._passed) >= most:
            return False
        self._passed.append(now)
        return True
