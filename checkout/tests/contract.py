"""Check the simulator's traffic against Stripe's own contract, where that is at hand.

The checker is no part of this repository: it lies in ``../shared/contract`` beside it. Where it is missing,
a developer is told loudly at the end of the run; a CI run (the environment variable ``CI``) fails.
"""

import functools
import importlib.util
import os
import sys
from collections.abc import Iterable, Mapping
from pathlib import Path
from types import ModuleType
from typing import Any

CHECKER = Path(__file__).resolve().parents[2].parent / "shared" / "contract" / "stripe_contract.py"
MISSING = "STRIPE'S CONTRACT WAS NOT CHECKED: there is no ../shared/contract/stripe_contract.py beside the repository"


def available() -> bool:
    """Whether the checker is at hand; where it must be, its absence fails."""
    return load_contract() is not None


@functools.cache
def load_contract() -> ModuleType | None:
    """The checker's module, or None where it is not at hand."""
    if not CHECKER.exists():
        assert not os.environ.get("CI"), MISSING
        return None
    spec = importlib.util.spec_from_file_location("stripe_contract", CHECKER)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules["stripe_contract"] = module
    spec.loader.exec_module(module)
    return module


def check_exchanges(simulator: Any, requests: bool = False) -> list[str]:
    """What is out of contract in all that a recording simulator exchanged and announced."""
    return violations(simulator.exchanges, simulator.events, requests)


def violations(
    exchanges: Iterable[Mapping[str, Any]], events: Iterable[Mapping[str, Any]] = (), requests: bool = False
) -> list[str]:
    """What is out of contract in exchanges and events; empty when nothing is.

    Answers are always checked, and whether a wrong request was accepted. ``requests`` also complains about
    every wrong request that was refused, for tests of code that should never send one.
    """
    module = load_contract()
    if module is None:
        return []
    wrong = []
    for exchange in exchanges:
        wrong += [f"{exchange['method']} {exchange['path']}: {text}" for text in _check(module, exchange, requests)]
    for event in events:
        wrong += [f"event {event['type']}: {text}" for text in module.check_object(event)]
    return wrong


def _check(module: ModuleType, exchange: Mapping[str, Any], requests: bool) -> list[str]:
    method, path, status, body = (exchange[name] for name in ("method", "path", "status", "body"))
    if module.default_contract().endpoint(method, path) is None and (status < 400 or path == "/v1/account"):
        # The reduced contract lacks the operation, but knows the object that it answers.
        known = body.get("object") not in (None, "account", "list") and not body.get("deleted")
        return list(module.check_object(body)) if known else []
    if exchange["browser"]:
        # Stripe.js sends parameters that the contract of the server's API does not have.
        return list(module.check_response(method, path, status, body))
    found = module.check_exchange(dict(exchange))
    return [*found["response"], *(found["request"] if requests else ())]
