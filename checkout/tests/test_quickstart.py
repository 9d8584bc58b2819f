"""docs/quickstart.rst, followed to the letter in an empty folder, ends with a payment."""

import os
import re
import shlex
import subprocess
import sys
from pathlib import Path
from typing import Any

from checkout.simulator.fixtures import Payer
from checkout.tests.test_docs import TOP, blocks

PAGE = TOP / "docs" / "quickstart.rst"
SIMULATOR = "http://127.0.0.1:12111"
VISIT = """
from django.test import Client
from checkout.models import Checkout
browser = Client(SERVER_NAME="127.0.0.1")
assert browser.get("/order/1/").status_code == 200
page = browser.post("/order/1/pay/", follow=True)
assert page.status_code == 200, page.status_code
assert Client(SERVER_NAME="127.0.0.1").get(page.request["PATH_INFO"]).status_code == 403
print("intent:", Checkout.objects.get().payment_intent_id)
"""
LOOK = """
from shop.models import Order
print("paid:", Order.objects.get().paid)
"""


def run(folder: Path, *command: str) -> str:
    """Run one command of the reader in the reader's folder."""
    environment = {key: value for key, value in os.environ.items() if not key.startswith(("DJANGO", "DATABASE"))}
    done = subprocess.run(
        command, cwd=folder, env=environment, capture_output=True, text=True, timeout=120, check=False
    )
    assert done.returncode == 0, f"{shlex.join(command)}\n{done.stdout}\n{done.stderr}"
    return done.stdout


def write_files(folder: Path, simulator: str) -> None:
    """Create, replace or add to the files that the page names before its blocks."""
    written = 0
    for intro, text in blocks(PAGE):
        named = re.search(r"(Add to|Create|Replace) ``(shop/\w+\.py)``::$", intro)
        if named:
            with (folder / named[2]).open("a" if named[1] == "Add to" else "w", encoding="utf-8") as file:
                file.write(text.replace(SIMULATOR, simulator))
            written += 1
    assert written == 4


def test_the_quickstart_ends_with_a_payment(tmp_path: Path, stripe_server: Any) -> None:
    python = sys.executable
    run(tmp_path, python, "-m", "django", "startproject", "shop", ".")
    write_files(tmp_path, stripe_server.url)
    steps = [text for _intro, text in blocks(PAGE) if "manage.py makemigrations" in text]
    for line in steps[0].splitlines():
        run(tmp_path, *shlex.split(line.replace("python ", f"{python} ", 1)))

    visit = run(tmp_path, python, "manage.py", "shell", "-v0", "-c", VISIT)
    answer = Payer(stripe_server.simulator)(visit.split("intent: ")[1].strip())
    assert answer.get("status") == "succeeded", answer
    run(tmp_path, python, "manage.py", "payment_intent_fulfillment")

    assert "paid: True" in run(tmp_path, python, "manage.py", "shell", "-v0", "-c", LOOK)
