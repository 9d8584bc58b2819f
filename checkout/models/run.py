"""A payment run: what became of each instalment that was due."""

from dataclasses import dataclass
from decimal import Decimal

from django.db import models
from django.db.models import Count, Sum
from django.urls import reverse
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from checkout import states
from checkout.models.checkout import Checkout
from checkout.models.instalment import ObjectPaymentPlanInstalment


@dataclass(frozen=True)
class Line:
    """One line of a run's summary; ``amount`` in the major unit of ``currency``."""

    outcome: str
    currency: str
    count: int
    amount: Decimal

    @property
    def label(self) -> str:
        """The outcome in words."""
        return gettext(states.OUTCOMES[self.outcome])


class PaymentRun(models.Model):
    """The run of one day; a second one on that day goes on with it, and two at once share it."""

    date = models.DateField(unique=True)
    started = models.DateTimeField(auto_now_add=True)
    finished = models.DateTimeField(null=True, blank=True)
    stopped = models.TextField(blank=True)

    class Meta:
        verbose_name = _("payment run")
        verbose_name_plural = _("payment runs")
        ordering = ("-date",)

    def __str__(self) -> str:
        return f"{self.date}"

    def get_absolute_url(self) -> str:
        """The staff's page of the run."""
        return reverse("checkout.payment.run", args=[self.pk])

    def summary(self) -> list[Line]:
        """By outcome and currency, as it is now: an outcome that was unknown may have become known since. One query."""
        rows = self.items.values_list("outcome", "currency").annotate(Count("pk"), Sum("amount")).order_by("currency")
        found = [Line(*row) for row in rows]
        order = list(states.OUTCOMES)
        return sorted(found, key=lambda line: (line.currency, order.index(line.outcome)))


class PaymentRunItem(models.Model):
    """What became of one instalment: a state of its attempt, ``released`` or ``skipped``, and why."""

    payment_run = models.ForeignKey(PaymentRun, on_delete=models.CASCADE, related_name="items", db_index=False)
    instalment = models.ForeignKey(ObjectPaymentPlanInstalment, on_delete=models.CASCADE, related_name="run_items")
    checkout = models.ForeignKey(Checkout, on_delete=models.SET_NULL, null=True, blank=True, related_name="run_items")
    outcome = models.CharField(
        max_length=20, default=states.REQUEST, choices=[(slug, _(name)) for slug, name in states.OUTCOMES.items()]
    )
    reason = models.CharField(max_length=255, blank=True)
    amount = models.DecimalField(max_digits=14, decimal_places=3)
    currency = models.CharField(max_length=3)
    created = models.DateTimeField(auto_now_add=True)
    updated = models.DateTimeField(auto_now=True)

    class Meta:
        verbose_name = _("payment run item")
        verbose_name_plural = _("payment run items")
        ordering = ("pk",)
        constraints = [models.UniqueConstraint(fields=["payment_run", "instalment"], name="checkout_once_a_run")]
        indexes = [models.Index(fields=["payment_run", "outcome"], name="checkout_run_outcome")]

    def __str__(self) -> str:
        return f"{self.payment_run_id} {self.instalment_id}: {self.outcome}"
