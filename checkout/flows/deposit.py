"""The deposit of a sign-up: charged at once, authenticated in the page where the bank wants that."""

import logging
from dataclasses import dataclass
from datetime import timedelta
from enum import Enum
from typing import TYPE_CHECKING

from django.utils import timezone

from checkout import gateway, states
from checkout.conf import settings
from checkout.errors import CheckoutError, StripeRefused, StripeUnreachable
from checkout.flows import charge, customer
from checkout.flows.settle import guarded, settle
from checkout.gateway import ClientSecret
from checkout.models import Checkout, ObjectPaymentPlanInstalment

if TYPE_CHECKING:
    from checkout.models.checkout import User

logger = logging.getLogger(__name__)

# Whoever asked first has certainly had an answer, or none, by then.
PATIENCE = timedelta(seconds=5)


class Step(Enum):
    """What is to be done about a deposit, as the customer's page sees it."""

    NONE = "none"
    PAID = "paid"
    AUTHENTICATE = "authenticate"
    DECLINED = "declined"
    WAIT = "wait"


@dataclass(frozen=True, kw_only=True)
class Deposit:
    """``client_secret`` and ``payment_method_id`` are there for ``AUTHENTICATE``, to confirm with in the browser."""

    step: Step
    instalment: ObjectPaymentPlanInstalment | None = None
    attempt: Checkout | None = None
    client_secret: str = ""
    payment_method_id: str = ""


def deposit_of(checkout: Checkout) -> ObjectPaymentPlanInstalment | None:
    """The deposit of the plan that a sign-up made, if its host made one."""
    rows = ObjectPaymentPlanInstalment.objects.select_related("object_payment_plan__customer")
    found: ObjectPaymentPlanInstalment | None = rows.filter(
        object_payment_plan__content_type_id=checkout.content_type_id,
        object_payment_plan__object_id=checkout.object_id,
        deposit=True,
    ).first()
    return found


def charge_deposit(checkout: Checkout, *, user: "User" = None) -> Checkout | None:
    """Charge the deposit of a sign-up that succeeded, if it is still to be tried. The attempt, or None.

    Never raises for what Stripe did: the next fulfilment run comes back to it.
    """
    instalment = deposit_of(checkout)
    if instalment is None or instalment.state_id != states.PENDING:
        return None
    if instalment.attempts.exclude(state_id=states.FAIL).exists():
        # it is being tried; an attempt that was released has charged nothing and does not count
        return None
    try:
        return charge.charge(instalment, user=user or checkout.user)
    except CheckoutError as error:
        logger.warning("deposit not charged checkout=%s error=%s", checkout.uuid, error)
        return None


def look(checkout: Checkout) -> Deposit:
    """Where the deposit of a sign-up stands, asking Stripe where that helps (at most one call). Never raises for it.

    ``NONE``: the host made no plan, or charges the deposit itself. ``WAIT``: nobody knows yet; look again.
    """
    instalment = deposit_of(checkout)
    if instalment is None:
        return Deposit(step=Step.NONE)
    if instalment.state_id == states.SUCCESS:
        return Deposit(step=Step.PAID, instalment=instalment)
    attempt = instalment.attempts.first()
    if attempt is None and settings.charge_deposit_at_sign_up and not instalment.object_payment_plan.deleted:
        # whoever settled the sign-up is about to charge it, or died before: the database lets one of us do it
        charge_deposit(checkout)
        attempt = instalment.attempts.first()
    if attempt is None:
        return Deposit(step=Step.NONE, instalment=instalment)
    waiting = False
    if attempt.state_id == states.REQUEST and attempt.is_charge:
        _ask_again(attempt)
    elif attempt.is_pay_on_session and attempt.is_open and attempt.payment_intent_id:
        # also before anybody pressed a button on its page: the intent may be one that an older tab still shows
        waiting = _paid_in_browser(attempt) is False
    if attempt.state_id == states.PAY_ON_SESSION:
        return _authenticate(instalment, attempt)
    # the customer has another card's page open, which nobody can pay on yet
    waiting = waiting or (attempt.state_id == states.PENDING and not attempt.payment_intent_id)
    steps = {states.SUCCESS: Step.PAID, states.FAIL: Step.DECLINED}
    step = steps.get(str(attempt.state_id), Step.DECLINED if waiting else Step.WAIT)
    return Deposit(step=step, instalment=instalment, attempt=attempt)


def _authenticate(instalment: ObjectPaymentPlanInstalment, attempt: Checkout) -> Deposit:
    answer = charge.finish(attempt)
    if attempt.state_id == states.SUCCESS:
        return Deposit(step=Step.PAID, instalment=instalment, attempt=attempt)
    if attempt.state_id == states.FAIL:
        return Deposit(step=Step.DECLINED, instalment=instalment, attempt=attempt)
    if answer is None or not answer.waiting:
        return Deposit(step=Step.WAIT, instalment=instalment, attempt=attempt)
    if answer.decline is not None and not (answer.decline.wants_customer or _not_authenticated(answer.decline)):
        # the customer authenticated it, and then the bank said no to the money
        return Deposit(step=Step.DECLINED, instalment=instalment, attempt=attempt)
    return Deposit(
        step=Step.AUTHENTICATE,
        instalment=instalment,
        attempt=attempt,
        client_secret=ClientSecret(answer.client_secret),
        payment_method_id=attempt.payment_method_id,
    )


def _paid_in_browser(attempt: Checkout) -> bool | None:
    """Whether the customer paid the deposit with another card, on a page of its own; settles it. None: nobody knows."""
    try:
        answer = gateway.retrieve_payment_intent(attempt.payment_intent_id)
        card = customer.saved_card(attempt, answer)
    except CheckoutError as error:
        logger.warning("deposit unknown checkout=%s error=%s", attempt.uuid, error)
        return None
    guarded(attempt, lambda: settle(attempt, answer, card=card))
    if attempt.succeeded:
        return True
    return False if answer.waiting else None


def _not_authenticated(decline: gateway.Decline) -> bool:
    """The customer failed or left the bank's dialog: they may try that once more."""
    return decline.code == "payment_intent_authentication_failure"


def _ask_again(attempt: Checkout) -> None:
    """The answer to the charge was lost: while its key lives, the same call gives it and charges nothing further."""
    now = timezone.now()
    if now - attempt.created < PATIENCE or not charge.may_ask_again(attempt, now=now):
        return
    try:
        answer = charge.ask_again(attempt, now=now)
        if answer is not None:
            charge.conclude(attempt, answer)
    except (StripeRefused, StripeUnreachable) as error:
        # a refusal says nothing of the call whose answer was lost: fulfil_charges looks for it before it lets go
        logger.warning("deposit still unknown checkout=%s error=%s", attempt.uuid, error)
