"""What the site is asked to do in a process of its own, one function each. See ``crashing``."""

from datetime import timedelta
from decimal import Decimal
from typing import Any
from uuid import UUID

from django.conf import settings
from django.core.management import call_command
from django.db.models import F
from django.test import Client
from django.utils import timezone

from checkout import tasks
from checkout.flows import card, payment, refund
from checkout.models import (
    Checkout,
    Customer,
    CustomerPayment,
    Event,
    Notice,
    ObjectPaymentPlan,
    ObjectPaymentPlanInstalment,
    PaymentRun,
    PaymentRunItem,
    Refund,
)
from checkout.notify import outbox
from example_checkout.models import Contact, Product, SalesLedger
from example_checkout.tests import mail, plans
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


def unpaid() -> ObjectPaymentPlanInstalment:
    """The oldest part that is due and not paid."""
    rows = ObjectPaymentPlanInstalment.objects.with_plan().exclude(state_id="success")
    found: ObjectPaymentPlanInstalment = rows.order_by("due", "pk")[:1].get()
    return found


def on_session() -> tuple[str, str]:
    """The customer follows the link in the mail; uuid and intent of the checkout."""
    checkout = Checkout.objects.create_checkout_pay_on_session(unpaid(), None)
    return str(checkout.uuid), checkout.payment_intent_id


def refresh() -> tuple[str, str]:
    """The customer opens the page to save a new card; uuid and SetupIntent."""
    checkout = card.start_refresh(Customer.objects.get(), user=None)
    return str(checkout.uuid), checkout.setup_intent_id


def use_card(payment_method_id: str) -> int:
    """The customer's card is another one now."""
    return Customer.objects.update(payment_method_id=payment_method_id)


def staff_charge(uuid: str) -> str:
    """Staff take 12.50 from the customer; the page may be sent again."""
    made = CustomerPayment.objects.charge_customer(
        Customer.objects.get(),
        amount=Decimal("12.50"),
        currency="GBP",
        description="A loom",
        user=None,
        uuid=UUID(uuid),
    )
    return str(made.state_id)


def staff_payments() -> list[tuple[str, str]]:
    """What staff have taken."""
    return [(str(one.state_id), str(one.amount)) for one in CustomerPayment.objects.order_by("pk")]


def tomorrow() -> None:
    """A day goes by: everything that has happened is a day older."""
    day = timedelta(days=1)
    for moment in ("created", "settled", "ask_after"):
        Checkout.objects.update(**{moment: F(moment) - day})
    ObjectPaymentPlanInstalment.objects.update(retry_due=F("retry_due") - day, due=F("due") - day)
    PaymentRun.objects.update(date=F("date") - day)


def another_total(amount: str) -> int:
    """Somebody writes into the database what was never asked for."""
    return Checkout.objects.filter(state_id="request").update(total=Decimal(amount))


def wait() -> None:
    """Time goes by until Stripe is asked about charges of unknown outcome, and deposits left behind are taken up."""
    past = timezone.now() - timedelta(seconds=1)
    Checkout.objects.filter(action_id="charge", state_id="request").update(ask_after=past)
    ObjectPaymentPlan.objects.update(created=F("created") - timedelta(minutes=3))


def give_back(uuid: str, amount: str, key: str) -> str:
    """Staff give so much back; the page may be sent again."""
    checkout = Checkout.objects.get(uuid=uuid)
    return str(refund.give_back(checkout, amount=Decimal(amount), user=None, uuid=UUID(key)).state)


def refunds() -> dict[str, Any]:
    """What the database holds of refunds, and what the host has heard."""
    rows = Refund.objects.order_by("pk").values_list("state", "amount", "refund_id")
    return {"refunds": list(rows), "heard": SalesLedger.objects.get().refunded}


def webhook(body: str, signature: str) -> int:
    """Stripe posts an event."""
    answer = Client(raise_request_exception=True).post(
        "/stripe/webhook/", body, content_type="application/json", headers={"Stripe-Signature": signature}
    )
    return answer.status_code


def events() -> list[Any]:
    """What became of each event."""
    return list(Event.objects.order_by("pk").values_list("type", "state", "tries"))


def lease_ends() -> None:
    """Time goes by: who was working an event has certainly died, and refunds of unknown outcome are asked about."""
    past = timezone.now() - timedelta(seconds=1)
    Event.objects.update(work_after=past)
    Refund.objects.exclude(ask_after=None).update(ask_after=past)


def task(name: str) -> int:
    """A task of the schedule."""
    done: int = getattr(tasks, name)()
    return done


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


def mail_wanted(count: str) -> int:
    """The bank wants the customers of so many instalments."""
    return len(mail.wanted(int(count)))


def mail_asked() -> int:
    """Their notices are written down, and not sent."""
    return len([mail.asked(part) for part in ObjectPaymentPlanInstalment.objects.to_ask().with_plan().order_by("pk")])


def mail_demands(port: str) -> int:
    """The task that asks them, with a mail server on that port; how many mails."""
    _with_server(port)
    return ObjectPaymentPlanInstalment.objects.send_on_session_payment_emails(lambda contact: False)


def mail_unsent(port: str) -> int:
    """The task that sends what was left; how many mails."""
    _with_server(port)
    return outbox.send_unsent()


def mail_lease_ends() -> None:
    """Time goes by: who was sending has certainly died, and what waits is due."""
    past = timezone.now() - timedelta(hours=1)
    Notice.objects.update(updated=past, send_after=past)


def mail_rows() -> list[Any]:
    """What became of each notice."""
    return list(Notice.objects.order_by("pk").values_list("state", "in_doubt", "tries"))


def _with_server(port: str) -> None:
    mail.use_server(settings, int(port))
