"""Thousands of lives of a shop with payment plans: whatever happens in whatever order, every penny is taken once.

``make statemachine`` runs 2,000 of them, ``make statemachine EXAMPLES=20000`` more; plain ``pytest`` a few, each time
the same. The file docs/reliability.rst says what was run and found.
"""

import gc
import logging
import os
from collections import Counter
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

import pytest
from django.conf import settings as django_settings
from hypothesis import HealthCheck, Phase, seed, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, run_state_machine_as_test

from checkout import gateway
from checkout.models import Event
from checkout.simulator.engine import Simulator
from checkout.simulator.fixtures import Payer
from checkout.tests import contract
from example_checkout.tests.machine import banks, journal, lines, truth
from example_checkout.tests.machine.people import CARDS, PRICES, WHO
from example_checkout.tests.machine.postman import WAYS
from example_checkout.tests.machine.recovery import Recovery
from example_checkout.tests.machine.world import World, inhabited
from example_checkout.tests.mail import use_backend
from example_checkout.tests.plans import offer_plans

pytestmark = [
    pytest.mark.django_db(transaction=True),
    pytest.mark.slow,
    pytest.mark.statemachine,
    pytest.mark.usefixtures("seldom_collected"),
]

EXAMPLES = int(os.environ.get("STATEMACHINE_EXAMPLES", "40"))
SHARDS = int(os.environ.get("STATEMACHINE_SHARDS", "4"))
FIRST_SEED = int(os.environ.get("STATEMACHINE_SEED", "1"))
SHRINK = os.environ.get("STATEMACHINE_SHRINK", "1") == "1"
STEPS = 20
# Every so many examples all that was said is held against Stripe's contract, which takes longer than the example.
CHECK_CONTRACT_EVERY = 50

STARTS = st.sampled_from(
    [
        datetime(2026, 5, 4, 10, tzinfo=UTC),
        datetime(2026, 1, 31, 23, 50, tzinfo=UTC),
        datetime(2026, 3, 15, 12, tzinfo=UTC),
        datetime(2026, 3, 16, 0, 5, tzinfo=UTC),
        datetime(2026, 10, 25, 0, 30, tzinfo=UTC),
        datetime(2026, 12, 31, 23, 58, tzinfo=UTC),
        datetime(2028, 2, 29, 12, tzinfo=UTC),
    ]
)
TERMS = st.sampled_from([(25, 3, 1), (10, 2, 1), (33, 1, 2), (50, 4, 1)])

# The last is what the networks' own limit is for.
RETRIES = st.sampled_from([(3, 5, 7), (3, 5, 7), (1, 1), (1,) * 40])

_world: list[World] = []
_totals: Counter[str] = Counter()


