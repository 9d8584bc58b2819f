"""The blocks of docs/operations.rst for Celery, in a site of their own: beat knows every task that it calls."""

import re
import sys
from pathlib import Path

import pytest

from checkout.tests.test_docs import TOP, blocks
from checkout.tests.test_quickstart import run

pytestmark = pytest.mark.slow
SETTINGS = """
INSTALLED_APPS += ["shop", "checkout"]
STRIPE_PUBLISH_KEY, STRIPE_SECRET_KEY = "pk_test_simulator", "sk_test_simulator"
CELERY_TASK_ALWAYS_EAGER = True
"""
LOOK = """
from celery import current_app
from checkout.tasks import BEAT_SCHEDULE
from shop import celery_app
assert current_app._get_current_object() is celery_app
celery_app.loader.import_default_modules()
celery_app.finalize()
schedule = celery_app.conf.beat_schedule
print("unknown:", [entry["task"] for entry in schedule.values() if entry["task"] not in celery_app.tasks])
print("beside the package's:", sorted(set(schedule) - set(BEAT_SCHEDULE)))
"""


def test_the_site_of_the_operations_page_has_the_whole_schedule(tmp_path: Path) -> None:
    python = sys.executable
    run(tmp_path, python, "-m", "django", "startproject", "shop", ".")
    with (tmp_path / "shop" / "settings.py").open("a", encoding="utf-8") as file:
        file.write(SETTINGS)
    named = [(re.findall(r"``(shop/\w+\.py)``", intro), text) for intro, text in blocks(TOP / "docs/operations.rst")]
    written = [(names[0], text) for names, text in named if names]
    for name, text in written:
        (tmp_path / name).write_text(text, encoding="utf-8")
    assert [name for name, _text in written] == ["shop/celery.py", "shop/__init__.py", "shop/tasks.py"]

    run(tmp_path, python, "manage.py", "check")
    said = run(tmp_path, python, "manage.py", "shell", "-v0", "-c", LOOK)

    assert "unknown: []" in said
    assert "beside the package's: ['send_on_session_payment_emails']" in said
