"""The examples of docs/testing.rst, in the suite of a site as the quickstart makes it: no conftest.py of ours helps."""

import sys
from pathlib import Path

import pytest

from checkout.tests.test_docs import TOP, blocks
from checkout.tests.test_quickstart import run, write_files

pytestmark = pytest.mark.slow
PLUGIN = "pytest_plugins = "
WEBHOOK = """
from checkout.views import stripe_webhook

urlpatterns += [path("stripe/webhook/", stripe_webhook)]
"""


def test_the_examples_run_in_a_sites_own_suite(tmp_path: Path) -> None:
    python = sys.executable
    run(tmp_path, python, "-m", "django", "startproject", "shop", ".")
    write_files(tmp_path, "http://127.0.0.1:9")
    with (tmp_path / "shop" / "urls.py").open("a", encoding="utf-8") as file:
        file.write(WEBHOOK)
    run(tmp_path, python, "manage.py", "makemigrations", "shop")
    page = [text for _intro, text in blocks(TOP / "docs" / "testing.rst")]
    (tmp_path / "conftest.py").write_text("".join(text for text in page if text.startswith(PLUGIN)), encoding="utf-8")
    examples = "\n\n".join(text for text in page if "def test_" in text)
    (tmp_path / "test_shop.py").write_text(examples, encoding="utf-8")

    # what one test with real transactions leaves behind must do for the next
    twice = "\n\n".join(examples.replace("def test_", f"def test_{name}_") for name in ("before", "again"))
    (tmp_path / "test_twice.py").write_text(twice, encoding="utf-8")
    settings = ("--ds=shop.settings", "-p", "no:randomly", "-p", "no:cacheprovider", "-W", "error")
    said = run(tmp_path, python, "-m", "pytest", "-q", *settings)

    assert examples.count("def test_") == 3
    assert "9 passed" in said
