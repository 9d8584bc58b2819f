"""The card of a customer's plans: saved anew in the browser, and what was waiting for it put back in line."""

import logging
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any

from django.contrib.contenttypes.models import ContentType
from django.db import models, transaction
from django.db.models.functions import Cast
from django.utils import timezone

from checkout import states
from checkout.conf import settings
from checkout.errors import AlreadySettled, CheckoutError, NotPayable, StripeUnreachable
from checkout.flows import customer, sign_up
from checkout.flows.rivals import close_open_attempts
from checkout.flows.settle import guarded
from checkout.gateway import Setup
from checkout.models import Checkout, Customer, Environment, ObjectPaymentPlan, ObjectPaymentPlanInstalment

if TYPE_CHECKING:
    from checkout.models.checkout import User

logger = logging.getLogger(__name__)

# So many are put back by one pass.
STRAGGLERS = 100


def customer_of(user: Any) -> Customer | None:
    """The customer with a signed-in user's address (compared without case) who has, or had, a payment plan."""
    email = getattr(user, "email", "") or ""
    found = Customer.objects.for_email(email) if email.strip() else None
    if found is None or not ObjectPaymentPlan.objects.filter(customer=found, deleted=False).exists():
        return None
    return found


def start_refresh(payer: Customer, *, user: "User") -> Checkout:
    """The checkout (action ``card_refresh``) in which a new card is saved for all plans of ``payer``.

    The user's open one, if there is one. Nothing is charged. Commits before it calls Stripe, so not inside a
    transaction. Raises the gateway's errors; calling it again is then safe, and starts anew where the answer cannot be
    had: Stripe keeps a 500 under its key for a day, and an intent whose secret nobody was given saves no card.
    """
    Environment.objects.check_environment()
    payer = customer.ensure_at_stripe(payer)
    found = open_refresh(payer, user=user)
    if found is not None and _has_intent(found):
        return found
    with transaction.atomic(durable=True):
        made: Checkout = Checkout.objects.create(
            action_id=states.CARD_REFRESH,
            user=user if user is not None and user.is_authenticated else None,
            content_object=payer,
            description="\n".join(payer.checkout_description),
            currency=settings.currency,
            customer=payer,
            stripe_customer_id=payer.customer_id,
        )
    logger.info("card refresh started checkout=%s customer=%s", made.uuid, payer.pk)
    sign_up.ensure_intent(made)
    return made


def open_refresh(payer: Customer, *, user: "User") -> Checkout | None:
    """The user's open attempt, of the customer that ``payer`` is at Stripe now."""
    mine = Checkout.objects.for_content_object(payer).filter(
        action_id=states.CARD_REFRESH,
        state_id__in=states.OPEN,
        # one who was deleted at Stripe meanwhile saves no card any more
        stripe_customer_id=payer.customer_id,
    )
    found: Checkout | None = mine.filter(user=getattr(user, "pk", None)).order_by("-pk").first()
    return found


def _has_intent(checkout: Checkout) -> bool:
    try:
        sign_up.ensure_intent(checkout)
    except StripeUnreachable:
        return False
    return True


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
    return sum(map(_put_back, _out_of_line().filter(object_payment_plan__customer=customer_pk)))


def put_back_left_behind() -> int:
    """The same for everybody: a process may have died between saving the card and ``put_back``."""
    return sum(map(_put_back, _out_of_line()[:STRAGGLERS]))


def _out_of_line() -> "models.QuerySet[ObjectPaymentPlanInstalment]":
    """What waits although the card on file is not the one that was charged last; not what is back in line already."""
    kind = ContentType.objects.get_for_model(ObjectPaymentPlanInstalment)
    charges = Checkout.objects.filter(
        content_type=kind, object_id=Cast(models.OuterRef("pk"), models.CharField()), action_id=states.CHARGE
    )
    charges = charges.exclude(failure__startswith="released:").order_by("-pk")
    waiting = ObjectPaymentPlanInstalment.objects.with_plan().filter(
        object_payment_plan__deleted=False, state_id__in=(states.FAIL, states.PAY_ON_SESSION)
    )
    # a retry that nobody has counted is what _back_in_line leaves behind for the next day
    waiting = waiting.exclude(state_id=states.FAIL, retries=0, retry_due__isnull=False)
    card_on_file = "object_payment_plan__customer__payment_method_id"
    rows: models.QuerySet[ObjectPaymentPlanInstalment] = (
        waiting.annotate(charged_last=models.Subquery(charges.values("payment_method_id")[:1]))
        .filter(charged_last__isnull=False)
        .exclude(**{card_on_file: ""})
        .exclude(charged_last=models.F(card_on_file))
        .order_by("updated", "pk")
    )
    return rows


def _put_back(row: ObjectPaymentPlanInstalment) -> bool:
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
    logger.info("card put back instalment=%s customer=%s", row.pk, row.payer.pk)
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
