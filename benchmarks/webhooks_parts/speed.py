"""How many events a second are answered, beside dj-stripe, and what is asked before the answer."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from itertools import count
from pathlib import Path
from statistics import median
from urllib.parse import urlsplit, urlunsplit

import psycopg
from payment_run_parts.table import Row
from psycopg import sql

from webhooks_parts import serving
from webhooks_parts.numbers import STRANGERS
from webhooks_parts.sending import Sent, post, request
from webhooks_parts.shapes import Shapes

WORKERS, CONNECTIONS = 2, 8
# Times dj-stripe, by how many milliseconds Stripe takes.
TARGETS = {0: 5, 200: 100}
MOST_STATEMENTS = 4
COUNTED = 40
# More than are answered in a second.
MOST_A_SECOND = 2000


@dataclass
class Site:
    """One of the two, as it is measured."""

    name: str
    python: Path | str
    settings: str
    values: dict[str, str]
    path: str
    # how many events are in its database, all that it does with one before it answers done
    done: str
    port: int = 0
    answered: int = 0
    rates: dict[int, list[float]] = field(default_factory=dict)
    wrong: list[str] = field(default_factory=list)

    def post(self, port: int, requests: list[bytes], *, connections: int, seconds: float = 600) -> Sent:
        """Send them, and keep account."""
        sent = post(port, requests, connections=connections, seconds=seconds)
        self.answered += sent.statuses["200"]
        self.wrong += [sent.wrong] if sent.wrong else []
        return sent

    def compare(self) -> None:
        """Nothing that was answered may be missing."""
        with psycopg.connect(self.values["BENCH_DATABASE_URL"]) as connection:
            row = connection.execute(self.done.encode()).fetchone()
        if row != (self.answered,):
            self.wrong.append(f"{self.answered} answered, {row} in the database")


class Events:
    """Events that nobody has seen, of payments that nobody has seen."""

    def __init__(self) -> None:
        self._shapes = Shapes()
        self._numbers = count(STRANGERS)

    def signed(self, path: str, number: int) -> list[bytes]:
        """So many deliveries to ``path``."""
        return [request(path, self._shapes.event(next(self._numbers))) for _one in range(number)]


@contextmanager
def database_beside(url: str) -> Iterator[str]:
    """Another empty database on the same server."""
    name = f"checkout_benchmark_theirs_{os.getpid()}"
    with psycopg.connect(url, autocommit=True) as connection:
        connection.execute(sql.SQL("CREATE DATABASE {}").format(sql.Identifier(name)))
        try:
            yield urlunsplit(urlsplit(url)._replace(path=f"/{name}"))
        finally:
            connection.execute(sql.SQL("DROP DATABASE {} WITH (FORCE)").format(sql.Identifier(name)))


def ours(url: str, stripe: str, values: dict[str, str]) -> Site:
    """With checkout, and a broker."""
    values = {"BENCH_DATABASE_URL": url, "BENCH_STRIPE": stripe, **values}
    done = "SELECT count(*) FROM checkout_event"
    return Site("checkout", sys.executable, "webhooks_parts.ours", values, "/stripe/webhook/", done)


def theirs(url: str, stripe: str) -> Site:
    """With dj-stripe, its database made and its endpoint set up. Raises ``serving.Missing``."""
    python, settings = serving.dj_stripe_python(), "webhooks_parts.theirs"
    values = {"BENCH_DATABASE_URL": url, "BENCH_STRIPE": stripe}
    serving.python_once(python, settings, values, "-m", "django", "migrate", "--verbosity", "0")
    path = serving.python_once(python, settings, values, "-m", "webhooks_parts.their_endpoint").split()[-1]
    done = "SELECT count(*) FROM djstripe_paymentmethod"
    return Site("dj-stripe", python, settings, values, path, done)


def asks(site: Site, events: Events, stripe: str) -> tuple[list[tuple[int, int]], float]:
    """Statements and what is around transactions, for each answer; and calls to Stripe for each."""
    counting = {**site.values, "BENCH_COUNT": "1"}
    with serving.gunicorn(site.python, site.settings, counting, workers=1) as port:
        # the first pays for the connection
        site.post(port, events.signed(site.path, 3), connections=1)
        serving.asked(stripe)
        sent = site.post(port, events.signed(site.path, COUNTED), connections=1)
        return sorted(sent.counted), sum(serving.asked(stripe).values()) / COUNTED


def a_round(site: Site, events: Events, *, seconds: float) -> float:
    """Events for so many seconds, eight at a time; how many were taken a second."""
    requests = events.signed(site.path, int(MOST_A_SECOND * seconds))
    return site.post(site.port, requests, connections=CONNECTIONS, seconds=seconds).rate


def measure(sites: list[Site], stripe: str, events: Events, *, rounds: int, seconds: float) -> None:
    """In turn, so that a machine that is slow for a while is slow for both."""
    with ExitStack() as stack:
        for site in sites:
            values = (site.python, site.settings, site.values)
            site.port = stack.enter_context(serving.gunicorn(*values, workers=WORKERS))
            site.post(site.port, events.signed(site.path, 100), connections=CONNECTIONS)
        for latency in TARGETS:
            serving.asked(stripe, latency_ms=latency)
            for _round in range(rounds):
                for site in sites:
                    site.rates.setdefault(latency, []).append(a_round(site, events, seconds=seconds))
        serving.asked(stripe, latency_ms=0)
    for site in sites:
        site.compare()


def _asking_row(site: Site, counted: list[tuple[int, int]], calls: float, *, target: bool) -> list[Row]:
    statements = max(statements for statements, _around in counted)
    around = max(around for _statements, around in counted)
    name = f"{site.name}: before the answer"
    text = f"{statements} + {around} (BEGIN, COMMIT, SAVEPOINT)"
    if not target:
        return [Row(f"{name}, statements", text), Row(f"{name}, calls to Stripe", f"{calls:g}")]
    return [
        Row(f"{name}, statements", text, f"{MOST_STATEMENTS}", statements <= MOST_STATEMENTS),
        Row(f"{name}, calls to Stripe", f"{calls:g}", "0", calls == 0),
    ]


def _rate_rows(sites: list[Site], latency: int) -> list[Row]:
    rows = []
    for site in sites:
        rates = site.rates[latency]
        spread = f"{median(rates):.1f} ({min(rates):.1f} to {max(rates):.1f})"
        name = f"Stripe at {latency} ms, {site.name}: events a second"
        rows.append(Row(name, spread, wrong=", ".join(site.wrong)))
    if len(sites) == 2:
        times = median(sites[0].rates[latency]) / median(sites[1].rates[latency])
        target = TARGETS[latency]
        rows.append(Row("  times dj-stripe, of medians", f"{times:.1f}", f"{target}", times >= target))
    return rows


def speed(url: str, stripe: str, values: dict[str, str], *, rounds: int, seconds: float) -> list[Row]:
    """The table. Without dj-stripe, ours alone and a row that says so."""
    events, rows = Events(), []
    sites = [ours(url, stripe, values)]
    with database_beside(url) as beside:
        try:
            sites.append(theirs(beside, stripe))
        except serving.Missing as missing:
            rows.append(Row("dj-stripe could not be installed", "-", "in the same run", False, str(missing)))
        for site in sites:
            counted, calls = asks(site, events, stripe)
            rows += _asking_row(site, counted, calls, target=site is sites[0])
        measure(sites, stripe, events, rounds=rounds, seconds=seconds)
    return rows + [row for latency in TARGETS for row in _rate_rows(sites, latency)]
