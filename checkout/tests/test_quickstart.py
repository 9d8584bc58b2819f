"""docs/quickstart.rst, followed to the letter in an empty folder, ends with a payment."""

import os
import re
import shlex
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from checkout.simulator.fixtures import Payer
from checkout.tests.test_docs import TOP, blocks

pytestmark = pytest.mark.slow
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


PLANS = TOP / "docs" / "payment_plans.rst"
SIGN_UP = """
import re
from django.test import Client
from checkout.models import Checkout
browser = Client(SERVER_NAME="127.0.0.1")
page = browser.post("/order/2/parts/", follow=True)
assert page.status_code == 200, page.status_code
shown = page.content.decode()
assert "120.00" in shown and "30.00" in shown
address = page.request["PATH_INFO"]
agreed = {"step": "begin", "consent": "yes", "schedule": re.search('data-schedule="([0-9a-f]+)"', shown)[1]}
json = {"Accept": "application/json"}
assert browser.post(address, {**agreed, "consent": ""}, headers=json).json()["reason"] == "consent"
assert browser.post(address, agreed, headers=json).json()["ok"]
print("intent:", Checkout.objects.get(action="payment_plan").setup_intent_id)
"""
LOOK_AT_PLAN = """
from shop.models import Order
from checkout.models import ObjectPaymentPlan
plan = ObjectPaymentPlan.objects.for_content_object(Order.objects.get(pk=2))
print("parts:", [(str(one.amount), one.state_id) for one in plan.payments])
"""


def follow_plans(folder: Path, page: Path = PLANS) -> None:
    """Add what the page says to the files that it names."""
    for intro, text in blocks(page):
        named = re.search(r"^Add .*``(shop/\w+\.py)``", intro)
        if named is None:
            continue
        path = folder / named[1]
        before = path.read_text(encoding="utf-8")
        if "at the end of the class" in intro:
            text = "".join(f"    {line}" if line.strip() else line for line in text.splitlines(keepends=True))
        added = text + before if "to the imports" in intro else f"{before}\n\n{text}"
        path.write_text(added, encoding="utf-8")


def test_payment_plans_go_on_from_there(tmp_path: Path, stripe_server: Any) -> None:
    python = sys.executable
    run(tmp_path, python, "-m", "django", "startproject", "shop", ".")
    write_files(tmp_path, stripe_server.url)
    follow_plans(tmp_path)
    steps = [text for _intro, text in blocks(PAGE) if "manage.py makemigrations" in text]
    steps += [text for _intro, text in blocks(PLANS) if "manage.py makemigrations" in text]
    for line in [line for step in steps for line in step.splitlines()]:
        run(tmp_path, *shlex.split(line.replace("python ", f"{python} ", 1)))

    visit = run(tmp_path, python, "manage.py", "shell", "-v0", "-c", SIGN_UP)
    answer = Payer(stripe_server.simulator)(visit.split("intent: ")[1].strip())
    assert answer.get("status") == "succeeded", answer
    run(tmp_path, python, "manage.py", "setup_intent_fulfillment")

    commands = [text for _intro, text in blocks(PLANS) if "testing_set_pending_instalment_due" in text]
    said = [run(tmp_path, *shlex.split(line.replace("python ", f"{python} ", 1))) for line in commands[0].splitlines()]
    assert "30.00  would be charged" in said[1]
    assert "30.00  Charged" in said[2]
    look = run(tmp_path, python, "manage.py", "shell", "-v0", "-c", LOOK_AT_PLAN)
    assert re.findall(r"'(\w+)'\)", look) == ["success", "success", "pending", "pending"]


RECOVERY = TOP / "docs" / "recovery.rst"
OPEN_LINK = """
from django.contrib.auth.models import User
from django.test import Client
from django.urls import reverse
from checkout.models import Checkout, ObjectPaymentPlan
from checkout.notify import links
from shop.models import Order
plan = ObjectPaymentPlan.objects.for_content_object(Order.objects.get(pk=2))
assert plan.deposit.state_id == "pay_on_session", plan.deposit.state_id
link = reverse("web.checkout.pay.on.session.redirect", args=[links.token(plan.deposit)])
browser = Client(SERVER_NAME="127.0.0.1")
page = browser.get(link, follow=True)
assert page.status_code == 200 and "with this card" in page.content.decode()
bob = User.objects.create_user("bob", "Bob@example.com", "letmein")
assert browser.get("/card/").status_code == 302
browser.force_login(bob)
assert browser.get("/card/").status_code == 200
print("intent:", Checkout.objects.get(action="pay_on_session").payment_intent_id)
"""


def test_recovery_goes_on_from_there(tmp_path: Path, stripe_server: Any) -> None:
    python, card = sys.executable, "4000002760003184"
    pay = Payer(stripe_server.simulator)
    run(tmp_path, python, "-m", "django", "startproject", "shop", ".")
    write_files(tmp_path, stripe_server.url)
    follow_plans(tmp_path)
    follow_plans(tmp_path, RECOVERY)
    steps = [text for page in (PAGE, PLANS) for _intro, text in blocks(page) if "manage.py makemigrations" in text]
    for line in [line for step in steps for line in step.splitlines()]:
        run(tmp_path, *shlex.split(line.replace("python ", f"{python} ", 1)))

    visit = run(tmp_path, python, "manage.py", "shell", "-v0", "-c", SIGN_UP)
    pay(visit.split("intent: ")[1].strip(), card=card)
    run(tmp_path, python, "manage.py", "setup_intent_fulfillment")
    visit = run(tmp_path, python, "manage.py", "shell", "-v0", "-c", OPEN_LINK)
    assert pay(visit.split("intent: ")[1].strip(), card=card).get("status") == "succeeded"
    run(tmp_path, python, "manage.py", "payment_intent_on_session_fulfillment")
    look = run(tmp_path, python, "manage.py", "shell", "-v0", "-c", LOOK_AT_PLAN)
    assert re.findall(r"'(\w+)'\)", look) == ["success", "pending", "pending", "pending"]
