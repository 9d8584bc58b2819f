"""Form decoding with brackets: ``a[b]=1`` makes a dict, ``a[]=1`` and ``a[0]=1`` make a list."""

from __future__ import annotations

import re
from typing import Any
from urllib.parse import parse_qsl

from .errors import invalid

_NAME = re.compile(r"([^\[\]]+)((?:\[[^\[\]]*\])*)\Z")
_PART = re.compile(r"\[([^\[\]]*)\]")


def decode(raw: str) -> dict[str, Any]:
    """Decode a query string or a form body to nested dicts, lists and strings."""
    root: dict[str, Any] = {}
    if not raw:
        return root
    try:
        pairs = parse_qsl(raw, keep_blank_values=True, strict_parsing=True, errors="strict")
    except ValueError as error:
        raise invalid(f"Invalid request: the parameters are not form-encoded ({error}).") from error
    for key, value in pairs:
        match = _NAME.match(key)
        if match is None:
            raise invalid(f"Invalid parameter name: {key}", code="parameter_unknown", param=key)
        path = [match[1], *_PART.findall(match[2])] if match[2] else [match[1]]
        _insert(root, path, value, key)
    return {key: _lists(value) for key, value in root.items()}


def _insert(node: dict[str, Any], path: list[str], value: str, key: str) -> None:
    for index, part in enumerate(path[:-1]):
        if path[index + 1] == "" and index + 2 < len(path):
            # a[][b]=..: a new element whenever the name repeats
            items = node.setdefault(part, {})
            last = items.get(str(len(items) - 1), {}) if items else {}
            at = len(items) if not items or path[index + 2] in last else len(items) - 1
            path = [*path[: index + 1], str(at), *path[index + 2 :]]
        child = node.setdefault(part, {})
        if not isinstance(child, dict):
            raise invalid(f"Invalid parameter: {key} is both a value and a container", param=key)
        node = child
    last_part = path[-1] if path[-1] != "" else str(len(node))
    if isinstance(node.get(last_part), dict):
        raise invalid(f"Invalid parameter: {key} is both a value and a container", param=key)
    node[last_part] = value


def _lists(node: Any) -> Any:
    if not isinstance(node, dict):
        return node
    children = {key: _lists(value) for key, value in node.items()}
    if children and all(key.isdecimal() for key in children):
        order = sorted(children, key=int)
        if [int(key) for key in order] == list(range(len(order))):
            return [children[key] for key in order]
    return children
