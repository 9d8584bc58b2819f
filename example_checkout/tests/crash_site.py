"""The example site in processes of its own that may be killed, with a Stripe over HTTP in this one."""

import atexit
import functools
import json
import os
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import stripe
from django.db import connection

TOP = Path(__file__).resolve().parents[2]
NAMES = ("ENGINE", "NAME", "USER", "PASSWORD", "HOST", "PORT", "OPTIONS")


def database_here() -> dict[str, Any]:
    """The database of this test, for another process. Not SQLite's in memory, which no other process sees."""
    return {name: connection.settings_dict.get(name) for name in NAMES}


def child_environ(database: dict[str, Any], stripe_url: str, **more: str) -> dict[str, str]:
    """The environment of a process of the site."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith("CRASH_")}
    return {
        **kept,
        "DJANGO_SETTINGS_MODULE": "example_checkout.tests.crash_settings",
        "CRASH_DATABASE": json.dumps(database),
        "CRASH_STRIPE": stripe_url,
        **more,
    }


@functools.cache
def _loaded(engine: str) -> subprocess.Popen[str]:
    """A process that has Django loaded and forks one for each step: loading takes longer than most steps."""
    process = subprocess.Popen(
        [sys.executable, "-m", "example_checkout.tests.crashing"],
        cwd=TOP,
        env=child_environ(database_here(), "http://127.0.0.1:1"),
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )

    def stop() -> None:
        process.communicate()

    # it ends when its input does
    atexit.register(stop)
    return process


class Site:
    """One database and one Stripe; each step is a process of its own."""

    def __init__(self, server: Any, database: dict[str, Any]) -> None:
        self.server = server
        self.database = database
        self.stripe_library = stripe.StripeClient("sk_test_simulator", base_addresses={"api": server.url}).v1
        self._process = _loaded(database["ENGINE"])

    def begin(self, *arguments: str, **trouble: str) -> int:
        """Start one step; the id of its process."""
        step = {"arguments": arguments, "trouble": trouble, "database": self.database, "stripe": self.server.url}
        assert self._process.stdin is not None
        self._process.stdin.write(json.dumps(step, default=str) + "\n")
        self._process.stdin.flush()
        return int(self._answer())

    def end(self) -> tuple[int, str]:
        """Wait for the step that was begun; its exit code and what it printed."""
        answer = json.loads(self._answer())
        return answer["code"], answer["output"]

    def _answer(self) -> str:
        assert self._process.stdout is not None
        line = self._process.stdout.readline()
        assert line, "the process that starts the others has ended: see its errors above"
        return line

    def do(self, *arguments: str) -> Any:
        """One thing that goes well; what it answers."""
        self.begin(*arguments)
        code, output = self.end()
        assert code == 0, output
        return json.loads(output.splitlines()[-1])

    def dies(self, *arguments: str, **trouble: str) -> None:
        """One thing that ends in SIGKILL."""
        self.begin(*arguments, **trouble)
        code, output = self.end()
        assert code == -signal.SIGKILL, (code, output)

    def recover(self) -> None:
        """Run the command as cron would, twice."""
        for _time in range(2):
            self.do("command", "payment_intent_fulfillment")

    def stripe(self, path: str) -> list[dict[str, Any]]:
        """What Stripe holds."""
        headers = {"Authorization": "Bearer sk_test_simulator"}
        answer = self.server.simulator.handle("GET", f"{path}?limit=100", headers, b"")
        found: list[dict[str, Any]] = json.loads(answer.body)["data"]
        return found

    def intents(self, *statuses: str) -> list[dict[str, Any]]:
        return [one for one in self.stripe("/v1/payment_intents") if not statuses or one["status"] in statuses]

    def charged(self) -> list[int]:
        return [charge["amount"] for charge in self.stripe("/v1/charges") if charge["paid"]]

    def checkout(self) -> tuple[str, str]:
        """Book a place; the checkout's uuid and its intent's id."""
        number = self.do("setup")
        assert self.do("post", f"/bookings/{number}/pay/", "action=payment")[0] == 302
        (row,) = self.do("report")["checkouts"]
        return row["uuid"], row["payment_intent_id"]
