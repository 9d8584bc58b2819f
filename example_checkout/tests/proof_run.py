"""The big proofs of "charged exactly once": ``make proofs``. Exits 1 if anything is off. See ``docs/reliability.rst``.

``python -m example_checkout.tests.proof_run [processes] [redis] [rabbitmq] [--due N]``

Needs a PostgreSQL (or MariaDB) in ``DATABASE_URL``, where it makes a database of its own and removes it. A broker that
is missing is left out with a loud line, but is an error where the environment has ``CI``.
"""

import argparse
import json
import os
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any
from urllib.request import urlopen

import django

CHARGE = "POST /v1/payment_intents"
# How long a broker may take to hand on what a dead worker had; Redis looks every ten seconds.
PATIENCE = 45
Found = tuple[list[Any], list[int]]


@dataclass(frozen=True)
class Stripe:
    """A simulator in a process of its own."""

    url: str

    @property
    def library(self) -> Any:
        """The real library in front of it."""
        import stripe

        return stripe.StripeClient("sk_test_simulator", base_addresses={"api": self.url}).v1

    def charges(self) -> int:
        """How often a charge was asked for."""
        with urlopen(f"{self.url}/_simulator/calls") as answer:  # noqa: S310
            return int(json.load(answer)["calls"].get(CHARGE, 0))


@contextmanager
def simulator(latency_ms: int) -> Iterator[Stripe]:
    """Run ``python -m checkout.simulator`` on a free port."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        address = f"127.0.0.1:{probe.getsockname()[1]}"
    command = [sys.executable, "-m", "checkout.simulator", "--listen", address, "--latency-ms", str(latency_ms)]
    with subprocess.Popen(command, stdout=subprocess.PIPE) as process:
        assert process.stdout is not None
        process.stdout.readline()
        yield Stripe(f"http://{address}")
        process.terminate()


@contextmanager
def scratch_database() -> Iterator[dict[str, Any]]:
    """Make a database for one proof; remove it at the end."""
    from django.db import connection

    from example_checkout.tests.crash_site import database_here

    if connection.vendor == "sqlite":
        sys.exit("DATABASE_URL must name a PostgreSQL or a MariaDB: SQLite lets one process write at a time.")
    before = connection.settings_dict["NAME"]
    connection.settings_dict["TEST"]["NAME"] = f"checkout_proof_{os.getpid()}"
    connection.creation.create_test_db(verbosity=0, autoclobber=True)
    try:
        yield database_here()
    finally:
        connection.creation.destroy_test_db(before, verbosity=0)


def processes(stripe: Stripe, database: dict[str, Any], options: Any) -> Found:
    """Many runs at once, two of which are killed and started again."""
    from example_checkout.tests import fleet as fleets
    from example_checkout.tests.crash_site import child_environ

    pks = _let_fall_due(stripe, options.due or 5000)
    with fleets.Fleet(child_environ(database, stripe.url)) as fleet:
        codes = fleets.run_with_kills(fleet, calls=stripe.charges, due=len(pks), processes=options.processes, kills=2)
        return _afterwards(fleet, stripe, pks), codes


def through(name: str) -> Callable[[Stripe, dict[str, Any], Any], Found]:
    """Celery workers behind that broker, one of which is killed; portions are delivered twice."""

    def work(stripe: Stripe, database: dict[str, Any], options: Any) -> Found:
        from example_checkout.tests import broker as brokers
        from example_checkout.tests import fleet as fleets
        from example_checkout.tests.crash_site import child_environ

        pks = _let_fall_due(stripe, options.due or 1000)
        with brokers.Broker(name) as broker:
            environ = child_environ(database, stripe.url, CRASH_BROKER=broker.environ)
            with fleets.Fleet(environ) as fleet:
                code = brokers.work_with_a_kill(
                    fleet, broker, pks, calls=stripe.charges, portion=100, patience=PATIENCE
                )
                return _afterwards(fleet, stripe, pks), [code]

    return work


def _let_fall_due(stripe: Stripe, count: int) -> list[int]:
    from example_checkout.tests.plans import many_due, saved_card

    customer, method = saved_card(stripe.library)
    return many_due(count, customer_id=customer, payment_method_id=method)


def _afterwards(fleet: Any, stripe: Stripe, pks: list[int]) -> list[Any]:
    from checkout.models import ObjectPaymentPlanInstalment
    from example_checkout.tests.fleet import Line, audit, come_back_later

    rows = ObjectPaymentPlanInstalment.objects.filter(pk__in=pks)
    left = rows.exclude(state_id="success").count()
    come_back_later(fleet, times=2)
    return [Line("left behind by the dead, until it was asked about", left, left), *audit(pks, stripe.library)]


PROOFS = {"processes": processes, "redis": through("redis"), "rabbitmq": through("rabbitmq")}


def _prove(name: str, options: Any) -> bool:
    from example_checkout.tests import broker as brokers

    if why := brokers.missing(name) if name in brokers.URLS else "":
        print(f"\n{name}: {'!' * 20} NOT PROVED: {why} {'!' * 20}", flush=True)
        return not os.environ.get("CI")
    started = time.monotonic()
    with simulator(options.latency_ms) as stripe, scratch_database() as database:
        lines, codes = PROOFS[name](stripe, database, options)
    fine = all(line.fine for line in lines) and set(codes) == {-9}
    seconds = time.monotonic() - started
    print(f"\n{name}: {'proved' if fine else 'WRONG'} in {seconds:.0f} s, exit codes of the dead {codes}")
    print("\n".join(map(str, lines)), flush=True)
    return fine


def main() -> int:
    """Prove what was asked for, everything without an argument."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("names", nargs="*", metavar="PROOF", help=", ".join(PROOFS))
    parser.add_argument("--due", type=int, help="instalments (5000, through a broker 1000)")
    parser.add_argument("--processes", type=int, default=8)
    parser.add_argument("--latency-ms", type=int, default=50, help="what Stripe takes for an answer")
    options = parser.parse_args()
    if unknown := set(options.names) - set(PROOFS):
        parser.error(f"unknown: {', '.join(unknown)}")
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "example_checkout.settings.test")
    django.setup()
    proved = [_prove(name, options) for name in options.names or PROOFS]
    return 0 if all(proved) else 1


if __name__ == "__main__":
    sys.exit(main())
