"""The simulator's limit of requests a second: what is refused, for how long, and what that leaves behind."""

import http.client
import json
from typing import Any
from urllib.parse import urlsplit

import pytest
import stripe
from freezegun import freeze_time

from checkout.simulator import __main__ as command
from checkout.simulator.engine import Simulator
from checkout.simulator.rate import RateLimit
from checkout.simulator.server import LiveServer

from .simulated import SECRET, World

CREATE = "/v1/payment_intents"
GOOD = "amount=2000&currency=gbp"


class Wall:
    """A wall clock that only a test moves, in seconds."""

    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def wall() -> Wall:
    return Wall()


@pytest.fixture
def world(wall: Wall) -> World:
    """A simulated account that takes three requests a second."""
    made = World()
    made.simulator._rate_limit = RateLimit(3, wall)
    return made


def statuses(world: World, count: int) -> list[int]:
    return [world.send("POST", CREATE, GOOD)[0] for _ in range(count)]


def test_no_limit_unless_it_is_set() -> None:
    assert Simulator().rate is None
    assert statuses(World(), 200) == [200] * 200


def test_the_window_slides(world: World, wall: Wall) -> None:
    assert statuses(world, 2) == [200, 200]
    wall.now += 0.6
    assert statuses(world, 2) == [200, 429]
    wall.now += 0.39
    assert statuses(world, 1) == [429], "the first second is not over"
    wall.now += 0.01
    assert statuses(world, 3) == [200, 200, 429], "two of the first three are a second old"


def test_a_refusal_uses_nothing_up(world: World, wall: Wall) -> None:
    assert statuses(world, 50) == [200] * 3 + [429] * 47
    wall.now += 1
    assert statuses(world, 4) == [200, 200, 200, 429]


def test_what_it_answers_is_what_the_trouble_answers(world: World) -> None:
    world.simulator.trouble.add("rate_limit")
    trouble = world.send("POST", CREATE, GOOD)
    assert statuses(world, 3) == [200] * 3, "what trouble refuses uses nothing up"
    refused = world.send("POST", CREATE, GOOD)
    assert refused[:2] == trouble[:2]
    assert refused[0] == 429
    with pytest.raises(stripe.RateLimitError):
        world.customer()
    assert world.send("GET", "/v1/customers")[0] == 429, "reading counts as well"


def test_the_key_stays_free(world: World, wall: Wall) -> None:
    keyed = {**SECRET, "Idempotency-Key": "a"}
    statuses(world, 3)
    assert world.send("POST", CREATE, GOOD, keyed)[0] == 429
    wall.now += 1
    status, intent, answer = world.send("POST", CREATE, GOOD, keyed)
    assert status == 200
    assert "Idempotent-Replayed" not in answer.headers
    assert statuses(world, 2) == [200, 200]
    assert world.send("POST", CREATE, GOOD, keyed)[0] == 429, "the limit comes before the kept answer"
    wall.now += 1
    assert world.send("POST", CREATE, GOOD, keyed)[1]["id"] == intent["id"]


def test_the_simulated_clock_does_not_matter(world: World) -> None:
    statuses(world, 3)
    world.simulator.clock.advance(86400)
    assert statuses(world, 1) == [429]


def test_frozen_time_does_not_matter() -> None:
    world = World(rate=100)
    with freeze_time("2026-01-01"):
        first = world.simulator._rate_limit._clock()
        assert first != 0
        assert any(world.simulator._rate_limit._clock() > first for _ in range(1_000_000))


def test_the_rate_changes_while_it_runs(world: World, wall: Wall) -> None:
    assert statuses(world, 4)[-1] == 429
    world.simulator.rate = None
    assert statuses(world, 10) == [200] * 10
    world.simulator.rate = 1
    assert statuses(world, 2) == [200, 429]


@pytest.mark.parametrize(("rate", "wait"), [(0.5, 2), (0.25, 4), (1, 1), (1.9, 1)])
def test_fractions(world: World, wall: Wall, rate: float, wait: float) -> None:
    world.simulator.rate = rate
    assert statuses(world, 2) == [200, 429]
    wall.now += wait - 0.01
    assert statuses(world, 1) == [429]
    wall.now += 0.01
    assert statuses(world, 1) == [200]


@pytest.mark.parametrize("rate", [0, -1, float("nan"), float("inf")])
def test_a_rate_that_is_none(rate: float) -> None:
    with pytest.raises(ValueError, match="above 0"):
        Simulator(rate=rate)


def test_refusals_are_counted(world: World) -> None:
    statuses(world, 5)
    assert world.simulator.calls == {"POST /v1/payment_intents": 3, "429": 2}


def test_reset_keeps_the_rate_and_forgets_the_second(world: World) -> None:
    statuses(world, 4)
    world.simulator.reset()
    assert world.simulator.rate == 3
    assert statuses(world, 4) == [200, 200, 200, 429]


def control(server: LiveServer, method: str, name: str, body: str | None = None) -> tuple[int, Any]:
    connection = http.client.HTTPConnection(urlsplit(server.url).netloc, timeout=10)
    try:
        connection.request(method, f"/_simulator/{name}", body=body)
        answer = connection.getresponse()
        return answer.status, json.loads(answer.read())
    finally:
        connection.close()


def test_over_http() -> None:
    with LiveServer(rate=25) as server:
        assert server.simulator.rate == 25
        assert control(server, "POST", "rate", '{"per_second": 0.001}') == (200, {"per_second": 0.001})
        refused = [server.simulator.handle("GET", "/v1/customers", SECRET, b"").status for _ in range(2)]
        assert refused == [200, 429]
        assert control(server, "GET", "calls")[1]["calls"]["429"] == 1
        for body in ("{}", '{"per_second": 0}', '{"per_second": "x"}', '{"per_second": true}', '{"per_second": NaN}'):
            status, answer = control(server, "POST", "rate", body)
            assert status == 400
            assert "per_second" in answer["error"]["message"]
        assert server.simulator.rate == 0.001
        assert control(server, "POST", "rate", '{"per_second": null}') == (200, {"per_second": None})
        assert server.simulator.rate is None


@pytest.mark.parametrize("text", ["0", "-1", "many", "nan", "inf"])
def test_the_command_refuses_nonsense(text: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        command.main(["--rate", text])
    assert "is not a number of requests a second above 0" in capsys.readouterr().err


def test_the_command_takes_a_rate() -> None:
    assert command._parser().parse_args(["--rate", "25"]).rate == 25
    assert command._parser().parse_args([]).rate is None
