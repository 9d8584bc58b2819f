"""Many processes of the site at work on one payment run, some of them killed; and what must be true afterwards."""

import os
import signal
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from decimal import Decimal
from pathlib import Path
from typing import Any

from django.db.models import Sum

from checkout.models import Checkout, ObjectPaymentPlan, ObjectPaymentPlanInstalment, PaymentRun, PaymentRunItem
from example_checkout.models import Contact
from example_checkout.tests import steps
from example_checkout.tests.crash_site import TOP

RUN = ("manage.py", "process_payments")
FULFILMENT = ("manage.py", "payment_intent_fulfillment")


def wait_for(what: Callable[[], Any], *, seconds: float = 60, why: str = "nothing happened") -> None:
    """Look again and again until it is true."""
    until = time.monotonic() + seconds
    while not what():
        if time.monotonic() > until:
            raise TimeoutError(why)
        time.sleep(0.01)


class Fleet:
    """Each process leads a group of its own, so that a kill takes its children along, as a machine that stops does."""

    def __init__(self, environ: dict[str, str]) -> None:
        self.environ = environ
        self.running: list[subprocess.Popen[bytes]] = []
        self.log = tempfile.TemporaryFile()  # noqa: SIM115, it lives as long as the fleet

    def __enter__(self) -> "Fleet":
        return self

    def __exit__(self, *error: object) -> None:
        for process in list(self.running):
            self.kill(process)
        self.log.close()

    def start(self, *arguments: str) -> subprocess.Popen[bytes]:
        """Start ``python ARGUMENTS``."""
        process = subprocess.Popen(
            [sys.executable, *arguments],
            cwd=TOP,
            env=self.environ,
            stdin=subprocess.DEVNULL,
            stdout=self.log,
            stderr=self.log,
            start_new_session=True,
        )
        self.running.append(process)
        return process

    def kill(self, process: subprocess.Popen[bytes]) -> int:
        """SIGKILL, for it and its children; its exit code, which is another one if it had ended before."""
        if process.poll() is None:
            os.killpg(process.pid, signal.SIGKILL)
        self.running.remove(process)
        return process.wait()

    def kill_child(self, process: subprocess.Popen[bytes]) -> bool:
        """SIGKILL for one of its children alone; whether there was one."""
        listed = Path(f"/proc/{process.pid}/task/{process.pid}/children")
        if listed.exists():
            children = listed.read_text().split()
        else:
            children = subprocess.run(["pgrep", "-P", str(process.pid)], capture_output=True, text=True).stdout.split()
        if children:
            os.kill(int(children[-1]), signal.SIGKILL)
        return bool(children)

    def stop(self, *, seconds: float = 60) -> None:
        """Ask all that run to stop, and wait until they have."""
        for process in self.running:
            process.terminate()
        self.join(seconds=seconds, codes=(0, -signal.SIGTERM))

    def join(self, *, seconds: float = 600, codes: tuple[int, ...] = (0,)) -> None:
        """Wait until all have ended, and well."""
        ended = [process.wait(timeout=seconds) for process in self.running]
        self.running.clear()
        if any(code not in codes for code in ended):
            raise RuntimeError(f"exit codes {ended}:\n{self.output()}")

    def do(self, *arguments: str) -> None:
        """One process that ends well."""
        self.start(*arguments)
        self.join()

    def output(self) -> str:
        """The end of what they all wrote."""
        self.log.seek(0)
        return self.log.read().decode(errors="replace")[-8000:]


def run_with_kills(fleet: Fleet, *, calls: Callable[[], int], due: int, processes: int, kills: int) -> list[int]:
    """``processes`` runs at once; ``kills`` of them die on the way and are started again. The dead's exit codes.

    Each time fulfilment asks about everything that is in flight at that moment, far too early: it must do no harm.
    """
    before = calls()
    crew = [fleet.start(*RUN) for _number in range(processes)]
    codes = []
    for number in range(kills):
        # spread over the run: after a quarter, a half, ...
        share = (number + 1) / (kills + 2)
        wait_for(lambda share=share: calls() - before > due * share, why=fleet.output())
        codes.append(fleet.kill(crew[number]))
        fleet.start(*RUN)
        steps.wait()
        fleet.start(*FULFILMENT)
    fleet.join()
    return codes


def come_back_later(fleet: Fleet, *, times: int = 1) -> None:
    """What cron does about what the dead left behind."""
    for _time in range(times):
        steps.wait()
        fleet.do(*FULFILMENT)
        fleet.do(*RUN)


@dataclass(frozen=True)
class Line:
    """One thing that must be so."""

    what: str
    expected: Any
    found: Any

    @property
    def fine(self) -> bool:
        return bool(self.expected == self.found)

    def __str__(self) -> str:
        mark = "" if self.fine else f"   WRONG, expected {self.expected}"
        return f"  {self.what:<58}{self.found!s:>10}{mark}"


def audit(pks: list[int], v1: Any) -> list[Line]:
    """Compare Stripe with the database after a run of ``pks``; ``v1``: the real library in front of the simulator."""
    succeeded = [one for one in v1.payment_intents.list({"limit": 100}).auto_paging_iter() if one.status == "succeeded"]
    charges = [one for one in v1.charges.list({"limit": 100}).auto_paging_iter() if one.status == "succeeded"]
    uuids = [one.metadata["checkout"] for one in succeeded]
    attempts = dict(Checkout.objects.filter(action_id="charge").values_list("uuid", "object_id"))
    attempts = {str(uuid): int(pk) for uuid, pk in attempts.items()}
    per_instalment = Counter(attempts.get(uuid) for uuid in uuids)
    rows = ObjectPaymentPlanInstalment.objects.filter(pk__in=pks)
    amount = rows.aggregate(sum=Sum("amount"))["sum"]
    paid = set(map(str, Checkout.objects.filter(state_id="success").values_list("uuid", flat=True)))
    told = Contact.objects.filter(name="told").values_list("email", flat=True)
    outcomes = Counter(PaymentRunItem.objects.values_list("outcome", flat=True))
    summary = [(line.outcome, line.count, line.amount) for line in PaymentRun.objects.get().summary()]
    plans = ObjectPaymentPlan.objects.aggregate(sum=Sum("total"))["sum"]
    many = len(pks)
    return [
        Line("succeeded charges at Stripe", many, len(charges)),
        Line("instalments with exactly one charge", many, sum(per_instalment[pk] == 1 for pk in pks)),
        Line("charges that belong to no instalment", 0, sum(number for pk, number in per_instalment.items() if not pk)),
        Line("taken at Stripe", amount, Decimal(sum(one.amount for one in charges)) / 100),
        Line("instalments paid here", many, rows.filter(state_id="success").count()),
        Line("attempts still open", 0, Checkout.objects.exclude(state_id__in=("success", "fail")).count()),
        Line("payments put aside", 0, Checkout.objects.exclude(quarantine="").count()),
        Line("paid at Stripe and paid here are the same attempts", True, paid == set(uuids)),
        Line("the host was told of each, once", True, sorted(told) == sorted(f"{uuid}@example.com" for uuid in paid)),
        Line("items of the run that say so", many, outcomes["success"]),
        Line("the run's summary", True, summary == [("success", many, amount)]),
        Line("plans and their parts add up", True, plans == amount),
    ]
