"""The site as it dies at a given moment: ``python -m example_checkout.tests.crashing``.

Django is loaded once. Then each line of the standard input is a step (JSON, see ``Site`` in ``crash_site``), which is
done in a forked process of its own, so that a SIGKILL hits a real process with its own connections and threads. What
is to go wrong is in the environment of the step:

====================  ==================================================================================
``CRASH_BEFORE``      ``METHOD PATTERN``: die instead of sending such a call to Stripe
``CRASH_AFTER``       ``METHOD PATTERN``: die once Stripe has answered such a call, before the answer is used
``CRASH_IN_HOST``     die at the end of the host's ``checkout_success``, inside the settling transaction
``CRASH_SETTLED``     die once that transaction has been committed, before anything else is done
``CRASH_IN_REFUND``   die at the end of the host's ``checkout_refund``, inside the transaction that keeps the refund
``CRASH_REFUNDED``    die once that transaction has been committed
``CRASH_RECEIVED``    die once an event is on disk, before anybody works it
``CRASH_IN_MAIL``     die instead of sending mail
``CRASH_AFTER_MAIL``  die once the mail server has taken a mail, before that is used
``CRASH_AT``          not at the first of these moments but at the n-th
``CRASH_PORTION``     no trouble: how many instalments one Celery task charges
====================  ==================================================================================
"""

import itertools
import json
import os
import signal
import sys
import tempfile
import threading
import traceback
from collections.abc import Callable
from fnmatch import fnmatchcase
from typing import Any
from urllib.parse import urlsplit

import django
import stripe
from django.apps import AppConfig

_moments = itertools.count(1)


def die() -> None:
    """As the kernel's out-of-memory killer would: nothing is cleaned up. The n-th time that it is asked for."""
    if next(_moments) == int(os.environ.get("CRASH_AT", "1")):
        os.kill(os.getpid(), signal.SIGKILL)


def _meant(name: str, method: str, url: str) -> bool:
    wanted = os.environ.get(name, "")
    return bool(wanted) and fnmatchcase(f"{method.upper()} {urlsplit(url).path}", wanted)


class KillingClient(stripe.RequestsClient):
    """The wire to Stripe, and the moments before and after it."""

    def request(self, method: str, url: str, *args: Any, **kwargs: Any) -> Any:
        """Make the call, and die before or after it where that is meant."""
        if _meant("CRASH_BEFORE", method, url):
            die()
        answer = super().request(method, url, *args, **kwargs)
        if _meant("CRASH_AFTER", method, url):
            die()
        return answer


class CrashingConfig(AppConfig):
    """Leaves one contact called "told" behind for each ``checkout_success`` that was committed."""

    name = "example_checkout.tests"
    label = "crashing"

    def ready(self) -> None:
        """Wrap the host's methods, the inbox, and mail; cut tasks small."""
        from django.core.mail.backends import locmem, smtp
        from django.db import transaction

        from checkout import tasks
        from checkout.flows import inbox
        from example_checkout.models import Contact, SalesLedger

        told = SalesLedger.checkout_success

        def success(booking: Any, checkout: Any) -> None:
            if os.environ.get("CRASH_SETTLED"):
                transaction.on_commit(die)
            told(booking, checkout)
            Contact.objects.create(name="told", email=f"{checkout.uuid}@example.com")
            if os.environ.get("CRASH_IN_HOST"):
                die()

        tasks.PORTION = int(os.environ.get("CRASH_PORTION", tasks.PORTION))
        SalesLedger.checkout_success = success  # type: ignore[method-assign]
        SalesLedger.checkout_refund = _killing_refund(SalesLedger.checkout_refund)  # type: ignore[method-assign]
        inbox.receive = _killing_inbox(inbox.receive)
        for backend in (locmem.EmailBackend, smtp.EmailBackend):
            backend.send_messages = _killing(backend.send_messages)  # type: ignore[method-assign]


def _killing_refund(heard: Callable[..., Any]) -> Callable[..., Any]:
    """The host's ``checkout_refund``, and the moments after it."""
    from django.db import transaction

    def refund(booking: Any, made: Any) -> None:
        if os.environ.get("CRASH_REFUNDED"):
            transaction.on_commit(die)
        heard(booking, made)
        if os.environ.get("CRASH_IN_REFUND"):
            die()

    return refund


def _killing_inbox(receive: Callable[..., Any]) -> Callable[..., Any]:
    """``inbox.receive``, and the moment after it."""

    def received(*args: Any, **kwargs: Any) -> Any:
        event = receive(*args, **kwargs)
        if os.environ.get("CRASH_RECEIVED"):
            die()
        return event

    return received


def _killing(send: Callable[..., Any]) -> Callable[..., Any]:
    """A mail backend's ``send_messages``, and the moments before and after it."""

    def sent(*args: Any, **kwargs: Any) -> Any:
        if os.environ.get("CRASH_IN_MAIL"):
            die()
        answer = send(*args, **kwargs)
        if os.environ.get("CRASH_AFTER_MAIL"):
            die()
        return answer

    return sent


def serve() -> None:
    """Do the steps that come in, until the input ends."""
    django.setup()
    # what every step would load anew
    from django.urls import get_resolver

    import checkout.tasks  # noqa: F401
    from example_checkout.tests import steps  # noqa: F401

    get_resolver().url_patterns  # noqa: B018
    # a Celery worker forks from here too, and a pool of threads does not survive that
    assert threading.active_count() == 1, threading.enumerate()
    for line in sys.stdin:
        step = json.loads(line)
        with tempfile.TemporaryFile() as output:
            pid = os.fork()
            if not pid:
                os.dup2(output.fileno(), 1)
                os.dup2(output.fileno(), 2)
                _step(step)
            print(pid, flush=True)
            _pid, status = os.waitpid(pid, 0)
            output.seek(0)
            answer = {"code": os.waitstatus_to_exitcode(status), "output": output.read().decode()}
        print(json.dumps(answer), flush=True)


def _step(step: dict[str, Any]) -> None:
    """In the forked process: one thing that the site does. Never returns."""
    from django.conf import settings
    from django.db import connections

    from example_checkout.tests import steps

    code = 1
    try:
        os.environ.update(step["trouble"])
        connections.settings["default"].update(step["database"])
        settings.CHECKOUT_STRIPE_API_BASE = step["stripe"]
        settings.CHECKOUT_STRIPE_CONCURRENCY = int(os.environ.get("CRASH_LINES", "10"))
        verb, *arguments = step["arguments"]
        print("\n" + json.dumps(getattr(steps, verb)(*arguments), default=str))
        code = 0
    except BaseException:  # noqa: BLE001, whatever it is, the test is told
        traceback.print_exc()
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(code)


if __name__ == "__main__":
    # under its own name, for the settings name its classes
    from example_checkout.tests import crashing

    crashing.serve()
