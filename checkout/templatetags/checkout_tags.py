"""The one way in which an amount is shown, and a day."""

from datetime import date, datetime
from decimal import Decimal

from django import template
from django.utils import numberformat
from django.utils.formats import date_format, get_format
from django.utils.translation import gettext as _

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


@register.filter
def checkout_day(day: date | None) -> str:
    """``{{ line.due|checkout_day }}``: ``1 January 2027``, the month in full, as the language writes it."""
    # Translators: the format of a day in full, in the letters of Django's date filter; in German "j. F Y".
    return date_format(day, _("j F Y")) if day is not None else ""


@register.filter(expects_localtime=True)
def checkout_short_day(day: date | None) -> str:
    """``1 Jan 2027``, for tables; of a moment, the day in the zone of the page."""
    return date_format(day, _("j M Y")) if day is not None else ""


@register.filter
def checkout_weekday(day: date | None) -> str:
    """``Friday 1 January 2027``, for what shows when the pointer rests on a day."""
    return date_format(day, _("l j F Y")) if day is not None else ""


@register.filter(expects_localtime=True)
def checkout_moment(moment: datetime | None) -> str:
    """``1 Jan 2027, 09:30`` in the zone of the page, for tables."""
    return date_format(moment, _("j M Y, H:i")) if moment is not None else ""


@register.filter(expects_localtime=True)
def checkout_exact_moment(moment: datetime | None) -> str:
    """``Friday 1 January 2027, 09:30:12 GMT``."""
    return date_format(moment, _("l j F Y, H:i:s T")) if moment is not None else ""
