"""The account itself: its events, its webhook endpoints and what it says about itself."""

from __future__ import annotations

from fnmatch import fnmatchcase
from urllib.parse import urlsplit

from .call import Call
from .common import find, metadata, page, unset, update_fields
from .errors import invalid, missing
from .render import render
from .store import Obj

_EVENT_LIFE = 30 * 86400
_MOST_ENDPOINTS = 16
_LOOPBACK = ("localhost", "127.0.0.1", "::1", "testserver")


def _visible(call: Call, event: Obj) -> bool:
    return bool(event["created"] >= call.now - _EVENT_LIFE)


def list_events(call: Call, params: Obj) -> Obj:
    """GET /v1/events (the last 30 days)"""
    if "type" in params and "types" in params:
        raise invalid("You may only specify one of these parameters: type, types.", param="types")
    types = params.get("types") or ([params["type"]] if "type" in params else ["*"])
    delivered = params.get("delivery_success")

    def accept(event: Obj) -> bool:
        failed = event["_failed"] or event["pending_webhooks"] > 0
        return (
            _visible(call, event)
            and any(fnmatchcase(event["type"], one) for one in types)
            and (delivered is None or delivered is not failed)
        )

    return page(call, "event", {**params, "_accept": accept})


def retrieve_event(call: Call, params: Obj) -> Obj:
    """GET /v1/events/{id}"""
    event = find(call, "event", call.ids[0], "id")
    if not _visible(call, event):
        raise missing("event", event["id"], "id")
    return render(event)


def _check_url(url: str) -> None:
    parts = urlsplit(url)
    if parts.scheme not in ("http", "https") or not parts.hostname:
        raise invalid(
            "Invalid URL: An explicit scheme (such as https) must be provided.", code="url_invalid", param="url"
        )
    if parts.scheme == "http" and parts.hostname not in _LOOPBACK:
        raise invalid("Invalid URL: URL must use https.", code="url_invalid", param="url")


def create_endpoint(call: Call, params: Obj) -> Obj:
    """POST /v1/webhook_endpoints"""
    _check_url(params["url"])
    if len(call.store.kinds["webhook_endpoint"]) >= _MOST_ENDPOINTS:
        raise invalid(f"You have reached the maximum of {_MOST_ENDPOINTS} test webhook endpoints.")
    endpoint = add_endpoint(call, params, f"whsec_{call.store.token(32)}")
    return {**render(endpoint), "secret": endpoint["_secret"]}


def add_endpoint(call: Call, params: Obj, secret: str) -> Obj:
    """Register an endpoint with a given secret."""
    return call.new(
        "webhook_endpoint",
        {
            "api_version": params.get("api_version"),
            "application": None,
            "description": unset(params.get("description")),
            "enabled_events": params["enabled_events"],
            "metadata": metadata(None, params.get("metadata")),
            "status": "enabled",
            "url": params["url"],
            "_secret": secret,
        },
    )


def list_endpoints(call: Call, params: Obj) -> Obj:
    """GET /v1/webhook_endpoints"""
    return page(call, "webhook_endpoint", params)


def retrieve_endpoint(call: Call, params: Obj) -> Obj:
    """GET /v1/webhook_endpoints/{webhook_endpoint}"""
    return render(find(call, "webhook_endpoint", call.ids[0], "webhook_endpoint"))


def update_endpoint(call: Call, params: Obj) -> Obj:
    """POST /v1/webhook_endpoints/{webhook_endpoint}"""
    endpoint = find(call, "webhook_endpoint", call.ids[0], "webhook_endpoint")
    if "url" in params:
        _check_url(params["url"])
        endpoint["url"] = params["url"]
    if "enabled_events" in params:
        endpoint["enabled_events"] = params["enabled_events"]
    if "disabled" in params:
        endpoint["status"] = "disabled" if params["disabled"] else "enabled"
    update_fields(endpoint, params, ("description",))
    call.store.touch(endpoint)
    return render(endpoint)


def delete_endpoint(call: Call, params: Obj) -> Obj:
    """DELETE /v1/webhook_endpoints/{webhook_endpoint}"""
    endpoint = find(call, "webhook_endpoint", call.ids[0], "webhook_endpoint")
    call.store.drop(endpoint)
    return {"id": endpoint["id"], "object": "webhook_endpoint", "deleted": True}


def retrieve_account(call: Call, params: Obj) -> Obj:
    """GET /v1/account"""
    return {
        "id": call.account_id,
        "object": "account",
        "business_profile": {"name": "Simulated shop", "url": None},
        "capabilities": {"card_payments": "active", "transfers": "active"},
        "charges_enabled": True,
        "country": "GB",
        "default_currency": "gbp",
        "details_submitted": True,
        "email": "owner@example.com",
        "metadata": {},
        "payouts_enabled": True,
        "settings": {"dashboard": {"display_name": "Simulated shop", "timezone": "Etc/UTC"}},
        "type": "standard",
    }
