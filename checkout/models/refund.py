"""Money given back, by our staff or in Stripe's dashboard."""

import uuid as uuid_module
from decimal import Decimal
from typing import TYPE_CHECKING, Final

from django.conf import settings as django_settings
from django.db import models
from django.utils.translation import gettext_lazy as _
from django.utils.translation import gettext_noop

from checkout import states
from checkout.models.base import StateModel
from checkout.models.checkout import Checkout

if TYPE_CHECKING:
    from checkout.models.checkout import User

# The words of Stripe: https://docs.stripe.com/api/refunds/create
REASONS: Final[dict[str, str]] = {
    "requested_by_customer": gettext_noop("The customer asked for it"),
    "duplicate": gettext_noop("Paid twice"),
    "fraudulent": gettext_noop("Fraud"),
}


class RefundQuerySet(models.QuerySet["Refund"]):
    """Questions that several rooms ask."""

    def counting(self) -> "RefundQuerySet":
        """Given back, on the way, or of unknown outcome: what cannot be given back once more."""
        return self.exclude(state=states.FAIL)

    def given_back(self) -> Decimal:
        """The sum of what counts, in the major unit of their (one) currency. One query."""
        return self.counting().aggregate(sum=models.Sum("amount"))["sum"] or Decimal(0)


class RefundManager(models.Manager["Refund"]):
    """The facade."""

    def give_back(
        self,
        checkout: Checkout,
        *,
        amount: Decimal,
        user: "User" = None,
        reason: str = "",
        note: str = "",
        uuid: uuid_module.UUID | None = None,
    ) -> "Refund":
        """Give ``amount`` (in the major unit of the payment's currency) of a payment back to the card that paid.

        ``reason`` is one of ``REASONS`` or empty and goes to Stripe; ``note`` stays here. Name a ``uuid`` of your own
        and keep it if you may ask twice: it is the key, and the second call gives the first refund. Without one each
        call is a refund of its own. Never more in all than was paid.

        Look at ``state`` of what comes back: ``success``, ``processing`` (the bank has it), or ``request``: the answer
        was lost, and the task ``refund_fulfillment`` finds out. Commits before it calls Stripe, so not inside a
        transaction. Raises ``NotPayable`` (nothing is written), ``WrongEnvironment``, and ``StripeRefused`` (nothing
        was given back; the refund is ``fail``).
        """
        from checkout.flows import refund

        key = uuid or uuid_module.uuid4()
        return refund.give_back(checkout, amount=amount, user=user, uuid=key, reason=reason, note=note)


class Refund(StateModel):
    """``amount`` is in the major unit of ``currency``. One of ours is on disk, with its key, before Stripe is asked.

    ``uuid`` comes from the form that asked for it and makes the idempotency key; ``refund_id`` is Stripe's, empty
    (None) until it is known. ``user`` and ``note`` say who and why; both are empty for one made in Stripe's dashboard.
    ``request``: asked, and not known yet; ``processing``: Stripe has it, the bank does not yet. A refund that was
    ``success`` may still become ``fail``, weeks later.
    """

    MOVES = states.REFUND_MOVES
    STATE = "state"

    uuid = models.UUIDField(default=uuid_module.uuid4, unique=True, editable=False)
    checkout = models.ForeignKey(Checkout, on_delete=models.PROTECT, related_name="refunds")
    refund_id = models.CharField(max_length=255, null=True, blank=True, unique=True)
    amount = models.DecimalField(max_digits=14, decimal_places=3)
    currency = models.CharField(max_length=3)
    state = models.CharField(
        max_length=20,
        default=states.REQUEST,
        choices=[(slug, _(name)) for slug, name in states.REFUND_STATES.items()],
    )
    reason = models.CharField(max_length=50, blank=True)
    note = models.CharField(max_length=200, blank=True)
    failure = models.CharField(max_length=255, blank=True)
    user = models.ForeignKey(
        django_settings.AUTH_USER_MODEL, on_delete=models.SET_NULL, null=True, blank=True, related_name="+"
    )
    by_staff = models.BooleanField(default=False)
    ask_after = models.DateTimeField(null=True, blank=True, db_index=True)
    settled = models.DateTimeField(null=True, blank=True)
    created = models.DateTimeField(auto_now_add=True, db_index=True)
    updated = models.DateTimeField(auto_now=True)

    objects = RefundManager.from_queryset(RefundQuerySet)()

    class Meta:
        verbose_name = _("refund")
        verbose_name_plural = _("refunds")
        ordering = ("-pk",)
        indexes = [models.Index(fields=["state", "id"], name="checkout_refund_state")]
        permissions = [("refund", "Can give money back")]

    def __str__(self) -> str:
        return f"{self.refund_id or self.uuid} {self.amount} {self.currency}: {self.state}"

    @property
    def is_known(self) -> bool:
        """Stripe has said what became of it."""
        return self.state != states.REQUEST
