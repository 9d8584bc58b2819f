"""Forms of the staff's pages."""

from typing import Any

from django import forms
from django.core.exceptions import ValidationError
from django.utils.translation import gettext_lazy as _

from checkout.models import PaymentPlan


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
