"""What several kinds of objects share: metadata, addresses, look-ups and lists."""

from __future__ import annotations

from typing import Any

from .call import Call
from .errors import invalid, missing
from .render import as_list, render
from .store import Obj

_ADDRESS = ("city", "country", "line1", "line2", "postal_code", "state")
_MAX_KEYS, _MAX_NAME, _MAX_VALUE = 50, 40, 500
_PAGE = 100


def metadata(before: Obj | None, given: Any) -> Obj:
    """Metadata after a change: given keys are merged, empty values and an empty whole unset."""
    if given is None:
        return before or {}
    if given == "":
        return {}
    merged = {**(before or {}), **given}
    merged = {key: value for key, value in merged.items() if value != ""}
    if len(merged) > _MAX_KEYS:
        raise invalid(f"Metadata can have up to {_MAX_KEYS} keys.", param="metadata")
    for key, value in merged.items():
        if len(key) > _MAX_NAME:
            raise invalid(f"Metadata keys must be under {_MAX_NAME} characters.", param=f"metadata[{key}]")
        if len(value) > _MAX_VALUE:
            raise invalid(f"Metadata values must be under {_MAX_VALUE} characters.", param=f"metadata[{key}]")
    return merged


def address(given: Any) -> Obj | None:
    """An address with every field there."""
    return {key: given.get(key) or None for key in _ADDRESS} if isinstance(given, dict) else None


def shipping(given: Any) -> Obj | None:
    """A shipping hash with every field there."""
    if not isinstance(given, dict):
        return None
    return {
        "address": address(given.get("address") or {}),
        "carrier": given.get("carrier"),
        "name": given.get("name"),
        "phone": given.get("phone"),
        "tracking_number": given.get("tracking_number"),
    }


def unset(value: Any) -> Any:
    """An empty string unsets."""
    return None if value == "" else value


def update_fields(obj: Obj, params: Obj, names: tuple[str, ...]) -> None:
    """Copy plain parameters, and metadata, onto an object."""
    for name in names:
        if name in params:
            obj[name] = unset(params[name])
    if "metadata" in params:
        obj["metadata"] = metadata(obj["metadata"], params["metadata"])


def find(call: Call, kind: str, ident: str, param: str, status: int = 404) -> Obj:
    """The object, or ``resource_missing``."""
    obj = call.store.get(kind, ident)
    if obj is None:
        raise missing(kind.replace("_", " "), ident, param, status)
    return obj


def live_customer(call: Call, ident: str, status: int = 400, param: str = "customer") -> Obj:
    """A customer that exists and was not deleted."""
    customer = find(call, "customer", ident, param, status)
    if customer.get("_deleted"):
        raise missing("customer", ident, param, status)
    return customer


def page(call: Call, kind: str, params: Obj, **same: Any) -> Obj:
    """A list of a kind, newest first, with cursors, ``created`` and equal fields as filters."""
    limit = params.get("limit", 10)
    if not 1 <= limit <= _PAGE:
        raise invalid(
            f"Invalid integer: {limit}; limit lies between 1 and {_PAGE}.",
            code="parameter_invalid_integer",
            param="limit",
        )
    same = {key: value for key, value in same.items() if value is not None}
    after, before = (_cursor(call, kind, params, name) for name in ("starting_after", "ending_before"))
    wanted: list[Obj] = []
    customer = same.get("customer")
    candidates = call.store.newest_first(kind, customer)
    accept = params.get("_accept", lambda _: True)
    for obj in candidates:
        sequence = obj["_seq"]
        if after is not None and sequence >= after:
            continue
        if before is not None and sequence <= before:
            break
        if not _created(obj["created"], params.get("created")) or obj.get("_deleted"):
            continue
        if any(obj.get(key) != value for key, value in same.items()) or not accept(obj):
            continue
        wanted.append(obj)
        if len(wanted) > limit and before is None:
            break
    more = len(wanted) > limit
    chosen = wanted[-limit:] if before is not None else wanted[:limit]
    return as_list((render(obj) for obj in chosen), call.path, more)


def _cursor(call: Call, kind: str, params: Obj, name: str) -> int | None:
    if name not in params:
        return None
    sequence: int = find(call, kind, params[name], name, 400)["_seq"]
    return sequence


def _created(moment: int, wanted: Any) -> bool:
    if wanted is None:
        return True
    if isinstance(wanted, int):
        return moment == wanted
    tests = {
        "gt": lambda limit: moment > limit,
        "gte": lambda limit: moment >= limit,
        "lt": lambda limit: moment < limit,
        "lte": lambda limit: moment <= limit,
    }
    return all(tests[name](limit) for name, limit in wanted.items())
