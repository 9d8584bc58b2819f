"""The one way in which an amount is shown."""

from decimal import Decimal

from django import template
from django.utils import numberformat
from django.utils.formats import get_format

from checkout.money import decimals

register = template.Library()

SYMBOLS = {"GBP": "£", "EUR": "€", "USD": "$", "JPY": "¥", "INR": "₹", "KRW": "₩"}


@register.filter
def checkout_amount(amount: Decimal | None, currency: str) -> str:
    """``{{ checkout.total|checkout_amount:checkout.currency }}``: ``£1,200.00``, ``¥500``, ``CHF 12.50``."""
    if amount is None:
        return ""
    code = str(currency).upper()
    number = numberformat.format(
        abs(amount),
        get_format("DECIMAL_SEPARATOR"),
        decimal_pos=decimals(code),
        grouping=get_format("NUMBER_GROUPING") or 3,
        thousand_sep=get_format("THOUSAND_SEPARATOR"),
        force_grouping=True,
    )
    sign = "-" if amount < 0 else ""
    symbol = SYMBOLS.get(code)
    return f"{sign}{symbol}{number}" if symbol else f"{sign}{code}\u00a0{number}"
