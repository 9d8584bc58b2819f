"""One off-session charge, told in three steps: claim (on disk, with its key), ask (no transaction), conclude.

The deposit after a sign-up, a charge by staff and each charge of a payment run are this same code.
"""

import logging
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any
from uuid import uuid4

from django.contrib.contenttypes.models import ContentType
from django.db import IntegrityError, transaction
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from checkout import gateway, money, states
from checkout.errors import CheckoutError, InProgress, NotPayable, StripeRefused, StripeUnreachable
from checkout.flows.customer import KEY_LIVES
from checkout.flows.settle import guarded, release, settle, settle_together
from checkout.gateway import ChargeRequest, Intent
from checkout.models import Checkout, Customer, ObjectPaymentPlan, ObjectPaymentPlanInstalment

if TYPE_CHECKING:
    from checkout.models.checkout import User

logger = logging.getLogger(__name__)

FIRST_QUESTION = timedelta(minutes=5)


def charge(instalment: ObjectPaymentPlanInstalment, *, user: "User") -> Checkout:
    """Claim, ask, conclude. See ``Checkout.objects.charge``."""
    if not isinstance(instalment, ObjectPaymentPlanInstalment):
        raise NotPayable(f"{instalment!r} is no instalment: only the parts of a payment plan are charged off-session.")
    checkout = claim(instalment, user=user)
    try:
        answer = gateway.charge(request_for(checkout))
    except StripeRefused as error:
        release(checkout, str(error))
        raise
    except StripeUnreachable as error:
        logger.warning("charge unknown checkout=%s error=%s", checkout.uuid, error)
        return checkout
    conclude(checkout, answer)
    return checkout


def claim(instalment: ObjectPaymentPlanInstalment, *, user: "User") -> Checkout:
    """The attempt and its key, on disk before Stripe is asked. Raises ``NotPayable``, ``InProgress``."""
    with transaction.atomic(durable=True):
        locked = ObjectPaymentPlanInstalment.objects.locked(instalment.pk)
        if locked is None:
            raise NotPayable(f"Instalment {instalment.pk} has been deleted.")
        # read once more: whoever deletes a plan holds the rows that we waited for, and our first look was from before
        plans = ObjectPaymentPlan.objects.select_related("customer", "payment_plan")
        locked.object_payment_plan = plans.get(pk=locked.object_payment_plan_id)
        if locked.state_id == states.REQUEST:
            raise InProgress(f"The outcome of an attempt to charge {locked} is not known yet: wait until it is.")
        if not locked.checkout_can_charge:
            raise NotPayable(
                f"{locked} cannot be charged now: due and unpaid it must be, with no open attempt, its plan going on.",
                customer_message=_("There is nothing to charge here now."),
            )
        if reason := why_not(locked, locked.customer):
            raise NotPayable(f"{locked} cannot be charged: {reason}.", customer_message=_("There is no card on file."))
        if locked.state_id == states.FAIL:
            locked.move_to(states.PENDING, retry_due=None)
        try:
            (checkout,) = write_claims([locked], user=user)
        except IntegrityError:
            raise InProgress(f"Another payment of {locked} is in progress.") from None
    return checkout


def why_not(instalment: ObjectPaymentPlanInstalment, customer: Customer) -> str:
    """Why Stripe could not even be asked; empty if it can."""
    if not customer.has_card:
        return "no card on file"
    try:
        money.check_chargeable(instalment.amount, instalment.currency)
    except NotPayable as error:
        return str(error)
    return ""


def write_claims(rows: list[ObjectPaymentPlanInstalment], *, user: "User" = None) -> list[Checkout]:
    """Move locked, ``pending`` instalments to ``request`` and write an attempt for each, in that order.

    Inside the caller's transaction; four queries, however many. The column ``claim`` is unique: raises
    ``IntegrityError`` if something else pays for one of them at this moment.
    """
    content_type = ContentType.objects.get_for_model(ObjectPaymentPlanInstalment)
    ask_after = timezone.now() + FIRST_QUESTION
    made = [
        Checkout(
            uuid=uuid4(),
            action_id=states.CHARGE,
            user=_real(user),
            content_type=content_type,
            object_id=str(row.pk),
            description="\n".join(row.checkout_description),
            total=row.amount,
            currency=row.currency,
            customer=row.customer,
            stripe_customer_id=row.customer.customer_id,
            payment_method_id=row.customer.payment_method_id,
            claim=claim_on(content_type, row.pk),
            ask_after=ask_after,
        )
        for row in rows
    ]
    ObjectPaymentPlanInstalment.move_many([row.pk for row in rows], states.REQUEST, frm=states.PENDING)
    with transaction.atomic():
        # a savepoint: on PostgreSQL a refused row would spoil the caller's transaction
        Checkout.objects.bulk_create(made)
    # MySQL does not tell the keys of what it inserted
    kept: dict[Any, Checkout] = Checkout.objects.in_bulk([one.uuid for one in made], field_name="uuid")
    Checkout.move_many([one.pk for one in kept.values()], states.REQUEST, frm=states.PENDING)
    for one in kept.values():
        one.refresh_state(states.REQUEST)
    return [kept[one.uuid] for one in made]


