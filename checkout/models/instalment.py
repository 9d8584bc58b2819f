"""One part of a payment plan: the deposit, or an instalment. It follows the host contract itself."""

from collections.abc import Callable, Iterable
from datetime import date
from decimal import Decimal
from typing import TYPE_CHECKING, Any
from uuid import UUID

from django.db import connections, models
from django.db.models import Q
from django.utils import timezone
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from checkout import states
from checkout.errors import IllegalMove
from checkout.models.base import StateModel
from checkout.models.checkout import Checkout, CheckoutState
from checkout.models.object_plan import ObjectPaymentPlan

if TYPE_CHECKING:
    from checkout.models.customer import Customer

OnProgress = Callable[[int], object]


class InstalmentQuerySet(models.QuerySet["ObjectPaymentPlanInstalment"]):
    """Questions that several rooms ask."""

    def due_on(self, today: date) -> "InstalmentQuerySet":
        """What a payment run of that day charges: no deposits, nothing unresolved, no deleted plan."""
        fit = Q(state_id=states.PENDING, deposit=False, due__lte=today)
        return self.filter(fit, object_payment_plan__deleted=False)

    def with_plan(self) -> "InstalmentQuerySet":
        """With plan, customer and state in the same query."""
        return self.select_related("object_payment_plan__customer", "object_payment_plan__payment_plan", "state")


class ObjectPaymentPlanInstalmentManager(models.Manager.from_queryset(InstalmentQuerySet)):  # type: ignore[misc]
    """The facade; each method imports its flow when it is called."""

    @property
    def due(self) -> InstalmentQuerySet:
        """What ``process_payments`` would charge today, in the site's time zone, oldest first."""
        found: InstalmentQuerySet = self.get_queryset().due_on(timezone.localdate()).order_by("due", "pk")
        return found

    def locked(self, pk: Any) -> "ObjectPaymentPlanInstalment | None":
        """The row, locked until the caller's transaction ends, with its plan."""
        return next(iter(self.all_locked([pk])), None)

    def all_locked(self, pks: Iterable[Any]) -> "list[ObjectPaymentPlanInstalment]":
        """The same for several, locked in the order of their keys."""
        only_this = ("self",) if connections[self.db].features.has_select_for_update_of else ()
        rows = self.select_related("object_payment_plan").select_for_update(of=only_this)
        return list(rows.filter(pk__in=list(pks)).order_by("pk"))

    def process_payments(self, *, on_progress: OnProgress | None = None) -> int:
        """Charge what is due, in this process; how many were charged. See ``checkout.flows.run``.

        Commits before it calls Stripe, so not inside a transaction. Safe to run twice and beside itself. Raises
        ``StripeRefused`` if Stripe refused five times in a row (what was claimed is released).
        """
        from checkout.flows import run

        return run.process_payments(on_progress=on_progress).count(states.SUCCESS)


