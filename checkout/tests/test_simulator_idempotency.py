"""Idempotency keys: what is replayed, what is refused, what is not kept."""

from collections.abc import Iterator

import pytest

from .simulated import SECRET, World

CREATE = "/v1/payment_intents"
GOOD = "amount=2000&currency=gbp"
TRUST = "&automatic_payment_methods[enabled]=true&automatic_payment_methods[allow_redirects]=never"
DECLINED = f"{GOOD}&confirm=true&payment_method=pm_card_visa_chargeDeclined{TRUST}"
WRONG_STATE = f"{GOOD}&confirm=true{TRUST}"


@pytest.fixture
def world() -> Iterator[World]:
    made = World()
    yield made
    made.check()


def keyed(key: str) -> dict[str, str]:
    return {**SECRET, "Idempotency-Key": key}


@pytest.mark.parametrize(("sent", "status"), [(GOOD, 200), (DECLINED, 402), (WRONG_STATE, 400)])
def test_the_first_answer_is_given_again(world: World, sent: str, status: int) -> None:
    first = world.send("POST", CREATE, sent, keyed("a"))
    again = world.send("POST", CREATE, sent, keyed("a"))
    assert first[0] == again[0] == status
    assert first[2].body == again[2].body
    assert len(world.v1.payment_intents.list().data) == 1
    assert "Idempotent-Replayed" not in first[2].headers
    assert first[2].headers["Original-Request"] == first[2].headers["Request-Id"]
    assert again[2].headers["Idempotent-Replayed"] == "true"
    assert again[2].headers["Original-Request"] == first[2].headers["Request-Id"] != again[2].headers["Request-Id"]


def test_a_server_error_is_given_again(world: World) -> None:
    world.simulator.trouble.add("server_error")
    assert world.send("POST", CREATE, GOOD, keyed("a"))[0] == 500
    assert world.send("POST", CREATE, GOOD, keyed("a"))[0] == 500
    assert world.send("POST", CREATE, GOOD, keyed("b"))[0] == 200


def test_the_order_of_parameters_does_not_matter(world: World) -> None:
    first = world.send("POST", CREATE, "amount=2000&currency=gbp&expand[0]=customer", keyed("a"))
    again = world.send("POST", CREATE, "expand[]=customer&currency=gbp&amount=2000", keyed("a"))
    assert first[1]["id"] == again[1]["id"]


@pytest.mark.parametrize(("path", "sent"), [(CREATE, "amount=2100&currency=gbp"), ("/v1/customers", "")])
def test_a_key_used_for_something_else(world: World, path: str, sent: str) -> None:
    world.send("POST", CREATE, GOOD, keyed("a"))
    status, body, _ = world.send("POST", path, sent, keyed("a"))
    assert (status, body["error"]["type"]) == (400, "idempotency_error")
    assert not {"code", "param"} & set(body["error"])
    assert len(world.simulator.events) == 1


@pytest.mark.parametrize("wrong", ["amount=0&currency=gbp", "amount=29&currency=gbp", f"{GOOD}&colour=red"])
def test_a_failed_validation_leaves_the_key_free(world: World, wrong: str) -> None:
    assert world.send("POST", CREATE, wrong, keyed("a"))[0] == 400
    assert world.send("POST", CREATE, GOOD, keyed("a"))[0] == 200


@pytest.mark.parametrize(("name", "status"), [("conflict", 409), ("rate_limit", 429)])
def test_a_refusal_before_the_work_leaves_the_key_free(world: World, name: str, status: int) -> None:
    world.simulator.trouble.add(name)
    assert world.send("POST", CREATE, GOOD, keyed("a"))[0] == status
    assert world.send("POST", CREATE, GOOD, keyed("a"))[0] == 200


def test_a_key_in_flight(world: World) -> None:
    world.simulator.trouble.add("slow", delay=3600)
    assert world.send("POST", CREATE, GOOD, keyed("a"))[2].delay == 3600
    status, body, answer = world.send("POST", CREATE, GOOD, keyed("a"))
    assert (status, body["error"]["code"]) == (409, "idempotency_key_in_use")
    assert answer.headers["Stripe-Should-Retry"] == "true"


def test_latency_counts_as_in_flight(world: World) -> None:
    def send() -> int:
        return world.simulator.handle("POST", CREATE, keyed("a"), GOOD.encode(), latency=3600).status

    assert [send(), send()] == [200, 409]


def test_a_key_is_new_after_a_day(world: World) -> None:
    first = world.send("POST", CREATE, GOOD, keyed("a"))[1]["id"]
    world.simulator.clock.advance(86400 - 60)
    assert world.send("POST", CREATE, GOOD, keyed("a"))[1]["id"] == first
    world.simulator.clock.advance(120)
    assert world.send("POST", CREATE, GOOD, keyed("a"))[1]["id"] != first


def test_a_replay_outlives_its_object(world: World) -> None:
    made = world.send("POST", "/v1/customers", "", keyed("a"))[1]["id"]
    world.v1.customers.delete(made)
    assert world.send("POST", "/v1/customers", "", keyed("a"))[1]["id"] == made


def test_a_key_may_have_255_characters(world: World) -> None:
    assert world.send("POST", CREATE, GOOD, keyed("k" * 255))[0] == 200
    assert world.send("POST", CREATE, GOOD, keyed("k" * 256))[0] == 400
