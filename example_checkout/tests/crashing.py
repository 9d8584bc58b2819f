"""A site that dies at a given moment: ``python -m example_checkout.tests.crashing VERB [UUID]``.

``CRASH_AFTER`` is ``METHOD PATTERN``: SIGKILL once Stripe has answered such a call, before the answer is used.
``CRASH_IN_HOST``: SIGKILL in the middle of the host's ``checkout_success``.
"""

import json
import os
import signal
import sys
from decimal import Decimal
from fnmatch import fnmatchcase
from typing import Any
from urllib.parse import urlsplit

import django
import stripe
from django.apps import AppConfig


def die() -> None:
    """As the kernel's out-of-memory killer would: nothing is cleaned up."""
    os.kill(os.getpid(), signal.SIGKILL)


class KillingClient(stripe.RequestsClient):
    """Stripe does its work and answers; then this process is gone."""

    def request(self, method: str, url: str, *args: Any, **kwargs: Any) -> Any:
        """Make the call; die after the one that ``CRASH_AFTER`` names."""
        answer = super().request(method, url, *args, **kwargs)
        wanted = os.environ.get("CRASH_AFTER", "")
        if wanted and fnmatchcase(f"{method.upper()} {urlsplit(url).path}", wanted):
            die()
        return answer


class CrashingConfig(AppConfig):
    """Leaves one contact called "told" behind for each ``checkout_success`` that was committed."""

    name = "example_checkout.tests"
    label = "crashing"

    def ready(self) -> None:
        """Wrap the host's method."""
        from example_checkout.models import Contact, SalesLedger

        original = SalesLedger.checkout_success

        def success(booking: Any, checkout: Any) -> None:
            original(booking, checkout)
            Contact.objects.create(name="told", email="told@example.com")
            if os.environ.get("CRASH_IN_HOST"):
                die()

        SalesLedger.checkout_success = success  # type: ignore[method-assign]


def main(verb: str, *arguments: str) -> Any:
    """Do one thing as the site would, and return what is to be printed."""
    from django.test import Client

    from checkout.flows import payment
    from checkout.models import Checkout
    from example_checkout.models import Contact, Product, SalesLedger
    from example_checkout.tests.factories import SalesLedgerFactory, UserFactory

    if verb == "setup":
        booking = SalesLedgerFactory(contact__user=UserFactory(username="ada"), product__price=Decimal("120.00"))
        return booking.number
    if verb == "report":
        rows = Checkout.objects.order_by("pk").values("uuid", "state_id", "payment_intent_id", "quarantine", "total")
        return {
            "checkouts": list(rows),
            "told": Contact.objects.filter(name="told").count(),
            "paid": SalesLedger.objects.filter(paid__isnull=False).count(),
        }
    if verb == "number":
        return SalesLedger.objects.get().number
    if verb == "price":
        return Product.objects.update(price=Decimal(arguments[0]))
    if verb == "begin":
        checkout = Checkout.objects.get(uuid=arguments[0])
        payment.begin(checkout, shown_total=checkout.total)
        return checkout.state_id
    client = Client(raise_request_exception=True)
    client.force_login(Contact.objects.get(user__username="ada").user)
    if verb == "get":
        return client.get(arguments[0]).status_code
    answer = client.post(arguments[0], dict(pair.split("=") for pair in arguments[1:]))
    return [answer.status_code, answer.headers.get("Location", "")]


if __name__ == "__main__":
    django.setup()
    print(json.dumps(main(*sys.argv[1:]), default=str))
