"""The shop's models. ``SalesLedger`` is the commented example of ``checkout.contract``."""

from datetime import date
from decimal import Decimal
from typing import TYPE_CHECKING
from uuid import UUID

from django.conf import settings
from django.core.validators import MaxValueValidator, MinValueValidator
from django.db import models
from django.urls import reverse
from django.utils import timezone
from django.utils.crypto import get_random_string

from checkout.models import ObjectPaymentPlan

if TYPE_CHECKING:
    from checkout.models import Checkout, Refund

# In the currency of the course: less than that is not worth paying in parts.
PLAN_FROM = Decimal(60)
# No letter or digit that is mistaken for another one on the telephone.
NUMBER_CHARACTERS = "ABCDEFGHJKMNPQRSTUVWXYZ23456789"


def booking_number() -> str:
    """A number to read out to somebody, which tells nothing about how many bookings there are."""
    return get_random_string(8, NUMBER_CHARACTERS)


class Contact(models.Model):
    """Who books. Has a user when the person signed in."""

    user = models.OneToOneField(settings.AUTH_USER_MODEL, on_delete=models.SET_NULL, null=True, blank=True)
    name = models.CharField(max_length=100)
    email = models.EmailField()

    class Meta:
        ordering = ("name",)

    def __str__(self) -> str:
        return self.name


class Product(models.Model):
    """A course. ``price`` is for one place, in the major unit of ``currency``."""

    slug = models.SlugField(unique=True)
    name = models.CharField(max_length=100)
    summary = models.CharField(max_length=200, blank=True)
    description = models.TextField(blank=True)
    price = models.DecimalField(max_digits=12, decimal_places=3)
    currency = models.CharField(max_length=3, default="GBP")
    starts = models.DateField(null=True, blank=True)
    length = models.CharField(max_length=50, blank=True)

    class Meta:
        ordering = ("starts", "name")

    def __str__(self) -> str:
        return self.name

    def get_absolute_url(self) -> str:
        """The course's page."""
        return reverse("example.course", args=[self.slug])


class SalesLedger(models.Model):
    """A booking that can be paid for: everything that begins with ``checkout_`` is the host contract."""

    number = models.CharField(max_length=20, unique=True, default=booking_number, editable=False)
    contact = models.ForeignKey(Contact, on_delete=models.PROTECT, related_name="bookings")
    product = models.ForeignKey(Product, on_delete=models.PROTECT, related_name="bookings")
    title = models.CharField(max_length=150)
    quantity = models.PositiveSmallIntegerField(default=1, validators=[MinValueValidator(1), MaxValueValidator(12)])
    created = models.DateTimeField(auto_now_add=True)
    invoiced = models.DateTimeField(null=True, blank=True)
    on_plan = models.DateTimeField(null=True, blank=True)
    paid = models.DateTimeField(null=True, blank=True)
    failed = models.DateTimeField(null=True, blank=True)
    refunded = models.DecimalField(max_digits=12, decimal_places=3, default=Decimal(0))
    language = models.CharField(max_length=10, blank=True, default="", db_default="", editable=False)

    class Meta:
        ordering = ("-created", "-pk")
        verbose_name = "booking"
        verbose_name_plural = "bookings"

    def __str__(self) -> str:
        return f"{self.number} {self.title}"

    def get_absolute_url(self) -> str:
        """The booking's own page: a customer gets back to it from every page of the checkout."""
        return reverse("example.booking", args=[self.number])

    @property
    def checkout_actions(self) -> list[str]:
        """The ways to pay that the checkout page offers. A second invoice would only confuse the accounts."""
        offered = ["payment"] if self.invoiced else ["payment", "invoice"]
        return [*offered, "payment_plan"] if self.product.price * self.quantity >= PLAN_FROM else offered

    @property
    def checkout_can_charge(self) -> bool:
        """Whether a new attempt to take money may start now."""
        return self.paid is None and self.on_plan is None

    @property
    def checkout_description(self) -> list[str]:
        """What the customer reads beside the form, and what Stripe's dashboard shows."""
        places = "1 place" if self.quantity == 1 else f"{self.quantity} places"
        return [f"{self.title}, {places}", f"Booking {self.number}"]

    @property
    def checkout_email(self) -> str:
        """Where to write to the person who pays."""
        return self.contact.email

    @property
    def checkout_name(self) -> str:
        """The name of the person who pays."""
        return self.contact.name

    @property
    def checkout_contact(self) -> Contact:
        """Optional: handed to the site's own rule about who can sign in and pay."""
        return self.contact

    @property
    def checkout_total(self) -> Decimal:
        """What is due. Read again before each charge, so that nobody pays yesterday's price."""
        return self.product.price * self.quantity

    @property
    def checkout_currency(self) -> str:
        """Optional: without it ``CHECKOUT_CURRENCY`` counts."""
        return self.product.currency

    @property
    def checkout_language(self) -> str:
        """Optional: the language in which the customer booked, for the mail; empty for the site's own."""
        return self.language

    def checkout_success(self, checkout: "Checkout") -> None:
        """Record it. Runs once, in the transaction that settles the checkout: raising here undoes both.

        No mail from here: nothing is committed yet.
        """
        if checkout.is_invoice:
            self._note("invoiced")
        elif checkout.is_payment_plan:
            # the card is saved: make the plan that the customer agreed to; its deposit is charged after this
            agreed = checkout.agreement
            ObjectPaymentPlan.objects.create_object_payment_plan(self, agreed.payment_plan, agreed.total)
            self._note("on_plan")
        elif checkout.instalment is None or checkout.instalment.object_payment_plan.is_paid:
            self._note("paid")

    def _note(self, field: str) -> None:
        setattr(self, field, timezone.now())
        self.save(update_fields=[field])

    def checkout_fail(self, due: date | None = None) -> None:
        """Record that an attempt came to nothing. The booking stays open and can be paid again."""
        self.failed = timezone.now()
        self.save(update_fields=["failed"])

    def checkout_refund(self, refund: "Refund") -> None:
        """Optional: money was given back, or a refund that looked well came back from the bank (``refund.state``)."""
        amount = refund.amount if refund.state == "success" else -refund.amount
        SalesLedger.objects.filter(pk=self.pk).update(refunded=models.F("refunded") + amount)

    def checkout_success_url(self, checkout_uuid: UUID) -> str:
        """The page that asks Stripe and says thank you."""
        return reverse("web.checkout.success", args=[checkout_uuid])

    def checkout_fail_url(self, checkout_uuid: UUID) -> str:
        """The page that says what to do next."""
        return reverse("web.checkout.fail", args=[checkout_uuid])
