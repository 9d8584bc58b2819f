"""Running what a site brings: its mail backend, its templates, its rules. They may raise anything."""

from collections.abc import Callable
from typing import TypeVar

Value = TypeVar("Value")


def tried(work: Callable[[], Value]) -> tuple[Value | None, Exception | None]:
    """What ``work`` returned and None; or None and what it raised: the caller decides what follows, and goes on."""
    try:
        return work(), None
    except Exception as error:  # noqa: BLE001, whoever calls this says what it means
        return None, error
