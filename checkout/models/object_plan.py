"""One payment plan for one object of the host."""

from typing import TYPE_CHECKING

from django.contrib.contenttypes.fields import GenericForeignKey
from django.contrib.contenttypes.models import ContentType
from django.db import models
from django.urls import reverse
from django.utils.translation import gettext_lazy as _

from checkout import states
from checkout.models.customer import Customer
from checkout.models.plan import Agreement, PaymentPlan

if TYPE_CHECKING:
    from datetime import date
    from decimal import Decimal

    from checkout.contract import Payable
    from checkout.models.checkout import Checkout, User
    from checkout.models.instalment import ObjectPaymentPlanInstalment


class ObjectPaymentPlanManager(models.Manager["ObjectPaymentPlan"]):
    """The facade; each method imports its flow when it is called."""

    def create_object_payment_plan(
        self, content_object: "Payable", payment_plan: PaymentPlan, total: "Decimal"
    ) -> "ObjectPaymentPlan":
        """The plan and its deposit. Call it in ``checkout_success`` of a sign-up: it joins that transaction.

        ``total`` is in the object's currency. Raises ``NotPayable`` if a part could not be charged or the terms are not
        what the customer agreed to, and ``CheckoutError`` if the object has a plan already. Calls nobody.
        """
        from checkout.flows import plan

        return plan.create(content_object=content_object, payment_plan=payment_plan, total=total)

    def for_content_object(self, obj: models.Model) -> "ObjectPaymentPlan | None":
        """The plan of ``obj``, if it has one."""
        content_type = ContentType.objects.get_for_model(obj)
        return self.filter(content_type=content_type, object_id=str(obj.pk)).first()

    def charge_deposit(self, content_object: models.Model, user: "User") -> "Checkout":
        """Charge the deposit of the object's plan now. See ``ObjectPaymentPlan.charge_deposit``."""
        from checkout.flows import plan

        return plan.charge_deposit_of(content_object, user=user)

    @property
    def outstanding_payment_plans(self) -> "models.QuerySet[ObjectPaymentPlan]":
        """Plans that go on and are not paid in full, oldest first."""
        from checkout.models.instalment import ObjectPaymentPlanInstalment

        unpaid = ObjectPaymentPlanInstalment.objects.filter(object_payment_plan=models.OuterRef("pk"))
        unpaid = unpaid.exclude(state_id=states.SUCCESS)
        return (
            self.filter(models.Exists(unpaid), deleted=False).select_related("customer", "payment_plan").order_by("pk")
        )

    @property
    def report_card_expiry_dates(self) -> "models.QuerySet[ObjectPaymentPlan]":
        """Plans that go on and are not paid in full, by when their card expires: unknown first, then the nearest."""
        nearest = models.F("customer__expiry_date").asc(nulls_first=True)
        return self.outstanding_payment_plans.order_by(nearest, "customer__email", "pk")

    def refresh_card_expiry_dates(self) -> int:
        """Ask Stripe when the cards of outstanding plans expire; for how many customers anything changed.

        Whose card expires within a month is mailed once. Not inside a transaction. Safe to run twice. Raises
        ``StripeRefused``, ``StripeUnreachable``: what was read until then is kept. See ``checkout.flows.expiry``.
        """
        from checkout.flows import expiry

        return expiry.refresh_card_expiry_dates().changed


class ObjectPaymentPlan(models.Model):
    """Unique for the object. ``total`` is in the major unit of ``currency``; ``deleted`` stops it."""

    content_type = models.ForeignKey(ContentType, on_delete=models.PROTECT)
    object_id = models.CharField(max_length=64)
    content_object = GenericForeignKey("content_type", "object_id")
    customer = models.ForeignKey(Customer, on_delete=models.PROTECT, related_name="payment_plans")
    payment_plan = models.ForeignKey(PaymentPlan, on_delete=models.PROTECT, related_name="object_payment_plans")
    agreement = models.OneToOneField(
        Agreement, on_delete=models.PROTECT, null=True, blank=True, related_name="object_payment_plan"
    )
    description = models.TextField(blank=True)
    total = models.DecimalField(max_digits=14, decimal_places=3)
    currency = models.CharField(max_length=3)
    deleted = models.BooleanField(default=False)
    paused = models.DateTimeField(null=True, blank=True)
    created = models.DateTimeField(auto_now_add=True)
    updated = models.DateTimeField(auto_now=True)

    objects = ObjectPaymentPlanManager()

    class Meta:
        verbose_name = _("payment plan of an object")
        verbose_name_plural = _("payment plans of objects")
        ordering = ("-pk",)
        constraints = [models.UniqueConstraint(fields=["content_type", "object_id"], name="checkout_one_plan")]
        indexes = [models.Index(fields=["paused"], name="checkout_plan_paused")]

    def __str__(self) -> str:
        return f"{self.lines[0] if self.lines else self.object_id}: {self.total} {self.currency}"

    def get_absolute_url(self) -> str:
        """The staff's page of the plan."""
        return reverse("checkout.object.payment.plan", args=[self.pk])

    @property
    def lines(self) -> list[str]:
        """What is bought, line by line, as it was when the plan was made."""
        return self.description.splitlines()

    @property
    def payments(self) -> "models.QuerySet[ObjectPaymentPlanInstalment]":
        """Deposit and instalments, in order."""
        from checkout.models.instalment import ObjectPaymentPlanInstalment

        rows: models.QuerySet[ObjectPaymentPlanInstalment] = ObjectPaymentPlanInstalment.objects.filter(
            object_payment_plan=self
        )
        return rows.order_by("count")

    @property
    def payment_count(self) -> int:
        """How many parts there are now: one until the deposit has been paid."""
        return self.payments.count()

    @property
    def is_paid(self) -> bool:
        """Every part has been paid, to the last penny. One query."""
        paid = self.payments.filter(state_id=states.SUCCESS).aggregate(sum=models.Sum("amount"))["sum"]
        return bool(paid == self.total)

    @property
    def deposit(self) -> "ObjectPaymentPlanInstalment":
        """The first part."""
        return self.payments.get(deposit=True)

    @property
    def agreed_schedule(self) -> "list[tuple[date, Decimal]]":
        """Every part with its date, the deposit first: as agreed, or counted from the deposit's due date."""
        if self.agreement is not None:
            return self.agreement.schedule
        return self.payment_plan.example(self.deposit.due, self.total, currency=self.currency)

    def create_instalments(self) -> "list[ObjectPaymentPlanInstalment]":
        """The parts after the deposit, once. Raises ``CheckoutError`` if they exist. Joins the caller's transaction."""
        from checkout.flows import plan

        return plan.create_instalments(self)

    def charge_deposit(self, user: "User") -> "Checkout":
        """Charge the deposit off-session now, by the same code as a payment run; the attempt, settled if it could be.

        Commits before it calls Stripe, so not inside a transaction. Raises ``NotPayable`` if it may not be charged now,
        ``StripeRefused`` (released: nothing moved). An unknown outcome is no error: the attempt then is in ``request``.
        """
        from checkout.flows import charge

        return charge.charge(self.deposit, user=user)
