"""An amount that staff take from a customer's saved card."""

import uuid as uuid_module
from datetime import date
from decimal import Decimal
from typing import TYPE_CHECKING

from django.conf import settings as django_settings
from django.db import models
from django.urls import reverse
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from checkout import states
from checkout.conf import settings
from checkout.errors import IllegalMove
from checkout.models.charged import ChargedManager, ChargedModel
from checkout.models.checkout import Checkout
from checkout.models.customer import Customer
from checkout.models.words import CheckoutState

if TYPE_CHECKING:
    from checkout.models.checkout import User


class CustomerPaymentManager(ChargedManager["CustomerPayment"]):
    """The facade; each method imports its flow when it is called."""

    with_locked = ("customer",)

    def charge_customer(
        self,
        customer: Customer,
        *,
        amount: Decimal,
        currency: str,
        description: str,
        user: "User",
        uuid: uuid_module.UUID | None = None,
    ) -> "CustomerPayment":
        """Write the payment down and charge the saved card, once for each ``uuid`` however often it is called.

        ``amount`` is in the major unit of ``currency``. Commits before it calls Stripe, so not inside a transaction.
        Raises ``NotPayable`` before anything is written, ``StripeRefused`` after nothing was charged; a decline, an
        unknown outcome and a bank that wants the customer (who then is mailed a link) are states of the payment.
        """
        from checkout.flows import customer_payment

        return customer_payment.charge(
            customer, amount=amount, currency=currency, description=description, user=user, uuid=uuid
        )


class CustomerPayment(ChargedModel):
    """Follows the host contract itself. ``amount`` is in the major unit of ``currency``; ``description`` says why.

    ``uuid`` comes from the form that asked for it, so the database refuses a second one of a double click.
    """

    USAGE = "unscheduled"

    uuid = models.UUIDField(default=uuid_module.uuid4, unique=True, editable=False)
    customer = models.ForeignKey(Customer, on_delete=models.PROTECT, related_name="customer_payments")
    amount = models.DecimalField(max_digits=14, decimal_places=3)
    currency = models.CharField(max_length=3)
    description = models.CharField(max_length=200)
    user = models.ForeignKey(
        django_settings.AUTH_USER_MODEL, on_delete=models.SET_NULL, null=True, blank=True, related_name="+"
    )
    state = models.ForeignKey(CheckoutState, on_delete=models.PROTECT, related_name="+", default=states.PENDING)
    settled = models.DateTimeField(null=True, blank=True)
    created = models.DateTimeField(auto_now_add=True)
    updated = models.DateTimeField(auto_now=True)

    objects = CustomerPaymentManager()

    class Meta:
        verbose_name = _("payment by staff")
        verbose_name_plural = _("payments by staff")
        ordering = ("-pk",)

    def __str__(self) -> str:
        return f"{self.description}: {self.amount} {self.currency}"

    @property
    def label(self) -> str:
        """What it is for."""
        return self.description

    @property
    def payer(self) -> Customer:
        """Whose card is charged."""
        return self.customer

    @property
    def can_pay_on_session(self) -> bool:
        """The bank wants the customer, or the customer pays what was declined."""
        return self.can_pay_by_hand

    # the host contract

    @property
    def checkout_can_charge(self) -> bool:
        """Not tried yet. What was declined is a new payment, if staff want to try again."""
        return self.state_id == states.PENDING

    @property
    def checkout_description(self) -> list[str]:
        """What the customer reads."""
        return [self.description]

    def checkout_success(self, checkout: Checkout) -> None:
        """Paid."""
        if not self.move_to(states.SUCCESS, settled=timezone.now()):
            raise IllegalMove(f"Customer payment {self.pk} was moved by somebody else: look again.")

    def checkout_fail(self, due: date | None = None) -> None:
        """The charge came to nothing."""
        if self.state_id in (states.REQUEST, states.PAY_ON_SESSION):
            self.move_to(states.FAIL)

    def checkout_success_url(self, checkout_uuid: uuid_module.UUID) -> str:
        """The site's page after a payment: ``CHECKOUT_SUCCESS_URL_NAME``."""
        return reverse(settings.success_url_name, args=[checkout_uuid])

    def checkout_fail_url(self, checkout_uuid: uuid_module.UUID) -> str:
        """The page to try again: ``CHECKOUT_PAY_ON_SESSION_PAGE_URL_NAME``."""
        return reverse(settings.pay_on_session_page_url_name, args=[checkout_uuid])

    def get_absolute_url(self) -> str:
        """It has no page of its own for its customer."""
        return "/"
