"""The catalogue that translators start from holds every sentence of the templates and of the code."""

import ast
import re
from pathlib import Path

PACKAGE = Path(__file__).resolve().parents[1]
CATALOGUE = PACKAGE / "locale" / "en" / "LC_MESSAGES" / "django.po"
TRANSLATE = re.compile(r"""{%\s*translate\s+(?:"([^"]+)"|'([^']+)')""")
MSGID = re.compile(r'^msgid(?:_plural)? ((?:"(?:[^"\\]|\\.)*"\s*)+)', re.MULTILINE)


def catalogued() -> set[str]:
    entries = MSGID.findall(CATALOGUE.read_text(encoding="utf-8"))
    return {"".join(ast.literal_eval(part) for part in entry.strip().splitlines()) for entry in entries}


def in_templates() -> set[str]:
    texts = (path.read_text(encoding="utf-8") for path in (PACKAGE / "templates").rglob("*.html"))
    return {double or single for text in texts for double, single in TRANSLATE.findall(text)}


def in_code() -> set[str]:
    """The argument of every call of ``_``, which is what the package calls gettext."""
    paths = [path for path in PACKAGE.rglob("*.py") if not {"tests", "simulator"} & set(path.parts)]
    calls = (node for path in paths for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))))
    return {
        str(node.args[0].value)
        for node in calls
        if isinstance(node, ast.Call)
        and isinstance(node.func, ast.Name)
        and node.func.id == "_"
        and isinstance(node.args[0], ast.Constant)
    }


def test_every_sentence_is_in_the_catalogue() -> None:
    assert len(in_templates()) > 50
    assert len(in_code()) > 10
    assert (in_templates() | in_code()) - catalogued() == set(), "run makemessages -l en in the folder checkout"
