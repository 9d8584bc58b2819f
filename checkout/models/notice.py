"""One row per fact that somebody must be told."""

from typing import ClassVar

from django.db import models
from django.utils import timezone
from django.utils.translation import gettext_lazy as _
from django.utils.translation import gettext_noop

from checkout import states
from checkout.models.base import StateModel
from checkout.models.checkout import Checkout
from checkout.models.customer import Customer
from checkout.models.instalment import ObjectPaymentPlanInstalment


class Notice(StateModel):
    """Unique by kind and key; inserted in the settling transaction, sent after it, tried again by a task.

    ``template`` names the three files of ``checkout/mail/``; ``facts`` is what they need beside the rows that the
    notice points to. ``subject``, ``body`` and ``html`` are the words as they were sent. ``in_doubt``: a mail may have
    gone out without our knowing it, so there may be two of this one.
    """

    MOVES = states.NOTICE_MOVES
    STATE = "state"

    QUARANTINE: ClassVar[str] = "quarantine"
    ON_SESSION_PAYMENT: ClassVar[str] = "on_session_payment"
    PAYMENT_FAILED: ClassVar[str] = "payment_failed"
    CARD_WANTED: ClassVar[str] = "card_wanted"
    CARD_EXPIRING: ClassVar[str] = "card_expiring"
    AUTHORISE: ClassVar[str] = "authorise"
    DISPUTE: ClassVar[str] = "dispute"
    DISPUTE_CLOSED: ClassVar[str] = "dispute_closed"
    REFUND_FAILED: ClassVar[str] = "refund_failed"

    KINDS: ClassVar[dict[str, str]] = {
        QUARANTINE: gettext_noop("Payment put aside (to staff)"),
        ON_SESSION_PAYMENT: gettext_noop("The bank wants the customer"),
        PAYMENT_FAILED: gettext_noop("A payment failed"),
        CARD_WANTED: gettext_noop("Another card is needed"),
        CARD_EXPIRING: gettext_noop("The card expires soon"),
        AUTHORISE: gettext_noop("Authorise a payment"),
        DISPUTE: gettext_noop("Payment disputed (to staff)"),
        DISPUTE_CLOSED: gettext_noop("Dispute closed (to staff)"),
        REFUND_FAILED: gettext_noop("Refund failed (to staff)"),
    }

    kind = models.CharField(max_length=40)
    key = models.CharField(max_length=100)
    state = models.CharField(
        max_length=20,
        default=states.WAITING,
        choices=[(slug, _(name)) for slug, name in states.NOTICE_STATES.items()],
    )
    template = models.CharField(max_length=60, blank=True)
    facts = models.JSONField(default=dict, blank=True)
    recipients = models.JSONField(default=list)
    checkout = models.ForeignKey(Checkout, on_delete=models.SET_NULL, null=True, blank=True, related_name="notices")
    instalment = models.ForeignKey(
        ObjectPaymentPlanInstalment, on_delete=models.SET_NULL, null=True, blank=True, related_name="notices"
    )
    customer = models.ForeignKey(Customer, on_delete=models.SET_NULL, null=True, blank=True, related_name="notices")
    subject = models.CharField(max_length=200, blank=True)
    body = models.TextField(blank=True)
    html = models.TextField(blank=True)
    send_after = models.DateTimeField(default=timezone.now)
    tries = models.PositiveSmallIntegerField(default=0)
    in_doubt = models.BooleanField(default=False)
    last_error = models.CharField(max_length=255, blank=True)
    created = models.DateTimeField(auto_now_add=True)
    updated = models.DateTimeField(auto_now=True)
    sent = models.DateTimeField(null=True, blank=True, db_index=True)

    class Meta:
        verbose_name = _("notice")
        verbose_name_plural = _("notices")
        ordering = ("-pk",)
        constraints = [models.UniqueConstraint(fields=["kind", "key"], name="checkout_notice_once")]
        indexes = [models.Index(fields=["state", "send_after", "id"], name="checkout_notice_due")]

    def __str__(self) -> str:
        return f"{self.kind} {self.key}"
