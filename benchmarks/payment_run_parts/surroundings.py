"""What a measurement needs around it: a database of its own, and processes of its own."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit, urlunsplit

import psycopg
from psycopg import sql

from example_checkout.embedded import database_url

BENCHMARKS = Path(__file__).resolve().parent.parent
ROOT = BENCHMARKS.parent
SETTINGS = "payment_run_parts.settings"
# As an installed package has it, whatever PYTHONDONTWRITEBYTECODE says here, and not in the working tree.
BYTECODE = tempfile.TemporaryDirectory(prefix="checkout-benchmark-")


@contextmanager
def own_database() -> Iterator[str]:
    """The URL of an empty, migrated database of the server that ``DATABASE_URL`` names, or of an embedded one."""
    with database_url() as server:
        if urlsplit(server).scheme not in ("postgres", "postgresql"):
            raise SystemExit("DATABASE_URL is not PostgreSQL's: unset it for an embedded one.")
        name = sql.Identifier(f"checkout_benchmark_{os.getpid()}")
        with psycopg.connect(server, autocommit=True) as connection:
            connection.execute(sql.SQL("CREATE DATABASE {}").format(name))
            try:
                url = urlunsplit(urlsplit(server)._replace(path=f"/checkout_benchmark_{os.getpid()}"))
                python("-m", "django", "migrate", "--verbosity", "0", BENCH_DATABASE_URL=url)
                yield url
            finally:
                connection.execute(sql.SQL("DROP DATABASE {} WITH (FORCE)").format(name))


def python(*arguments: str, **environment: str) -> str:
    """Run Python with the benchmark's settings in a process of its own and return what it prints.

    What it logs, a line for each charge as on a real site, goes to a file; it is shown if the process fails.
    """
    env = {**os.environ, "DJANGO_SETTINGS_MODULE": SETTINGS, "PYTHONPYCACHEPREFIX": BYTECODE.name, **environment}
    env.pop("PYTHONDONTWRITEBYTECODE", None)
    env["PYTHONPATH"] = os.pathsep.join(filter(None, [str(BENCHMARKS), str(ROOT), os.environ.get("PYTHONPATH", "")]))
    with tempfile.TemporaryFile("w+") as log:
        done = subprocess.run(  # noqa: S603
            [sys.executable, *arguments], stdout=subprocess.PIPE, stderr=log, text=True, cwd=ROOT, env=env, check=False
        )
        if done.returncode:
            log.seek(0)
            raise SystemExit(f"{' '.join(arguments)} failed:\n{done.stdout}{log.read()[-4000:]}")
    return done.stdout


def measured(module: str, *arguments: str, **environment: str) -> dict[str, Any]:
    """Run one of our modules in a process of its own; it prints what it measured as JSON, in its last line."""
    lines = python("-m", f"payment_run_parts.{module}", *arguments, **environment).splitlines()
    found: dict[str, Any] = json.loads(lines[-1])
    return found


def calls(simulator: str) -> dict[str, int]:
    """How often each operation of a simulator was asked for; under "429" what came too fast."""
    with urllib.request.urlopen(f"{simulator}/_simulator/calls") as answer:  # noqa: S310
        found: dict[str, int] = json.load(answer)["calls"]
    return found


def peak_mib() -> float:
    """The most memory that this process has held, in MiB."""
    # not ru_maxrss: Linux hands the parent's down to a child
    status = Path("/proc/self/status")
    if status.exists():
        (line,) = (line for line in status.read_text().splitlines() if line.startswith("VmHWM"))
        return int(line.split()[1]) / 1024
    import resource

    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024 / (1024 if sys.platform == "darwin" else 1)
