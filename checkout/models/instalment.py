"""One part of a payment plan: the deposit, or an instalment. It follows the host contract itself."""

from collections.abc import Callable
from datetime import date
from typing import TYPE_CHECKING, Any
from uuid import UUID

from django.db import models
from django.db.models import Q
from django.utils import timezone
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from checkout import states
from checkout.errors import IllegalMove
from checkout.models.charged import ChargedManager, ChargedModel
from checkout.models.checkout import Checkout
from checkout.models.customer import normalise_email
from checkout.models.object_plan import ObjectPaymentPlan
from checkout.models.words import CheckoutState

if TYPE_CHECKING:
    from checkout.models.customer import Customer

OnProgress = Callable[[int], object]
CanLoginAndPay = Callable[[Any], bool]
# Where the site says that the person can sign in and pay, and where not. The names are those of the system before.
MAIL_TEMPLATE_ON_SESSION_PAYMENT_ANON = "on_session_payment_anon"
MAIL_TEMPLATE_ON_SESSION_PAYMENT_AUTH = "on_session_payment_auth"


class InstalmentQuerySet(models.QuerySet["ObjectPaymentPlanInstalment"]):
    """Questions that several rooms ask."""

    def due_on(self, today: date) -> "InstalmentQuerySet":
        """What a payment run of that day charges: no deposits, nothing unresolved, no deleted or paused plan."""
        return self._going_on().filter(Q(state_id=states.PENDING, due__lte=today) | self._retries(today))

    def pending_on(self, today: date) -> "InstalmentQuerySet":
        """The same once the retries are back in line (``retries_on``): by one index."""
        return self._going_on().filter(state_id=states.PENDING, due__lte=today)

    def retries_on(self, today: date) -> "InstalmentQuerySet":
        """Declined, and to be tried again on ``today`` or before."""
        return self._going_on().filter(self._retries(today))

    def _going_on(self) -> "InstalmentQuerySet":
        going_on = self.filter(deposit=False, object_payment_plan__deleted=False)
        return going_on.filter(object_payment_plan__paused=None)

    @staticmethod
    def _retries(today: date) -> Q:
        return Q(state_id=states.FAIL, retry_due__lte=today)

    def to_ask(self) -> "InstalmentQuerySet":
        """Whose customer is wanted by the bank and has not been asked yet, in plans that go on and are not paused."""
        wanted = self.filter(state_id=states.PAY_ON_SESSION, customer_asked=None)
        return wanted.filter(object_payment_plan__deleted=False, object_payment_plan__paused=None)

    def with_plan(self) -> "InstalmentQuerySet":
        """With plan, customer and state in the same query."""
        return self.select_related("object_payment_plan__customer", "object_payment_plan__payment_plan", "state")


class ObjectPaymentPlanInstalmentManager(ChargedManager.from_queryset(InstalmentQuerySet)):  # type: ignore[misc]
    """The facade; each method imports its flow when it is called."""

    with_locked = ("object_payment_plan",)

    @property
    def due(self) -> InstalmentQuerySet:
        """What ``process_payments`` would charge today, in the site's time zone, oldest first."""
        found: InstalmentQuerySet = self.get_queryset().due_on(timezone.localdate()).order_by("due", "pk")
        return found

    def process_payments(self, *, on_progress: OnProgress | None = None) -> int:
        """Charge what is due, in this process; how many were charged. See ``checkout.flows.run``.

        Commits before it calls Stripe, so not inside a transaction. Safe to run twice and beside itself. Raises
        ``StripeRefused`` if Stripe refused five times in a row (what was claimed is released).
        """
        from checkout.flows import run

        return run.process_payments(on_progress=on_progress).count(states.SUCCESS)

    def send_on_session_payment_emails(self, can_login_and_pay: "CanLoginAndPay") -> int:
        """Mail each customer whose bank wants them, once for each instalment and demand; how many were mailed.

        ``can_login_and_pay(contact)`` is the site's own rule: the object's ``checkout_contact``, where it has one, else
        the ``Customer``; it chooses the template. However often, by however many workers: one mail. What a mail
        server refused is tried again later. Not inside a transaction. Calls no Stripe.
        """
        from checkout.flows import demands

        return demands.send_on_session_payment_emails(can_login_and_pay)

    def _user_has_active_account(self, contact: Any, can_login_and_pay: "CanLoginAndPay") -> bool:
        """Whether the person can sign in and pay, by the site's rule. A rule that raises goes on to the caller."""
        return bool(can_login_and_pay(contact))

    def pay_on_session_for_email(self, email: str) -> InstalmentQuerySet:
        """What waits for the customer with that address (compared without case) and their bank, oldest first."""
        address = normalise_email(email)
        waiting = self.with_plan().filter(state_id=states.PAY_ON_SESSION, object_payment_plan__deleted=False)
        found: InstalmentQuerySet = waiting.filter(object_payment_plan__customer__email=address).order_by("due", "pk")
        return found


