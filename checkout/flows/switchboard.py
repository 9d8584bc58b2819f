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
Call = tuple[Claimed, "Future[Intent]"]

MOST_REFUSALS = 5
# Claimed and waiting for a line, so that none is idle while the next batch is claimed.
SPARE = 10
# After that long of nothing but 429 a charge is left to ``fulfil_charges``.
PATIENCE = 15 * 60
NEVER_ASKED = "the run ended before Stripe was asked"


class NotAsked(Exception):
    """The run ended while a charge waited for its turn: Stripe has not heard of it."""


class Switchboard:
    """``lines`` calls in flight at the most, at ``pace``."""

    def __init__(self, *, pace: Pace, lines: int) -> None:
        self._pace = pace
        self._lines = lines
        self._stop = threading.Event()
        self._done: SimpleQueue[Call] = SimpleQueue()
        self._refused_in_a_row = 0

    def work(
        self, claims: Generator[Claimed, None, None], *, report: RunReport, on_progress: OnProgress | None = None
    ) -> None:
        """Charge every claim and settle each answer as it comes. ``report.stopped`` says why, if it gave up.

        Whatever ends it, calls in flight are waited for and settled, and what was not asked for is released.
        """
        in_flight = 0
        more = True
        with ThreadPoolExecutor(self._lines, thread_name_prefix="stripe") as pool:
            try:
                while True:
                    while more and not self._stop.is_set() and in_flight < self._lines + SPARE:
                        claimed = next(claims, None)
                        more = claimed is not None
                        if claimed is not None:
                            self._dial(pool, claimed)
                            in_flight += 1
                    if not in_flight:
                        break
                    ended = self._done.get()
                    in_flight -= 1
                    self._book(ended, report, on_progress)
            finally:
                # only after an error or Ctrl-C is anything left to do here
                self._stop.set()
                pool.shutdown(wait=False, cancel_futures=True)
                for _call in range(in_flight):
                    self._book(self._done.get(), report, on_progress)
                claims.close()

    def _dial(self, pool: ThreadPoolExecutor, claimed: Claimed) -> None:
        future = pool.submit(self._call, claimed)
        future.add_done_callback(lambda ended: self._done.put((claimed, ended)))

    def _call(self, claimed: Claimed) -> Intent:
        """In a thread: wait for the turn, ask, and when told to slow down ask again under the same key."""
        asked: float | None = None
        while True:
            ticket = self._pace.wait(give_up=self._stop.is_set)
            if ticket is None and asked is None:
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

    def _book(self, ended: Call, report: RunReport, on_progress: OnProgress | None) -> None:
        claimed, call = ended
        outcome = self._conclude(claimed, call, report)
        report.add(outcome, amount=claimed.request.amount, currency=claimed.request.currency)
        if on_progress:
            on_progress(1)

    def _conclude(self, claimed: Claimed, call: "Future[Intent]", report: RunReport) -> str:
        """Settle one call that has ended; what became of it, in the words of a run's items."""
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
