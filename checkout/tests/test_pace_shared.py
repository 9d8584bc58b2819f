"""One pace for several processes: three paces that share a cache, in simulated time (``pace_world``)."""

import logging
import os
import uuid
from collections.abc import Iterator
from typing import Any

import pytest
from django.core.cache.backends.base import BaseCache
from django.core.cache.backends.locmem import LocMemCache

from .pace_world import Run, World, most_in_a_second

REDIS = "redis://127.0.0.1:6379/9"


def redis_cache() -> BaseCache:
    """The Redis of this machine, under keys of its own. It may be missing, but not where ``CI`` is set."""
    try:
        import redis
        from django.core.cache.backends.redis import RedisCache

        redis.Redis.from_url(REDIS, socket_connect_timeout=1).ping()
    except (ImportError, OSError, redis.RedisError) as error:
        if os.environ.get("CI"):
            raise
        pytest.skip(f"no Redis here: {error}")
    return RedisCache(REDIS, {"KEY_PREFIX": f"test-{uuid.uuid4()}"})


@pytest.fixture
def cache() -> LocMemCache:
    return LocMemCache(str(uuid.uuid4()), {})


@pytest.fixture(params=["memory", "redis"])
def any_cache(request: pytest.FixtureRequest) -> Iterator[BaseCache]:
    """One cache after the other. Their times to live are real ones, but no test takes so long."""
    made = redis_cache() if request.param == "redis" else LocMemCache(str(uuid.uuid4()), {})
    yield made
    made.close()


def share(world: World, cache: BaseCache, ceiling: float, *, processes: int = 3, **options: Any) -> list[Run]:
    runs = [
        Run(world.time, world.stripe, world.pace(ceiling, cache), seed=number, lines=20, **options)
        for number in range(processes)
    ]
    world.time.run(*[run.work for run in runs])
    return runs


class TestShared:
    def test_together_they_keep_to_the_ceiling(self, any_cache: BaseCache) -> None:
        world = World(None)
        share(world, any_cache, 100, jobs=400)
        assert world.stripe.most_in_a_second() == 100
        assert world.accepted(0, 10) >= 995

    def test_together_they_find_a_limit_in_any_cache(self, any_cache: BaseCache) -> None:
        world = World(25)
        share(world, any_cache, 100, jobs=10**6, until=world.began + 20)
        assert world.accepted(0, 20) >= 0.95 * 25 * 20

    @pytest.mark.parametrize(("limit", "ceiling"), [(100, 1000), (100, 100), (25, 1000), (25, 100)])
    def test_together_they_find_the_limit(self, cache: BaseCache, limit: int, ceiling: float) -> None:
        world = World(limit)
        share(world, cache, ceiling, jobs=10**6, until=world.began + 30, jitter=0.001)
        assert world.accepted(0, 30) >= 0.95 * limit * 30
        assert world.refused(5, 30) <= 0.03 * limit * 25

    def test_one_that_comes_later_knows_already(self, cache: BaseCache) -> None:
        world = World(25)
        share(world, cache, 1000, processes=1, jobs=300)
        before = len(world.stripe.refused)
        share(world, cache, 1000, processes=1, jobs=100)
        assert len(world.stripe.refused) - before <= 3

    def test_everything_is_refused_for_a_while(self, cache: BaseCache) -> None:
        world = World(100)
        world.later(5, 0)
        world.later(25, 100)
        share(world, cache, 100, jobs=10**6, until=world.began + 45)
        assert world.refused(9, 25) <= 10
        assert world.accepted(35, 45) >= 950

    def test_after_a_pause_nobody_makes_up_for_it(self, cache: BaseCache) -> None:
        world = World(None)
        share(world, cache, 100, jobs=20)
        world.time.sleep(20)
        begin = world.time.now
        share(world, cache, 100, jobs=100)
        assert most_in_a_second([at for at in world.stripe.calls if at >= begin]) == 100

    def test_one_dies_and_the_others_go_on(self, cache: BaseCache) -> None:
        world = World(25)
        runs = [
            Run(world.time, world.stripe, world.pace(100, cache), jobs=10**6, until=world.began + end)
            for end in (5, 20, 20)
        ]
        world.time.run(*[run.work for run in runs])
        assert world.accepted(6, 20) >= 0.95 * 25 * 14

    def test_every_entry_runs_out(self) -> None:
        cache = LocMemCache(str(uuid.uuid4()), {})
        share(World(25), cache, 100, jobs=40)
        assert cache._expire_info
        assert None not in cache._expire_info.values()

    def test_the_clock_of_another_machine_is_wrong(self, caplog: pytest.LogCaptureFixture) -> None:
        cache = LocMemCache(str(uuid.uuid4()), {})
        ahead = World(0)
        ahead.time.now += 3600
        share(ahead, cache, 100, processes=1, jobs=1, until=ahead.time.now + 3)
        world = World(25)
        run = share(world, cache, 100, processes=1, jobs=300)[0]
        assert run.per_second >= 22


class Broken(LocMemCache):
    """A cache that can go away: while ``down`` every call raises."""

    down = False

    def __getattribute__(self, name: str) -> Any:
        if name in ("add", "get", "set", "incr", "touch", "get_many") and super().__getattribute__("down"):
            raise ConnectionRefusedError("the cache is gone")
        return super().__getattribute__(name)


class TestCacheFails:
    @pytest.fixture
    def broken(self) -> Broken:
        return Broken(str(uuid.uuid4()), {})

    def test_from_the_start(self, broken: Broken, caplog: pytest.LogCaptureFixture) -> None:
        broken.down = True
        world = World(25)
        (run,) = share(world, broken, 100, processes=1, jobs=600)
        assert run.charged == 600
        assert run.per_second >= 23
        warnings = [record for record in caplog.records if record.levelno >= logging.WARNING]
        assert len(warnings) == 1, "not one for every call"

    def test_on_the_way_and_back(self, broken: Broken, caplog: pytest.LogCaptureFixture) -> None:
        world = World(25)
        world.time.at(world.began + 5, lambda: setattr(broken, "down", True))
        world.time.at(world.began + 15, lambda: setattr(broken, "down", False))
        runs = share(world, broken, 100, processes=2, jobs=10**6, until=world.began + 40)
        assert sum(run.charged for run in runs) >= 0.9 * 25 * 40
        assert world.accepted(28, 40) >= 0.95 * 25 * 12, "together again"
        assert len(caplog.records) == 2, "one for each process"
