"""What is charged to a saved card: a part of a payment plan, or an amount that staff take."""

from collections.abc import Iterable
from datetime import date
from decimal import Decimal
from typing import TYPE_CHECKING, Any, TypeVar

from django.db import connections, models

from checkout import states
from checkout.models.base import StateModel
from checkout.models.checkout import Checkout

if TYPE_CHECKING:
    from checkout.models.customer import Customer

Row = TypeVar("Row", bound="ChargedModel")


class ChargedManager(models.Manager[Row]):
    """Rows under a lock."""

    # what a lock brings along, so that nobody asks again for each row
    with_locked: tuple[str, ...] = ()

    def locked(self, pk: Any) -> "Row | None":
        """The row, locked until the caller's transaction ends."""
        return next(iter(self.all_locked([pk])), None)

    def all_locked(self, pks: Iterable[Any]) -> "list[Row]":
        """The same for several, locked in the order of their keys."""
        only_this = ("self",) if connections[self.db].features.has_select_for_update_of else ()
        rows = self.select_related(*self.with_locked) if self.with_locked else self.get_queryset()
        return list(rows.select_for_update(of=only_this).filter(pk__in=list(pks)).order_by("pk"))


class ChargedModel(StateModel):
    """Claimed by ``pending -> request`` before Stripe is asked. ``amount`` is in the major unit of ``currency``."""

    MOVES = states.INSTALMENT_MOVES
    # what the charges are to the card networks; https://docs.stripe.com/payments/cards/save-and-reuse
    USAGE = "installment"

    objects: Any
    state_id: str
    amount: Any
    currency: Any
    # a stopped plan is charged no more, but what the customer has paid still counts
    stopped = False

    class Meta:
        abstract = True

    @property
    def label(self) -> str:
        """What it is, in a few words."""
        raise NotImplementedError

    @property
    def payer(self) -> "Customer":
        """Whose saved card is charged."""
        raise NotImplementedError

    @property
    def attempts(self) -> "models.QuerySet[Checkout]":
        """Every attempt, newest first."""
        found: models.QuerySet[Checkout] = Checkout.objects.for_content_object(self).order_by("-pk")
        return found

    @property
    def can_pay_by_hand(self) -> bool:
        """Staff may mark it as paid: not while the outcome of an attempt is unknown."""
        return self.state_id in (states.PENDING, states.FAIL, states.PAY_ON_SESSION)

    @property
    def can_pay_on_session(self) -> bool:
        """The customer may pay it now, in the browser."""
        raise NotImplementedError

    # the part of the host contract that all share

    @property
    def checkout_actions(self) -> list[str]:
        """Off-session by us, on-session by the customer, or by hand."""
        return [states.CHARGE, states.PAY_ON_SESSION, states.MANUAL]

    @property
    def checkout_can_charge(self) -> bool:
        """Whether a new off-session attempt may start now."""
        raise NotImplementedError

    @property
    def checkout_description(self) -> list[str]:
        """What it is for."""
        raise NotImplementedError

    @property
    def checkout_email(self) -> str:
        """The customer's."""
        return self.payer.email

    @property
    def checkout_name(self) -> str:
        """The customer's."""
        return self.payer.name

    @property
    def checkout_total(self) -> Decimal:
        """In ``checkout_currency``."""
        total: Decimal = self.amount
        return total

    @property
    def checkout_currency(self) -> str:
        """An ISO code."""
        return str(self.currency)

    def checkout_success(self, checkout: Checkout) -> None:
        """Paid. In the settling transaction."""
        raise NotImplementedError

    def checkout_fail(self, due: date | None = None) -> None:
        """The attempt that held it came to nothing; ``due``: when it is tried again by itself. In that transaction."""
        raise NotImplementedError

    def page_was_closed(self) -> None:
        """A page on which the customer was to pay it came to its end unpaid; where it stands has not changed."""
