"""A payment plan from beginning to end: made, deposit charged, instalments written, parts paid by hand, stopped."""

import logging
from datetime import date
from decimal import Decimal
from typing import TYPE_CHECKING, Any

from django.contrib.contenttypes.models import ContentType
from django.db import IntegrityError, connections, models, transaction
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from checkout import states
from checkout.conf import settings
from checkout.errors import CheckoutError, InProgress, NotPayable
from checkout.flows import payment
from checkout.flows.record import record
from checkout.flows.rivals import close_open_attempts
from checkout.models import (
    Agreement,
    ChargedModel,
    Checkout,
    Customer,
    ObjectPaymentPlan,
    ObjectPaymentPlanInstalment,
    PaymentPlan,
    StaffAction,
)
from checkout.money import normalise_currency

if TYPE_CHECKING:
    from checkout.contract import Payable
    from checkout.models.checkout import User

logger = logging.getLogger(__name__)

DEPOSIT = 1


def create(*, content_object: "Payable", payment_plan: PaymentPlan, total: Decimal) -> ObjectPaymentPlan:
    """See ``ObjectPaymentPlan.objects.create_object_payment_plan``."""
    currency = normalise_currency(getattr(content_object, "checkout_currency", None) or settings.currency)
    customer = Customer.objects.for_email(content_object.checkout_email)
    if customer is None:
        raise NotPayable(
            f"{content_object!r} has no customer yet: Customer.objects.init_customer(content_object) first."
        )
    agreement = _agreement(content_object)
    deposit_due = agreement.schedule[0][0] if agreement else timezone.localdate()
    parts = payment_plan.checked(deposit_due, total, currency=currency)
    if agreement is not None and (agreement.currency != currency or agreement.schedule != parts):
        raise NotPayable(
            f"{content_object!r}: the customer agreed to {agreement.payment_plan} over {agreement.total} "
            f"{agreement.currency}, not to {payment_plan} over {total} {currency}."
        )
    try:
        with transaction.atomic():
            plan: ObjectPaymentPlan = ObjectPaymentPlan.objects.create(
                content_object=content_object,
                customer=customer,
                payment_plan=payment_plan,
                agreement=agreement,
                description="\n".join(content_object.checkout_description),
                total=total,
                currency=currency,
            )
            due, amount = parts[0]
            ObjectPaymentPlanInstalment.objects.create(
                object_payment_plan=plan, count=DEPOSIT, deposit=True, amount=amount, due=due
            )
    except IntegrityError:
        raise CheckoutError(f"{content_object!r} has a payment plan already.") from None
    logger.info("plan created plan=%s total=%s %s", plan.pk, total, currency)
    return plan


def _agreement(content_object: Any) -> Agreement | None:
    """What the customer agreed to for this object, if a sign-up has just succeeded or is being settled."""
    content_type = ContentType.objects.get_for_model(content_object)
    signed = Agreement.objects.select_related("payment_plan").filter(
        checkout__content_type=content_type,
        checkout__object_id=str(content_object.pk),
        checkout__state_id=states.SUCCESS,
        object_payment_plan=None,
    )
    return signed.order_by("-pk").first()


def create_instalments(plan: ObjectPaymentPlan) -> list[ObjectPaymentPlanInstalment]:
    """See ``ObjectPaymentPlan.create_instalments``. Two rivals: the database refuses the second's rows."""
    parts = plan.agreed_schedule
    rows = [
        ObjectPaymentPlanInstalment(object_payment_plan=plan, count=DEPOSIT + number, amount=amount, due=due)
        for number, (due, amount) in enumerate(parts[1:], start=1)
    ]
    if ObjectPaymentPlanInstalment.objects.filter(object_payment_plan=plan, deposit=False).exists():
        raise CheckoutError(f"Payment plan {plan.pk} has its instalments already.")
    try:
        with transaction.atomic():
            made: list[ObjectPaymentPlanInstalment] = ObjectPaymentPlanInstalment.objects.bulk_create(rows)
    except IntegrityError:
        raise CheckoutError(f"Payment plan {plan.pk} has its instalments already.") from None
    logger.info("plan instalments plan=%s count=%s", plan.pk, len(made))
    return made


def charge_deposit_of(content_object: models.Model, *, user: "User") -> Checkout:
    """See ``ObjectPaymentPlan.objects.charge_deposit``."""
    plan = ObjectPaymentPlan.objects.for_content_object(content_object)
    if plan is None:
        raise NotPayable(f"{content_object!r} has no payment plan.")
    return plan.charge_deposit(user)


def mark_paid(target: ChargedModel, *, user: "User") -> Checkout:
    """Staff have had the money for an instalment, or an amount of theirs, in another way: recorded with who and when.

    An attempt that waits for its customer is cancelled at Stripe first. Raises ``NotPayable``, ``InProgress`` while the
    outcome of an attempt is unknown, ``AlreadySettled`` if the customer paid meanwhile, and the gateway's errors. Not
    inside a transaction.
    """
    checkout = payment.manual(content_object=target, user=user)  # type: ignore[arg-type]
    record(StaffAction.MARK_PAID, target, user=user, detail=str(checkout.uuid))
    return checkout


def delete(plan: ObjectPaymentPlan, *, user: "User") -> None:
    """Stop a plan: nothing further is charged, what has been paid stays, what waits for the customer is closed.

    Raises ``InProgress`` while the outcome of a charge is unknown: nothing was done. Raises what hindered closing an
    attempt (``AlreadySettled`` if its customer had just paid, the gateway's errors) after the plan was stopped and the
    others were closed; calling it again closes the rest. Not in a transaction.
    """
    with transaction.atomic(durable=True):
        locking = connections["default"].features.has_select_for_update_of
        rows = ObjectPaymentPlanInstalment.objects.filter(object_payment_plan=plan)
        # a payment run that has claimed one holds its row until the claim is on disk
        locked = list(rows.select_for_update(of=("self",) if locking else ()).order_by("pk"))
        if any(row.state_id == states.REQUEST for row in locked):
            raise InProgress(
                f"Payment plan {plan.pk} has a charge whose outcome is not known yet.",
                customer_message=_(
                    "A charge of this plan is in progress. Wait until its outcome is known, then try again."
                ),
            )
        stopped = ObjectPaymentPlan.objects.filter(pk=plan.pk, deleted=False)
        if stopped.update(deleted=True, updated=timezone.now()):
            record(StaffAction.STOP_PLAN, plan, user=user)
    plan.deleted = True
    logger.info("plan deleted plan=%s by=%s", plan.pk, getattr(user, "pk", None))
    hindered: CheckoutError | None = None
    for instalment in locked:
        try:
            close_open_attempts(instalment)
        except CheckoutError as error:
            logger.warning("plan could not close an attempt plan=%s instalment=%s: %s", plan.pk, instalment.pk, error)
            hindered = error
    if hindered is not None:
        raise hindered


def next_pending(plan: ObjectPaymentPlan) -> ObjectPaymentPlanInstalment | None:
    """The next instalment that has not been tried."""
    found: ObjectPaymentPlanInstalment | None = (
        plan.payments.filter(state_id=states.PENDING, deposit=False).order_by("due", "count").first()
    )
    return found


def set_due(instalment: ObjectPaymentPlanInstalment, *, today: date) -> bool:
    """For tests of a site: let one instalment fall due. False if it is not pending any more."""
    rows = ObjectPaymentPlanInstalment.objects.filter(pk=instalment.pk, state_id=states.PENDING)
    return bool(rows.update(due=today, updated=timezone.now()))
