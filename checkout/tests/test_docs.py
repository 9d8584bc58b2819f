"""What the documentation names exists, and what a host may set is documented."""

import ast
import importlib
import re
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import pytest
from django.apps import apps
from django.conf import settings as django_settings
from django.core.management import get_commands
from django.urls import get_resolver

from checkout.models import Checkout

TOP = Path(__file__).resolve().parents[2]
PAGES = sorted([*(TOP / "docs").glob("*.rst"), TOP / "README.rst"])
LITERAL = re.compile(r"``([^`\n]+)``")
SETTING = re.compile(r"\b(?:CHECKOUT|STRIPE|RATELIMIT)_[A-Z_]+\b")
DOTTED = re.compile(r"(?:checkout|web)(?:\.\w+)+(?:\(\w*\))?")
FILE = re.compile(r"[\w./]+\.(?:py|html|css|js|rst|ini|toml)")
TEST = re.compile(r"(test_\w+\.py)::(test_\w+)")
CHECK_ID = re.compile(r"checkout\.[EW]\d{3}")


def literals(path: Path) -> list[str]:
    return LITERAL.findall(path.read_text(encoding="utf-8"))


def source(name: str) -> str:
    return (TOP / "checkout" / name).read_text(encoding="utf-8")


@cache
def known_settings() -> frozenset[str]:
    """Every setting that ``checkout/conf.py`` reads, by the strings in its code."""
    strings = (node.value for node in ast.walk(ast.parse(source("conf.py"))) if isinstance(node, ast.Constant))
    return frozenset(value for value in strings if isinstance(value, str) and SETTING.fullmatch(value))


@cache
def url_names() -> frozenset[str]:
    """Names of all URLs of the example site, the package's included."""
    return frozenset(name for name in get_resolver().reverse_dict if isinstance(name, str))


@cache
def permissions() -> frozenset[str]:
    """``checkout.charge`` and so on: every permission on the package's models."""
    found: set[str] = set()
    for model in apps.get_app_config("checkout").get_models():
        names = [f"{verb}_{model._meta.model_name}" for verb in model._meta.default_permissions]
        found |= {f"checkout.{name}" for name in [*names, *(code for code, _name in model._meta.permissions)]}
    return frozenset(found)


def resolves(dotted: str) -> bool:
    """Whether ``a.b.C.d`` is a module, or something that can be reached inside one."""
    parts = dotted.split(".")
    for cut in range(len(parts), 0, -1):
        try:
            found = importlib.import_module(".".join(parts[:cut]))
        except ModuleNotFoundError:
            continue
        for part in parts[cut:]:
            if not hasattr(found, part):
                return False
            found = getattr(found, part)
        return True
    return False


def blocks(path: Path) -> Iterator[tuple[str, str]]:
    """The literal blocks of a page, without their indentation, each after the line that introduces it."""
    lines = path.read_text(encoding="utf-8").split("\n")
    for number, line in enumerate(lines):
        if not line.endswith("::") or line.lstrip().startswith(".."):
            continue
        margin = len(line) - len(line.lstrip())
        taken = []
        for following in lines[number + 1 :]:
            if following.strip() and len(following) - len(following.lstrip()) <= margin:
                break
            taken.append(following)
        width = min((len(text) - len(text.lstrip()) for text in taken if text.strip()), default=0)
        yield line, "\n".join(text[width:] for text in taken).strip("\n") + "\n"


@pytest.mark.parametrize("path", PAGES, ids=lambda path: path.name)
def test_settings_in_the_docs_exist(path: Path) -> None:
    named = set(SETTING.findall(path.read_text(encoding="utf-8")))
    unknown = {name for name in named - known_settings() if not hasattr(django_settings, name)}
    assert not unknown, f"{path.name} names settings that checkout/conf.py does not read: {sorted(unknown)}"


def test_every_setting_is_documented() -> None:
    documented = {word for text in literals(TOP / "docs" / "settings.rst") for word in SETTING.findall(text)}
    missing = known_settings() - documented
    assert not missing, f"docs/settings.rst does not describe {sorted(missing)}"


