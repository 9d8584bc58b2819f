"""Mail. A notice is written in the transaction that makes its fact true, and sent once that has committed."""

import logging
from functools import partial

from django.conf import settings as django_settings
from django.core.mail import EmailMessage
from django.db import transaction
from django.utils import timezone

from checkout.conf import settings
from checkout.models import Checkout, Notice

logger = logging.getLogger(__name__)


def quarantined(checkout: Checkout, reason: str) -> None:
    """Tell the staff, once, that Stripe holds a payment which was not fulfilled. Inside the settling transaction."""
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
        },
    )
    if created:
        transaction.on_commit(partial(send, notice.pk))


def send(notice_pk: int) -> bool:
    """Send one notice if nobody has; True if this call did. A mail server's failure leaves it for the task."""
    with transaction.atomic():
        notice = Notice.objects.select_for_update().filter(pk=notice_pk, sent=None).first()
        if notice is None:
            return False
        if notice.recipients:
            message = EmailMessage(notice.subject, notice.body, django_settings.DEFAULT_FROM_EMAIL, notice.recipients)
            try:
                message.send()
            except OSError as error:
                # smtplib's errors and a refused connection are OSErrors: the row stays, the task comes back
                logger.warning("notify failed notice=%s error=%s", notice.pk, type(error).__name__)
                return False
        notice.sent = timezone.now()
        notice.save(update_fields=["sent"])
    return True


def send_unsent(limit: int = 100) -> int:
    """Send what is left over from a dead process or a mail server that was away; how many were sent."""
    unsent = list(Notice.objects.filter(sent=None).order_by("pk").values_list("pk", flat=True)[:limit])
    return sum(send(pk) for pk in unsent)
