"""How a visitor books."""

from django import forms
from django.contrib.auth.models import AbstractBaseUser, AnonymousUser
from django.db import transaction

from example_checkout.models import Contact, Product, SalesLedger

HOW_TO_PAY = [("payment", "By card, now"), ("invoice", "By invoice")]


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
        widgets = {"quantity": forms.NumberInput(attrs={"min": 1, "max": 12, "inputmode": "numeric"})}

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
        return super().save(commit)
