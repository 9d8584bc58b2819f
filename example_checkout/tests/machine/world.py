"""Where the machine lives: one clock for site and Stripe, a wire that notices everything, processes that can die.

A process of the site is a call of ``World.process``. Each SQL statement and each request to Stripe (before it leaves,
and once its answer is there) is an event. A process can be killed at any of them, counted from its beginning. From then
on its every further statement and request is refused, so that no ``finally`` and no ``except`` can tidy up what SIGKILL
would leave; what was not committed is rolled back, as the database does when a connection is gone. What this is not: a
kill between two events (no difference to anything outside the process), in the middle of a COMMIT, or of a thread
beside the one that keeps the books. Real processes are killed by the crash tests.

Another process can act at any event at which no transaction is open, between any two statements that is: what real
rivals do, but the same each time.
"""

import sys
import traceback
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from types import SimpleNamespace
from typing import Any
from urllib.parse import parse_qs, urlsplit
from uuid import UUID

import stripe
from django.core import signing
from django.db import connection, transaction
from django.utils import timezone

from checkout import tasks
from checkout.errors import (
    AlreadySettled,
    AmountChanged,
    ConsentMissing,
    InProgress,
    NotPayable,
    StripeRefused,
    StripeUnreachable,
)
from checkout.models import Event, Notice
from checkout.simulator import account
from checkout.simulator.client import SimulatorHTTPClient
from checkout.simulator.engine import Simulator
from example_checkout.models import SalesLedger
from example_checkout.tests.machine.mailbox import Mailbox
from example_checkout.tests.machine.postman import Postman
from example_checkout.tests.machine.tables import TABLES


class ProcessDied(BaseException):
    """Killed: nothing of the site's code may catch it, and none does."""


class HostBroke(Exception):
    """The host's own ``checkout_success`` raised."""


# What a flow may say. Not ``IllegalMove``, and not the bare ``CheckoutError``: those are bugs of the caller.
EXPECTED = (
    AlreadySettled,
    AmountChanged,
    ConsentMissing,
    InProgress,
    NotPayable,
    StripeRefused,
    StripeUnreachable,
    HostBroke,
)
# Django's own bracket around the statements: passed through, so that a rollback always reaches the database.
BRACKETS = ("BEGIN", "SAVEPOINT", "RELEASE", "ROLLBACK")
TICK = timedelta(milliseconds=1)


def _bury(death: BaseException) -> None:
    """Let go of what the dead process held, while it still counts as dead.

    A generator runs its ``finally`` when it is thrown away, which must not be later, when the database would listen.
    """
    hook, sys.unraisablehook = sys.unraisablehook, lambda _ignored: None
    try:
        error: BaseException | None = death
        while error is not None:
            traceback.clear_frames(error.__traceback__)
            error.__traceback__ = None
            error = error.__context__
    finally:
        sys.unraisablehook = hook


@dataclass(frozen=True)
class Tried:
    """A charge without its customer that Stripe has made an attempt of: no repeat under a key that it knew.

    ``began``: when the process began that asked for it. ``no``: what the bank said, if it was a no.
    """

    uuid: str
    key: str
    method: str
    at: datetime
    began: datetime
    no: Mapping[str, Any] | None


