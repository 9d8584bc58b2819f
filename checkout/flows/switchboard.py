"""Many calls to Stripe at once, and one thread that keeps the books.

The threads here only wait for their turn (``pace``) and for Stripe: they never touch the database. Whoever calls
``work`` claims and settles, so a run needs one database connection, however many calls are in flight.
"""

import logging
import threading
import time
from collections.abc import Callable, Generator
from concurrent.futures import Future, ThreadPoolExecutor
from queue import SimpleQueue

from django.utils import timezone

from checkout import gateway, states
from checkout.errors import CheckoutError, StripeRefused, StripeUnreachable
from checkout.flows import charge
from checkout.flows.claims import Claimed
from checkout.flows.report import RunReport
from checkout.flows.settle import release
from checkout.gateway import Intent
from checkout.models import Checkout
from checkout.pace import Pace

logger = logging.getLogger(__name__)

OnProgress = Callable[[int], object]
Call = Future[Intent]

MOST_REFUSALS = 5
# Claimed and waiting for a line, so that none is idle while the next batch is claimed.
SPARE = 10
# So many answers, if they have come, are settled in one transaction: few enough to hold their locks only for a moment.
TOGETHER = 10
# After that long of nothing but 429 a charge is left to ``fulfil_charges``.
PATIENCE = 15 * 60
NEVER_ASKED = "the run ended, or was too slow, before Stripe was asked"


class NotAsked(Exception):
    """A charge waited for its turn until the run ended, or for too long: Stripe has not heard of it from us."""


def _too_late(claimed: Claimed) -> bool:
    """It waited so long for its turn that ``fulfil_charges`` asks for it by now, and may let go of it."""
    ask_after = claimed.checkout.ask_after
    return ask_after is not None and ask_after <= timezone.now()


class Switchboard:
    """``lines`` calls in flight at the most, at ``pace``."""

    def __init__(self, *, pace: Pace, lines: int) -> None:
        self._pace = pace
        self._lines = lines
        self._stop = threading.Event()
        self._done: SimpleQueue[Call] = SimpleQueue()
        self._open: dict[Call, Claimed] = {}
        self._refused_in_a_row = 0

    def work(
        self, claims: Generator[Claimed, None, None], *, report: RunReport, on_progress: OnProgress | None = None
    ) -> None:
        """Charge every claim and settle each answer as it comes. ``report.stopped`` says why, if it gave up.

        Whatever ends it, calls in flight are waited for and settled, and what was not asked for is released.
        """
        more = True
        gateway.prepare()
        with ThreadPoolExecutor(self._lines, thread_name_prefix="stripe") as pool:
            try:
                while True:
                    while more and not self._stop.is_set() and len(self._open) < self._lines + SPARE:
                        claimed = next(claims, None)
                        more = claimed is not None
                        if claimed is not None:
                            self._dial(pool, claimed)
                    if not self._open:
                        break
                    self._book(self._ended(), report, on_progress)
            finally:
                # only after an error or Ctrl-C is anything left to do here: the call that was being booked among it
                self._stop.set()
                pool.shutdown(wait=False, cancel_futures=True)
                try:
                    for call in list(self._open):
                        self._book([call], report, on_progress)
                finally:
                    # releases what was claimed and not asked for, also where the database gave out at this moment
                    claims.close()

    def _dial(self, pool: ThreadPoolExecutor, claimed: Claimed) -> None:
        call = pool.submit(self._call, claimed)
        self._open[call] = claimed
        call.add_done_callback(self._done.put)

    def _call(self, claimed: Claimed) -> Intent:
        """In a thread: wait for the turn, ask, and when told to slow down ask again under the same key."""
        asked: float | None = None
        while True:
            ticket = self._pace.wait(give_up=self._stop.is_set)
            if asked is None and (ticket is None or _too_late(claimed)):
                raise NotAsked
            if ticket is None or (asked is not None and time.monotonic() - asked > PATIENCE):
                raise StripeUnreachable("Stripe kept saying that it is asked too often.")
            asked = asked or time.monotonic()
            try:
                answer = gateway.charge(claimed.request)
            except gateway.StripeLimited:
                self._pace.limited(ticket)
                continue
            except CheckoutError:
                self._pace.succeeded(ticket)
                raise
            self._pace.succeeded(ticket)
            return answer

    def _ended(self) -> list[Call]:
        """Wait for a call to end; those that have ended meanwhile come with it."""
        ended = [self._done.get()]
        while len(ended) < TOGETHER and not self._done.empty():
            ended.append(self._done.get())
        return ended

    def _book(self, calls: list[Call], report: RunReport, on_progress: OnProgress | None) -> None:
        """Settle calls, waiting for one that has not ended. Open until that is done, so it can be cut short."""
        settled = self._settle_together(calls) if len(calls) > 1 else set()
        for call in calls:
            claimed = self._open[call]
            outcome = str(claimed.checkout.state_id) if call in settled else self._conclude(claimed, call, report)
            del self._open[call]
            report.add(outcome, amount=claimed.request.amount, currency=claimed.request.currency)
            if on_progress:
                on_progress(1)

    def _settle_together(self, calls: list[Call]) -> set[Call]:
        """Those of ``calls`` that one transaction could settle: it costs half as much, and most are of that kind."""
        answered = [call for call in calls if not call.cancelled() and call.exception() is None]
        if len(answered) < 2:
            return set()
        self._refused_in_a_row = 0
        moved = charge.conclude_together([(self._open[call].checkout, call.result()) for call in answered])
        return {call for call, won in zip(answered, moved, strict=True) if won}

    def _conclude(self, claimed: Claimed, call: Call, report: RunReport) -> str:
        """What became of one call, in the words of a run's items."""
        checkout = claimed.checkout
        error = NotAsked() if call.cancelled() else call.exception()
        if error is None:
            self._refused_in_a_row = 0
            return self._settle(checkout, call.result(), report)
        if isinstance(error, NotAsked):
            release(checkout, NEVER_ASKED)
            return states.RELEASED
        if isinstance(error, StripeRefused):
            release(checkout, str(error))
            self._count_refusal(error, report)
            return states.RELEASED
        if not isinstance(error, CheckoutError):
            logger.error("run surprised checkout=%s", checkout.uuid, exc_info=error)
            report.errors += 1
        return states.REQUEST

    def _settle(self, checkout: Checkout, answer: Intent, report: RunReport) -> str:
        try:
            moved = charge.conclude(checkout, answer)
        except CheckoutError:
            logger.exception("run could not settle checkout=%s intent=%s", checkout.uuid, answer.id)
            moved = None
        report.errors += moved is None
        return str(checkout.state_id)

    def _count_refusal(self, error: StripeRefused, report: RunReport) -> None:
        self._refused_in_a_row += 1
        if self._refused_in_a_row >= MOST_REFUSALS and not report.stopped:
            report.stopped = (
                f"Stripe refused {MOST_REFUSALS} charges in a row, the last with: {error}. Nothing was charged by "
                "them; what was claimed is released. Check STRIPE_SECRET_KEY and the account, then run it again."
            )
            logger.error("run stopped %s", report.stopped)
            self._stop.set()
