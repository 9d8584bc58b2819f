"""The client, and the one translation of its errors."""

import functools
import logging
import re
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from django.db import connection
from django.utils.module_loading import import_string

from checkout.conf import settings
from checkout.errors import CheckoutError, StripeRefused, StripeUnreachable

if TYPE_CHECKING:
    import requests
    import stripe

logger = logging.getLogger(__name__)

NETWORK_RETRIES = 1
STRIPE_API = "https://api.stripe.com"


class NoSuchIntent(StripeRefused):
    """Stripe does not know the id: another account's key, or another database's row."""


class IntentMoved(StripeRefused):
    """The intent is no longer in a state that allows this: retrieve it and settle."""


class StripeLimited(StripeUnreachable):
    """429: asked too fast. This call did nothing; an earlier one under the same key may have."""


class NotPermitted(StripeRefused):
    """403: the restricted key may not do this."""


class KeyReused(StripeUnreachable):
    """The key was used for something else before: what that call did is to be found out, not guessed."""


def _in_transaction() -> bool:
    """Whether a caller's own transaction is open; pytest's and ATOMIC_REQUESTS' count too, unless declared."""
    return any(not getattr(block, "_from_testcase", False) for block in connection.atomic_blocks)


@functools.cache
def client() -> "stripe.StripeClient":
    """The one client of this process, made at the first call."""
    import stripe

    if not settings.secret_key:
        raise StripeRefused("STRIPE_SECRET_KEY is not set.")
    logging.getLogger("stripe").addFilter(_hide_secrets)
    http_client = (
        import_string(settings.http_client)()
        if settings.http_client
        else stripe.RequestsClient(timeout=settings.timeout, session=_session())
    )
    return stripe.StripeClient(
        settings.secret_key,
        http_client=http_client,
        base_addresses={"api": settings.api_base} if settings.api_base else {},
        max_network_retries=NETWORK_RETRIES,
    )


def _session() -> "requests.Session":
    """One for all threads of a payment run, which the SDK would otherwise give a session and a pool each.

    Kept alive are as many connections as there may be calls in flight. The proxies of the environment are looked up
    here, once, and not at each call.
    """
    import requests

    base = settings.api_base or STRIPE_API
    session = requests.Session()
    session.proxies = requests.utils.get_environ_proxies(base)
    session.trust_env = False
    session.mount("https://", requests.adapters.HTTPAdapter(pool_maxsize=settings.stripe_concurrency))
    session.mount("http://", requests.adapters.HTTPAdapter(pool_maxsize=settings.stripe_concurrency))
    return session


def _hide_secrets(record: logging.LogRecord) -> bool:
    """At DEBUG the SDK logs whole answers."""
    record.msg = re.sub(r"_secret_\w+", " (secret)", str(record.msg))
    return True


def prepare() -> None:
    """Import the SDK and make the client before the first of many calls at once.

    The others would wait for that one, with their turn already given to them, and then go out in one burst.
    """
    if settings.secret_key:
        _service = client().v1.payment_intents


def reset() -> None:
    """Forget the client, so that changed settings count. For tests."""
    client.cache_clear()


@contextmanager
def translated(verb: str) -> Iterator[None]:
    """Turn the SDK's errors into ours, once. Refuses to run inside a transaction."""
    import stripe

    if _in_transaction():
        raise CheckoutError(f"Stripe must not be called inside a transaction ({verb}).")
    try:
        yield
    except stripe.InvalidRequestError as error:
        evidence = _evidence(verb, error)
        logger.error("gateway refused %s", evidence)
        if error.http_status == 404 or error.code == "resource_missing":
            raise NoSuchIntent(evidence) from error
        if error.code in ("payment_intent_unexpected_state", "setup_intent_unexpected_state"):
            raise IntentMoved(evidence) from error
        raise StripeRefused(evidence) from error
    except stripe.PermissionError as error:
        evidence = _evidence(verb, error)
        logger.error("gateway not permitted %s", evidence)
        raise NotPermitted(evidence) from error
    except (stripe.AuthenticationError, stripe.CardError) as error:
        evidence = _evidence(verb, error)
        logger.error("gateway refused %s", evidence)
        raise StripeRefused(evidence) from error
    except stripe.IdempotencyError as error:
        evidence = _evidence(verb, error)
        logger.error("gateway key reused %s", evidence)
        raise KeyReused(evidence) from error
    except stripe.RateLimitError as error:
        raise StripeLimited(_evidence(verb, error)) from error
    except stripe.StripeError as error:
        evidence = _evidence(verb, error)
        logger.warning("gateway unknown %s", evidence)
        raise StripeUnreachable(evidence) from error


def _evidence(verb: str, error: "stripe.StripeError") -> str:
    """What staff and logs may see: no message of Stripe's, which can quote what was sent."""
    code, param = getattr(error, "code", None) or "", getattr(error, "param", None) or ""
    kind = type(error).__name__
    return " ".join(f"{verb}: {kind} {error.http_status or ''} {code} {param} request={error.request_id}".split())
