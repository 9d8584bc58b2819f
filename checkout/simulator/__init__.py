"""A small stateful Stripe for the demo and for tests: never for production.

Importing this package is cheap: the names below are loaded when they are first used.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from checkout.simulator.client import SimulatorHTTPClient
    from checkout.simulator.engine import Simulator

__all__ = ["Simulator", "SimulatorHTTPClient"]

_HOMES = {
    "Simulator": "checkout.simulator.engine",
    "SimulatorHTTPClient": "checkout.simulator.client",
}


def __getattr__(name: str) -> Any:
    """Load ``Simulator`` or ``SimulatorHTTPClient`` on first use."""
    home = _HOMES.get(name)
    if home is None:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(home), name)
