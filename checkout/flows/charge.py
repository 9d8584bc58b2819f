"""One off-session charge, told in three steps: claim (on disk, with its key), ask (no transaction), conclude.

The deposit after a sign-up, a charge by staff and each charge of a payment run are this same code.
"""

import logging
from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any
from uuid import uuid4

from django.contrib.contenttypes.models import ContentType
from django.db import IntegrityError, transaction
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from checkout import gateway, money, states
from checkout.conf import settings
from checkout.errors import CheckoutError, InProgress, NotPayable, StripeRefused, StripeUnreachable
from checkout.flows.customer import KEY_LIVES
from checkout.flows.settle import guarded, release, settle, settle_together
from checkout.gateway import ChargeRequest, Intent
from checkout.models import (
    ChargedModel,
    Checkout,
    Customer,
    Environment,
    ObjectPaymentPlan,
    ObjectPaymentPlanInstalment,
)

if TYPE_CHECKING:
    from checkout.contract import Payable
    from checkout.models.checkout import User

logger = logging.getLogger(__name__)

FIRST_QUESTION = timedelta(minutes=5)
# What a charge is to the card networks where it is no part of an agreed plan.
UNSCHEDULED = "unscheduled"
NO_CARD = "no card on file"
REFUSED_CARD = "the card on file was refused for good"
SENTENCES = {
    NO_CARD: _("There is no card on file."),
    REFUSED_CARD: _("The bank has refused the card on file for good: another card is needed."),
}


def charge(target: "ChargedModel | Payable", *, user: "User") -> Checkout:
    """Claim, ask, conclude. See ``Checkout.objects.charge``."""
    checkout = claim(target, user=user)
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


def claim(target: "ChargedModel | Payable", *, user: "User") -> Checkout:
    """The attempt and its key, on disk before Stripe is asked. Raises ``NotPayable``, ``InProgress``.

    Raises ``WrongEnvironment`` in a copy of the database.
    """
    Environment.objects.check_environment()
    if isinstance(target, ChargedModel):
        return _claim_row(target, user=user)
    return _claim_object(target, user=user)


def _claim_row(target: ChargedModel, *, user: "User") -> Checkout:
    """An instalment, or an amount of staff: the row itself is claimed, too."""
    with transaction.atomic(durable=True):
        locked = type(target).objects.locked(target.pk)
        if locked is None:
            raise NotPayable(f"{target!r} has been deleted.")
        if isinstance(locked, ObjectPaymentPlanInstalment):
            # once more: whoever deletes a plan holds the rows that we waited for, and our first look was from before
            plans = ObjectPaymentPlan.objects.select_related("customer", "payment_plan")
            locked.object_payment_plan = plans.get(pk=locked.object_payment_plan_id)
        if locked.state_id == states.REQUEST:
            raise InProgress(f"The outcome of an attempt to charge {locked} is not known yet: wait until it is.")
        if not locked.checkout_can_charge:
            raise NotPayable(
                f"{locked} cannot be charged now: due and unpaid it must be, with no open attempt, its plan going on.",
                customer_message=_("There is nothing to charge here now."),
            )
        if reason := why_not(locked, locked.payer):
            raise NotPayable(f"{locked} cannot be charged: {reason}.", customer_message=SENTENCES.get(reason))
        if locked.state_id == states.FAIL:
            locked.move_to(states.PENDING, retry_due=None)
        try:
            (checkout,) = write_claims([locked], user=user)
        except IntegrityError:
            raise InProgress(f"Another payment of {locked} is in progress.") from None
    return checkout


def _claim_object(target: Any, *, user: "User") -> Checkout:
    """An object of the host that offers the action ``charge``: the unique column alone is the claim."""
    if states.CHARGE not in target.checkout_actions or not target.checkout_can_charge:
        raise NotPayable(f"{target!r} does not offer {states.CHARGE!r}, or says that it cannot be charged now.")
    customer = Customer.objects.for_email(target.checkout_email)
    if customer is None or not customer.checkout_can_charge:
        raise NotPayable(
            f"{target!r}: {customer} has no card that may be charged.", customer_message=SENTENCES[NO_CARD]
        )
    currency = money.normalise_currency(getattr(target, "checkout_currency", None) or settings.currency)
    content_type = ContentType.objects.get_for_model(target)
    with transaction.atomic(durable=True):
        checkout: Checkout = Checkout.objects.create(
            action_id=states.CHARGE,
            user=_real(user),
            content_object=target,
            description="\n".join(target.checkout_description),
            total=money.check_chargeable(target.checkout_total, currency),
            currency=currency,
            customer=customer,
            stripe_customer_id=customer.customer_id,
            payment_method_id=customer.payment_method_id,
            ask_after=timezone.now() + FIRST_QUESTION,
        )
        try:
            with transaction.atomic():
                checkout.move_to(states.REQUEST, claim=claim_on(content_type, target.pk))
                # under the claim: a rival may have come, paid, and given the claim back
                fresh: Any = type(target)._base_manager.filter(pk=target.pk).first()
                paid = fresh is None or not fresh.checkout_can_charge
        except IntegrityError:
            raise InProgress(f"Another payment of {target!r} is in progress.") from None
        if paid:
            raise NotPayable(f"{target!r} has been paid or closed meanwhile.")
    return checkout


