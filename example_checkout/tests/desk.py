"""A work queue with a row in every section, put there at once, for tests of the staff's pages."""

from datetime import timedelta
from typing import Any

from django.db.models import F
from django.utils import timezone

from checkout.models import (
    Checkout,
    Customer,
    CustomerPayment,
    Difference,
    Dispute,
    Event,
    Notice,
    ObjectPaymentPlan,
    ObjectPaymentPlanInstalment,
    Reconciliation,
    Refund,
)
from checkout.tests.factories import (
    CustomerPaymentFactory,
    DifferenceFactory,
    DisputeFactory,
    EventFactory,
    NoticeFactory,
    ReconciliationFactory,
    RefundFactory,
)
from example_checkout.tests.factories import ProductFactory, SalesLedgerFactory
from example_checkout.tests.staff import attempt_at, make_plan

COURSES = ("Throwing on the wheel", "Raku firing", "Natural dyeing", "Weaving a rug", "Coptic bookbinding", "Indigo")
PEOPLE = ("Ada Lovelace", "Grace Hopper", "Karen Spärck Jones", "Annie Easley", "Mary Jackson", "Radia Perlman")


def part_in(state: str, number: int = 0, **customer: Any) -> ObjectPaymentPlanInstalment:
    """The second part of a new plan, in ``state``, whose deposit has been paid and whose day has come."""
    name = PEOPLE[number % len(PEOPLE)]
    booking = SalesLedgerFactory(product=ProductFactory(name=COURSES[number % len(COURSES)]))
    values = {f"customer__{key}": value for key, value in {"name": name, **customer}.items()}
    plan = make_plan("success", state, "pending", booking=booking, **values)
    aged(attempt_at(plan.deposit, state__slug="success", customer=plan.customer), days=40)
    part: ObjectPaymentPlanInstalment = plan.payments.get(count=2)
    type(part).objects.filter(pk=part.pk).update(due=timezone.localdate() - timedelta(days=3 + number))
    part.refresh_from_db()
    return part


def aged(row: Any, **ago: float) -> Any:
    """``row``, made that long ago."""
    type(row).objects.filter(pk=row.pk).update(created=timezone.now() - timedelta(**ago))
    row.refresh_from_db()
    return row


def waiting(number: int = 0) -> ObjectPaymentPlanInstalment:
    """The bank wants the customer, who has been mailed."""
    part = part_in("pay_on_session", number)
    aged(
        attempt_at(
            part,
            customer=part.customer,
            state__slug="pay_on_session",
            failure="authentication_required",
            claim=f"w{part.pk}",
        ),
        days=2,
    )
    asked = timezone.now() - timedelta(days=2)
    type(part).objects.filter(pk=part.pk).update(customer_asked=asked)
    NoticeFactory(
        kind=Notice.ON_SESSION_PAYMENT,
        state="sent",
        sent=asked,
        instalment=part,
        customer=part.customer,
        template="on_session_payment_auth",
        subject="Please approve your payment",
        body="Your bank wants you to approve a payment.\n\nhttps://example.com/pay/token/",
        html='<p style="color: teal">Your bank wants you. <a href="https://example.com/pay/token/">Pay now</a></p>',
        recipients=[part.customer.email],
    )
    part.refresh_from_db()
    return part


def waiting_payment(number: int = 0) -> CustomerPayment:
    """The same of an amount that staff charged."""
    payment = CustomerPaymentFactory(customer__name=PEOPLE[-1 - number % len(PEOPLE)], state_id="pay_on_session")
    attempt = attempt_at(
        payment,
        customer=payment.customer,
        state__slug="pay_on_session",
        failure="authentication_required",
        claim=f"p{payment.pk}",
    )
    NoticeFactory(
        kind=Notice.AUTHORISE,
        key=str(attempt.uuid),
        state="sent",
        sent=timezone.now(),
        checkout=attempt,
        customer=payment.customer,
        template="authorise",
        recipients=[payment.customer.email],
    )
    return payment


def failed(number: int = 0) -> ObjectPaymentPlanInstalment:
    """Declined for good; the customer was asked for another card."""
    part = part_in("fail", number)
    attempt = attempt_at(
        part, customer=part.customer, failure="card_declined insufficient_funds", decline_code="insufficient_funds"
    )
    NoticeFactory(
        kind=Notice.PAYMENT_FAILED,
        key=str(aged(attempt, days=4).uuid),
        state="sent",
        sent=timezone.now(),
        instalment=part,
        checkout=attempt,
        customer=part.customer,
        template="payment_last_notice",
        facts={"step": "another_card", "retry_due": ""},
        recipients=[part.customer.email],
    )
    return part