class ShopMachine(Recovery, RuleBasedStateMachine):
    """One life: it begins with a sign-up, goes on as it comes, and ends with everything being put right."""

    def __init__(self) -> None:
        super().__init__()
        self.world = _world[-1]
        self.tasks, self.asked_for, self.charged, self.asked_back = [], [], [], []
        self.sound = False

    @initialize(
        start=STARTS,
        skew=st.sampled_from([0, -50, 50]),
        terms=TERMS,
        retries=RETRIES,
        hears=st.sampled_from(WAYS),
        who=WHO,
        price=PRICES,
        card=CARDS,
        customers=st.integers(1, 2),
    )
    def open_shop(
        self,
        start: datetime,
        skew: int,
        terms: tuple[int, int, int],
        retries: tuple[int, ...],
        hears: str,
        who: int,
        price: tuple[str, str],
        card: str,
        customers: int,
    ) -> None:
        """A plan to offer, and the first customers."""
        self.world.begin(start, skew)
        self.world.simulator.record = _totals["examples"] % CHECK_CONTRACT_EVERY == 0
        journal.forget()
        self.world.post.open(hears)
        self.pay = Payer(self.world.simulator)
        self.truth = truth.Truth(self.world)
        django_settings.CHECKOUT_RETRY_DAYS = retries
        offer_plans(deposit=terms[0], count=terms[1], interval=terms[2])
        for number in range(customers):
            self.sign_up_and_come_back(who + number, price, card, "complete", 0, None)

    @invariant()
    def everything_holds(self) -> None:
        """After each step."""
        self.sound = False
        self.world.facts["steps"] += 1
        self.now = self.truth.check()
        self.sound = True

    def teardown(self) -> None:
        """Put everything right, unless something is known to be wrong: that is then what is reported."""
        if self.world.broken or not self.sound:
            return
        for one, times in self.asked_for:
            struck = times - max(one.times or 0, 0)
            self.world.facts[f"struck {one.name}"] += struck
        self.recover()
        self._count()
        if self.world.simulator.record:
            assert contract.check_exchanges(self.world.simulator) == []

    def _count(self) -> None:
        facts = self.world.facts
        facts["charged"] = len(self.now.charges)
        facts["attempts without the customer"] = len(self.world.tried)
        facts["noes"] = sum(one.no is not None for one in self.world.tried)
        facts["noes for good"] = sum(banks.for_good(one.no) for one in self.world.tried)
        facts["intents taken over"] = len(self.now.taken_over)
        facts["cards refreshed"] = sum(one.is_card_refresh and one.succeeded for one in self.now.checkouts)
        facts["amounts of staff"] = len(self.now.payments)
        facts["amounts of staff, paid"] = sum(one.state_id == "success" for one in self.now.payments)
        for notice in self.now.notices:
            facts[f"notice {notice.state}"] += 1
            facts[f"notice of {notice.kind}"] += 1
        facts["notices in doubt"] = sum(one.in_doubt for one in self.now.notices)
        facts["signed up"] = len(self.signed_up())
        facts["plans deleted"] = sum(one.deleted for one in self.now.plans.values())
        facts["by hand"] = sum(one.is_manual and one.succeeded for one in self.now.checkouts)
        facts["paid in the browser"] = sum(one.is_pay_on_session and one.succeeded for one in self.now.checkouts)
        facts["paid in full"] = sum(
            bool(parts) and all(part.state_id == "success" for part in parts) for parts in self.now.parts.values()
        )
        self._count_what_came_after()
        _totals["examples"] += 1
        for name, count in facts.items():
            _totals[f"{name}, in all"] += count
            _totals[f"{name}, examples"] += count > 0

    def _count_what_came_after(self) -> None:
        facts = self.world.facts
        facts["refunds by staff"] = sum(one.by_staff for one in self.now.refunds)
        facts["refunds found at Stripe"] = sum(not one.by_staff for one in self.now.refunds)
        facts["disputes"] = len(self.now.disputes)
        for row in (*self.now.refunds, *self.now.disputes, *self.now.events):
            facts[f"{row._meta.verbose_name} {row.state}"] += 1
        facts["events fetched"] = sum(one.source == Event.BACKFILL for one in self.now.events)


@pytest.fixture
def seldom_collected() -> Iterator[None]:
    """Each life leaves little rubbish in cycles, and to look for it through all of Django takes a tenth of the time."""
    before = gc.get_threshold()
    gc.freeze()
    gc.set_threshold(50_000, 20, 50)
    yield
    gc.set_threshold(*before)
    gc.unfreeze()


@pytest.fixture
def world(stripe_simulator: Simulator, settings: Any, monkeypatch: pytest.MonkeyPatch) -> Iterator[World]:
    """A shop without any past, in a database where what is committed stays."""
    logging.disable(logging.CRITICAL)
    settings.CHECKOUT_STRIPE_HTTP_CLIENT = "example_checkout.tests.machine.world.wire"
    use_backend(settings, "example_checkout.tests.machine.mailbox.backend")
    # put back at the end; each life has its own
    settings.CHECKOUT_RETRY_DAYS = (3, 5, 7)
    settings.CHECKOUT_WEBHOOK_SECRETS = []
    settings.CHECKOUT_EVENT_WORKER = False
    stripe_simulator.record = False
    made = World(stripe_simulator)
    journal.keep()
    lines.install(made, monkeypatch)
    with inhabited(made, monkeypatch):
        gateway.reset()
        _world.append(made)
        yield made
        _world.pop()
    made.simulator.reset()
    journal.drop()
    gateway.reset()
    logging.disable(logging.NOTSET)


@pytest.mark.parametrize("shard", range(SHARDS))
def test_every_penny_is_taken_once(world: World, shard: int, record_property: Any) -> None:
    _totals.clear()
    machine = seed(FIRST_SEED + shard)(type(f"Shop{shard}", (ShopMachine,), {}))
    try:
        run_state_machine_as_test(
            machine,
            settings=settings(
                max_examples=-(-EXAMPLES // SHARDS),
                stateful_step_count=STEPS,
                deadline=None,
                database=None,
                print_blob=False,
                phases=(Phase.generate, Phase.shrink) if SHRINK else (Phase.generate,),
                report_multiple_bugs=False,
                suppress_health_check=list(HealthCheck),
            ),
        )
    finally:
        # also where it failed: after how many
        record_property("statemachine", dict(_totals))
    assert _totals["examples"] >= EXAMPLES // SHARDS
