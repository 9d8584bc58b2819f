"""Limits against card testing: counted per session, per address and per object, before Stripe is called."""

import logging
import secrets
from typing import Any

from django.db import models
from django.http import HttpRequest
from django_ratelimit.core import get_usage

from checkout.conf import settings
from checkout.errors import LimitReached

logger = logging.getLogger(__name__)

SESSION_KEY = "checkout_visitor"


def check_create(request: HttpRequest, content_object: models.Model) -> None:
    """Count one more intent about to be made; ``LimitReached`` if it is one too many."""
    _count(request, "create", _name(content_object))


def check_link(request: HttpRequest, content_object: models.Model) -> None:
    """Count one more look at what is to be paid on session; ``LimitReached`` if it is one too many."""
    _count(request, "link", _name(content_object))


def check_declined(request: HttpRequest, content_object: models.Model | None) -> None:
    """``LimitReached`` if too many declined attempts were seen; counts nothing."""
    _count(request, "decline", _name(content_object), increment=False)


def count_declined(request: HttpRequest, content_object: models.Model | None) -> None:
    """Count one more declined attempt; ``LimitReached`` if it is one too many."""
    _count(request, "decline", _name(content_object))


def _count(request: HttpRequest, kind: str, name: str, *, increment: bool = True) -> None:
    keys = {"session": _visitor(request, make=increment), "address": "ip", "object": name}
    reached = []
    for scope, rate in settings.limits[kind].items():
        if not keys[scope]:
            continue
        # django-ratelimit knows "ip" by name (and RATELIMIT_IP_META_KEY); the others are given as functions
        key: Any = "ip" if scope == "address" else _constant(keys[scope])
        group = f"checkout-{kind}-{scope}"
        try:
            usage = get_usage(request, group=group, key=key, rate=rate, increment=increment)
        except ValueError:
            # a proxy's header that is no address: all who send one share a counter
            usage = get_usage(request, group=group, key=_constant("unknown"), rate=rate, increment=increment)
        if usage is not None and (usage["count"] >= usage["limit"] if not increment else usage["should_limit"]):
            reached.append(scope)
    if reached:
        logger.warning("limits reached kind=%s scopes=%s object=%s", kind, ",".join(reached), name)
        raise LimitReached(f"Too many attempts ({kind}) for {', '.join(reached)}: see CHECKOUT_LIMITS.")


def _visitor(request: HttpRequest, *, make: bool) -> str:
    """What this session is counted by: the user, whom a new session does not make new, else a mark in the session."""
    if request.user.is_authenticated:
        return f"user-{request.user.pk}"
    if make and SESSION_KEY not in request.session:
        request.session[SESSION_KEY] = secrets.token_hex(16)
    return str(request.session.get(SESSION_KEY, ""))


def _constant(value: str) -> Any:
    return lambda group, request: value


def _name(content_object: models.Model | None) -> str:
    return f"{content_object._meta.label}:{content_object.pk}" if content_object is not None else "none"
