"""How a visitor books."""

from typing import Any

from django import forms
from django.contrib.auth.models import AbstractBaseUser, AnonymousUser
from django.db import transaction
from django.utils.translation import get_language

from checkout.models import CheckoutSettings
from example_checkout.models import PLAN_FROM, Contact, Product, SalesLedger

HOW_TO_PAY = [("payment", "By card, now"), ("invoice", "By invoice")]
IN_INSTALMENTS = ("payment_plan", "In instalments")
MOST_PLACES = 12


class BookingForm(forms.ModelForm):
    """Places, a name and a way to pay; somebody who signed in is known already."""

    name = forms.CharField(max_length=100, label="Your name")
    email = forms.EmailField(max_length=254, label="Your email")
    action = forms.ChoiceField(
        choices=HOW_TO_PAY, initial="payment", widget=forms.RadioSelect, label="How would you like to pay?"
    )

    class Meta:
        model = SalesLedger
        fields = ("quantity",)
        labels = {"quantity": "Places"}
        widgets = {"quantity": forms.NumberInput(attrs={"min": 1, "max": MOST_PLACES, "inputmode": "numeric"})}

    field_order = ("quantity", "name", "email", "action")

    def __init__(self, *args, product: Product, user: AbstractBaseUser | AnonymousUser, **kwargs) -> None:
        super().__init__(*args, **kwargs)
        self.product = product
        self.user = user
        self.contact = Contact.objects.filter(user=user).first() if user.is_authenticated else None
        if self.contact:
            del self.fields["name"], self.fields["email"]
        else:
            self.fields["name"].widget.attrs["autocomplete"] = "name"
            self.fields["email"].widget.attrs["autocomplete"] = "email"
        offered = CheckoutSettings.objects.filter(default_payment_plan__deleted=False)
        if self._in_instalments(MOST_PLACES) and offered.exists():
            self.fields["action"].choices = [*HOW_TO_PAY, IN_INSTALMENTS]

    def clean(self) -> dict[str, Any]:
        """Few places may be too cheap to be paid in parts."""
        cleaned = super().clean() or self.cleaned_data
        quantity = cleaned.get("quantity")
        if cleaned.get("action") == IN_INSTALMENTS[0] and quantity and not self._in_instalments(quantity):
            self.add_error("action", f"Instalments start at {PLAN_FROM} {self.product.currency} in all.")
        return cleaned

    def _in_instalments(self, quantity: int) -> bool:
        return "payment_plan" in SalesLedger(product=self.product, quantity=quantity).checkout_actions

    @transaction.atomic
    def save(self, commit: bool = True) -> SalesLedger:
        """Make the booking, and the contact if this is somebody new."""
        self.instance.contact = self.contact or Contact.objects.create(
            user=self.user if self.user.is_authenticated else None,
            name=self.cleaned_data["name"],
            email=self.cleaned_data["email"],
        )
        self.instance.product = self.product
        self.instance.title = self.product.name
        self.instance.language = get_language() or ""
        return super().save(commit)
