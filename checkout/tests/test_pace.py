"""The pace of a payment run, against a Stripe with a limit. All in simulated time (``pace_world``) but for one test."""

import threading
from collections.abc import Callable
from itertools import pairwise

import pytest
from django.core.exceptions import ImproperlyConfigured
from django.test import override_settings

from checkout.conf import settings
from checkout.pace import LocalStore, Pace, SharedStore, pace_from_settings

from .pace_world import FakeTime, World, most_in_a_second


class TestThroughput:
    @pytest.mark.parametrize(
        ("limit", "ceiling", "jobs", "wanted"),
        [
            (100, 100, 2000, 97),
            (100, 140, 2000, 97),
            (100, 1000, 2000, 97),
            (25, 100, 2000, 24.3),
            (25, 1000, 2000, 24.3),
            (10, 100, 600, 9.5),
            (10, 1000, 600, 9.5),
            (3, 1000, 180, 2.5),
        ],
    )
    @pytest.mark.parametrize("refusal_latency", [0.2, 0.01])
    def test_near_the_limit(
        self, limit: float, ceiling: float, jobs: int, wanted: float, refusal_latency: float
    ) -> None:
        world = World(limit, refusal_latency=refusal_latency)
        run = world.run(ceiling, jobs=jobs)
        assert run.charged == jobs
        assert run.per_second >= wanted
        steady = (world.refused(10, 1e9), world.accepted(10, 1e9))
        assert steady[0] <= 0.03 * sum(steady) or limit < 10

    @pytest.mark.parametrize("seed", [1, 2, 3])
    @pytest.mark.parametrize(("limit", "ceiling", "wanted"), [(100, 100, 95), (100, 1000, 95), (25, 1000, 24)])
    def test_calls_that_are_late_on_the_way(self, limit: float, ceiling: float, wanted: float, seed: int) -> None:
        world = World(limit)
        run = world.run(ceiling, jitter=0.002, stall=0.02, seed=seed)
        assert run.per_second >= wanted
        assert world.refused(10, 1e9) <= 0.03 * world.accepted(10, 1e9)

    @pytest.mark.parametrize(("limit", "ceiling", "wanted"), [(100, 100, 85), (100, 1000, 85), (25, 100, 22)])
    def test_a_machine_that_stands_still_now_and_then(self, limit: float, ceiling: float, wanted: float) -> None:
        """What was refused in a heap says little about the limit: the rate is soon back."""
        assert World(limit, stands_still=(7, 0.3)).run(ceiling).per_second >= wanted

    def test_without_a_limit_it_slows_nothing(self) -> None:
        assert World(None).run(1000).per_second >= 0.99 * 40 / 0.2

    def test_a_single_line_is_as_fast_as_it_can(self) -> None:
        assert World(100).run(1000, jobs=100, lines=1).per_second >= 4.95

    def test_answers_that_take_long(self) -> None:
        assert World(25, latency=0.6).run(1000, jobs=1500).per_second >= 24


class TestCeiling:
    @pytest.mark.parametrize("ceiling", [1, 3, 10, 100, 333])
    def test_never_more_in_any_second(self, ceiling: int) -> None:
        world = World(None)
        world.run(ceiling, jobs=ceiling * 10, lines=1000, stall=0.04)
        assert world.stripe.most_in_a_second() == ceiling

    @pytest.mark.parametrize(("ceiling", "seconds"), [(0.5, 2), (2.5, 0.4)])
    def test_fractions(self, ceiling: float, seconds: float) -> None:
        world = World(None)
        world.run(ceiling, jobs=10)
        calls = world.stripe.calls
        assert [b - a for a, b in pairwise(calls)] == pytest.approx([seconds] * 9, abs=0.001)

    def test_evenly_spaced(self) -> None:
        world = World(None)
        world.run(100, jobs=300)
        calls = world.stripe.calls
        assert [b - a for a, b in pairwise(calls)] == pytest.approx([0.01] * 299, abs=1e-6)

    @pytest.mark.parametrize("ceiling", [0, -1, float("nan")])
    def test_nonsense(self, ceiling: float) -> None:
        with pytest.raises(ValueError, match="above 0"):
            Pace(ceiling=ceiling)


class TestChange:
    def test_the_limit_is_lifted(self) -> None:
        world = World(25)
        world.later(20, None)
        world.run(100, jobs=10**6, until=world.began + 50)
        assert world.accepted(10, 20) >= 235
        assert world.accepted(45, 50) >= 490, "the longer it goes well the faster it grows"

    @pytest.mark.parametrize("ceiling", [100, 1000])
    def test_the_limit_is_lowered(self, ceiling: float) -> None:
        world = World(100)
        world.later(20, 25)
        world.run(ceiling, jobs=10**6, until=world.began + 50)
        assert world.accepted(20, 21) < 25, "Stripe's window was full"
        assert world.accepted(22, 50) >= 0.95 * 25 * 28
        assert world.refused(20, 22) <= 100
        assert world.refused(22, 50) <= 0.03 * 25 * 28

    @pytest.mark.parametrize("start", [0, 10])
    def test_everything_is_refused_for_a_while(self, start: float) -> None:
        world = World(100)
        world.later(start, 0)
        world.later(start + 30, 100)
        world.run(100, jobs=10**6, until=world.began + start + 50)
        assert world.refused(start + 2, start + 30) <= 14, "hardly more than one in four seconds"
        assert world.refused(start + 2, start + 30) >= 6, "but it keeps trying"
        assert world.accepted(start + 40, start + 50) >= 950

    def test_refused_and_idle_is_forgotten(self) -> None:
        world = World(0)
        pace = world.pace(100)
        ticket = pace.wait()
        assert ticket is not None
        pace.limited(ticket)
        assert pace.rate == 1
        world.time.sleep(121)
        assert pace.rate == 100


