"""Who did what by hand, and when."""

from typing import TYPE_CHECKING, Any

from django.db import models

from checkout.models import StaffAction

if TYPE_CHECKING:
    from checkout.models.checkout import User

LONGEST = 255


def record(verb: str, target: models.Model, *, user: "User", detail: str = "") -> StaffAction:
    """Write it down; joins the caller's transaction. ``verb``: one of ``StaffAction.WORDS``."""
    who: Any = user if user is not None and user.is_authenticated else None
    action: StaffAction = StaffAction.objects.create(
        verb=verb, content_object=target, user=who, detail=detail[:LONGEST]
    )
    return action
