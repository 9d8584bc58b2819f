"""How objects are shown: without the simulator's own keys, and with what was asked for expanded."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from .errors import invalid
from .legacy import as_card
from .store import Obj, Store

_INTENT = {"customer": "customer", "payment_method": "payment_method"}
_MONEY = {"balance_transaction": "balance_transaction", "payment_intent": "payment_intent"}
#: For each kind of object, the fields that hold the id of another, and of what kind that is.
EXPANDABLE: dict[str, dict[str, str]] = {
    "payment_intent": {
        **_INTENT,
        "latest_charge": "charge",
        "review": "",
        "on_behalf_of": "",
        "application": "",
        "source": "card",
    },
    "setup_intent": {**_INTENT, "latest_attempt": "", "mandate": "", "single_use_mandate": ""},
    "charge": {**_MONEY, "customer": "customer", "refunds": "", "review": "", "failure_balance_transaction": ""},
    "refund": {**_MONEY, "charge": "charge", "customer": "customer", "payment_method": "payment_method"},
    "dispute": {"charge": "charge", "payment_intent": "payment_intent"},
    "payment_method": {"customer": "customer"},
    "balance_transaction": {"source": "charge"},
    "customer": {"default_source": "card", "test_clock": ""},
    "card": {"customer": "customer"},
    "invoice_settings": {"default_payment_method": "payment_method"},
}
#: Those of them that are no objects, but groups of fields within one.
_GROUPS = ("invoice_settings",)
_MAX_DEPTH = 4


def copy(value: Any) -> Any:
    """A copy of plain JSON data."""
    if isinstance(value, dict):
        return {key: copy(one) for key, one in value.items()}
    if isinstance(value, list):
        return [copy(one) for one in value]
    return value


def render(obj: Obj) -> Obj:
    """A snapshot of an object as Stripe shows it."""
    return {key: copy(value) for key, value in obj.items() if key[0] != "_"}


def as_list(data: Iterable[Obj], url: str, has_more: bool = False) -> Obj:
    """A list object."""
    return {"object": "list", "url": url, "has_more": has_more, "data": list(data)}


def expand(store: Store, body: Obj, paths: list[str]) -> Obj:
    """Replace ids by the objects they stand for, along dotted paths (``data.`` first on lists)."""
    for path in paths:
        parts = path.split(".")
        if len(parts) > _MAX_DEPTH + (parts[0] == "data"):
            raise invalid(f"You cannot expand more than {_MAX_DEPTH} levels of a property.", param="expand")
        _expand(store, body, parts, path)
    return body


def _expand(store: Store, node: Obj, parts: list[str], path: str) -> None:
    name, rest = parts[0], parts[1:]
    if node.get("object") == "list" and name == "data":
        if not rest:
            raise _cannot(path)
        for one in node["data"]:
            _expand(store, one, rest, path)
        return
    kind = node.get("object", "")
    fields = EXPANDABLE.get(kind, {})
    if name in fields:
        _fill(store, node, name, fields[name])
    elif not (rest and isinstance(node.get(name), dict) and name in _GROUPS):
        raise _cannot(path)
    child = node.get(name)
    if rest and isinstance(child, dict):
        if name in _GROUPS:
            target = EXPANDABLE[name].get(rest[0])
            if target is None:
                raise _cannot(path)
            _fill(store, child, rest[0], target)
            child, rest = child.get(rest[0]), rest[1:]
        if rest and isinstance(child, dict):
            _expand(store, child, rest, path)


def _fill(store: Store, node: Obj, name: str, kind: str) -> None:
    if name == "refunds" and node.get("object") == "charge":
        refunds = [
            render(one)
            for one in reversed(store.by_intent.get(f"refund:{node['payment_intent']}", {}).values())
            if one["charge"] == node["id"]
        ]
        node[name] = as_list(refunds, f"/v1/charges/{node['id']}/refunds")
        return
    value = node.get(name)
    if not isinstance(value, str):
        return
    if kind == "card":
        legacy = store.get("payment_method", value)
        node[name] = as_card(legacy) if legacy else value
        return
    found = store.get(kind, value) if kind else None
    if found is None and name == "source":
        found = store.get("refund", value)
    if found is not None:
        node[name] = render(found)


def _cannot(path: str) -> Exception:
    return invalid(f"This property cannot be expanded ({path}).", param="expand")