def without_card(number: int = 0) -> ObjectPaymentPlanInstalment:
    """Due, and the card is refused for good."""
    part = part_in("pending", number)
    Customer.objects.filter(pk=part.customer.pk).update(refused_payment_method_id=part.customer.payment_method_id)
    return part


def unknown(number: int = 0) -> Checkout:
    """A charge whose answer was lost."""
    part = part_in("request", number)
    return aged(attempt_at(part, customer=part.customer, state__slug="request", claim=f"u{part.pk}"), hours=5)


def put_aside(number: int = 0) -> Checkout:
    """Stripe reports another amount than was asked for."""
    part = part_in("request", number)
    reason = "paid 29.00, asked 30.00"
    return attempt_at(
        part,
        customer=part.customer,
        state__slug="request",
        quarantine=reason,
        claim=f"a{part.pk}",
        payment_intent_id=f"pi_{part.pk}",
    )


def expiring(number: int = 0) -> Customer:
    """A card that ends with this month, and something left to pay."""
    soon = timezone.localdate() + timedelta(days=9 + number)
    customer: Customer = part_in("success", number, refresh=True, expiry_date=soon, last4="0005").customer
    return customer


def mail_given_up(number: int = 0) -> Notice:
    """A mail that the server would not take."""
    customer = part_in("success", number).customer
    notice: Notice = NoticeFactory(
        kind=Notice.CARD_EXPIRING,
        state="given_up",
        customer=customer,
        template="card_expiring",
        facts={"payment_method_id": customer.payment_method_id},
        tries=12,
        last_error="SMTPRecipientsRefused 550",
        recipients=[customer.email],
    )
    return aged(notice, days=1)


def event(number: int = 0) -> Event:
    """Given up: the site's own code raised each time."""
    made: Event = EventFactory(
        state="given_up",
        tries=12,
        last_error="RuntimeError: the warehouse is away",
        traceback="Traceback (most recent call last):\nRuntimeError: the warehouse is away\n",
        api_version="2026-10-28.endive",
    )
    return aged(made, hours=3 + number)


def difference(number: int = 0) -> Difference:
    """Found by the last comparison of the books: paid at Stripe, and not recorded."""
    run = Reconciliation.objects.exclude(finished=None).first() or ReconciliationFactory()
    attempt = attempt_at(part_in("success", number))
    made: Difference = DifferenceFactory(reconciliation=run, checkout=attempt, ours="fail")
    Reconciliation.objects.filter(pk=run.pk).update(differences=F("differences") + 1)
    return made


def paid(number: int = 0) -> Checkout:
    """The deposit of a plan that goes on, taken by Stripe a while ago."""
    plan = part_in("pending", number).object_payment_plan
    plan.payments.filter(count=2).update(due=timezone.localdate() + timedelta(days=9))
    checkout: Checkout = plan.deposit.attempts.get()
    Checkout.objects.filter(pk=checkout.pk).update(payment_intent_id=f"pi_deposit_{checkout.pk}", total=30)
    checkout.refresh_from_db()
    return checkout


def disputed(number: int = 0, **values: Any) -> Dispute:
    """Contested, so its plan is paused; the bank waits for an answer."""
    checkout = paid(number)
    due_by = timezone.now() + timedelta(days=9 + number, hours=1)
    made: Dispute = DisputeFactory(checkout=checkout, **{"due_by": due_by, **values})
    plans = ObjectPaymentPlan.objects.filter(instalments__pk=checkout.object_id)
    plans.update(paused=timezone.now() - timedelta(days=2 + number))
    return made


def decided(number: int = 0) -> ObjectPaymentPlan:
    """Paused, and the bank has decided for the shop."""
    dispute = disputed(number, state="won", stripe_status="won", closed=timezone.now())
    return ObjectPaymentPlan.objects.get(instalments__pk=dispute.checkout.object_id)


def refund_failed(number: int = 0) -> Refund:
    """The bank has sent it back, days after it looked well."""
    made: Refund = RefundFactory(checkout=paid(number), amount=20, state="fail", failure="lost_or_stolen_card")
    Refund.objects.filter(pk=made.pk).update(settled=timezone.now() - timedelta(days=2, hours=1))
    return aged(made, days=12)


def refund_unknown(number: int = 0) -> Refund:
    """Asked for, and the answer was lost."""
    made: Refund = RefundFactory(
        checkout=paid(number), refund_id=None, amount=10, state="request", settled=None, by_staff=True
    )
    return aged(made, hours=4)


EACH = (
    *(waiting, waiting_payment, failed, without_card, unknown, put_aside, expiring, mail_given_up, event, difference),
    *(disputed, decided, refund_failed, refund_unknown),
)


def busy(times: int = 1) -> None:
    """So many rows in every section."""
    for number in range(times):
        for make in EACH:
            make(number)
