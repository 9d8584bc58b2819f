"""The contract check of this suite runs, and it bites."""

import copy
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from . import contract
from .simulated import World

pytestmark = pytest.mark.slow
TOP = Path(__file__).resolve().parents[2]
BROKEN = """
from checkout.simulator.engine import Simulator

def test_exchange():
    simulator = Simulator()
    simulator.handle("GET", "/v1/payment_intents", {"Authorization": "Bearer sk_test_1"}, b"")
    simulator.exchanges[0]["body"]["object"] = BODY
"""


@pytest.fixture
def exchange() -> dict[str, Any]:
    world = World()
    world.pay()
    return copy.deepcopy(world.simulator.exchanges[0])


def test_a_right_exchange_is_not_reported(exchange: dict[str, Any]) -> None:
    assert contract.violations([exchange], requests=True) == []


@pytest.mark.parametrize(
    ("field", "value"), [("status", "paid"), ("amount", "2000"), ("colour", "red"), ("latest_charge", 7)]
)
def test_a_wrong_answer_is_reported(exchange: dict[str, Any], field: str, value: Any) -> None:
    exchange["body"][field] = value
    assert bool(contract.violations([exchange])) is contract.available()


def test_a_wrong_request_that_was_accepted_is_reported(exchange: dict[str, Any]) -> None:
    exchange["params"] += "&payment_method_types[0]=card"
    assert bool(contract.violations([exchange])) is contract.available()


def test_a_wrong_event_is_reported() -> None:
    world = World()
    world.create()
    event = world.simulator.events[0]
    assert contract.violations([], [event]) == []
    event["data"]["object"]["amount"] = None
    assert bool(contract.violations([], [event])) is contract.available()


@pytest.mark.parametrize(("body", "failed"), [('"list"', 0), ('"heap"', 1)])
def test_every_test_is_held_against_the_contract(tmp_path: Path, body: str, failed: int) -> None:
    test = tmp_path / "test_exchange.py"
    test.write_text(BROKEN.replace("BODY", body))
    command = [sys.executable, "-m", "pytest", "-q", "-p", "conftest", "-p", "no:cacheprovider", "-c", "pytest.ini"]
    run = subprocess.run([*command, "--rootdir", str(TOP), str(test)], cwd=TOP, capture_output=True, text=True)
    assert run.returncode == (failed if contract.available() else 0), run.stdout
    assert ("not as Stripe's contract says" in run.stdout) is bool(failed and contract.available())
