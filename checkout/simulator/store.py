"""Where the simulated account keeps its objects: in memory, written through to SQLite when a file is given.

Objects are plain dicts as Stripe shows them; keys that start with an underscore are the simulator's own
and are never shown.
"""

from __future__ import annotations

import json
import random
import sqlite3
import string
from collections.abc import Iterator
from typing import Any

Obj = dict[str, Any]

_ALPHABET = string.ascii_letters + string.digits
_PREFIX = {
    "customer": "cus",
    "payment_method": "pm",
    "payment_intent": "pi",
    "setup_intent": "seti",
    "charge": "ch",
    "refund": "re",
    "dispute": "du",
    "event": "evt",
    "webhook_endpoint": "we",
    "balance_transaction": "txn",
    "delivery": "dlv",
    "task": "tsk",
    "key": "key",
}


class Store:
    """All objects by kind and id, in order of creation."""

    def __init__(self, data_file: str | None = None) -> None:
        self._random = random.SystemRandom()
        self.kinds: dict[str, dict[str, Obj]] = {kind: {} for kind in _PREFIX}
        self.by_customer: dict[tuple[str, str], dict[str, Obj]] = {}
        self.by_intent: dict[str, dict[str, Obj]] = {}
        self._sequence = 0
        self._dirty: dict[str, Obj | None] = {}
        self._file = self._open(data_file) if data_file else None
        self._load()

    def token(self, length: int = 24) -> str:
        """Random letters and digits."""
        bits = self._random.getrandbits(6 * length)
        return "".join(_ALPHABET[(bits >> (6 * at) & 63) % 62] for at in range(length))

    def new_id(self, kind: str) -> str:
        """A fresh id with the usual prefix."""
        return f"{_PREFIX[kind]}_{self.token()}"

    def add(self, kind: str, obj: Obj) -> Obj:
        """Keep a new object."""
        self._sequence += 1
        obj["_seq"] = self._sequence
        obj["_kind"] = kind
        self.kinds[kind][obj["id"]] = obj
        self._index(obj)
        self._mark(obj)
        return obj

    def touch(self, obj: Obj) -> None:
        """Note that an object changed."""
        if obj["_kind"] == "payment_method":
            self._index(obj)
        self._mark(obj)

    def drop(self, obj: Obj) -> None:
        """Forget an object of the simulator's own (a task, a finished delivery, an old key)."""
        self.kinds[obj["_kind"]].pop(obj["id"], None)
        if self._file is not None:
            self._dirty[obj["id"]] = None

    def get(self, kind: str, ident: str) -> Obj | None:
        """The object, or None."""
        return self.kinds[kind].get(ident)

    def newest_first(self, kind: str, customer: str | None = None) -> Iterator[Obj]:
        """All objects of a kind, or those of one customer, newest first."""
        if customer is not None:
            return reversed(self.by_customer.get((kind, customer), {}).values())
        return reversed(self.kinds[kind].values())

    def clear(self) -> None:
        """Forget everything."""
        for objects in self.kinds.values():
            objects.clear()
        self.by_customer.clear()
        self.by_intent.clear()
        self._dirty.clear()
        if self._file is not None:
            self._file.execute("DELETE FROM objects")
            self._file.commit()

    def set_meta(self, name: str, value: int) -> None:
        """Remember a number (the clock's offset) across restarts."""
        if self._file is not None:
            self._file.execute("INSERT OR REPLACE INTO meta VALUES (?, ?)", (name, value))
            self._file.commit()

    def get_meta(self, name: str) -> int | None:
        """The remembered number, or None."""
        if self._file is None:
            return None
        row = self._file.execute("SELECT value FROM meta WHERE name = ?", (name,)).fetchone()
        return None if row is None else int(row[0])

    def commit(self) -> None:
        """Write what changed since the last commit, in one transaction."""
        if self._file is None or not self._dirty:
            return
        gone = [(ident,) for ident, obj in self._dirty.items() if obj is None]
        kept = [
            (ident, obj["_kind"], obj["_seq"], json.dumps(obj, separators=(",", ":")))
            for ident, obj in self._dirty.items()
            if obj is not None
        ]
        if gone:
            self._file.executemany("DELETE FROM objects WHERE id = ?", gone)
        self._file.executemany("INSERT OR REPLACE INTO objects VALUES (?, ?, ?, ?)", kept)
        self._file.commit()
        self._dirty.clear()

    def close(self) -> None:
        """Close the data file."""
        if self._file is not None:
            self.commit()
            self._file.close()
            self._file = None

    def _mark(self, obj: Obj) -> None:
        if self._file is not None:
            self._dirty[obj["id"]] = obj

    def _index(self, obj: Obj) -> None:
        kind, ident = obj["_kind"], obj["id"]
        customer = obj.get("customer")
        if kind == "payment_method":
            before = obj.get("_listed")
            if before and before != customer:
                self.by_customer.get((kind, before), {}).pop(ident, None)
            obj["_listed"] = customer
        if customer:
            self.by_customer.setdefault((kind, customer), {})[ident] = obj
        if kind in ("charge", "refund") and obj.get("payment_intent"):
            self.by_intent.setdefault(f"{kind}:{obj['payment_intent']}", {})[ident] = obj

    @staticmethod
    def _open(data_file: str) -> sqlite3.Connection:
        connection = sqlite3.connect(data_file, check_same_thread=False)
        connection.execute("PRAGMA journal_mode = WAL")
        # A killed process loses nothing that was committed; only a power cut could.
        connection.execute("PRAGMA synchronous = OFF")
        connection.execute(
            "CREATE TABLE IF NOT EXISTS objects (id TEXT PRIMARY KEY, kind TEXT, seq INTEGER, body TEXT)"
        )
        connection.execute("CREATE TABLE IF NOT EXISTS meta (name TEXT PRIMARY KEY, value INTEGER)")
        connection.commit()
        return connection

    def _load(self) -> None:
        if self._file is None:
            return
        for kind, sequence, body in self._file.execute("SELECT kind, seq, body FROM objects ORDER BY seq"):
            obj: Obj = json.loads(body)
            self.kinds[kind][obj["id"]] = obj
            self._sequence = max(self._sequence, sequence)
            self._index(obj)