def claim_on(content_type: ContentType, pk: Any) -> str:
    """The value of the unique column: one payment for an object at a time."""
    return f"{content_type.pk}:{pk}"


def request_for(checkout: Checkout) -> ChargeRequest:
    """What Stripe is asked: from the row alone, so that a repeat under the same key is the same request."""
    if checkout.total is None:
        raise NotPayable(f"Checkout {checkout.pk} has no total.")
    return ChargeRequest(
        uuid=str(checkout.uuid),
        amount=checkout.total,
        currency=checkout.currency,
        customer_id=checkout.stripe_customer_id,
        payment_method_id=checkout.payment_method_id,
        description=", ".join(checkout.lines),
    )


def may_ask_again(checkout: Checkout, *, now: datetime) -> bool:
    """Whether repeating it can charge once at most, and should: its key certainly lives, and its plan goes on.

    Where not, only Stripe's list can tell: see ``fulfil_charges``.
    """
    if now - checkout.created > KEY_LIVES:
        return False
    rows = ObjectPaymentPlanInstalment.objects.filter(pk=checkout.object_id, object_payment_plan__deleted=False)
    return bool(rows.filter(state_id=states.REQUEST).exists())


def ask_again(checkout: Checkout, *, now: datetime) -> Intent | None:
    """Repeat a charge whose answer was lost, under its key; None if it has been settled or released meanwhile.

    Only if ``may_ask_again``. That it is asked is on disk first: whoever would release it as never asked for
    (``release``) then leaves it to us.
    """
    if not Checkout.objects.filter(pk=checkout.pk, state_id=states.REQUEST).update(asked=now):
        return None
    checkout.asked = now
    return gateway.charge(request_for(checkout))


def conclude(checkout: Checkout, answer: Intent) -> bool | None:
    """Settle what Stripe answered; None if the host's own code undid it, which the next pass tries again."""
    moved = guarded(checkout, lambda: settle(checkout, answer))
    if moved is False and checkout.state_id == states.REQUEST and not checkout.quarantine:
        logger.error("charge undecided checkout=%s intent=%s status=%s", checkout.uuid, answer.id, answer.stripe_status)
        if not checkout.payment_intent_id:
            Checkout.objects.filter(pk=checkout.pk, payment_intent_id="").update(payment_intent_id=answer.id)
            checkout.payment_intent_id = answer.id
    return moved


def conclude_together(answers: list[tuple[Checkout, Intent]]) -> list[bool]:
    """Settle several at once, each of another instalment; False for each that is left to ``conclude``.

    That is all of them if one cannot be settled: it must not take the others with it.
    """
    try:
        moved = guarded(None, lambda: settle_together(answers))
    except CheckoutError:
        logger.warning("charges not settled together count=%s", len(answers), exc_info=True)
        moved = None
    return moved or [False] * len(answers)


def finish(checkout: Checkout) -> Intent | None:
    """The customer has answered their bank: ask Stripe about a charge that waited for that, and settle it.

    None if there is nothing to ask, or Stripe could not say.
    """
    if checkout.state_id != states.PAY_ON_SESSION or not checkout.payment_intent_id:
        return None
    try:
        answer = gateway.retrieve_payment_intent(checkout.payment_intent_id)
    except CheckoutError as error:
        logger.warning("charge finish unknown checkout=%s error=%s", checkout.uuid, error)
        return None
    guarded(checkout, lambda: settle(checkout, answer))
    return answer


def _real(user: "User") -> Any:
    return user if user is not None and user.is_authenticated else None