def why_not(instalment: ChargedModel, customer: Customer) -> str:
    """Why Stripe could not even be asked; empty if it can."""
    if reason := why_not_card(customer):
        return reason
    try:
        money.check_chargeable(instalment.amount, instalment.currency)
    except NotPayable as error:
        return str(error)
    return ""


def why_not_card(customer: Customer) -> str:
    """Why the card on file could not be charged, whatever the amount; empty if it could."""
    if not customer.has_card:
        return NO_CARD
    return REFUSED_CARD if customer.card_refused else ""


def write_claims(rows: Sequence[ChargedModel], *, user: "User" = None) -> list[Checkout]:
    """Move locked, ``pending`` rows of one kind to ``request`` and write an attempt for each, in that order.

    Inside the caller's transaction; four queries, however many. The column ``claim`` is unique: raises
    ``IntegrityError`` if something else pays for one of them at this moment.
    """
    model = type(rows[0])
    content_type = ContentType.objects.get_for_model(model)
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
            customer=row.payer,
            stripe_customer_id=row.payer.customer_id,
            payment_method_id=row.payer.payment_method_id,
            claim=claim_on(content_type, row.pk),
            ask_after=ask_after,
        )
        for row in rows
    ]
    model.move_many([row.pk for row in rows], states.REQUEST, frm=states.PENDING)
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
        usage=checkout.charged_model.USAGE if checkout.charged_model is not None else UNSCHEDULED,
    )


def may_ask_again(checkout: Checkout, *, now: datetime) -> bool:
    """Whether repeating it can charge once at most, and should: its key certainly lives, its card and plan are good.

    Where not, only Stripe's list can tell: see ``fulfil_charges``.
    """
    if now - checkout.created > KEY_LIVES:
        return False
    refused = Customer.objects.filter(refused_payment_method_id=checkout.payment_method_id)
    if checkout.customer_id is not None and refused.filter(pk=checkout.customer_id).exists():
        # for good, while nobody knew whether Stripe had heard of this one: if it has not, that card is left alone
        return False
    model = checkout.charged_model
    if model is None:
        return checkout.content_object is not None
    rows = model.objects.filter(pk=checkout.object_id, state_id=states.REQUEST)
    if model is ObjectPaymentPlanInstalment:
        rows = rows.filter(object_payment_plan__deleted=False, object_payment_plan__paused=None)
    return bool(rows.exists())


def ask_again(checkout: Checkout, *, now: datetime) -> Intent | None:
    """Repeat a charge whose answer was lost, under its key; None if it has been settled or released meanwhile.

    Only if ``may_ask_again``. That it is asked is on disk first: whoever would release it as never asked for
    (``release``) then leaves it to us. Raises ``WrongEnvironment`` in a copy of the database.
    """
    Environment.objects.check_environment()
    if not Checkout.objects.filter(pk=checkout.pk, state_id=states.REQUEST).update(asked=now):
        return None
    checkout.asked = now
    return gateway.charge(request_for(checkout))


def is_answered_by(checkout: Checkout, intent: Intent) -> bool:
    """Whether an intent that was found by our uuid is what became of ``checkout``.

    Metadata can be typed by anybody with the dashboard: a no counts only where all else is what we asked for. Otherwise
    an intent made and cancelled there would end a charge that is under way, and the next run would charge it again.
    Money that has come under our name is never overlooked: ``settle`` puts aside what differs.
    """
    if checkout.payment_intent_id:
        return intent.id == checkout.payment_intent_id
    if intent.checkout_uuid != str(checkout.uuid):
        return False
    asked = (checkout.stripe_customer_id, checkout.total, checkout.currency)
    return intent.succeeded or (intent.customer_id, intent.amount, intent.currency) == asked


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
