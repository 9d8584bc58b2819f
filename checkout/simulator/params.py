"""Which parameters exist, and of what type: learned from the installed SDK's own ``TypedDict`` types.

``stripe.params`` holds one module per operation; its class is compiled once, on first use, into a small
tree of checkers. Nothing here lists a Stripe parameter by hand.
"""

from __future__ import annotations

import builtins
import collections.abc
import functools
import importlib
import re
import sys
import types
import typing
from dataclasses import dataclass, field
from typing import Any

from .errors import StripeFault, invalid

_INTEGER = re.compile(r"-?\d{1,19}\Z")
_NUMBER = re.compile(r"-?\d+(\.\d+)?\Z")
_UNIONS = (typing.Union, types.UnionType)
_MAPPINGS = (dict, collections.abc.Mapping)
_SEQUENCES = (list, collections.abc.Sequence)


class _Untyped:
    """Stands for a name that the SDK imports for type checkers only."""

    @classmethod
    def __class_getitem__(cls, item: Any) -> type[_Untyped]:
        return cls


class _Names(dict[str, Any]):
    """The names of an SDK module, where what is missing at run time is untyped."""

    def __missing__(self, name: str) -> Any:
        return getattr(builtins, name, None) or getattr(typing, name, _Untyped)


@dataclass
class Spec:
    """What one parameter may be; several kinds may be allowed at once."""

    scalars: set[str] = field(default_factory=set)
    literals: set[str] = field(default_factory=set)
    item: Spec | None = None
    fields: dict[str, Spec] | None = None
    required: tuple[str, ...] = ()
    free: Spec | None = None

    def check(self, value: Any, name: str) -> Any:
        """The converted value; raises the error Stripe answers when it does not fit."""
        if isinstance(value, str):
            return self._scalar(value, name)
        if isinstance(value, list):
            if self.item is not None:
                return [self.item.check(one, f"{name}[{at}]") for at, one in enumerate(value)]
            value = {str(at): one for at, one in enumerate(value)}
        if self.fields is not None:
            return self._object(value, name)
        if self.free is not None:
            return {key: self.free.check(one, f"{name}[{key}]") for key, one in value.items()}
        wanted = "array" if self.item is not None else next(iter(sorted(self.scalars)), "string")
        raise invalid(f"Invalid {wanted}", param=name, code=f"parameter_invalid_{_suffix(wanted)}")

    def _object(self, value: dict[str, Any], name: str) -> dict[str, Any]:
        fields = self.fields or {}
        done = {}
        for key, one in value.items():
            here = f"{name}[{key}]" if name else key
            spec = fields.get(key)
            if spec is None:
                raise unknown(here)
            done[key] = spec.check(one, here)
        for key in self.required:
            if key not in done:
                raise absent(f"{name}[{key}]" if name else key)
        return done

    def _scalar(self, value: str, name: str) -> Any:
        if value in self.literals:
            return value
        if value == "":
            raise invalid(
                f"You passed an empty string for '{name}'. We assume empty values are an attempt to unset a "
                f"parameter; however '{name}' cannot be unset.",
                code="parameter_invalid_empty",
                param=name,
            )
        if "boolean" in self.scalars and value in ("true", "false"):
            return value == "true"
        if "integer" in self.scalars and _INTEGER.match(value):
            return int(value)
        if "number" in self.scalars and _NUMBER.match(value):
            return float(value)
        if "string" in self.scalars and not self.literals - {""}:
            return value
        raise self._misfit(value, name)

    def _misfit(self, value: str, name: str) -> StripeFault:
        if self.literals - {""}:
            allowed = ", ".join(sorted(one for one in self.literals if one))
            return invalid(f"Invalid {name}: must be one of {allowed}", param=name)
        if "integer" in self.scalars:
            return invalid(f"Invalid integer: {value}", code="parameter_invalid_integer", param=name)
        if "boolean" in self.scalars:
            return invalid(f"Invalid boolean: {value}", param=name)
        if self.item is not None:
            return invalid("Invalid array", param=name)
        if self.fields is not None or self.free is not None:
            return invalid("Invalid object", param=name)
        return invalid(f"Invalid value: {value}", param=name)


