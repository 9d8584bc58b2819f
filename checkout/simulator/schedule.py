"""Work that the account does by itself, later: it falls due as the clock moves."""

from __future__ import annotations

import heapq
from collections.abc import Callable
from typing import Any

from .call import Account, Call
from .store import Obj

Work = Callable[[Call, Obj], None]
_WORK: dict[str, tuple[str, Work]] = {}


def task(name: str, kind: str) -> Callable[[Work], Work]:
    """Register a function as the work of that name, done on an object of that kind."""

    def register(work: Work) -> Work:
        _WORK[name] = (kind, work)
        return work

    return register


def later(call: Call, seconds: int, name: str, target: Obj, **extra: Any) -> None:
    """Do the named work on an object after that many seconds."""
    store = call.store
    due = call.now + seconds
    entry = store.add("task", {"id": store.new_id("task"), "due": due, "work": name, "target": target["id"], **extra})
    call.account.agenda.push(entry)


class Agenda:
    """The tasks by due time."""

    def __init__(self) -> None:
        self._heap: list[tuple[int, int, str]] = []

    def push(self, entry: Obj) -> None:
        """Note a task."""
        heapq.heappush(self._heap, (entry["due"], entry["_seq"], entry["id"]))

    def load(self, account: Account) -> None:
        """Take up the tasks of a data file."""
        self._heap = []
        for entry in account.store.kinds["task"].values():
            self.push(entry)

    def next_due(self) -> int | None:
        """When the first task is due."""
        return self._heap[0][0] if self._heap else None

    def run_due(self, account: Account, until: int) -> None:
        """Do what is due, in order."""
        while self._heap and self._heap[0][0] <= until:
            due, _, ident = heapq.heappop(self._heap)
            entry = account.store.get("task", ident)
            if entry is None:
                continue
            account.store.drop(entry)
            kind, work = _WORK[entry["work"]]
            target = account.store.get(kind, entry["target"])
            if target is None:
                continue
            if due > account.clock.now():
                account.clock.set(due)
            work(Call(account), target)
