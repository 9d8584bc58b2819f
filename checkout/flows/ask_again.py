"""By hand: a customer is asked once more, or a mail that was given up is sent after all. Each press at most once."""

import logging
from typing import TYPE_CHECKING

from django.db import transaction
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from checkout import states
from checkout.errors import NotPayable
from checkout.flows.record import record
from checkout.models import Checkout, CustomerPayment, Notice, ObjectPaymentPlanInstalment, StaffAction
from checkout.notify import outbox

if TYPE_CHECKING:
    from django.db import models

    from checkout.models.checkout import User

logger = logging.getLogger(__name__)

NOT_ANY_MORE = _("It does not wait for its customer any more.")
ON_ITS_WAY = _("A mail to the customer is on its way already.")
WAYS = (states.WAITING, states.SENDING)


def for_instalment(part: ObjectPaymentPlanInstalment, *, user: "User") -> None:
    """Mail the customer a new link to pay ``part``, which the bank wants them for, or which was declined.

    For the first it is forgotten that they were asked, so that the site's mail task asks again, by its own rule.
    ``part`` is as it was shown: of two who press at once one wins. Raises ``NotPayable``: nothing was done.
    """
    if part.state_id == states.FAIL and not part.stopped:
        _declined(part, user=user)
        return
    if part.state_id != states.PAY_ON_SESSION or part.stopped:
        raise NotPayable(f"Instalment {part.pk} is {part.state_id}.", customer_message=NOT_ANY_MORE)
    if part.customer_asked is None or _waits(Notice.objects.filter(kind=Notice.ON_SESSION_PAYMENT, instalment=part)):
        raise NotPayable(f"The customer of instalment {part.pk} will be mailed.", customer_message=ON_ITS_WAY)
    with transaction.atomic():
        # on the columns themselves: through a join, two rivals could both win
        rows = ObjectPaymentPlanInstalment.objects.filter(
            pk=part.pk, state_id=states.PAY_ON_SESSION, customer_asked=part.customer_asked
        )
        if not rows.update(customer_asked=None, updated=timezone.now()):
            raise NotPayable(f"Instalment {part.pk} was moved by somebody else.", customer_message=NOT_ANY_MORE)
        record(StaffAction.ASK_AGAIN, part, user=user, detail=part.payer.email)
    part.customer_asked = None
    logger.info("ask again instalment=%s by=%s", part.pk, getattr(user, "pk", None))


def _declined(part: ObjectPaymentPlanInstalment, *, user: "User") -> None:
    """The last notice once more, with a fresh link; unique by the one before."""
    attempt: Checkout | None = part.attempts.filter(action_id=states.CHARGE, state_id=states.FAIL).first()
    earlier = Notice.objects.filter(kind=Notice.PAYMENT_FAILED, instalment=part)
    if attempt is None or _waits(earlier):
        raise NotPayable(f"The customer of instalment {part.pk} will be mailed.", customer_message=ON_ITS_WAY)
    last = earlier.order_by("-pk").first()
    retry_due = part.retry_due.isoformat() if part.retry_due else ""
    with transaction.atomic():
        notice, created = Notice.objects.get_or_create(
            kind=Notice.PAYMENT_FAILED,
            key=f"{attempt.uuid}:{last.pk if last is not None else 0}",
            defaults={
                # "we have tried several times" only to whom that was said before
                "template": "payment_failed" if retry_due or last is None else last.template,
                "facts": {**(last.facts if last is not None else {}), "retry_due": retry_due},
                "checkout": attempt,
                "instalment": part,
                "customer": part.customer,
                "recipients": [part.customer.email],
            },
        )
        if not created:
            raise NotPayable(f"Notice {notice.pk} is there already.", customer_message=ON_ITS_WAY)
        record(StaffAction.ASK_AGAIN, part, user=user, detail=part.payer.email)
    logger.info("ask again instalment=%s notice=%s by=%s", part.pk, notice.pk, getattr(user, "pk", None))


def for_payment(payment: CustomerPayment, *, user: "User") -> Notice:
    """Mail a new link to the customer who is to authorise an amount of staff. Raises ``NotPayable``: nothing was done.

    Unique by the last notice of it, so that of two who press at once one wins.
    """
    attempt: Checkout | None = payment.attempts.filter(action_id=states.CHARGE).first()
    if payment.state_id != states.PAY_ON_SESSION or attempt is None:
        raise NotPayable(f"Customer payment {payment.pk} is {payment.state_id}.", customer_message=NOT_ANY_MORE)
    earlier = Notice.objects.filter(kind=Notice.AUTHORISE, checkout=attempt)
    if _waits(earlier):
        raise NotPayable(f"The customer of payment {payment.pk} will be mailed.", customer_message=ON_ITS_WAY)
    last = earlier.order_by("-pk").values_list("pk", flat=True).first() or 0
    with transaction.atomic():
        notice, created = Notice.objects.get_or_create(
            kind=Notice.AUTHORISE,
            key=f"{attempt.uuid}:{last}",
            defaults={
                "template": "authorise",
                "checkout": attempt,
                "customer": payment.customer,
                "recipients": [payment.customer.email],
            },
        )
        if not created:
            raise NotPayable(f"Notice {notice.pk} is there already.", customer_message=ON_ITS_WAY)
        record(StaffAction.ASK_AGAIN, payment, user=user, detail=payment.customer.email)
    logger.info("ask again payment=%s notice=%s by=%s", payment.pk, notice.pk, getattr(user, "pk", None))
    return notice


def send_again(notice: Notice, *, user: "User") -> None:
    """Put a notice that was given up back in line. Raises ``NotPayable`` if somebody else has: nothing was done."""
    with transaction.atomic():
        if notice.state != states.GIVEN_UP or not outbox.try_again(notice):
            raise NotPayable(f"Notice {notice.pk} is {notice.state}.", customer_message=ON_ITS_WAY)
        record(StaffAction.SEND_AGAIN, notice, user=user, detail=", ".join(notice.recipients))
    logger.info("send again notice=%s by=%s", notice.pk, getattr(user, "pk", None))


def _waits(rows: "models.QuerySet[Notice]") -> bool:
    """One of them has not been sent yet."""
    return bool(rows.filter(state__in=WAYS).exists())
