"""The ready rule about accounts: who may be told to sign in. A site may have its own instead."""

from datetime import datetime
from typing import Any

from dateutil.relativedelta import relativedelta
from django.contrib.auth import get_user_model
from django.contrib.auth.models import AbstractBaseUser
from django.core.exceptions import FieldDoesNotExist
from django.utils import timezone

from checkout.conf import settings


def can_login_and_pay(contact: Any) -> bool:
    """Whether the person has an active account and signed in within ``CHECKOUT_ACTIVE_LOGIN_MONTHS``.

    ``contact`` is a user, something with a ``user``, or something with an ``email`` or ``checkout_email``: then the
    users with that address, compared without case, are looked up, and one that fits is enough. One query at most,
    beside what ``contact.user`` takes.
    """
    since = timezone.now() - relativedelta(months=settings.active_login_months)
    user = contact if isinstance(contact, AbstractBaseUser) else getattr(contact, "user", None)
    if user is not None:
        return _is_active(user, since)
    email = getattr(contact, "email", "") or getattr(contact, "checkout_email", "")
    return any(_is_active(found, since) for found in _users(str(email).strip()))


def _is_active(user: Any, since: datetime) -> bool:
    return bool(user.is_active and user.last_login is not None and user.last_login >= since)


def _users(email: str) -> list[Any]:
    model: Any = get_user_model()
    field = model.get_email_field_name()
    try:
        model._meta.get_field(field)
    except FieldDoesNotExist:
        # a site whose users have no address: nobody is found by one
        return []
    return list(model._default_manager.filter(**{f"{field}__iexact": email})) if email else []
