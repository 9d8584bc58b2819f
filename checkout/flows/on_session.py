"""An instalment, or a deposit that was declined, paid by its customer in the browser with any card."""

from typing import TYPE_CHECKING

from checkout import states
from checkout.flows import payment
from checkout.flows.rivals import close_open_attempts
from checkout.models import Checkout, ObjectPaymentPlanInstalment

if TYPE_CHECKING:
    from checkout.models.checkout import User


def start(instalment: ObjectPaymentPlanInstalment, *, user: "User") -> Checkout:
    """A checkout for the payment page (action ``pay_on_session``); the card that pays becomes the plan's card.

    What else could still pay this instalment is closed at Stripe first. Not inside a transaction. Raises
    ``NotPayable``, ``InProgress`` while a charge of unknown outcome may have paid it, ``AlreadySettled`` if one just
    did, and the gateway's errors.
    """
    close_open_attempts(instalment)
    fresh = ObjectPaymentPlanInstalment.objects.with_plan().get(pk=instalment.pk)
    return payment.start(action=states.PAY_ON_SESSION, content_object=fresh, user=user)
