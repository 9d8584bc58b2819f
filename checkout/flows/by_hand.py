"""What staff do by hand, recorded with who and when."""

from typing import TYPE_CHECKING

from django.db import transaction

from checkout.errors import StripeRefused
from checkout.flows import charge as charge_flow
from checkout.flows.record import record
from checkout.models import ChargedModel, Checkout, PaymentPlan, StaffAction

if TYPE_CHECKING:
    from checkout.models.checkout import User


def charge(target: ChargedModel, *, user: "User") -> Checkout:
    """Charge the saved card now. As ``Checkout.objects.charge``: not inside a transaction, raises the same.

    Recorded as soon as Stripe was asked, whatever it answered; the attempt itself, which names the user, is on disk
    before that.
    """
    try:
        checkout = charge_flow.charge(target, user=user)
    except StripeRefused as error:
        record(StaffAction.CHARGE, target, user=user, detail=f"refused: {error}")
        raise
    record(StaffAction.CHARGE, target, user=user, detail=str(checkout.uuid))
    return checkout


def retire(plan: PaymentPlan, *, user: "User") -> bool:
    """Offer a template no longer; False if somebody else has retired it meanwhile. A transaction of its own."""
    with transaction.atomic():
        locked = PaymentPlan.objects.select_for_update().filter(pk=plan.pk, deleted=False).first()
        if locked is None:
            return False
        locked.retire()
        record(StaffAction.RETIRE_TEMPLATE, locked, user=user)
    return True


def save_template(plan: PaymentPlan, *, user: "User") -> None:
    """Make or change a template. Raises ``CheckoutError`` if it is in use, ``IntegrityError`` for a taken name."""
    verb = StaffAction.ADD_TEMPLATE if plan.pk is None else StaffAction.CHANGE_TEMPLATE
    with transaction.atomic():
        plan.save()
        terms = f"{plan.slug}: {plan.deposit} %, {plan.count} × {plan.interval}"
        record(verb, plan, user=user, detail=terms)
