"""What installing the app costs each process of a site: ``django.setup()`` with it and without it.

Run ``python benchmarks/import_time.py``. Each is set up in a fresh process, in turn, many times; what counts is the
median of the differences, pair by pair, in milliseconds of processor. Three projects: one with nothing but Django's
usual six apps, the same with Python's garbage collector off, and one with seven more of Django's own apps.

Why three: Python looks for garbage once so many objects have been made, wherever that is. A full pass then costs nearly
as much as the app does, and bare Django happens to end just short of one, so that whatever is added pays for it.

``--heaviest`` names our modules by what each takes to import, those that it imports left out.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import re
import subprocess
import sys
from pathlib import Path
from statistics import median
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from payment_run_parts.surroundings import BENCHMARKS, BYTECODE, ROOT
from payment_run_parts.table import Row, show

# PEERS: until the first call to Stripe.
TARGET = 20
PROJECTS = {
    "nothing else": (),
    "nothing else, collector off": ("uncollected",),
    "Django's other apps": ("others",),
}
IMPORTED = re.compile(r"import time:\s+(\d+) \|\s+\d+ \|\s+(\S+)")


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--times", type=int, default=41, help="pairs of processes for each project")
    parser.add_argument("--heaviest", action="store_true", help="name our modules by what they take")
    return parser.parse_args()


def _process(*words: str, flags: tuple[str, ...] = ()) -> subprocess.CompletedProcess[str]:
    """A fresh interpreter that finds everything compiled, as an installed package is."""
    env = {name: value for name, value in os.environ.items() if not name.startswith("DJANGO_")}
    env.pop("PYTHONDONTWRITEBYTECODE", None)
    env |= {"PYTHONPYCACHEPREFIX": BYTECODE.name, "PYTHONPATH": os.pathsep.join([str(ROOT), str(BENCHMARKS)])}
    command = [sys.executable, *flags, "-m", "import_time_parts.setup_cost", *words]
    return subprocess.run(command, capture_output=True, text=True, cwd=ROOT, env=env, check=True)  # noqa: S603


def _setup(*words: str) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(_process(*words).stdout)
    return found


def _rows(times: int) -> list[Row]:
    """All projects in turn, so that a busy moment of the machine is shared by all."""
    pairs: dict[str, list[tuple[dict[str, Any], dict[str, Any]]]] = {name: [] for name in PROJECTS}
    for number in range(times + 1):
        for name, words in PROJECTS.items():
            # who begins may find the machine warmer: in turn
            if number % 2:
                bare = _setup(*words)
                ours = _setup("checkout", *words)
            else:
                ours = _setup("checkout", *words)
                bare = _setup(*words)
            # the first of all only compiles, and warms the disk's cache
            if number:
                pairs[name].append((bare, ours))
    rows = []
    for name, found in pairs.items():
        more = sorted(ours["ms"] - bare["ms"] for bare, ours in found)
        middle, passes = median(more), found[0][1]["full"] - found[0][0]["full"]
        spread = f"middle half {more[len(more) // 4]:.0f} to {more[len(more) * 3 // 4]:.0f}"
        note = f", {passes} more full pass of the collector" if passes else ""
        rows += [
            Row(f"{name}: without", f"{median(bare['ms'] for bare, _ours in found):.0f} ms"),
            Row(f"{name}: with", f"{median(ours['ms'] for _bare, ours in found):.0f} ms"),
            Row(f"{name}: more", f"{middle:.1f} ms ({spread}){note}", f"at most {TARGET} ms", middle <= TARGET),
        ]
    return rows


def _heaviest(times: int) -> list[Row]:
    """The least that each took in so many runs, the collector off."""
    least: dict[str, int] = {}
    for _ in range(times):
        told = _process("checkout", "uncollected", flags=("-X", "importtime")).stderr
        for took, name in IMPORTED.findall(told):
            least[name] = min(int(took), least.get(name, int(took)))
    bare = {name for _took, name in IMPORTED.findall(_process(flags=("-X", "importtime")).stderr)}
    ours = sorted((took, name) for name, took in least.items() if name not in bare)
    rows = [Row(name, f"{took / 1000:.2f} ms") for took, name in reversed(ours)]
    return [*rows, Row("all of them", f"{sum(took for took, _name in ours) / 1000:.1f} ms")]


def main() -> int:
    """Measure and print."""
    options = _options()
    load = f"{os.getloadavg()[0]:.1f}" if hasattr(os, "getloadavg") else "?"
    print(f"{platform.platform()}, {os.cpu_count()} processors (load {load}), Python {platform.python_version()}")
    show(f"django.setup(), {options.times} pairs", _rows(options.times))
    if options.heaviest:
        show("What is imported with the app, the least of ten", _heaviest(10))
    return 0


if __name__ == "__main__":
    sys.exit(main())
