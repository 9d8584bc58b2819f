"""Asking customers to come, because their bank wants them for an instalment: each once for each time that it does."""

import logging
from collections.abc import Iterator
from datetime import datetime, timedelta
from typing import Final

from django.db import transaction
from django.db.models import Q
from django.utils import timezone

from checkout import states
from checkout.models import Environment, Notice, ObjectPaymentPlanInstalment
from checkout.models.instalment import CanLoginAndPay
from checkout.notify import facts, outbox
from checkout.notify.guard import tried
from checkout.notify.wire import Line

logger = logging.getLogger(__name__)

# Who has just signed up is probably still on the page, where the bank's dialog opens by itself.
SIGNING_UP: Final = timedelta(minutes=15)
PAGE: Final = 200


def send_on_session_payment_emails(can_login_and_pay: CanLoginAndPay) -> int:
    """Mail each customer whose bank wants them, once for each demand; how many mails were sent.

    ``can_login_and_pay(contact)``: the site's rule, which chooses between the two templates. One that raises counts as
    a no. What a mail server refused before is sent first. Many processes may call it at once. Not inside a transaction.
    """
    Environment.objects.check_environment()
    with Line() as line:
        sent = outbox.send_unsent(kind=Notice.ON_SESSION_PAYMENT, line=line)
        for part in _to_ask():
            notice = _ask(part, _template(part, can_login_and_pay))
            # while the server is away the rest is only written down: send_unsent brings it
            if notice is not None and not line.is_away:
                sent += outbox.send(notice.pk, line=line)
    return sent


def _to_ask() -> Iterator[ObjectPaymentPlanInstalment]:
    """Whose customer has not been asked yet, page by page, with the hosts' objects."""
    patient = Q(deposit=False) | Q(updated__lt=timezone.now() - SIGNING_UP)
    rows = ObjectPaymentPlanInstalment.objects.to_ask().filter(patient).order_by("pk")
    rows = rows.with_plan().prefetch_related("object_payment_plan__content_object")
    last = 0
    while page := list(rows.filter(pk__gt=last)[:PAGE]):
        yield from page
        last = page[-1].pk


def _template(part: ObjectPaymentPlanInstalment, can_login_and_pay: CanLoginAndPay) -> str:
    """Decided before anything is written, so that a rule that raises leaves nobody half asked."""
    manager = ObjectPaymentPlanInstalment.objects
    allowed, error = tried(lambda: manager._user_has_active_account(part.checkout_contact, can_login_and_pay))
    if error is not None:
        logger.error("demands rule raised instalment=%s, taken for a no", part.pk, exc_info=error)
    return part.MAIL_TEMPLATE_ON_SESSION_PAYMENT_ANON if allowed else part.MAIL_TEMPLATE_ON_SESSION_PAYMENT_AUTH


def _ask(part: ObjectPaymentPlanInstalment, template: str) -> Notice | None:
    """Claim the demand and write its notice down, in one transaction; None if somebody else has."""
    now: datetime = timezone.now()
    with transaction.atomic(durable=True):
        # on the columns themselves: through a join, two rivals could both win
        unasked = ObjectPaymentPlanInstalment.objects.filter(
            pk=part.pk, state_id=states.PAY_ON_SESSION, customer_asked=None
        )
        if not unasked.update(customer_asked=now):
            return None
        return facts.on_session_payment(part, template=template, asked=now)
