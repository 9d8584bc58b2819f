"""Sphinx configuration. ``make docs`` builds with warnings as errors."""

import tomllib
from pathlib import Path

_project = tomllib.loads((Path(__file__).parent.parent / "pyproject.toml").read_text(encoding="utf-8"))["project"]

project = _project["name"]
author = _project["authors"][0]["name"]
copyright = f"2026, {author}"
release = version = _project["version"]

extensions = []
exclude_patterns = ["_build"]
html_theme = "furo"
html_title = f"{project} {release}"
nitpicky = True
smartquotes = False
