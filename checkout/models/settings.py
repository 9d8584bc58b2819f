"""One row of settings that staff may change."""

from django.db import models
from django.utils.translation import gettext_lazy as _

from checkout.models.plan import PaymentPlan

ONLY = 1


class CheckoutSettingsManager(models.Manager["CheckoutSettings"]):
    """Gives the one row."""

    @property
    def settings(self) -> "CheckoutSettings":
        """The row, made when it is asked for the first time."""
        return self.get_or_create(pk=ONLY)[0]


class CheckoutSettings(models.Model):
    """``CheckoutSettings.objects.settings``: the plan that is offered where the host's object names none."""

    default_payment_plan = models.ForeignKey(
        PaymentPlan, on_delete=models.PROTECT, null=True, blank=True, related_name="+"
    )

    objects = CheckoutSettingsManager()

    class Meta:
        verbose_name = _("checkout settings")
        verbose_name_plural = _("checkout settings")

    def __str__(self) -> str:
        return str(self._meta.verbose_name)
