"""The card of a customer's plans: saved anew in the browser, and what was waiting for it put back in line."""

import logging
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any

from django.db import transaction
from django.utils import timezone

from checkout import states
from checkout.conf import settings
from checkout.errors import AlreadySettled, CheckoutError, NotPayable
from checkout.flows import customer, sign_up
from checkout.flows.rivals import close_open_attempts
from checkout.flows.settle import guarded
from checkout.gateway import Setup
from checkout.models import Checkout, Customer, ObjectPaymentPlan, ObjectPaymentPlanInstalment

if TYPE_CHECKING:
    from checkout.models.checkout import User

logger = logging.getLogger(__name__)

# What a card was saved by, for so long is looked at again: somebody may have died before the instalments were told.
LOOK_BACK = timedelta(days=2)
STRAGGLERS = 100
SAVES = (states.PAYMENT_PLAN, states.CARD_REFRESH, states.PAY_ON_SESSION)


def customer_of(user: Any) -> Customer | None:
    """The customer with a signed-in user's address (compared without case) who has, or had, a payment plan."""
    found = Customer.objects.for_email(getattr(user, "email", "") or "")
    if found is None or not ObjectPaymentPlan.objects.filter(customer=found, deleted=False).exists():
        return None
    return found


def start_refresh(payer: Customer, *, user: "User") -> Checkout:
    """The checkout (action ``card_refresh``) in which a new card is saved for all plans of ``payer``.

    The user's open one, if there is one. Nothing is charged. Commits before it calls Stripe, so not inside a
    transaction. Raises the gateway's errors; calling it again is then safe.
    """
    payer = customer.ensure_at_stripe(payer)
    mine = Checkout.objects.for_content_object(payer).filter(action_id=states.CARD_REFRESH, state_id__in=states.OPEN)
    found: Checkout | None = mine.filter(user=getattr(user, "pk", None)).order_by("-pk").first()
    if found is None:
        with transaction.atomic(durable=True):
            found = Checkout.objects.create(
                action_id=states.CARD_REFRESH,
                user=user if user is not None and user.is_authenticated else None,
                content_object=payer,
                description="\n".join(payer.checkout_description),
                currency=settings.currency,
                customer=payer,
                stripe_customer_id=payer.customer_id,
            )
        logger.info("card refresh started checkout=%s customer=%s", found.uuid, payer.pk)
    sign_up.ensure_intent(found)
    return found


def show(checkout: Checkout) -> Setup:
    """What the page needs: the SetupIntent as it is now. One Stripe call; settles what turns out to be decided.

    Raises ``AlreadySettled``, ``NotPayable`` if the customer is gone, and the gateway's errors.
    """
    if not checkout.is_open:
        raise AlreadySettled(f"Checkout {checkout.pk} is {checkout.state_id}.")
    if checkout.content_object is None:
        raise NotPayable("The customer of this checkout has been deleted.")
    setup = sign_up.ensure_intent(checkout) or sign_up.retrieve(checkout)
    if guarded(checkout, lambda: sign_up.conclude(checkout, setup)):
        put_back_after(checkout)
    if not checkout.is_open:
        raise AlreadySettled(f"Checkout {checkout.pk} is {checkout.state_id}.")
    return setup


def put_back_after(checkout: Checkout) -> int:
    """After a card was saved by ``checkout``: see ``put_back``. Never raises for what Stripe did: it is tried again."""
    if not (checkout.succeeded and checkout.saves_card and checkout.customer_id):
        return 0
    return put_back(checkout.customer_id)


def put_back(customer_pk: int) -> int:
    """Put the instalments that wait for a card of this customer back in line; how many. Not inside a transaction.

    Those are the ones whose last charge was declined, or wants the customer, with another card than the one on file
    now. What the customer could still pay for them is closed at Stripe first. Safe to repeat.
    """
    rows = ObjectPaymentPlanInstalment.objects.with_plan().filter(
        object_payment_plan__customer=customer_pk,
        object_payment_plan__deleted=False,
        state_id__in=(states.FAIL, states.PAY_ON_SESSION),
    )
    return sum(_put_back(row) for row in rows.order_by("pk"))


def put_back_left_behind(*, now: datetime) -> int:
    """The same for whoever saved a card lately, and whose process died before ``put_back``."""
    waiting = ObjectPaymentPlanInstalment.objects.filter(
        state_id__in=(states.FAIL, states.PAY_ON_SESSION), object_payment_plan__deleted=False
    )
    saved = Checkout.objects.filter(
        state_id=states.SUCCESS,
        action_id__in=SAVES,
        settled__gte=now - LOOK_BACK,
        customer__in=waiting.values("object_payment_plan__customer"),
    )
    found = saved.order_by("customer").values_list("customer", flat=True).distinct()
    return sum(put_back(pk) for pk in found[:STRAGGLERS])


def _put_back(row: ObjectPaymentPlanInstalment) -> bool:
    payer = row.payer
    charges = row.attempts.filter(action_id=states.CHARGE).exclude(failure__startswith="released:")
    last = charges.values_list("payment_method_id", flat=True).first()
    if not payer.has_card or last is None or last == payer.payment_method_id:
        return False
    try:
        close_open_attempts(row)
    except CheckoutError as error:
        # paid at this moment, or Stripe is away: the next pass looks again
        logger.warning("card could not put back instalment=%s error=%s", row.pk, error)
        return False
    with transaction.atomic(durable=True):
        locked = ObjectPaymentPlanInstalment.objects.locked(row.pk)
        waits = locked is not None and locked.state_id in (states.FAIL, states.PAY_ON_SESSION)
        if locked is None or not waits or row.attempts.exclude(state_id__in=states.SETTLED).exists():
            return False
        _back_in_line(locked)
    logger.info("card put back instalment=%s customer=%s", row.pk, payer.pk)
    return True


def _back_in_line(row: ObjectPaymentPlanInstalment) -> None:
    """Nothing is tried twice a day: what was tried today waits until tomorrow. Its count of retries starts anew."""
    today = timezone.localdate()
    last = row.attempts.filter(action_id=states.CHARGE).first()
    if row.deposit or last is None or timezone.localdate(_tried(last)) < today:
        row.move_to(states.PENDING, retry_due=None, retries=0, customer_asked=None)
        return
    tomorrow = today + timedelta(days=1)
    if row.state_id == states.PAY_ON_SESSION:
        row.move_to(states.FAIL, retry_due=tomorrow, retries=0, customer_asked=None)
    else:
        rows = ObjectPaymentPlanInstalment.objects.filter(pk=row.pk)
        rows.update(retry_due=tomorrow, retries=0, updated=timezone.now())


def _tried(attempt: Checkout) -> datetime:
    """When Stripe was asked for it last: after a lost answer it is asked for again, perhaps not before the next day."""
    again = attempt.asked
    # later only the books of Stripe are read
    return again if again is not None and again - attempt.created <= customer.KEY_LIVES else attempt.created
