"""A payment that its cardholder contests at their bank."""

from django.db import models
from django.utils.translation import gettext_lazy as _

from checkout import states
from checkout.models.base import StateModel
from checkout.models.checkout import Checkout


class Dispute(StateModel):
    """As Stripe tells it, unique by Stripe's id. ``amount`` is in the major unit of ``currency``; ``due_by`` is UTC.

    ``stripe_status`` and ``reason`` are Stripe's own words, which may grow; ``state`` is what they mean to us.
    ``is_inquiry``: the bank asks, and no money has been taken back yet.
    """

    MOVES = states.DISPUTE_MOVES
    STATE = "state"

    dispute_id = models.CharField(max_length=255, unique=True)
    checkout = models.ForeignKey(Checkout, on_delete=models.PROTECT, related_name="disputes")
    amount = models.DecimalField(max_digits=14, decimal_places=3)
    currency = models.CharField(max_length=3)
    reason = models.CharField(max_length=60, blank=True)
    stripe_status = models.CharField(max_length=60)
    state = models.CharField(
        max_length=20,
        default=states.DISPUTE_OPEN,
        choices=[(slug, _(name)) for slug, name in states.DISPUTE_STATES.items()],
    )
    is_inquiry = models.BooleanField(default=False)
    due_by = models.DateTimeField(null=True, blank=True)
    opened = models.DateTimeField()
    closed = models.DateTimeField(null=True, blank=True)
    created = models.DateTimeField(auto_now_add=True)
    updated = models.DateTimeField(auto_now=True)

    class Meta:
        verbose_name = _("dispute")
        verbose_name_plural = _("disputes")
        ordering = ("-pk",)
        indexes = [models.Index(fields=["state", "due_by"], name="checkout_dispute_state")]

    def __str__(self) -> str:
        return f"{self.dispute_id} {self.amount} {self.currency}: {self.stripe_status}"

    @property
    def is_open(self) -> bool:
        """Not decided yet."""
        return self.state == states.DISPUTE_OPEN

    @property
    def took_back(self) -> bool:
        """The bank has the money: until it is decided, or because it was lost."""
        return self.state == states.DISPUTE_LOST or (self.is_open and not self.is_inquiry)

    @property
    def needs_answer(self) -> bool:
        """Somebody should send evidence, at Stripe, before ``due_by``."""
        return self.is_open and self.stripe_status.endswith("needs_response")