class World:
    """Everything that one example shares. ``facts`` counts what happened, ``told`` what was committed.

    ``tried``: the attempts at Stripe without their customer; ``keys``: under which keys each was asked for.
    """

    def __init__(self, simulator: Simulator) -> None:
        self.simulator = simulator
        self.begin(datetime(2026, 5, 4, 10, tzinfo=UTC))

    def begin(self, now: datetime, skew: int = 0) -> None:
        """Forget everything. Stripe's clock is ``skew`` seconds ahead of the site's."""
        self.now, self.skew = now, skew
        self.began = self.first = now
        self.told: list[int] = []
        self.tried: list[Tried] = []
        self.keys: set[tuple[str, str]] = set()
        self.mail = Mailbox(self)
        self.post = Postman(self)
        # the charges and pages whose secret some customer was given
        self.shown: set[str] = set()
        # what staff have asked for, by the number that the form brings
        self.forms: set[UUID] = set()
        # by staff, how often: notices, and instalments
        self.sent_again: Counter[int] = Counter()
        self.asked_again: Counter[int] = Counter()
        # refunds that staff have asked for, in the same way; and plans that they have let go on
        self.given: set[UUID] = set()
        self.resumed: set[int] = set()
        self.facts: Counter[str] = Counter()
        self.host_breaks = 0
        self.audits = 0
        self.late_calls = False
        self.broken = False
        self._fuse: int | None = None
        self._dead = False
        self._nested = 0
        self._rival: tuple[int, Callable[[], Any]] | None = None
        self.simulator.reset()
        with transaction.atomic(), connection.cursor() as cursor:
            for table in TABLES:
                cursor.execute(f"DELETE FROM {connection.ops.quote_name(table)}")  # noqa: S608
        self.sync()

    # time

    def read_clock(self) -> datetime:
        """The site's ``timezone.now``: never the same twice."""
        self.now += TICK
        return self.now

    def wait(self, span: timedelta) -> None:
        """Let time pass for site and Stripe alike."""
        self.now += span
        self.sync()

    def sync(self) -> None:
        """Set Stripe's clock by the site's."""
        self.simulator.clock.freeze(int(self.now.timestamp()) + self.skew)

    # processes

    def process(self, work: Callable[[], Any], *, fuse: int | None = None) -> Any:
        """Run ``work`` as a process of the site, killed at its event number ``fuse``; what it returned, or None."""
        self.now += timedelta(seconds=1)
        self.began = self.now
        self.sync()
        self._fuse, self._dead = fuse, False
        try:
            with connection.execute_wrapper(self._statement):
                try:
                    return work()
                except ProcessDied as death:
                    _bury(death)
                    self.facts["killed"] += 1
        except EXPECTED as error:
            self.facts[f"said {type(error).__name__}"] += 1
        except BaseException:
            self.broken = True
            raise
        finally:
            self._fuse, self._dead = None, False
            self.sync()
            assert not connection.in_atomic_block, "a transaction was left open"
        return None

    def overtake(self, after: int, rival: Callable[[], Any]) -> None:
        """Let ``rival`` act in the middle of the next process, ``after`` events from its beginning."""
        self._rival = (after, rival)

    def event(self, what: str) -> None:
        """Something that the outside of the process can see is about to happen, or has."""
        if self._nested:
            return
        if self._dead:
            raise ProcessDied(what)
        if self._fuse is not None:
            self._fuse -= 1
            if self._fuse <= 0:
                self._dead = True
                raise ProcessDied(what)
        self._let_rival_act()

    def kill(self, what: str) -> None:
        """The process dies here; one that acts in the middle of another one does not."""
        if not self._nested:
            self._dead = True
            raise ProcessDied(what)

    @contextmanager
    def unseen(self) -> Iterator[None]:
        """What the machine itself does in the middle of a process is no event."""
        self._nested += 1
        try:
            yield
        finally:
            self._nested -= 1

    def _let_rival_act(self) -> None:
        if self._dead or self._rival is None or connection.in_atomic_block:
            return
        after, rival = self._rival
        if after > 0:
            self._rival = (after - 1, rival)
            return
        self._rival = None
        began, self.began = self.began, self.now
        try:
            with self.unseen():
                rival()
            self.facts["overtaken"] += 1
        except EXPECTED as error:
            self.facts[f"rival said {type(error).__name__}"] += 1
        finally:
            self.began = began

    def _statement(self, execute: Callable[..., Any], sql: str, params: Any, many: bool, context: Any) -> Any:
        if not sql.startswith(BRACKETS):
            self.event(sql)
        elif sql.startswith("BEGIN") and not self._nested:
            # between what was read before a transaction and the transaction (SQLite says it aloud)
            self._let_rival_act()
        return execute(sql, params, many, context)

    @property
    def dead(self) -> bool:
        """Whether the process that runs has been killed."""
        return self._dead and not self._nested