class TestCut:
    @pytest.fixture
    def time(self) -> FakeTime:
        return FakeTime()

    @pytest.fixture
    def pace(self, time: FakeTime) -> Pace:
        return Pace(ceiling=100, clock=time, sleep=time.sleep)

    def tickets(self, pace: Pace, count: int) -> list[float]:
        found = [pace.wait() for _ in range(count)]
        assert None not in found
        return [ticket for ticket in found if ticket is not None]

    def test_calls_in_flight_cut_once(self, time: FakeTime, pace: Pace) -> None:
        sent = self.tickets(pace, 40)
        assert pace.rate == 100
        for ticket in sent[:25]:
            pace.succeeded(ticket)
        pace.limited(sent[25])
        cut = pace.rate
        assert cut <= 25
        for ticket in sent[26:]:
            pace.limited(ticket)
        assert pace.rate == cut

    def test_success_from_before_does_not_bring_it_back_but_one_from_after_does(
        self, time: FakeTime, pace: Pace
    ) -> None:
        sent = self.tickets(pace, 30)
        pace.limited(sent[25])
        cut = pace.rate
        pace.succeeded(sent[29])
        assert pace.rate == cut
        (after,) = self.tickets(pace, 1)
        pace.succeeded(after)
        assert 25 <= pace.rate <= 26

    def test_each_refusal_after_a_cut_cuts_again(self, time: FakeTime, pace: Pace) -> None:
        ticket = self.tickets(pace, 1)[0]
        rates = []
        for _ in range(5):
            pace.limited(ticket)
            rates.append(pace.rate)
            ticket = self.tickets(pace, 1)[0]
        assert rates == [1, 0.5, 0.25, 0.25, 0.25]

    def test_answers_in_any_order(self, time: FakeTime, pace: Pace) -> None:
        sent = self.tickets(pace, 40)
        pace.limited(sent[10])
        pace.limited(sent[30])
        (after,) = self.tickets(pace, 1)
        pace.succeeded(after)
        assert 28 <= pace.rate <= 31, "more was taken after the first that was refused"

    def test_a_refusal_long_after(self, time: FakeTime, pace: Pace) -> None:
        sent = self.tickets(pace, 500)
        time.sleep(30)
        pace.limited(sent[0])
        assert pace.rate >= 0.25


class TestGivingUp:
    def test_while_it_waits(self) -> None:
        time = FakeTime()
        pace = Pace(ceiling=0.1, clock=time, sleep=time.sleep)
        pace.wait()
        asked: list[float] = []

        def give_up() -> bool:
            asked.append(time.now)
            return time.now >= 1003

        assert pace.wait(give_up=give_up) is None
        assert max(b - a for a, b in pairwise(asked)) <= 0.2 + 1e-9
        assert time.now < 1003.3
        assert pace.wait() == pytest.approx(1010), "a turn that was given up is not lost"

    def test_in_the_queue(self) -> None:
        pace = Pace(ceiling=100)
        with pace._turn:
            assert pace.wait(give_up=lambda: True) is None
        assert pace.wait() is not None


def test_threads_of_one_process() -> None:
    """In real time, a quarter of a second: every call has its turn, and its own."""
    pace = Pace(ceiling=200)
    sent: list[float] = []

    def work() -> None:
        for _ in range(6):
            ticket = pace.wait()
            assert ticket is not None
            sent.append(ticket)
            pace.succeeded(ticket)

    threads = [threading.Thread(target=work) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(set(sent)) == 48
    assert most_in_a_second(sorted(sent)) <= 200


class TestSettings:
    @pytest.mark.parametrize("name", ["CHECKOUT_STRIPE_RATE", "CHECKOUT_STRIPE_CONCURRENCY"])
    @pytest.mark.parametrize("value", [0, -1, "many", None, float("nan"), float("inf")])
    def test_nonsense(self, name: str, value: object) -> None:
        read: Callable[[], object] = lambda: (settings.stripe_rate, settings.stripe_concurrency)  # noqa: E731
        with override_settings(**{name: value}), pytest.raises(ImproperlyConfigured, match=f"{name} is"):
            read()

    def test_a_part_of_a_call(self) -> None:
        with override_settings(CHECKOUT_STRIPE_CONCURRENCY=1.5), pytest.raises(ImproperlyConfigured, match="whole"):
            _ = settings.stripe_concurrency

    def test_defaults(self) -> None:
        assert (settings.stripe_rate, settings.stripe_concurrency, settings.pace_cache) == (100, 40, "default")

    @pytest.mark.parametrize(
        ("backend", "location", "store"),
        [
            ("locmem.LocMemCache", "a", LocalStore),
            ("dummy.DummyCache", "", LocalStore),
            ("db.DatabaseCache", "cache_table", LocalStore),
            ("filebased.FileBasedCache", "/tmp/cache", LocalStore),  # noqa: S108
            ("redis.RedisCache", "redis://127.0.0.1:1", SharedStore),
        ],
    )
    def test_which_caches_are_shared(self, backend: str, location: str, store: type) -> None:
        caches = {
            "default": {"BACKEND": "django.core.cache.backends.dummy.DummyCache"},
            "other": {"BACKEND": f"django.core.cache.backends.{backend}", "LOCATION": location},
        }
        with override_settings(CACHES=caches, CHECKOUT_PACE_CACHE="other", CHECKOUT_STRIPE_RATE=7):
            pace = pace_from_settings()
            assert type(pace._store) is store
            if store is LocalStore:
                assert pace.rate == 7
