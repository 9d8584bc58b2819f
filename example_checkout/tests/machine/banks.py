"""What banks and networks have forbidden: to try a card that was refused for good, a part twice a day, or too often.

Read from the attempts that Stripe has really made (``World.tried``), not from what the site says that it has done.
"""

from collections import Counter, defaultdict
from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any

from django.utils import timezone

from checkout import states
from checkout.models import ObjectPaymentPlanInstalment
from example_checkout.tests.machine.snapshot import Snapshot
from example_checkout.tests.machine.world import Tried, World

# An opinion of its own, for the declines that the machine asks for: ``checkout.declines`` may be wrong.
FOR_GOOD = frozenset({"lost_card", "stolen_card", "fraudulent", "pickup_card"})
NETWORKS = frozenset({"R1", "41", "43"})
MOST, WITHIN = 15, timedelta(days=30)


def for_good(no: Mapping[str, Any] | None) -> bool:
    """Whether a bank's no is one after which the card must not be tried again."""
    if no is None or no.get("decline_code") == "authentication_required":
        return False
    if no.get("decline_code") in FOR_GOOD or no.get("network_decline_code") in NETWORKS:
        return True
    return bool(no.get("advice_code") == "do_not_try_again")


class Banks:
    """The invariants about attempts without the customer."""

    def __init__(self, world: World) -> None:
        self.world = world

    def check(self, now: Snapshot) -> None:
        """After each step."""
        self._keys_of_their_own()
        self._no_refused_card(now)
        self._as_often_as_allowed(now)
        self._refused_by_a_bank(now)

    def _keys_of_their_own(self) -> None:
        attempts = Counter(one.uuid for one in self.world.tried)
        assert set(attempts.values()) <= {1}, f"attempted more than once: {attempts}"
        uuids, keys = (Counter(pair[place] for pair in self.world.keys) for place in (0, 1))
        assert set(uuids.values()) <= {1}, f"asked for under several keys: {uuids}"
        assert set(keys.values()) <= {1}, f"a key for several attempts: {keys}"

    def _no_refused_card(self, now: Snapshot) -> None:
        """From when it is on disk that a card was refused for good, whoever begins does not charge it."""
        known: dict[str, datetime] = {}
        for one in self.world.tried:
            attempt = now.by_uuid.get(one.uuid)
            if for_good(one.no) and attempt is not None and attempt.state_id == states.FAIL and attempt.settled:
                known[one.method] = min(known.get(one.method, attempt.settled), attempt.settled)
        for one in self.world.tried:
            since = known.get(one.method)
            if since is not None:
                claimed = now.by_uuid[one.uuid].created
                wrong = one.began > since or (claimed > since and one.at > since)
                assert not wrong, f"{now.by_uuid[one.uuid]} was charged to {one.method}, refused for good at {since}"

    def _as_often_as_allowed(self, now: Snapshot) -> None:
        tries: dict[int, list[Tried]] = defaultdict(list)
        deposits: set[int] = set()
        for one in self.world.tried:
            attempt = now.by_uuid.get(one.uuid)
            row = now.target.get(attempt.pk) if attempt is not None else None
            if isinstance(row, ObjectPaymentPlanInstalment):
                tries[row.pk].append(one)
                deposits |= {row.pk} if row.deposit else set()
        for pk, those in tries.items():
            # a deposit, for which somebody sits and waits, may be tried with another card at once
            days = Counter((timezone.localdate(one.at), one.method if pk in deposits else "") for one in those)
            assert set(days.values()) <= {1}, f"instalment {pk} was tried twice a day: {days}"
            for last in those if len(those) > MOST else []:
                lately = [one for one in those if last.at - WITHIN < one.at <= last.at and one.method == last.method]
                assert len(lately) <= MOST, f"instalment {pk} was tried {len(lately)} times"

    def _refused_by_a_bank(self, now: Snapshot) -> None:
        """Nobody's card counts as refused for what was said of another one."""
        found: set[str] | None = None
        for customer in now.customers.values():
            if method := customer.refused_payment_method_id:
                found = self._refused(now) if found is None else found
                assert method in found, f"{customer}: no bank has refused {method} for good"

    def _refused(self, now: Snapshot) -> set[str]:
        failed = [one for one in now.stripe["charge"].values() if one["status"] == "failed"]
        noes = [(one["payment_method"], {**one["outcome"], "decline_code": one["outcome"]["reason"]}) for one in failed]
        return {method for method, no in noes if for_good(no)}
