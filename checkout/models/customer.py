"""A person's Stripe customer, with what we may know of the saved card."""

import uuid as uuid_module
from datetime import date
from decimal import Decimal
from typing import TYPE_CHECKING, Any

from django.db import models
from django.urls import NoReverseMatch, reverse
from django.utils import timezone
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from checkout import states
from checkout.conf import settings

if TYPE_CHECKING:
    from checkout.contract import Payable
    from checkout.models.checkout import Checkout


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
    """Unique by ``email``, which is kept in lower case. ``expiry_date`` is the last day of the card's last month.

    ``refresh``: the card expires soon, and a new one is wanted. ``refused_payment_method_id``: the card that a bank has
    refused for good; as long as it is the one on file, nothing is charged by itself. Follows the host contract with the
    actions ``card_refresh`` and ``charge``: an amount to charge is a ``CustomerPayment``.
    """

    uuid = models.UUIDField(default=uuid_module.uuid4, unique=True, editable=False)
    name = models.CharField(max_length=200, blank=True)
    email = models.EmailField(unique=True)
    customer_id = models.CharField(max_length=255, blank=True, db_index=True)
    payment_method_id = models.CharField(max_length=255, blank=True, db_index=True)
    refused_payment_method_id = models.CharField(max_length=255, blank=True)
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

    def get_absolute_url(self) -> str:
        """The page on which the customer changes the card; nothing where the site has none of that name."""
        try:
            return reverse(settings.card_refresh_url_name)
        except NoReverseMatch:
            return ""

    @property
    def is_expiring(self) -> bool:
        """The card expires within a month from today, or has expired."""
        # late: setting a site up does without it
        from dateutil.relativedelta import relativedelta

        if self.expiry_date is None:
            return False
        return self.expiry_date <= timezone.localdate() + relativedelta(months=1)

    @property
    def has_card(self) -> bool:
        """There is a card that can be charged off-session."""
        return bool(self.customer_id and self.payment_method_id)

    @property
    def card_refused(self) -> bool:
        """A bank has refused the card on file for good: the networks forbid to try it again."""
        return bool(self.payment_method_id) and self.payment_method_id == self.refused_payment_method_id

    @property
    def is_legacy(self) -> bool:
        """The card was saved before SCA (``card_...``): it can be charged, and a refresh replaces it."""
        return bool(self.payment_method_id) and not self.payment_method_id.startswith("pm_")

    # the host contract

    @property
    def checkout_actions(self) -> list[str]:
        """A new card, or a charge by staff."""
        return [states.CARD_REFRESH, states.CHARGE]

    @property
    def checkout_can_charge(self) -> bool:
        """There is a card that may be charged."""
        return self.has_card and not self.card_refused

    @property
    def checkout_description(self) -> list[str]:
        """What a card refresh is called."""
        return [gettext("Card details")]

    @property
    def checkout_email(self) -> str:
        """Where to write to."""
        return self.email

    @property
    def checkout_name(self) -> str:
        """Who it is; the address where no name is known."""
        return self.name or self.email

    @property
    def checkout_total(self) -> Decimal:
        """Nothing: a card refresh costs nothing, and what staff charge is a ``CustomerPayment``."""
        return Decimal(0)

    def checkout_success(self, checkout: "Checkout") -> None:
        """The new card is recorded by whoever settles it."""

    def checkout_fail(self, due: date | None = None) -> None:
        """The card on file stays as it is."""

    def checkout_success_url(self, checkout_uuid: uuid_module.UUID) -> str:
        """The site's page after a card refresh: ``CHECKOUT_CARD_REFRESH_SUCCESS_URL_NAME``."""
        return reverse(settings.card_refresh_success_url_name, args=[checkout_uuid])

    def checkout_fail_url(self, checkout_uuid: uuid_module.UUID) -> str:
        """The page to try again: ``CHECKOUT_CARD_REFRESH_URL_NAME``."""
        return reverse(settings.card_refresh_url_name)
