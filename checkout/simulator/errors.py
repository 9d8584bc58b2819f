"""What the simulator raises: errors that Stripe would answer, and trouble on the wire."""

from __future__ import annotations

from typing import Any


class StripeFault(Exception):
    """An error that is answered as ``{"error": {...}}``.

    ``saved`` says whether the answer is kept under the idempotency key: it is, unless execution never began.
    """

    def __init__(
        self,
        status: int,
        message: str,
        *,
        kind: str = "invalid_request_error",
        code: str | None = None,
        param: str | None = None,
        saved: bool = True,
        **extra: Any,
    ) -> None:
        super().__init__(message)
        self.status = status
        self.saved = saved
        fields: dict[str, Any] = {"type": kind, "code": code, "param": param, "message": message, **extra}
        if code:
            fields["doc_url"] = f"https://stripe.com/docs/error-codes/{code.replace('_', '-')}"
        self.fields = {name: value for name, value in fields.items() if value is not None}


class ConnectionLost(Exception):
    """The door drops the connection: the work was done (``after_commit``) or never began."""

    def __init__(self, after_commit: bool) -> None:
        super().__init__("the answer was lost" if after_commit else "the connection was reset")
        self.after_commit = after_commit


def invalid(message: str, *, code: str | None = None, param: str | None = None, **extra: Any) -> StripeFault:
    """A 400 that is found before execution begins, and so is not saved under the idempotency key."""
    return StripeFault(400, message, code=code, param=param, saved=False, **extra)


def refused(message: str, *, code: str | None = None, param: str | None = None, **extra: Any) -> StripeFault:
    """A 400 that comes out of the work itself (wrong state, ownership), and so is saved."""
    return StripeFault(400, message, code=code, param=param, **extra)


def missing(what: str, ident: str, param: str, status: int = 404) -> StripeFault:
    """No such object."""
    return StripeFault(status, f"No such {what}: '{ident}'", code="resource_missing", param=param)
