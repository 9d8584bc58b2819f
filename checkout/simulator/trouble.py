"""Trouble by name: the things that go wrong between a shop and Stripe, for one call or a share of calls."""

from __future__ import annotations

import random
import threading
from dataclasses import dataclass
from fnmatch import fnmatchcase

CALLS = (
    "decline",
    "authentication",
    "timeout_after_commit",
    "reset_before",
    "conflict",
    "rate_limit",
    "server_error",
    "slow",
)
CODES = ("advice_code", "network_advice_code", "network_decline_code")
ADVICE = ("confirm_card_data", "do_not_try_again", "try_again_later")
EVENTS = ("event_duplicate", "event_reorder", "event_delay", "event_lost")


@dataclass
class Rule:
    """One piece of trouble; ``times`` is None for as long as the rule stands."""

    name: str
    times: int | None = 1
    share: float = 1.0
    path: str | None = None
    method: str | None = "POST"
    code: str | None = None
    delay: float = 0
    #: What a decline carries besides its code: Stripe's advice, and the card network's own words.
    advice_code: str | None = None
    network_advice_code: str | None = None
    network_decline_code: str | None = None


class Trouble:
    """The rules in force. ``share`` draws from a random generator that can be seeded."""

    def __init__(self, seed: int | None = None) -> None:
        self.rules: list[Rule] = []
        self._random = random.Random(seed)  # nosec B311
        self._lock = threading.Lock()

    def seed(self, seed: int) -> None:
        """Make the draws for ``share`` repeatable."""
        self._random.seed(seed)

    def add(
        self,
        name: str,
        *,
        times: int | None = 1,
        share: float = 1.0,
        path: str | None = None,
        method: str | None = "POST",
        code: str | None = None,
        delay: float = 0,
        advice_code: str | None = None,
        network_advice_code: str | None = None,
        network_decline_code: str | None = None,
    ) -> Rule:
        """Ask for trouble. For event trouble ``path`` is matched against the event type.

        The last three are for declines, and show on payment intents alone.
        """
        if name not in CALLS + EVENTS:
            raise ValueError(f"no trouble is called {name!r}; there are {', '.join(CALLS + EVENTS)}")
        if not 0 <= share <= 1:
            raise ValueError("share lies between 0 and 1")
        codes = (advice_code, network_advice_code, network_decline_code)
        _check_codes(name, codes)
        rule = Rule(name, times, share, path, None if name in EVENTS else method, code, delay, *codes)
        with self._lock:
            self.rules.append(rule)
        return rule

    def clear(self) -> None:
        """Drop every rule."""
        with self._lock:
            self.rules.clear()

    def take(self, name: str, method: str, path: str) -> Rule | None:
        """The rule that strikes here, if any; counts it down."""
        if not self.rules:
            return None
        with self._lock:
            for rule in self.rules:
                if rule.name != name or (rule.method and rule.method != method):
                    continue
                if rule.path and not fnmatchcase(path, rule.path):
                    continue
                if rule.share < 1 and self._random.random() >= rule.share:
                    continue
                if rule.times is not None:
                    rule.times -= 1
                    if rule.times <= 0:
                        self.rules.remove(rule)
                return rule
        return None


def _check_codes(name: str, codes: tuple[str | None, str | None, str | None]) -> None:
    if name != "decline" and any(one is not None for one in codes):
        raise ValueError(f"only a decline has {', '.join(CODES)}")
    for key, value in zip(CODES, codes, strict=True):
        # They may come out of JSON, and Stripe's are never numbers.
        if value is not None and (not isinstance(value, str) or not value):
            raise ValueError(f"{key} is a text")
    if codes[0] is not None and codes[0] not in ADVICE:
        raise ValueError(f"advice_code is one of {', '.join(ADVICE)}")
