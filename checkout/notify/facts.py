"""What somebody must be told: one function for each fact, called where it becomes true, in that transaction."""

from collections.abc import Iterable
from datetime import date, datetime

from django.db import transaction
from django.utils import timezone

from checkout.conf import settings
from checkout.models import Checkout, Customer, Dispute, Notice, ObjectPaymentPlanInstalment, Refund
from checkout.notify import outbox, truth


def quarantined(checkout: Checkout, reason: str) -> None:
    """Tell the staff, once, that Stripe holds a payment which was not fulfilled. Sent as soon as it is committed."""
    notice, created = Notice.objects.get_or_create(
        kind=Notice.QUARANTINE,
        key=str(checkout.uuid),
        defaults={
            "subject": f"Payment needs a person: checkout {checkout.pk}",
            "body": (
                f"Stripe reports a payment that was not fulfilled.\n\n"
                f"Checkout: {checkout.uuid}\nPaymentIntent: {checkout.payment_intent_id}\nReason: {reason}\n\n"
                f"Nothing has been recorded as paid. Compare the two, then refund or fulfil by hand.\n"
            ),
            "recipients": settings.notify_emails,
            "checkout": checkout,
        },
    )
    if created:
        # robust: what was settled stays settled, whatever hinders the mail, and send_notices comes back to it
        transaction.on_commit(lambda: outbox.send(notice.pk), robust=True)


def payment_failed(
    part: ObjectPaymentPlanInstalment,
    checkout: Checkout,
    *,
    step: str,
    retry_due: date | None,
    last: bool,
    send_after: datetime | None = None,
) -> None:
    """Tell the customer that a charge was declined, with the one thing to do. Once for each attempt.

    ``step``: a ``declines.Step``; ``retry_due``: when it is tried again by itself; ``last``: there were retries, and
    this was the last. ``send_after``: not before then, because the customer may be paying at this moment.
    """
    _once(
        Notice(
            kind=Notice.PAYMENT_FAILED,
            key=str(checkout.uuid),
            template="payment_last_notice" if last else "payment_failed",
            facts={"step": step, "retry_due": retry_due.isoformat() if retry_due else ""},
            checkout=checkout,
            instalment=part,
            customer=part.customer,
            recipients=[part.customer.email],
            send_after=send_after or timezone.now(),
        )
    )


def card_wanted(parts: Iterable[ObjectPaymentPlanInstalment]) -> None:
    """Tell customers that what is due cannot be charged, because a bank has refused their card for good; once a part.

    One statement, however many. ``parts`` come with plan and customer.
    """
    _once(
        *(
            Notice(
                kind=Notice.CARD_WANTED,
                key=truth.refused_key(part.pk, part.customer.payment_method_id),
                template="card_wanted",
                instalment=part,
                customer=part.customer,
                recipients=[part.customer.email],
            )
            for part in parts
        )
    )


def card_expiring(customer: Customer) -> None:
    """Ask the customer for a new card before the one on file expires; once for each card and date."""
    _once(
        Notice(
            kind=Notice.CARD_EXPIRING,
            key=f"{customer.pk}:{customer.payment_method_id}:{customer.expiry_date}"[:100],
            template="card_expiring",
            facts={"payment_method_id": customer.payment_method_id},
            customer=customer,
            recipients=[customer.email],
        )
    )


def authorise(checkout: Checkout, customer: Customer) -> None:
    """The bank wants the customer for a charge by staff: mail a link to authorise it; once for each attempt."""
    _once(
        Notice(
            kind=Notice.AUTHORISE,
            key=str(checkout.uuid),
            template="authorise",
            checkout=checkout,
            customer=customer,
            recipients=[customer.email],
        )
    )


def on_session_payment(part: ObjectPaymentPlanInstalment, *, template: str, asked: datetime) -> Notice:
    """The bank wants the customer for an instalment; once for each demand, which is told by when it was ``asked``."""
    notice: Notice = Notice.objects.create(
        kind=Notice.ON_SESSION_PAYMENT,
        key=truth.demand_key(part.pk, asked),
        template=template,
        instalment=part,
        customer=part.customer,
        recipients=[part.customer.email],
    )
    return notice


def refund_failed(refund: Refund) -> None:
    """Tell the staff, once, that a refund did not reach the customer, also one that had looked well."""
    _to_staff(
        Notice.REFUND_FAILED,
        str(refund.uuid),
        refund.checkout,
        subject=f"Refund failed: checkout {refund.checkout_id}",
        body=(
            f"A refund did not reach the customer.\n\n"
            f"Checkout: {refund.checkout.uuid}\nRefund: {refund.refund_id or '(none at Stripe)'}\n"
            f"Amount: {refund.amount} {refund.currency}\nReason: {refund.failure or 'not told'}\n\n"
            f"The money is with you again. Give it back in another way, or once more.\n"
        ),
    )


def disputed(dispute: Dispute) -> None:
    """Tell the staff, once for each stage, that a payment is contested, and until when an answer counts."""
    due_by = f"{dispute.due_by:%d %B %Y, %H:%M %Z}" if dispute.due_by else "not told"
    _to_staff(
        Notice.DISPUTE,
        f"{dispute.dispute_id}:{_stage(dispute)}"[:100],
        dispute.checkout,
        subject=f"Payment disputed: checkout {dispute.checkout_id}",
        body=(
            f"{'A bank asks about a payment' if dispute.is_inquiry else 'A cardholder disputes a payment'}.\n\n"
            f"Checkout: {dispute.checkout.uuid}\nDispute: {dispute.dispute_id}\n"
            f"Amount: {dispute.amount} {dispute.currency}\nReason: {dispute.reason}\nAnswer by: {due_by}\n\n"
            f"Answer it in Stripe's dashboard. If the payment is part of a plan, nothing further is charged for "
            f"that plan by itself until you say so.\n"
        ),
    )


def _stage(dispute: Dispute) -> str:
    """An inquiry may become a chargeback, and what was decided may be appealed: staff hear of each."""
    if dispute.stripe_status.startswith("appeal"):
        return "appeal"
    return "inquiry" if dispute.is_inquiry else "chargeback"


def dispute_closed(dispute: Dispute) -> None:
    """Tell the staff, once for each outcome, how a dispute ended."""
    # with its moment: an appeal may end as the dispute before it did
    moment = f"{dispute.closed:%Y%m%d%H%M%S%f}" if dispute.closed else ""
    _to_staff(
        Notice.DISPUTE_CLOSED,
        f"{dispute.dispute_id}:{dispute.state}:{moment}"[:100],
        dispute.checkout,
        subject=f"Dispute {dispute.state}: checkout {dispute.checkout_id}",
        body=(
            f"A dispute has been decided: {dispute.state}.\n\n"
            f"Checkout: {dispute.checkout.uuid}\nDispute: {dispute.dispute_id}\n"
            f"Amount: {dispute.amount} {dispute.currency}\n\n"
            f"If the payment is part of a plan, that plan is still paused: go on with it, or stop it.\n"
        ),
    )


def _to_staff(kind: str, key: str, checkout: Checkout, *, subject: str, body: str) -> None:
    """Sent by ``send_notices``, within minutes."""
    _once(Notice(kind=kind, key=key, subject=subject, body=body, recipients=settings.notify_emails, checkout=checkout))


def _once(*notices: Notice) -> None:
    """One statement: the key is unique, and what is written down already stays as it is."""
    Notice.objects.bulk_create(notices, ignore_conflicts=True)
