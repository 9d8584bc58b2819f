"""Idempotency keys: the first answer is kept for a day and given again."""

from __future__ import annotations

import hashlib
import json
import time
from typing import Any

from .call import Call
from .errors import StripeFault, invalid
from .store import Obj, Store

_LIFE = 86400
_LONGEST = 255


class Keys:
    """The answers kept under idempotency keys."""

    def __init__(self, store: Store) -> None:
        self._store = store
        # Real-time moments until which the first request with a key still runs, for answers made slow.
        self._busy: dict[str, float] = {}

    @staticmethod
    def fingerprint(method: str, path: str, params: dict[str, Any]) -> str:
        """The same for the same call with the same parameters, in whatever order."""
        text = json.dumps([method, path, params], sort_keys=True, separators=(",", ":"))
        return hashlib.sha256(text.encode()).hexdigest()

    def lookup(self, call: Call, fingerprint: str) -> Obj | None:
        """The kept answer for this request, if there is one; refuses a key used for something else."""
        key = call.idempotency_key
        if key is None:
            return None
        if len(key) > _LONGEST:
            raise invalid(f"Idempotency keys can be up to {_LONGEST} characters long.", kind="idempotency_error")
        kept = self._store.get("key", f"key:{key}")
        if kept is None:
            return None
        if kept["created"] <= call.now - _LIFE:
            self._store.drop(kept)
            return None
        if kept["fingerprint"] != fingerprint:
            raise invalid(
                "Keys for idempotent requests can only be used with the same parameters they were first used "
                f"with. Try using a key other than '{key}' if you meant to execute a different request.",
                kind="idempotency_error",
            )
        if self._busy.get(key, 0) > time.monotonic():
            raise in_use(key)
        return kept

    def keep(self, call: Call, fingerprint: str, status: int, body: bytes, busy: float) -> None:
        """Keep an answer."""
        if call.idempotency_key is None:
            return
        key = call.idempotency_key
        if busy:
            self._busy[key] = time.monotonic() + busy
        self._store.add(
            "key",
            {
                "id": f"key:{key}",
                "created": call.now,
                "fingerprint": fingerprint,
                "request": call.request_id,
                "status": status,
                "body": body.decode(),
            },
        )

    def clear(self) -> None:
        """Forget what is running."""
        self._busy.clear()


def in_use(key: str | None) -> StripeFault:
    """The first request with that key still runs."""
    return StripeFault(
        409,
        f"There is currently another in-progress request using this Idempotent Key ({key}). Please try again later.",
        code="idempotency_key_in_use",
        saved=False,
    )
