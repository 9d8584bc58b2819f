"""Which handler answers which operation, and which of the SDK's parameter types it takes."""

from __future__ import annotations

import functools
import re
from collections.abc import Callable
from dataclasses import dataclass

from . import account, charges, customers, disputes, intents, payment_methods, refunds, setup_intents
from .call import Call
from .store import Obj

Handler = Callable[[Call, Obj], Obj]


@dataclass(frozen=True)
class Route:
    """One operation."""

    method: str
    template: str
    handler: Handler
    #: Names the module in ``stripe.params``; None where the SDK has no parameters for the call.
    operation: str
    #: May be called from a browser, with a publishable key.
    browser: bool = False
    #: Writes of payment and setup intents, which no longer take ``payment_method_types``.
    intent_write: bool = False


def _crud(path: str, name: str, param: str, module: object, verbs: str) -> list[Route]:
    """The usual operations of one kind of object."""
    one = f"{path}/{{{param}}}"
    shapes = {
        "create": ("POST", path, "create"),
        "list": ("GET", path, "list_all"),
        "retrieve": ("GET", one, "retrieve"),
        "update": ("POST", one, "update"),
        "delete": ("DELETE", one, "delete"),
    }
    routes = []
    for verb in verbs.split():
        method, template, function = shapes.get(verb) or ("POST", f"{one}/{verb}", verb)
        browser = (name in ("payment_intent", "setup_intent") and verb in ("retrieve", "confirm")) or (
            name == "payment_method" and verb == "create"
        )
        write = name.endswith("intent") and verb in ("create", "update", "confirm")
        routes.append(Route(method, template, getattr(module, function), f"{name}_{verb}", browser, write))
    return routes


_EVERY = "create list retrieve update"
ROUTES: list[Route] = [
    *_crud("/v1/customers", "customer", "customer", customers, f"{_EVERY} delete"),
    Route(
        "GET",
        "/v1/customers/{customer}/payment_methods",
        customers.payment_methods,
        "customer_payment_method_list",
    ),
    Route(
        "GET",
        "/v1/customers/{customer}/payment_methods/{payment_method}",
        customers.payment_method,
        "customer_payment_method_retrieve",
    ),
    *_crud("/v1/payment_methods", "payment_method", "payment_method", payment_methods, f"{_EVERY} attach detach"),
    *_crud("/v1/payment_intents", "payment_intent", "intent", intents, f"{_EVERY} confirm cancel capture"),
    *_crud("/v1/setup_intents", "setup_intent", "intent", setup_intents, f"{_EVERY} confirm cancel"),
    *_crud("/v1/charges", "charge", "charge", charges, "list retrieve update"),
    *_crud("/v1/refunds", "refund", "refund", refunds, _EVERY),
    *_crud("/v1/disputes", "dispute", "dispute", disputes, "list retrieve update close"),
    Route("GET", "/v1/events", account.list_events, "event_list"),
    Route("GET", "/v1/events/{id}", account.retrieve_event, "event_retrieve"),
    Route("POST", "/v1/webhook_endpoints", account.create_endpoint, "webhook_endpoint_create"),
    Route("GET", "/v1/webhook_endpoints", account.list_endpoints, "webhook_endpoint_list"),
    Route(
        "GET",
        "/v1/webhook_endpoints/{webhook_endpoint}",
        account.retrieve_endpoint,
        "webhook_endpoint_retrieve",
    ),
    Route(
        "POST",
        "/v1/webhook_endpoints/{webhook_endpoint}",
        account.update_endpoint,
        "webhook_endpoint_update",
    ),
    Route(
        "DELETE",
        "/v1/webhook_endpoints/{webhook_endpoint}",
        account.delete_endpoint,
        "webhook_endpoint_delete",
    ),
    Route("GET", "/v1/account", account.retrieve_account, "account_retrieve_current"),
]
_COMPILED = [
    (route, re.compile(re.sub(r"\{\w+\}", "([^/]+)", route.template) + r"\Z"), route.template.count("{"))
    for route in ROUTES
]


@functools.lru_cache(4096)
def find_route(method: str, path: str) -> tuple[Route, tuple[str, ...]] | None:
    """The operation that a request is for, with the ids in its path."""
    for route, pattern, _ in _COMPILED:
        if route.method == method:
            match = pattern.match(path)
            if match:
                return route, match.groups()
    return None