class ObjectPaymentPlanInstalment(StateModel):
    """``count`` is 1 for the deposit. ``amount`` is in the plan's currency; ``due`` a day in the site's time zone."""

    MOVES = states.INSTALMENT_MOVES

    object_payment_plan = models.ForeignKey(ObjectPaymentPlan, on_delete=models.PROTECT, related_name="instalments")
    count = models.PositiveIntegerField()
    deposit = models.BooleanField(default=False)
    amount = models.DecimalField(max_digits=14, decimal_places=3)
    due = models.DateField()
    # no index of its own: what is due has one that begins with the state
    state = models.ForeignKey(
        CheckoutState, on_delete=models.PROTECT, related_name="+", default=states.PENDING, db_index=False
    )
    retry_due = models.DateField(null=True, blank=True)
    settled = models.DateTimeField(null=True, blank=True)
    created = models.DateTimeField(auto_now_add=True)
    updated = models.DateTimeField(auto_now=True)

    objects = ObjectPaymentPlanInstalmentManager()

    class Meta:
        verbose_name = _("instalment")
        verbose_name_plural = _("instalments")
        ordering = ("object_payment_plan", "count")
        constraints = [models.UniqueConstraint(fields=["object_payment_plan", "count"], name="checkout_one_instalment")]
        indexes = [models.Index(fields=["state", "deposit", "due", "id"], name="checkout_due")]
        permissions = [("charge", "Can charge a saved card"), ("mark_paid", "Can mark as paid by hand")]

    def __str__(self) -> str:
        return f"{self.object_payment_plan_id}/{self.count} {self.amount} {self.due}: {self.state_id}"

    @property
    def currency(self) -> str:
        """The plan's."""
        return self.object_payment_plan.currency

    @property
    def number(self) -> int:
        """Which instalment it is, counted from 1; 0 for the deposit."""
        return self.count - 1

    @property
    def label(self) -> str:
        """``Deposit`` or ``Instalment 2 of 6``."""
        if self.deposit:
            return gettext("Deposit")
        total = self.object_payment_plan.payment_plan.count
        return gettext("Instalment %(number)s of %(total)s") % {"number": self.number, "total": total}

    @property
    def customer(self) -> "Customer":
        """Whose card is charged."""
        return self.object_payment_plan.customer

    @property
    def is_overdue(self) -> bool:
        """Its day has come and it is not paid."""
        return self.state_id != states.SUCCESS and self.due <= timezone.localdate()

    @property
    def can_pay_by_hand(self) -> bool:
        """Staff may mark it as paid: not while the outcome of an attempt is unknown."""
        return self.state_id in (states.PENDING, states.FAIL, states.PAY_ON_SESSION)

    @property
    def can_pay_on_session(self) -> bool:
        """The customer may pay it now, in the browser."""
        today = timezone.localdate()
        return self.can_pay_by_hand and self.due <= today and not self.object_payment_plan.deleted

    @property
    def attempts(self) -> "models.QuerySet[Checkout]":
        """Every attempt, newest first."""
        found: models.QuerySet[Checkout] = Checkout.objects.for_content_object(self).order_by("-pk")
        return found

    # the host contract

    @property
    def checkout_actions(self) -> list[str]:
        """Off-session by us, on-session by the customer, or by hand."""
        return [states.CHARGE, states.PAY_ON_SESSION, states.MANUAL]

    @property
    def checkout_can_charge(self) -> bool:
        """Due, its plan goes on, and a new attempt may start now."""
        today = timezone.localdate()
        if self.object_payment_plan.deleted or self.due > today:
            return False
        if self.state_id == states.PENDING:
            return True
        retry = self.retry_due is not None and self.retry_due <= today
        return self.state_id == states.FAIL and retry and not self.deposit

    @property
    def checkout_description(self) -> list[str]:
        """What is bought, and which part of it this is."""
        return [*self.object_payment_plan.lines, self.label]

    @property
    def checkout_email(self) -> str:
        """The customer's."""
        return self.customer.email

    @property
    def checkout_name(self) -> str:
        """The customer's."""
        return self.customer.name

    @property
    def checkout_total(self) -> Decimal:
        """In the plan's currency."""
        return self.amount

    @property
    def checkout_currency(self) -> str:
        """The plan's."""
        return self.currency

    @property
    def checkout_contact(self) -> Any:
        """The host's contact, where its object has one, else the customer."""
        return getattr(self.object_payment_plan.content_object, "checkout_contact", None) or self.customer

    def checkout_success(self, checkout: Checkout) -> None:
        """Paid: the rest of the plan appears after the deposit, and the host's object hears of it."""
        if not self.move_to(states.SUCCESS, settled=timezone.now(), retry_due=None):
            raise IllegalMove(f"Instalment {self.pk} was moved by somebody else: look again.")
        if self.deposit:
            self.object_payment_plan.create_instalments()
        target = self.object_payment_plan.content_object
        if target is not None:
            target.checkout_success(checkout)

    def checkout_fail(self, due: date | None = None) -> None:
        """The attempt that held it came to nothing, and the host's object hears of it."""
        if self.state_id in (states.REQUEST, states.PAY_ON_SESSION):
            self.move_to(states.FAIL)
        target = self.object_payment_plan.content_object
        if target is not None:
            target.checkout_fail(due=due or self.due)

    def checkout_success_url(self, checkout_uuid: UUID) -> str:
        """The object's own."""
        target = self.object_payment_plan.content_object
        return str(target.checkout_success_url(checkout_uuid)) if target is not None else ""

    def checkout_fail_url(self, checkout_uuid: UUID) -> str:
        """The object's own."""
        target = self.object_payment_plan.content_object
        return str(target.checkout_fail_url(checkout_uuid)) if target is not None else ""

    def get_absolute_url(self) -> str:
        """The object's own page: customers are sent there."""
        target = self.object_payment_plan.content_object
        return str(target.get_absolute_url()) if target is not None else ""
