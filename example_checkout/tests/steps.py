"""What the site is asked to do in a process of its own, one function each. See ``crashing``."""

from datetime import timedelta
from decimal import Decimal
from typing import Any

from django.core.management import call_command
from django.db.models import F
from django.test import Client
from django.utils import timezone

from checkout.flows import payment
from checkout.models import (
    Checkout,
    Customer,
    Notice,
    ObjectPaymentPlan,
    ObjectPaymentPlanInstalment,
    PaymentRun,
    PaymentRunItem,
)
from example_checkout.models import Contact, Product, SalesLedger
from example_checkout.tests import plans
from example_checkout.tests.factories import SalesLedgerFactory, UserFactory


def command(name: str, *arguments: str) -> None:
    """``manage.py NAME``."""
    call_command(name, *arguments)


def setup() -> str:
    """Make a booking; its number."""
    booking = SalesLedgerFactory(contact__user=UserFactory(username="ada"), product__price=Decimal("120.00"))
    return str(booking.number)


def report() -> dict[str, Any]:
    """What the database holds of checkouts."""
    rows = Checkout.objects.order_by("pk").values("uuid", "state_id", "payment_intent_id", "quarantine", "total")
    return {
        "checkouts": list(rows),
        "told": Contact.objects.filter(name="told").count(),
        "paid": SalesLedger.objects.filter(paid__isnull=False).count(),
    }


def ledger() -> dict[str, Any]:
    """What the database holds of payment plans."""
    checkouts = Checkout.objects.order_by("pk")
    customer = Customer.objects.values("customer_id", "payment_method_id", "last4").first()
    told = Contact.objects.filter(name="told").values_list("email", flat=True)
    return {
        "checkouts": list(checkouts.values("uuid", "action_id", "state_id", "object_id", "total", "quarantine")),
        "instalments": list(ObjectPaymentPlanInstalment.objects.order_by("pk").values("pk", "state_id", "amount")),
        "plans": list(ObjectPaymentPlan.objects.order_by("pk").values_list("total", flat=True)),
        "told": [email.partition("@")[0] for email in told],
        "items": list(PaymentRunItem.objects.order_by("pk").values_list("outcome", flat=True)),
        "finished": PaymentRun.objects.exclude(finished=None).count(),
        "notices": list(Notice.objects.values_list("kind", flat=True)),
        "unsent": Notice.objects.filter(sent=None).count(),
        "customer": customer,
    }


def number() -> str:
    """The booking's number."""
    return str(SalesLedger.objects.get().number)


def price(amount: str) -> int:
    """The course has another price now."""
    return Product.objects.update(price=Decimal(amount))


def begin(uuid: str) -> str:
    """The customer pressed the button."""
    checkout = Checkout.objects.get(uuid=uuid)
    assert checkout.total is not None
    payment.begin(checkout, shown_total=checkout.total)
    return str(checkout.state_id)


def finish(uuid: str) -> str:
    """The customer is back from Stripe."""
    checkout = Checkout.objects.get(uuid=uuid)
    payment.finish(checkout)
    return str(checkout.state_id)


def sign_up() -> tuple[str, str]:
    """A customer has agreed to a plan and is about to enter a card; uuid and SetupIntent."""
    checkout = plans.start_sign_up()
    return str(checkout.uuid), checkout.setup_intent_id


def due(count: str, customer_id: str, payment_method_id: str) -> list[int]:
    """Let so many instalments fall due at once."""
    return plans.many_due(
        int(count), customer_id=customer_id, payment_method_id=payment_method_id, per_plan=min(10, int(count))
    )


def another_total(amount: str) -> int:
    """Somebody writes into the database what was never asked for."""
    return Checkout.objects.filter(state_id="request").update(total=Decimal(amount))


def wait() -> None:
    """Time goes by until Stripe is asked about charges of unknown outcome, and deposits left behind are taken up."""
    past = timezone.now() - timedelta(seconds=1)
    Checkout.objects.filter(action_id="charge", state_id="request").update(ask_after=past)
    ObjectPaymentPlan.objects.update(created=F("created") - timedelta(minutes=3))


def get(path: str) -> int:
    """Ada opens a page."""
    return _ada().get(path).status_code


def post(path: str, *pairs: str) -> tuple[int, str]:
    """Ada sends a form."""
    answer = _ada().post(path, dict(pair.split("=") for pair in pairs))
    return answer.status_code, answer.headers.get("Location", "")


def _ada() -> Client:
    client = Client(raise_request_exception=True)
    user = Contact.objects.get(user__username="ada").user
    assert user is not None
    client.force_login(user)
    return client
