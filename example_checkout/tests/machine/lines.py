"""The payment run's threads and their queue, replaced by something that runs in one order, the same each time.

Threads that race cannot be replayed, so a failure could not be made smaller. The order is still one that threads may
have: all calls at once before the first answer is booked, or each call only when its answer is waited for. Real threads
are used by every other test of the run.
"""

from collections import deque
from collections.abc import Callable
from concurrent.futures import Future
from typing import Any

from checkout.flows import switchboard
from example_checkout.tests.machine.world import ProcessDied, World


class Lines:
    """Stands for ``ThreadPoolExecutor``; its calls are made at once, or when somebody waits for an answer."""

    open: list["Lines"] = []
    world: World

    def __init__(self, lines: int, thread_name_prefix: str = "") -> None:
        self._waiting: deque[tuple[Future[Any], Callable[[], Any]]] = deque()

    def __enter__(self) -> "Lines":
        self.open.append(self)
        return self

    def __exit__(self, *_error: object) -> None:
        self.open.remove(self)

    def submit(self, call: Callable[..., Any], *arguments: Any) -> "Future[Any]":
        """Make the call, now or later."""
        future: Future[Any] = Future()
        self._waiting.append((future, lambda: call(*arguments)))
        if not self.world.late_calls:
            self.run_one()
        return future

    def run_one(self) -> None:
        """Make the call that has waited longest."""
        future, call = self._waiting.popleft()
        future.set_running_or_notify_cancel()
        try:
            answer = call()
        except ProcessDied as death:
            # so that nobody waits for it
            future.set_exception(death)
            raise
        except Exception as error:  # noqa: BLE001
            future.set_exception(error)
        else:
            future.set_result(answer)

    def shutdown(self, *, wait: bool, cancel_futures: bool) -> None:
        """Calls that have not been made never will be."""
        while self._waiting:
            self._waiting.popleft()[0].cancel()


class Answers:
    """Stands for ``SimpleQueue``."""

    def __init__(self) -> None:
        self._answers: deque[Any] = deque()

    def put(self, answer: Any) -> None:
        self._answers.append(answer)

    def empty(self) -> bool:
        return not self._answers

    def get(self) -> Any:
        """The next answer, making calls until there is one."""
        if Lines.world.dead:
            raise ProcessDied("waiting for an answer")
        while not self._answers:
            Lines.open[-1].run_one()
        return self._answers.popleft()


class Hurry:
    """A pace that lets everybody through: being told to slow down costs no time here."""

    def wait(self, *, give_up: Callable[[], bool]) -> float | None:
        return None if give_up() else 0.0

    def succeeded(self, ticket: float) -> None:
        """Nothing to learn."""

    def limited(self, ticket: float) -> None:
        """Nothing to learn."""


def install(world: World, monkeypatch: Any) -> None:
    """Let payment runs use these."""
    Lines.world = world
    monkeypatch.setattr(switchboard, "ThreadPoolExecutor", Lines)
    monkeypatch.setattr(switchboard, "SimpleQueue", Answers)