class Wire(SimulatorHTTPClient):
    """The in-process wire, which tells the world of each request and of each answer."""

    def __init__(self, world: World) -> None:
        super().__init__(world.simulator)
        self.world = world

    def request(
        self,
        method: str,
        url: str,
        headers: Mapping[str, str] | None,
        post_data: Any = None,
        *,
        _usage: list[str] | None = None,
    ) -> tuple[Any, int, Mapping[str, str]]:
        """Answer one request, unless the process dies before it or after."""
        path = urlsplit(url).path
        self.world.event(f"before {method} {path}")
        self.world.sync()
        try:
            with self._noting(path, headers or {}, post_data):
                answer = super().request(method, url, headers, post_data, _usage=_usage)
        except stripe.APIConnectionError:
            self.world.event(f"lost {method} {path}")
            raise
        self.world.event(f"after {method} {path}")
        return answer

    @contextmanager
    def _noting(self, path: str, headers: Mapping[str, str], post_data: Any) -> Iterator[None]:
        """Whether a charge without its customer was attempted, by Stripe's own books, whatever is answered."""
        if path != "/v1/payment_intents" or "off_session=true" not in str(post_data):
            yield
            return
        sent = parse_qs(str(post_data))
        uuid, key = sent["metadata[checkout]"][0], headers["Idempotency-Key"]
        self.world.keys.add((uuid, key))
        intents = self.world.simulator._store.kinds["payment_intent"]
        before = len(intents)
        try:
            yield
        finally:
            if len(intents) > before:
                no = intents[next(reversed(intents))]["last_payment_error"]
                method = sent["payment_method"][0]
                self.world.tried.append(Tried(uuid, key, method, self.world.now, self.world.began, no))


_current: list[World] = []


def here() -> World:
    """The world of now."""
    return _current[-1]


def wire() -> Wire:
    """The value of ``CHECKOUT_STRIPE_HTTP_CLIENT``."""
    return Wire(here())


@contextmanager
def inhabited(world: World, monkeypatch: Any) -> Iterator[World]:
    """Let the site live in ``world``: its clock, its wire, and a host whose successes are counted."""
    success = SalesLedger.checkout_success

    def counted(booking: SalesLedger, checkout: Any) -> None:
        success(booking, checkout)
        if world.host_breaks:
            world.host_breaks -= 1
            world.facts["host broke"] += 1
            raise HostBroke
        transaction.on_commit(lambda: world.told.append(checkout.pk))

    refunded = SalesLedger.checkout_refund

    def heard(booking: SalesLedger, refund: Any) -> None:
        refunded(booking, refund)
        if world.host_breaks:
            world.host_breaks -= 1
            world.facts["host broke over a refund"] += 1
            raise HostBroke

    # Faster than freezegun by an order of magnitude, and it leaves threads and monotonic clocks alone. Everything of
    # ours asks this one function what time it is.
    monkeypatch.setattr(timezone, "now", world.read_clock)
    # but for the default of two columns, which were bound before, and the links in mails, which Django dates
    for field in (Notice._meta.get_field("send_after"), Event._meta.get_field("work_after")):
        monkeypatch.setitem(field.__dict__, "_get_default", world.read_clock)
    monkeypatch.setattr(signing, "time", SimpleNamespace(time=lambda: world.now.timestamp()))
    monkeypatch.setattr(SalesLedger, "checkout_success", counted)
    monkeypatch.setattr(SalesLedger, "checkout_refund", heard)
    # Stripe's list reaches back for 30 days. Here an outage may have lasted longer, and all of it can be fetched.
    monkeypatch.setattr(account, "_EVENT_LIFE", 10**9)
    monkeypatch.setattr(tasks, "hand_on", lambda pk: world.post.handed.append(pk))
    _current.append(world)
    try:
        yield world
    finally:
        _current.pop()
