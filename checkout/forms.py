"""Forms of the customer's pages."""

from django import forms

from checkout.models import Checkout, CheckoutAdditional


class EmptyForm(forms.ModelForm):  # type: ignore[type-arg]
    """For pages whose input goes to Stripe and not to us."""

    class Meta:
        model = Checkout
        fields: tuple[str, ...] = ()


class InvoiceForm(forms.ModelForm):  # type: ignore[type-arg]
    """Who to invoice."""

    class Meta:
        model = CheckoutAdditional
        fields = (
            "company_name",
            "contact_name",
            "address_1",
            "address_2",
            "town",
            "postcode",
            "country",
            "email",
            "phone",
        )
        widgets = {
            "company_name": forms.TextInput(attrs={"autocomplete": "organization"}),
            "contact_name": forms.TextInput(attrs={"autocomplete": "name"}),
            "address_1": forms.TextInput(attrs={"autocomplete": "address-line1"}),
            "address_2": forms.TextInput(attrs={"autocomplete": "address-line2"}),
            "town": forms.TextInput(attrs={"autocomplete": "address-level2"}),
            "postcode": forms.TextInput(attrs={"autocomplete": "postal-code"}),
            "country": forms.TextInput(attrs={"autocomplete": "country-name"}),
            "email": forms.EmailInput(attrs={"autocomplete": "email"}),
            "phone": forms.TextInput(attrs={"autocomplete": "tel", "inputmode": "tel"}),
        }
