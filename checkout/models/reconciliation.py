"""Do our books, Stripe's and what the plans promised agree? A row for each comparison, and for each difference."""

from typing import ClassVar

from django.db import models
from django.utils.translation import gettext_lazy as _
from django.utils.translation import gettext_noop

from checkout.models.checkout import Checkout
from checkout.models.object_plan import ObjectPaymentPlan


class Reconciliation(models.Model):
    """One comparison of what was made from ``since`` to ``until`` (UTC). ``finished`` is empty while it runs, or died.

    ``intents``, ``refunds``, ``plans``: how many were compared; ``foreign``: intents at Stripe that are none of ours.
    """

    since = models.DateTimeField()
    until = models.DateTimeField()
    intents = models.PositiveIntegerField(default=0)
    foreign = models.PositiveIntegerField(default=0)
    refunds = models.PositiveIntegerField(default=0)
    plans = models.PositiveIntegerField(default=0)
    differences = models.PositiveIntegerField(default=0)
    created = models.DateTimeField(auto_now_add=True)
    finished = models.DateTimeField(null=True, blank=True)

    class Meta:
        verbose_name = _("reconciliation")
        verbose_name_plural = _("reconciliations")
        ordering = ("-pk",)

    def __str__(self) -> str:
        return f"{self.since:%Y-%m-%d} - {self.until:%Y-%m-%d}: {self.differences}"


class Difference(models.Model):
    """One thing that does not agree. ``ours`` and ``theirs`` are what each side says, as text."""

    NOT_RECORDED: ClassVar[str] = "not_recorded"
    NOT_PAID: ClassVar[str] = "not_paid"
    UNKNOWN_AT_STRIPE: ClassVar[str] = "unknown_at_stripe"
    UNKNOWN_HERE: ClassVar[str] = "unknown_here"
    AMOUNT: ClassVar[str] = "amount"
    CURRENCY: ClassVar[str] = "currency"
    REFUNDED: ClassVar[str] = "refunded"
    REFUND_UNKNOWN_HERE: ClassVar[str] = "refund_unknown_here"
    REFUND_STATE: ClassVar[str] = "refund_state"
    DISPUTED: ClassVar[str] = "disputed"
    PLAN_TOTAL: ClassVar[str] = "plan_total"
    PART_WITHOUT_PAYMENT: ClassVar[str] = "part_without_payment"
    PART_PAID_TWICE: ClassVar[str] = "part_paid_twice"
    PART_NOT_MARKED: ClassVar[str] = "part_not_marked"

    KINDS: ClassVar[dict[str, str]] = {
        NOT_RECORDED: gettext_noop("Paid at Stripe, not recorded here"),
        NOT_PAID: gettext_noop("Recorded here, not paid at Stripe"),
        UNKNOWN_AT_STRIPE: gettext_noop("Recorded here, unknown at Stripe"),
        UNKNOWN_HERE: gettext_noop("Made by us at Stripe, unknown here"),
        AMOUNT: gettext_noop("Different amounts"),
        CURRENCY: gettext_noop("Different currencies"),
        REFUNDED: gettext_noop("Different sums given back"),
        REFUND_UNKNOWN_HERE: gettext_noop("Refund unknown here"),
        REFUND_STATE: gettext_noop("Refund in another state"),
        DISPUTED: gettext_noop("Disputed at Stripe, not recorded here"),
        PLAN_TOTAL: gettext_noop("The parts do not add up to what was agreed"),
        PART_WITHOUT_PAYMENT: gettext_noop("Part marked as paid without a payment"),
        PART_PAID_TWICE: gettext_noop("Part paid twice"),
        PART_NOT_MARKED: gettext_noop("Paid, but the part is not marked as paid"),
    }

    reconciliation = models.ForeignKey(Reconciliation, on_delete=models.CASCADE, related_name="found")
    kind = models.CharField(max_length=30, choices=[(slug, _(name)) for slug, name in KINDS.items()])
    checkout = models.ForeignKey(Checkout, on_delete=models.SET_NULL, null=True, blank=True, related_name="+")
    plan = models.ForeignKey(ObjectPaymentPlan, on_delete=models.SET_NULL, null=True, blank=True, related_name="+")
    stripe_id = models.CharField(max_length=255, blank=True)
    ours = models.CharField(max_length=100, blank=True)
    theirs = models.CharField(max_length=100, blank=True)
    detail = models.CharField(max_length=255, blank=True)
    created = models.DateTimeField(auto_now_add=True)

    class Meta:
        verbose_name = _("difference")
        verbose_name_plural = _("differences")
        ordering = ("pk",)

    def __str__(self) -> str:
        return f"{self.kind} {self.stripe_id or self.checkout_id or self.plan_id}: {self.ours} / {self.theirs}"
