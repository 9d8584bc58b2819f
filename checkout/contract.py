"""The host contract: what a model needs so that it can be paid for. Written down here, once."""

from datetime import date
from decimal import Decimal
from typing import Any, Protocol, runtime_checkable
from uuid import UUID


@runtime_checkable
class Payable(Protocol):
    """What ``checkout`` asks of a host's model. ``checkout.tests.helper.check_checkout(obj)`` tests it.

    Optional beside these: ``checkout_contact`` (the person, for rules about accounts), ``checkout_currency`` (an ISO
    code; else ``CHECKOUT_CURRENCY``), ``checkout_language`` and ``checkout_payment_plan``; and the method
    ``checkout_refund(refund)``: record that money was given back, or (``refund.state`` is ``fail``) that a refund came
    back from the bank. It runs in the transaction that records it: raising undoes both.
    """

    pk: Any

    @property
    def checkout_actions(self) -> list[str]:
        """The slugs (``payment``, ``invoice``, ...) that this object offers."""

    @property
    def checkout_can_charge(self) -> bool:
        """Whether a new attempt to take money may start now: not paid, not cancelled."""

    @property
    def checkout_description(self) -> list[str]:
        """What is bought, in a few short lines."""

    @property
    def checkout_email(self) -> str:
        """Where to write to the person who pays."""

    @property
    def checkout_name(self) -> str:
        """The name of the person who pays."""

    @property
    def checkout_total(self) -> Decimal:
        """What is due, in the major unit of the currency."""

    def checkout_success(self, checkout: Any) -> None:
        """Record that it was paid. Runs once, inside the transaction that settles; raising undoes both."""

    def checkout_fail(self, due: date | None = None) -> None:
        """Record that one attempt came to nothing. Runs once for it, inside the transaction that settles.

        Another attempt may have succeeded before: do not undo what that one recorded.
        """

    def checkout_success_url(self, checkout_uuid: UUID) -> str:
        """The path of the page that a customer reaches after paying."""

    def checkout_fail_url(self, checkout_uuid: UUID) -> str:
        """The path of the page that a customer reaches when it did not work."""

    def get_absolute_url(self) -> str:
        """The path of the object's own page."""


REQUIRED: tuple[str, ...] = (
    "checkout_actions",
    "checkout_can_charge",
    "checkout_description",
    "checkout_email",
    "checkout_name",
    "checkout_total",
    "checkout_success",
    "checkout_fail",
    "checkout_success_url",
    "checkout_fail_url",
    "get_absolute_url",
)
