"""Forms of the staff's pages."""

from decimal import Decimal
from typing import Any

from django import forms
from django.core.exceptions import ValidationError
from django.utils.translation import gettext_lazy as _

from checkout import money
from checkout.errors import CheckoutError
from checkout.models import CustomerPayment, PaymentPlan
from checkout.models.refund import REASONS
from checkout.templatetags.checkout_tags import checkout_amount


class PaymentPlanForm(forms.ModelForm):  # type: ignore[type-arg]
    """The terms of a template. One that is in use is shown and not changed."""

    class Meta:
        model = PaymentPlan
        fields = ("name", "slug", "deposit", "count", "interval")

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.in_use = self.instance.in_use
        for name, field in self.fields.items():
            field.disabled = self.in_use
            if not field.help_text:
                field.help_text = HELP.get(name, "")
        for name in ("deposit", "count", "interval"):
            self.fields[name].widget.attrs.update(min=1, inputmode="numeric")

    def clean(self) -> dict[str, Any] | None:
        """Says that it cannot be changed, rather than ignore what was sent."""
        if self.in_use:
            raise ValidationError(_("This payment plan is in use and cannot be changed. Make a new one instead."))
        return super().clean()


HELP = {
    "name": _("What customers and staff read."),
    "slug": _("Letters, digits, hyphens: how your code names it."),
}


class CustomerChargeForm(forms.ModelForm):  # type: ignore[type-arg]
    """An amount to take from a saved card, checked as far as that goes without asking anybody.

    ``uuid`` travels with the form, so that a page that is sent again, however late, is the same payment.
    """

    amount = forms.DecimalField(label=_("amount"), localize=True, max_digits=14)
    currency = forms.CharField(label=_("currency"))
    description = forms.CharField(
        label=_("reason"),
        max_length=200,
        help_text=_("The customer reads it, in our mail and at their bank. Say what the money is for."),
    )
    uuid = forms.UUIDField(widget=forms.HiddenInput)

    class Meta:
        model = CustomerPayment
        fields = ("amount", "currency", "description")

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["amount"].widget.attrs.update(inputmode="decimal", autocomplete="off")
        self.fields["currency"].widget.attrs.update(autocapitalize="characters", autocomplete="off", spellcheck="false")
        self.fields["description"].widget.attrs.update(autocomplete="off")

    def clean_currency(self) -> str:
        """One that Stripe charges in."""
        text = self.cleaned_data["currency"].strip()
        try:
            return money.normalise_currency(text)
        except CheckoutError:
            said = _("“%(code)s” is no currency that a card can be charged in.")
            raise ValidationError(said, params={"code": text[:20]}) from None

    def clean_description(self) -> str:
        """One line: it stands in mails and at the bank."""
        return " ".join(str(self.cleaned_data["description"]).split())

    def clean(self) -> dict[str, Any] | None:
        """The amount against the rules of its currency."""
        values = super().clean() or self.cleaned_data
        amount, currency = values.get("amount"), values.get("currency")
        if amount is not None and currency is not None:
            try:
                values["amount"] = money.check_chargeable(amount, currency)
            except CheckoutError as error:
                self.add_error("amount", _why_not(amount, currency) or str(error.customer_message))
        return values


def _why_not(amount: Decimal, currency: str) -> str:
    """What is wrong with an amount, for staff; empty where only the money table knows."""
    unit, least = money.smallest_unit(currency), money.MINIMUM.get(currency)
    if amount <= 0:
        return str(_("It must be more than nothing."))
    if amount.is_finite() and amount % unit:
        return str(_("%(currency)s has no amounts smaller than %(unit)s.")) % {"currency": currency, "unit": unit}
    if least is not None and amount < least:
        said = str(_("The smallest amount that a card can be charged is %(amount)s."))
        return said % {"amount": checkout_amount(least, currency)}
    return str(_("It is more than a card can be charged at once."))


class RefundForm(forms.Form):
    """How much of a payment is given back, checked against ``left`` (in ``currency``) without asking anybody.

    ``uuid`` travels with the form, so that a page that is sent again, however late, is the same refund.
    """

    amount = forms.DecimalField(label=_("amount"), localize=True, max_digits=14)
    reason = forms.ChoiceField(
        label=_("reason"),
        required=False,
        choices=[("", _("Not said")), *((slug, _(words)) for slug, words in REASONS.items())],
        help_text=_("Stripe is told. “Fraud” also puts the card and the address on your block lists at Stripe."),
    )
    note = forms.CharField(
        label=_("note"), required=False, max_length=200, help_text=_("For your colleagues: nobody else reads it.")
    )
    uuid = forms.UUIDField(widget=forms.HiddenInput)

    def __init__(self, *args: Any, left: Decimal, currency: str, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.left, self.currency = left, currency
        self.fields["amount"].widget.attrs.update(inputmode="decimal", autocomplete="off")
        self.fields["note"].widget.attrs.update(autocomplete="off")

    def clean_amount(self) -> Decimal:
        """Some of what is left, in the units of its currency."""
        amount: Decimal = self.cleaned_data["amount"]
        unit = money.smallest_unit(self.currency)
        if amount <= 0:
            raise ValidationError(_("It must be more than nothing."))
        if amount % unit:
            said = _("%(currency)s has no amounts smaller than %(unit)s.")
            raise ValidationError(said, params={"currency": self.currency, "unit": unit})
        if amount > self.left:
            most = checkout_amount(self.left, self.currency)
            raise ValidationError(_("No more than %(amount)s can be given back."), params={"amount": most})
        return amount

    def clean_note(self) -> str:
        """One line."""
        return " ".join(str(self.cleaned_data["note"]).split())
