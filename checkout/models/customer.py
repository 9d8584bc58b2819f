"""A person's Stripe customer, with what we may know of the saved card."""

import uuid as uuid_module
from typing import TYPE_CHECKING, Any

from dateutil.relativedelta import relativedelta
from django.db import models
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

if TYPE_CHECKING:
    from checkout.contract import Payable


def normalise_email(email: str) -> str:
    """Two spellings of one address, which differ only in case, are one customer."""
    return email.strip().lower()


class CustomerManager(models.Manager["Customer"]):
    """The facade."""

    def for_email(self, email: str) -> "Customer | None":
        """The customer with that address, compared without case."""
        return self.filter(email=normalise_email(email)).first()

    def init_customer(self, content_object: "Payable") -> "Customer":
        """The customer of ``content_object.checkout_email``, made here and at Stripe if there is none.

        Safe to call twice and by two processes at once: one row, one customer at Stripe. Calls Stripe only if it is
        not known there yet, so not inside a transaction. Raises ``NotPayable`` without an address, and the gateway's
        errors.
        """
        from checkout.flows import customer

        return customer.init(content_object)


class Customer(models.Model):
    """Unique by ``email``, which is kept in lower case. ``expiry_date`` is the last day of the card's last month."""

    uuid = models.UUIDField(default=uuid_module.uuid4, unique=True, editable=False)
    name = models.CharField(max_length=200, blank=True)
    email = models.EmailField(unique=True)
    customer_id = models.CharField(max_length=255, blank=True, db_index=True)
    payment_method_id = models.CharField(max_length=255, blank=True)
    brand = models.CharField(max_length=30, blank=True)
    last4 = models.CharField(max_length=4, blank=True)
    expiry_date = models.DateField(null=True, blank=True)
    refresh = models.BooleanField(default=False)
    created = models.DateTimeField(auto_now_add=True)
    updated = models.DateTimeField(auto_now=True)

    objects = CustomerManager()

    class Meta:
        verbose_name = _("customer")
        verbose_name_plural = _("customers")
        ordering = ("email",)

    def __str__(self) -> str:
        return f"{self.name} <{self.email}>" if self.name else self.email

    def save(self, *args: Any, **kwargs: Any) -> None:
        """Keeps the address in lower case, so that the database can refuse a second row."""
        self.email = normalise_email(self.email)
        super().save(*args, **kwargs)

    @property
    def is_expiring(self) -> bool:
        """The card expires within a month from today, or has expired."""
        if self.expiry_date is None:
            return False
        return self.expiry_date <= timezone.localdate() + relativedelta(months=1)

    @property
    def has_card(self) -> bool:
        """There is a card that can be charged off-session."""
        return bool(self.customer_id and self.payment_method_id)
