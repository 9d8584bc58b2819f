"""Processes around a measurement: the stand-in for Stripe, gunicorn, workers, and dj-stripe's own environment."""

from __future__ import annotations

import json
import os
import re
import signal
import socket
import subprocess
import sys
import tempfile
import time
import urllib.request
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from payment_run_parts.surroundings import BENCHMARKS, BYTECODE, ROOT

# Kept from run to run; git ignores it, because it says so itself.
CACHE = ROOT / ".bench"
GUNICORN = "gunicorn>=23"
DJ_STRIPE = "dj-stripe==2.11.*"
PATIENCE = 60


class Missing(Exception):
    """Something could not be installed; the text says what and why."""


def _pip(python: Path | str, *arguments: str) -> None:
    command = [str(python), "-m", "pip", "install", "-q", "--disable-pip-version-check", *arguments]
    done = subprocess.run(command, capture_output=True, text=True, check=False)  # noqa: S603
    if done.returncode:
        raise Missing(f"pip install {' '.join(arguments)}: {done.stderr.strip()[-300:]}")


def _cache() -> Path:
    CACHE.mkdir(exist_ok=True)
    (CACHE / ".gitignore").write_text("*\n")
    return CACHE


def gunicorn_path() -> Path:
    """Where gunicorn is: the same one for both sites. Installed once, beside everything else."""
    folder = _cache() / "gunicorn"
    if not (folder / "gunicorn").is_dir():
        _pip(sys.executable, "--target", str(folder), GUNICORN)
    return folder


def dj_stripe_python() -> Path:
    """The interpreter of an environment with dj-stripe, made once. Raises ``Missing``."""
    folder = _cache() / "djstripe"
    python = folder / "bin" / "python"
    if not python.exists():
        subprocess.run([sys.executable, "-m", "venv", str(folder)], check=True)  # noqa: S603
    known = subprocess.run([python, "-c", "import djstripe, psycopg"], capture_output=True, check=False)  # noqa: S603
    if known.returncode:
        _pip(python, DJ_STRIPE, "psycopg[binary]>=3.2")
    return python


def environment(settings: str, values: dict[str, str]) -> dict[str, str]:
    """Of a process with these settings; its byte code is kept, as an installed package's is."""
    env = {**os.environ, "DJANGO_SETTINGS_MODULE": settings, "PYTHONPYCACHEPREFIX": BYTECODE.name, **values}
    env.pop("PYTHONDONTWRITEBYTECODE", None)
    env["PYTHONPATH"] = os.pathsep.join([str(BENCHMARKS), str(ROOT), str(gunicorn_path())])
    return env


@contextmanager
def running(command: Sequence[str | Path], env: dict[str, str]) -> Iterator[subprocess.Popen[str]]:
    """A process until the end of the block; what it logs is shown if it ended badly before."""
    with tempfile.TemporaryFile("w+") as log:
        process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=log, text=True, cwd=ROOT, env=env)  # noqa: S603
        assert process.stdout is not None
        try:
            yield process
        except BaseException:
            log.seek(0)
            print(log.read()[-4000:], file=sys.stderr)
            raise
        finally:
            process.send_signal(signal.SIGTERM)
            try:
                process.wait(30)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()
            process.stdout.close()


def python_once(python: Path | str, settings: str, values: dict[str, str], *arguments: str) -> str:
    """Run Python to its end; what it printed."""
    done = subprocess.run(  # noqa: S603
        [python, *arguments], capture_output=True, text=True, cwd=ROOT, env=environment(settings, values), check=False
    )
    if done.returncode:
        raise SystemExit(f"{' '.join(arguments)} failed:\n{done.stdout[-2000:]}{done.stderr[-4000:]}")
    return done.stdout


@contextmanager
def standin(*arguments: str) -> Iterator[str]:
    """The stand-in for Stripe; its address."""
    command = [sys.executable, "-m", "webhooks_parts.standin", *arguments]
    with running(command, environment("", {})) as process:
        assert process.stdout is not None
        line = process.stdout.readline()
        if not re.match(r"http://\S+", line):
            raise SystemExit(f"The stand-in did not start: {line!r}")
        yield line.strip()


def asked(address: str, *, latency_ms: float | None = None) -> dict[str, int]:
    """What the stand-in was asked for since the last time; from now on it takes ``latency_ms``."""
    path = "calls" if latency_ms is None else f"latency/{latency_ms}"
    with urllib.request.urlopen(f"{address}/_standin/{path}") as answer:  # noqa: S310
        found: dict[str, int] = json.load(answer)
    return found


@contextmanager
def gunicorn(python: Path | str, settings: str, values: dict[str, str], *, workers: int) -> Iterator[int]:
    """A site under gunicorn's sync workers; the port."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port: int = free.getsockname()[1]
    command = [python, "-m", "gunicorn", "--workers", str(workers), "--bind", f"127.0.0.1:{port}"]
    command += ["--log-level", "warning", "--backlog", "2048", "webhooks_parts.app:application"]
    with running(command, environment(settings, values)) as process:
        until = time.monotonic() + PATIENCE
        while True:
            try:
                socket.create_connection(("127.0.0.1", port), timeout=1).close()
                break
            except OSError:
                if process.poll() is not None or time.monotonic() > until:
                    raise RuntimeError("gunicorn did not start") from None
                time.sleep(0.1)
        yield port