def test_every_system_check_is_documented_and_exists() -> None:
    exist = set(CHECK_ID.findall(source("checks.py")))
    named = {found for path in PAGES for found in CHECK_ID.findall(path.read_text(encoding="utf-8"))}
    assert exist - named == set(), "docs/security.rst does not list these system checks"
    assert named - exist == set(), "the docs list system checks that checkout/checks.py does not have"


@pytest.mark.parametrize("path", PAGES, ids=lambda path: path.name)
def test_dotted_names_in_the_docs_exist(path: Path) -> None:
    dotted = {text for text in literals(path) if DOTTED.fullmatch(text)}
    unknown = [
        name
        for name in sorted(dotted)
        if not CHECK_ID.fullmatch(name)
        and name not in url_names()
        and not hasattr(Checkout, name.removeprefix("checkout."))
        and name not in permissions()
        and not resolves(re.sub(r"\(.*", "", name))
    ]
    assert not unknown, f"{path.name} names things that do not exist: {unknown}"


@pytest.mark.parametrize("path", PAGES, ids=lambda path: path.name)
def test_imports_in_the_docs_work(path: Path) -> None:
    wanted = [
        f"{module}.{name.strip()}"
        for _intro, block in blocks(path)
        for module, names in re.findall(r"^\s*from (checkout[\w.]*) import ([\w, ]+)$", block, re.MULTILINE)
        for name in names.split(",")
    ]
    unknown = [name for name in wanted if not resolves(name)]
    assert not unknown, f"{path.name} imports what does not exist: {unknown}"


@pytest.mark.parametrize("path", PAGES, ids=lambda path: path.name)
def test_commands_in_the_docs_exist(path: Path) -> None:
    text = path.read_text(encoding="utf-8")
    named = set(re.findall(r"manage\.py (\w+)", text))
    unknown = named - set(get_commands())
    assert not unknown, f"{path.name} names management commands that do not exist: {sorted(unknown)}"


def test_every_command_is_documented() -> None:
    text = "\n".join(path.read_text(encoding="utf-8") for path in PAGES)
    ours = {name for name, app in get_commands().items() if app == "checkout"}
    assert {name for name in ours if name not in text} == set(), "these commands are in no page of the docs"


@pytest.mark.parametrize("path", PAGES, ids=lambda path: path.name)
def test_files_and_targets_in_the_docs_exist(path: Path) -> None:
    text = path.read_text(encoding="utf-8")
    places = [TOP, *(TOP / name for name in ("docs", "checkout", "checkout/templates", "checkout/static"))]
    files = [name for name in literals(path) if FILE.fullmatch(name)]
    files = [name for name in files if "/" in name and not name.startswith(("shop/", "/"))]
    absent = [name for name in files if not any((place / name).exists() for place in places)]
    assert not absent, f"{path.name} names files that do not exist: {absent}"
    linked = re.findall(r"<([\w./]+\.rst)>`_", text)
    assert [name for name in linked if not (TOP / name).exists()] == []
    targets = set(re.findall(r"^([a-z-]+):", (TOP / "Makefile").read_text(encoding="utf-8"), re.MULTILINE))
    named = set(re.findall(r"(?:``|^ +)make ([a-z]+)", text, re.MULTILINE))
    assert named <= targets, f"{path.name} names make targets that do not exist: {sorted(named - targets)}"


def test_public_names_are_importable_and_documented() -> None:
    host_contract = (TOP / "docs" / "host_contract.rst").read_text(encoding="utf-8")
    contract = importlib.import_module("checkout.contract")
    for member in contract.REQUIRED:
        assert f"``{member}" in host_contract, f"docs/host_contract.rst does not explain {member}"
    assert apps.get_app_config("checkout").verbose_name


def test_tests_in_the_docs_exist() -> None:
    folders = [TOP / "checkout" / "tests", TOP / "example_checkout" / "tests"]
    sources = {path.name: path.read_text(encoding="utf-8") for folder in folders for path in folder.glob("test_*.py")}
    named = {found for page in PAGES for found in TEST.findall(page.read_text(encoding="utf-8"))}
    absent = [f"{file}::{name}" for file, name in named if f"\ndef {name}(" not in sources.get(file, "")]
    assert not absent, f"the docs name tests that do not exist: {sorted(absent)}"
    threats = TEST.findall((TOP / "docs" / "security.rst").read_text(encoding="utf-8"))
    assert len(threats) > 50, "docs/security.rst does not say which test shows what"
