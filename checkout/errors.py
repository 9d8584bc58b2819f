"""What can go wrong. Each error carries evidence for staff and one safe sentence for the customer."""

import re
from typing import Final

from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _

# Keys of Stripe's, of webhooks, and the tails of client secrets.
SECRETS: Final = re.compile(r"\b(?:[sr]k_(?:live|test)|whsec)_\w+|_secret_\w+")


def without_secrets(text: str) -> str:
    """``text`` as it may be kept and shown to staff, and as every database takes it: no NUL, no half letter."""
    return SECRETS.sub("(secret)", text.replace("\x00", "")).encode("utf-8", "replace").decode()


class CheckoutError(Exception):
    """Base of all: ``str(error)`` is for staff and logs, ``customer_message`` may be shown to anybody."""

    default_message: str | Promise = _("Sorry, this cannot be paid at the moment. Nothing has been charged.")

    def __init__(self, evidence: str, *, customer_message: str | Promise | None = None) -> None:
        super().__init__(evidence)
        self.customer_message: str | Promise = customer_message or self.default_message


class NotPayable(CheckoutError):
    """The object, its total or its currency does not allow this. Nothing was asked of Stripe."""


class AmountChanged(CheckoutError):
    """The total is not what the customer saw. Nothing was charged: show the page again."""

    default_message = _("The amount has changed. Nothing has been charged. Please look at the new amount.")


class AlreadySettled(CheckoutError):
    """This checkout, or another one for the same object, has come to its end."""

    default_message = _("This has been paid already. Nothing more has been charged.")


class InProgress(CheckoutError):
    """Another payment for the same object is being worked on by the bank, or its outcome is not known yet."""

    default_message = _("Another payment for this is in progress. Please wait a moment, then look again.")


class ConsentMissing(CheckoutError):
    """The customer has not agreed to later charges. Nothing was saved."""

    default_message = _("Please tick the box to agree before you go on. Nothing has been saved or charged.")


class IllegalMove(CheckoutError):
    """A state was to change in a way that ``states`` does not list: a bug in the caller."""


class LimitReached(CheckoutError):
    """Too many attempts from one session, from one address or for one object."""

    default_message = _("There have been too many attempts. Please wait a while and try again.")


class StripeRefused(CheckoutError):
    """Stripe refused the request as such (a bad key or parameter): our fault, and nothing moved."""


class WrongEnvironment(StripeRefused):
    """The database belongs to another Stripe account, mode or site than the settings say: a copy. Nothing moved."""

    default_message = _("Payments are switched off here at the moment. Nothing has been charged.")


class BadEvent(CheckoutError):
    """What was posted to the webhook is not from Stripe, is too old, or is no event of this mode. Nothing was kept."""


class StripeUnreachable(CheckoutError):
    """No answer, or one that proves nothing: whether Stripe acted is unknown until it is asked again."""

    default_message = _("We could not reach our payment provider. Please try again in a moment.")