class ObjectPaymentPlanInstalment(ChargedModel):
    """``count`` is 1 for the deposit. ``amount`` is in the plan's currency; ``due`` a day in the site's time zone.

    ``retry_due``: when a declined charge is tried again by itself; ``retries``: how many times that was decided since
    the card on file was changed. ``customer_asked``: when the customer was asked to come, for the bank's demand of now.
    """

    MAIL_TEMPLATE_ON_SESSION_PAYMENT_ANON = MAIL_TEMPLATE_ON_SESSION_PAYMENT_ANON
    MAIL_TEMPLATE_ON_SESSION_PAYMENT_AUTH = MAIL_TEMPLATE_ON_SESSION_PAYMENT_AUTH

    object_payment_plan = models.ForeignKey(ObjectPaymentPlan, on_delete=models.PROTECT, related_name="instalments")
    count = models.PositiveIntegerField()
    deposit = models.BooleanField(default=False)
    amount = models.DecimalField(max_digits=14, decimal_places=3)
    due = models.DateField()
    # no index of its own: what is due has one that begins with the state
    state = models.ForeignKey(
        CheckoutState, on_delete=models.PROTECT, related_name="+", default=states.PENDING, db_index=False
    )
    retry_due = models.DateField(null=True, blank=True, db_index=True)
    retries = models.PositiveSmallIntegerField(default=0)
    customer_asked = models.DateTimeField(null=True, blank=True)
    settled = models.DateTimeField(null=True, blank=True)
    created = models.DateTimeField(auto_now_add=True)
    updated = models.DateTimeField(auto_now=True)

    objects = ObjectPaymentPlanInstalmentManager()

    class Meta:
        verbose_name = _("instalment")
        verbose_name_plural = _("instalments")
        ordering = ("object_payment_plan", "count")
        constraints = [models.UniqueConstraint(fields=["object_payment_plan", "count"], name="checkout_one_instalment")]
        indexes = [
            models.Index(fields=["state", "due", "id"], name="checkout_due"),
            # a few rows at most times; MariaDB and MySQL, which know no partial indexes, make a whole one of it
            models.Index(
                fields=["id"],
                name="checkout_to_ask",
                condition=Q(state=states.PAY_ON_SESSION, customer_asked__isnull=True),
            ),
        ]
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
        """The plan's."""
        return self.object_payment_plan.customer

    @property
    def payer(self) -> "Customer":
        """Whose card is charged: the plan's customer."""
        return self.object_payment_plan.customer

    @property
    def stopped(self) -> bool:  # type: ignore[override]
        """Its plan has been stopped."""
        return self.object_payment_plan.deleted

    @property
    def is_overdue(self) -> bool:
        """Its day has come and it is not paid."""
        return self.state_id != states.SUCCESS and self.due <= timezone.localdate()

    @property
    def can_pay_on_session(self) -> bool:
        """The customer may pay it now, in the browser."""
        today = timezone.localdate()
        return self.can_pay_by_hand and self.due <= today and not self.object_payment_plan.deleted

    # the host contract

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
        """The charge that held it came to nothing, and the host's object hears of it; ``due``: the next attempt."""
        if self.state_id in (states.REQUEST, states.PAY_ON_SESSION):
            self.move_to(states.FAIL, retry_due=due, retries=self.retries + 1 if due else self.retries)
        self._tell_of_failure(due)

    def page_was_closed(self) -> None:
        """The host's object hears that an attempt came to nothing."""
        self._tell_of_failure(None)

    def _tell_of_failure(self, due: date | None) -> None:
        target = self.object_payment_plan.content_object
        if target is not None:
            target.checkout_fail(due=due or self.due)

    def checkout_refund(self, refund: Any) -> None:
        """Money was given back, or came back from the bank: passed on to the plan's object, if it wants to hear."""
        heard = getattr(self.object_payment_plan.content_object, "checkout_refund", None)
        if heard is not None:
            heard(refund)

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
