"""Installing the app costs next to nothing: what is heavy is imported when it is first used."""

import json
import os
import subprocess
import sys
from pathlib import Path

TOP = Path(__file__).resolve().parents[2]
MINIMAL = TOP / ".ci" / "minimal_settings.py"
HEAVY = {"celery", "kombu", "requests", "stripe", "tqdm"}

# A site of its own with nothing but Django and checkout, and what is loaded once it has been set up.
SETUP = f"""
import json, runpy, sys
from django.conf import settings
settings.configure(**{{name: value for name, value in runpy.run_path({str(MINIMAL)!r}).items() if name.isupper()}})
import django
django.setup()
print(json.dumps(sorted(sys.modules)))
"""


def modules_after(code: str) -> set[str]:
    """What a fresh interpreter has imported after ``code``, which prints it."""
    environment = {name: value for name, value in os.environ.items() if not name.startswith(("DJANGO_", "COV_"))}
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, cwd=TOP, env=environment, check=False
    )
    assert done.returncode == 0, done.stderr
    return set(json.loads(done.stdout))


def test_setting_up_imports_nothing_heavy() -> None:
    loaded = modules_after(SETUP)
    assert "checkout.models" in loaded
    assert loaded & (HEAVY | {"dateutil"}) == set()
    assert not any(name.startswith(("checkout.flows", "checkout.gateway", "checkout.simulator")) for name in loaded)


def test_the_flows_do_not_import_stripe_until_it_is_called() -> None:
    code = SETUP.replace("print(", "import checkout.flows.run, checkout.flows.sign_up, checkout.views\nprint(")
    loaded = modules_after(code)
    assert "checkout.flows.run" in loaded
    assert loaded & (HEAVY - {"tqdm"}) == set()
