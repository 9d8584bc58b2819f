"""Facts about the repository itself that a newcomer or a user of the package relies on."""

import re
import subprocess
import tomllib
from pathlib import Path

import pytest

TOP = Path(__file__).resolve().parents[2]
# Kept in pieces, so that this file does not contain what it looks for.
PRIVATE = re.compile("|".join(["/wor" + "k/", "/roo" + "t/", r"py[p]i\.org", r"python[h]osted", r"registry\.np[m]js"]))
UNDONE = re.compile(r"\b(TO" + r"DO|FIX" + r"ME)\b")
TEXT = {".py", ".rst", ".toml", ".ini", ".txt", ".html", ".js", ".css", ".json", ".sh", ".in", ".cfg", ""}
GENERATED = {
    ".bench",
    ".git",
    ".hypothesis",
    ".venv",
    ".tox",
    ".demo",
    "node_modules",
    "_build",
    "build",
    "dist",
    "__pycache__",
}


def project() -> dict:
    return tomllib.loads((TOP / "pyproject.toml").read_text(encoding="utf-8"))["project"]


def sources() -> list[Path]:
    """Every text file that belongs to the repository."""
    return [
        path
        for path in TOP.rglob("*")
        if path.is_file()
        and path.suffix in TEXT
        and not any(part in GENERATED or part.endswith((".egg-info", "_cache")) for part in path.parts)
        and not path.name.endswith(".db")
    ]


@pytest.mark.parametrize(
    "name",
    [
        "setup.py", "pyproject.toml", "conftest.py", "pytest.ini", "README.rst", "manage.py", "Makefile",
        "CHANGELOG.rst", "LICENSE", ".ci/run", "requirements", "docs", "example_checkout",
    ],
)  # fmt: skip
def test_what_users_expect_at_the_top_is_there(name: str) -> None:
    assert (TOP / name).exists(), f"{name} is part of the layout that our users rely on"


def test_setup_py_is_only_a_shim() -> None:
    lines = [line for line in (TOP / "setup.py").read_text(encoding="utf-8").splitlines() if line.strip()]
    assert len(lines) == 2, "metadata lives in pyproject.toml; setup.py is the two-line shim"


def test_requirements_only_point_at_the_extras() -> None:
    for path in (TOP / "requirements").glob("*.txt"):
        for line in path.read_text(encoding="utf-8").split("\n"):
            assert re.fullmatch(r"(-e )?\.(\[[a-z,]+\])?|", line), f"{path.name}: {line!r} belongs in pyproject.toml"


def test_every_runtime_dependency_is_justified_in_the_docs() -> None:
    page = (TOP / "docs" / "dependencies.rst").read_text(encoding="utf-8").lower()
    for dependency in project()["dependencies"]:
        name = re.split(r"[<>=\[ ]", dependency)[0].lower()
        assert f"``{name}``" in page, f"docs/dependencies.rst does not say why {name} is needed"


def test_scripts_are_executable() -> None:
    for path in [TOP / ".ci" / "run", *(TOP / ".ci").glob("*.sh"), *(TOP / "tools").glob("*.sh")]:
        assert path.stat().st_mode & 0o100, f"chmod +x {path.relative_to(TOP)}"
        subprocess.run(["bash", "-n", str(path)], check=True)


def test_no_private_path_and_nothing_left_undone() -> None:
    broken = []
    for path in sources():
        text = path.read_text(encoding="utf-8", errors="replace")
        broken += [f"{path.relative_to(TOP)} names {found}" for found in set(PRIVATE.findall(text))]
        if path.suffix in {".py", ".js", ".html"}:
            broken += [f"{path.relative_to(TOP)} says {found}" for found in set(UNDONE.findall(text))]
    assert not broken, "\n".join(broken)


def test_licence_is_apache() -> None:
    assert "Apache License" in (TOP / "LICENSE").read_text(encoding="utf-8")[:400]
    assert project()["license"] == "Apache-2.0"
