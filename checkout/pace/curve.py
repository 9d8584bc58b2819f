"""How fast to call after Stripe said 429: a sharp cut, a quick return, a slow creep. Times are in seconds."""

import math
from bisect import bisect_right
from dataclasses import dataclass, replace
from typing import NamedTuple

#: A cut goes to this part of the estimated limit less the share that was refused, but not below the second.
CUT_TO = 0.9
CUT_TO_AT_LEAST = 0.5
#: It comes back to this part of the limit.
BACK_TO = 0.985
#: So long a cut holds if no call sent after it was answered meanwhile.
HOLD = 0.5
#: Where not a single call was taken, the way back doubles the rate in so many seconds.
DOUBLING = 0.5
#: The creep makes up for ``BACK_TO`` after so many seconds, and is the faster the longer it goes well: with this
#: power of the time, the rate has doubled after 18 seconds and is tenfold after 27.
CREEP = 5.0
POWER = 3
#: If it was more than so many times the estimate a few seconds before, it returns to that in so many seconds.
STALL = 1.1
RETURN = 3.0
#: So soon after the last one came back, a cut for such a share of calls shows that its estimate was too high.
SOON = 2.0
MANY = 0.05
#: Seconds that a call may be late on its way.
MARGIN = 0.02
#: A cut longer ago says nothing any more: the creep has long reached any ceiling.
FORGET = 120.0
#: With everything refused: the first rate to try with, and the slowest.
FIRST_PROBE = 1.0
SLOWEST = 0.25


class Past(NamedTuple):
    """What became of the calls of the last seconds before a call that was refused."""

    #: When that call was sent.
    ticket: float
    #: The times, oldest first, at which those were sent that were not refused, for ``MEMORY`` seconds.
    accepted: list[float]
    #: How many were refused of the last second.
    refused: int

    @property
    def second(self) -> list[float]:
        """The calls of the last second that were not refused."""
        return self.accepted[bisect_right(self.accepted, self.ticket - 1) :]

    def peak(self, since: float) -> int:
        """The most calls of any second since then that were not refused."""
        times = self.accepted[bisect_right(self.accepted, since) :]
        return max((number + 1 - bisect_right(times, at - 1) for number, at in enumerate(times)), default=0)


@dataclass(frozen=True)
class Cut:
    """The last time that the rate was cut."""

    at: float
    #: When the call was sent that was refused.
    ticket: float
    #: Calls a second that Stripe seems to take; infinite, for unknown, if not a single one was.
    limit: float
    #: The rate until it is released.
    start: float
    #: Nothing is sent before: what was sent in a burst must leave Stripe's window first.
    opens: float
    #: What it took a few seconds before, if that was more: Stripe, or this process, may just have stood still.
    proven: float = 0.0
    #: What it took before that time counts no more.
    since: float = -math.inf
    #: When a call that was sent after the cut was answered.
    released: float | None = None

    def release(self, now: float) -> "Cut":
        """The same cut, from which the rate now comes back."""
        return replace(self, released=now)

    def back_since(self, now: float) -> float | None:
        """When the rate began to come back; None if it has not."""
        if self.released is None and math.isfinite(self.limit) and now > self.opens + HOLD:
            return self.opens + HOLD
        return self.released


def rate_after(cut: Cut | None, now: float, ceiling: float) -> float:
    """Calls a second at the time ``now``, which only the last cut and the ceiling decide."""
    if cut is None or now - cut.at > FORGET:
        return ceiling
    since = cut.back_since(now)
    if since is None:
        return min(cut.start, ceiling)
    age = max(now - since, 0.0)
    if math.isinf(cut.limit):
        return min(cut.start * math.pow(2, age / DOUBLING), ceiling)
    if cut.proven <= cut.limit:
        return min(cut.limit * _creep(age), ceiling)
    if age > RETURN:
        return min(cut.proven * _creep(age - RETURN), ceiling)
    low, high = cut.limit * BACK_TO, cut.proven * BACK_TO
    return min(low + (high - low) * (1 - (1 - age / RETURN) ** POWER), ceiling)


def _creep(age: float) -> float:
    """The part of the limit that is used ``age`` seconds after the way back has ended."""
    return math.pow(BACK_TO, 1 - (age / CREEP) ** POWER)


def next_cut(last: Cut | None, *, now: float, ticket: float, rate: float, past: Past | None) -> Cut:
    """The cut for a call that was sent at the time ``ticket``, at ``rate``, and refused.

    ``past`` is None if what was sent before it is not known.
    """
    probing = last is not None and math.isinf(last.limit) and last.released is None
    if past is None and not probing:
        return Cut(at=now, ticket=ticket, limit=rate * CUT_TO, start=rate * CUT_TO_AT_LEAST, opens=now)
    if past is None or not past.second:
        # Try ever more seldom, and learn the limit anew once a call is taken.
        start = max(last.start / 2, SLOWEST) if last is not None and probing else FIRST_PROBE
        return Cut(at=now, ticket=ticket, limit=math.inf, start=start, opens=now)
    second = past.second
    share = past.refused / (past.refused + len(second))
    limit = _estimate(last, now, rate, len(second), share)
    room = max(int(limit * BACK_TO), 1)
    full_until = second[-room] + 1 + MARGIN if len(second) >= room else now
    since = _believed_since(last, ticket, rate)
    peak = past.peak(since)
    return Cut(
        at=now,
        ticket=ticket,
        limit=limit,
        start=limit * max(CUT_TO - share, CUT_TO_AT_LEAST),
        opens=max(now, full_until),
        proven=peak if peak > limit * STALL else limit,
        since=since,
    )


def _estimate(last: Cut | None, now: float, rate: float, taken: int, share: float) -> float:
    """Stripe takes as many calls a second as it took, and no more than the rate, or it would not have refused one."""
    limit = min(max(rate, taken), taken + 1)
    back = last.back_since(now) if last else None
    if back is not None and now - back < SOON and share > MANY:
        return (limit + taken) / 2
    return limit


def _believed_since(last: Cut | None, ticket: float, rate: float) -> float:
    """Since when what was taken shows what can be. If that was tried since and in vain, the limit is a lower one."""
    if last is None:
        return -math.inf
    tried = last.back_since(ticket) is not None and last.proven > last.limit and rate > last.limit
    return last.at if tried else last.since


def corrected(cut: Cut, past: Past | None) -> Cut:
    """The same cut after one more call was refused that had been sent before it.

    Answers come in any order: if more was taken before the later one, so much is possible.
    """
    if cut.released is not None or past is None or past.ticket <= cut.ticket or len(past.second) <= cut.limit:
        return cut
    limit = float(len(past.second))
    return replace(cut, ticket=past.ticket, limit=limit, proven=max(cut.proven, limit))