def _suffix(wanted: str) -> str | None:
    return "integer" if wanted == "integer" else "string_blank" if wanted == "string" else "empty"


def unknown(name: str) -> StripeFault:
    """A parameter that the operation does not have."""
    return invalid(f"Received unknown parameter: {name}", code="parameter_unknown", param=name)


def absent(name: str) -> StripeFault:
    """A parameter that the operation cannot do without."""
    return invalid(f"Missing required param: {name}.", code="parameter_missing", param=name)


@functools.cache
def spec_for(operation: str) -> Spec:
    """The compiled parameters of an operation such as ``payment_intent_create``."""
    module = importlib.import_module(f"stripe.params._{operation}_params")
    name = "".join(part.capitalize() for part in operation.split("_")) + "Params"
    return _compile_class(getattr(module, name))


@functools.cache
def _options() -> frozenset[str]:
    """The request options that every parameter class inherits, which are not parameters."""
    module = importlib.import_module("stripe._request_options")
    return frozenset(module.RequestOptions.__annotations__)


@functools.cache
def _compile_class(cls: Any) -> Spec:
    spec = Spec(fields={})
    names = _Names(vars(sys.modules[cls.__module__]))
    base = _options() if any(_is_option(one) for one in cls.__annotations__) else frozenset()
    required = []
    for key, annotation in cls.__annotations__.items():
        if key in base:
            continue
        inner, optional = _unwrap(annotation, names)
        child = Spec()
        _compile(inner, names, child)
        assert spec.fields is not None
        # The SDK renames what is a Python keyword (from_ for from).
        spec.fields[key.rstrip("_")] = child
        if not optional:
            required.append(key.rstrip("_"))
    spec.required = tuple(required)
    return spec


def _is_option(name: str) -> bool:
    return name == "max_network_retries"


def _unwrap(annotation: Any, names: _Names) -> tuple[Any, bool]:
    annotation = _resolve(annotation, names)
    origin = typing.get_origin(annotation)
    if origin is not None and getattr(origin, "_name", "") in ("NotRequired", "Required"):
        return typing.get_args(annotation)[0], origin._name == "NotRequired"
    return annotation, False


def _resolve(annotation: Any, names: _Names) -> Any:
    if isinstance(annotation, typing.ForwardRef):
        annotation = annotation.__forward_arg__
    if isinstance(annotation, str):
        # The text is the SDK's own source.
        return eval(annotation, {}, names)  # noqa: S307  # nosec B307
    return annotation


def _compile(annotation: Any, names: _Names, spec: Spec) -> None:
    annotation = _resolve(annotation, names)
    origin, args = typing.get_origin(annotation), typing.get_args(annotation)
    if origin in _UNIONS:
        for one in args:
            _compile(one, names, spec)
    elif origin is typing.Literal:
        spec.literals.update(str(one) for one in args)
        spec.scalars.add("string")
    elif origin in _SEQUENCES:
        spec.item = Spec()
        _compile(args[0], names, spec.item)
    elif origin in _MAPPINGS:
        spec.free = Spec()
        _compile(args[1], names, spec.free)
        # A value of "" unsets one key of a mapping such as metadata.
        spec.free.literals.add("")
    elif typing.is_typeddict(annotation) or hasattr(annotation, "__required_keys__"):
        compiled = _compile_class(annotation)
        spec.fields, spec.required = {**(spec.fields or {}), **(compiled.fields or {})}, compiled.required
    else:
        _compile_scalar(annotation, spec)


def _compile_scalar(annotation: Any, spec: Spec) -> None:
    name = {bool: "boolean", int: "integer", float: "number", str: "string"}.get(annotation)
    if name is not None:
        spec.scalars.add(name)
    elif getattr(annotation, "__name__", "") == "Decimal":
        spec.scalars.add("number")
    elif annotation is Any:
        spec.scalars.add("string")
