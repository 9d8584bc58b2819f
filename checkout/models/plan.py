"""The template of a payment plan, and what a customer agreed to."""

from datetime import date
from decimal import Decimal
from typing import Any, ClassVar

from django.conf import settings as django_settings
from django.core.exceptions import ValidationError
from django.db import models, transaction
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from checkout import schedule
from checkout.conf import settings
from checkout.errors import CheckoutError
from checkout.models.checkout import Checkout
from checkout.money import normalise_currency


class PaymentPlanManager(models.Manager["PaymentPlan"]):
    """The facade."""

    def create_payment_plan(self, slug: str, name: str, deposit: int, count: int, interval: int) -> "PaymentPlan":
        """A new template, checked: ``deposit`` in percent, ``interval`` in months. Raises ``ValidationError``."""
        plan = self.model(slug=slug, name=name, deposit=deposit, count=count, interval=interval)
        plan.full_clean()
        plan.save()
        return plan

    def current(self) -> "models.QuerySet[PaymentPlan]":
        """Those that may still be offered."""
        return self.filter(deleted=False)


class PaymentPlan(models.Model):
    """A template: a deposit in percent, then ``count`` instalments every ``interval`` months.

    One that is in use can be retired (``deleted``) and not changed.
    """

    TERMS: ClassVar[tuple[str, ...]] = ("slug", "name", "deposit", "count", "interval")

    slug = models.SlugField(_("short name"), unique=True)
    name = models.CharField(_("name"), max_length=100)
    deposit = models.IntegerField(_("deposit"), help_text=_("In percent of the total."))
    count = models.IntegerField(_("instalments"), help_text=_("How many, after the deposit."))
    interval = models.IntegerField(_("interval"), help_text=_("Months from one instalment to the next."))
    deleted = models.BooleanField(default=False, editable=False)
    created = models.DateTimeField(auto_now_add=True)
    updated = models.DateTimeField(auto_now=True)

    objects = PaymentPlanManager()

    class Meta:
        verbose_name = _("payment plan")
        verbose_name_plural = _("payment plans")
        ordering = ("name", "pk")

    def __str__(self) -> str:
        return self.name

    @transaction.atomic
    def save(self, *args: Any, **kwargs: Any) -> None:
        """Raises ``CheckoutError`` if this would change the terms of a plan that somebody has agreed to."""
        if self.pk is not None:
            before = PaymentPlan.objects.select_for_update().filter(pk=self.pk).first()
            changed = [name for name in self.TERMS if before and getattr(before, name) != getattr(self, name)]
            if changed and self.in_use:
                raise CheckoutError(
                    f"Payment plan {self.slug} is in use: {', '.join(changed)} cannot change. Retire it, make another.",
                    customer_message=_("This payment plan is in use and cannot be changed. Make a new one instead."),
                )
        super().save(*args, **kwargs)

    def clean(self) -> None:
        """Refuse what cannot be a plan: nothing at all, nothing between, more than everything."""
        errors: dict[str, Any] = {}
        for name in ("deposit", "count", "interval"):
            value = getattr(self, name)
            if value is not None and value <= 0:
                errors[name] = _("Must be 1 or more.")
        if self.deposit is not None and self.deposit > 100:
            errors["deposit"] = _("A deposit cannot be more than 100 percent.")
        for name, most in (("count", 120), ("interval", 60)):
            value = getattr(self, name)
            if value is not None and value > most:
                errors[name] = _("Must be %(most)s or less.") % {"most": most}
        if errors:
            raise ValidationError(errors)

    @property
    def in_use(self) -> bool:
        """Somebody has agreed to it."""
        if self.pk is None:
            return False
        from checkout.models.object_plan import ObjectPaymentPlan

        used = ObjectPaymentPlan.objects.filter(payment_plan=self.pk).exists()
        return used or Agreement.objects.filter(payment_plan=self.pk).exists()

    def retire(self) -> None:
        """Offer it no longer. Plans that were made from it go on."""
        self.deleted = True
        self.save(update_fields=["deleted", "updated"])

    def deposit_amount(self, total: Decimal, *, currency: str | None = None) -> Decimal:
        """The deposit for ``total``, both in major units of ``currency`` (``CHECKOUT_CURRENCY``)."""
        return schedule.deposit_amount(deposit=self.deposit, total=total, currency=_currency(currency))

    def instalments(
        self, deposit_due_date: date, total: Decimal, *, currency: str | None = None
    ) -> list[tuple[date, Decimal]]:
        """The parts after the deposit, as (due date, amount). Pure."""
        return self.example(deposit_due_date, total, currency=currency)[1:]

    def example(
        self, deposit_due_date: date, total: Decimal, *, currency: str | None = None
    ) -> list[tuple[date, Decimal]]:
        """Deposit and instalments, as (due date, amount in major units); they add up to ``total``. Pure."""
        return schedule.whole(
            deposit=self.deposit,
            count=self.count,
            interval=self.interval,
            deposit_due=deposit_due_date,
            total=total,
            currency=_currency(currency),
        )

    def checked(self, deposit_due_date: date, total: Decimal, *, currency: str) -> list[tuple[date, Decimal]]:
        """As ``example``, but ``NotPayable`` where a part cannot be charged (below the minimum, zero, negative)."""
        parts = self.example(deposit_due_date, total, currency=currency)
        return schedule.check(parts, total=total, currency=currency)


def _currency(currency: str | None) -> str:
    return normalise_currency(currency or settings.currency)


class Agreement(models.Model):
    """What a customer consented to, word for word, before a card was saved for it.

    ``parts`` is the schedule as shown: ``[["2026-11-24", "30.00"], ...]``, the deposit first; ``fingerprint`` is its
    hash.
    """

    checkout = models.OneToOneField(Checkout, on_delete=models.PROTECT, related_name="agreement")
    payment_plan = models.ForeignKey(PaymentPlan, on_delete=models.PROTECT, related_name="+")
    text_version = models.CharField(max_length=50)
    text = models.TextField()
    parts = models.JSONField()
    fingerprint = models.CharField(max_length=64)
    total = models.DecimalField(max_digits=14, decimal_places=3)
    currency = models.CharField(max_length=3)
    user = models.ForeignKey(
        django_settings.AUTH_USER_MODEL, on_delete=models.SET_NULL, null=True, blank=True, related_name="+"
    )
    address = models.GenericIPAddressField(null=True, blank=True)
    agreed = models.DateTimeField(default=timezone.now)

    class Meta:
        verbose_name = _("agreement")
        verbose_name_plural = _("agreements")
        ordering = ("-pk",)

    def __str__(self) -> str:
        return f"{self.payment_plan_id} {self.total} {self.currency} {self.agreed:%Y-%m-%d}"

    @property
    def schedule(self) -> list[tuple[date, Decimal]]:
        """The parts as dates and amounts in major units of ``currency``."""
        return [(date.fromisoformat(due), Decimal(amount)) for due, amount in self.parts]
