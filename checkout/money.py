"""Money: ``Decimal`` in the currency's major unit everywhere, minor units at the gateway alone.

Source: https://docs.stripe.com/currencies
"""

from decimal import ROUND_HALF_EVEN, Decimal

from django.utils.translation import gettext_lazy as _

from checkout.errors import NotPayable

ZERO_DECIMALS = frozenset(
    {"BIF", "CLP", "DJF", "GNF", "JPY", "KMF", "KRW", "MGA", "PYG", "RWF", "VND", "VUV", "XAF", "XOF", "XPF"}
)
THREE_DECIMALS = frozenset({"BHD", "JOD", "KWD", "OMR", "TND"})
# No decimals in fact, but two on the wire, which must be 00.
WHOLE_IN_HUNDREDTHS = frozenset({"ISK", "UGX"})
TWO_DECIMALS = frozenset(
    """AED AFN ALL AMD ANG AOA ARS AUD AWG AZN BAM BBD BDT BGN BMD BND BOB BRL BSD BWP BYN BZD CAD CDF CHF CNY
    COP CRC CVE CZK DKK DOP DZD EGP ETB EUR FJD FKP GBP GEL GIP GMD GTQ GYD HKD HNL HTG HUF IDR ILS INR JMD KES
    KGS KHR KYD KZT LAK LBP LKR LRD LSL MAD MDL MKD MMK MNT MOP MUR MVR MWK MXN MYR MZN NAD NGN NIO NOK NPR NZD
    PAB PEN PGK PHP PKR PLN QAR RON RSD RUB SAR SBD SCR SEK SGD SHP SLE SOS SRD STD SZL THB TJS TOP TRY TTD TWD
    TZS UAH USD UYU UZS WST YER ZAR ZMW""".split()
)
CURRENCIES = ZERO_DECIMALS | THREE_DECIMALS | WHOLE_IN_HUNDREDTHS | TWO_DECIMALS

MINIMUM = {
    code: Decimal(amount)
    for code, amount in {
        **dict.fromkeys(["USD", "CAD", "AUD", "NZD", "EUR", "CHF", "SGD", "BRL", "INR"], "0.50"),
        **{
            "GBP": "0.30",
            "JPY": "50",
            "SEK": "3.00",
            "NOK": "3.00",
            "DKK": "2.50",
            "PLN": "2.00",
            "RON": "2.00",
        },
        **{"CZK": "15.00", "HUF": "175.00", "AED": "2.00", "BGN": "1.00", "HKD": "4.00", "MXN": "10"},
        **{"MYR": "2", "THB": "10"},
    }.items()
}
MAX_DIGITS = {"INR": 9, "IDR": 12}


def normalise_currency(currency: str) -> str:
    """The ISO code in upper case; ``NotPayable`` for one that Stripe does not charge in."""
    code = currency.upper() if isinstance(currency, str) else ""
    if code not in CURRENCIES:
        raise NotPayable(f"Unknown currency {currency!r}: use an ISO 4217 code that Stripe charges in.")
    return code


def wire_decimals(currency: str) -> int:
    """How many decimals Stripe's integer carries for ``currency``."""
    if currency in ZERO_DECIMALS:
        return 0
    return 3 if currency in THREE_DECIMALS else 2


def decimals(currency: str) -> int:
    """How many decimals a person reads and writes."""
    return 0 if currency in WHOLE_IN_HUNDREDTHS else wire_decimals(currency)


def smallest_unit(currency: str) -> Decimal:
    """The smallest amount by which a charge can differ: 0.01 GBP, 1 JPY, 0.010 KWD, 1 ISK."""
    if currency in THREE_DECIMALS:
        return Decimal("0.010")
    return Decimal(1).scaleb(-decimals(currency))


def round_amount(amount: Decimal, currency: str) -> Decimal:
    """Rounded half to even to the smallest chargeable unit of ``currency``."""
    unit = smallest_unit(currency)
    return (amount / unit).quantize(Decimal(1), rounding=ROUND_HALF_EVEN) * unit


def to_minor(amount: Decimal, currency: str) -> int:
    """Stripe's integer for ``amount``; ``NotPayable`` if it is not a chargeable amount exactly."""
    if not isinstance(amount, Decimal) or not amount.is_finite():
        raise NotPayable(f"An amount must be a finite Decimal, not {amount!r}.")
    if amount % smallest_unit(currency):
        raise NotPayable(f"{amount} is not a multiple of {smallest_unit(currency)} {currency}: round it first.")
    return int(amount.scaleb(wire_decimals(currency)))


def from_minor(amount: int, currency: str) -> Decimal:
    """``Decimal`` in major units for Stripe's integer; ``currency`` in upper case."""
    return Decimal(amount).scaleb(-wire_decimals(currency))


def check_positive(amount: Decimal, currency: str) -> Decimal:
    """``amount`` with the currency's decimals, if it is an amount that may be invoiced; else ``NotPayable``."""
    if isinstance(amount, int) and not isinstance(amount, bool):
        amount = Decimal(amount)
    minor = to_minor(amount, currency)
    if minor <= 0:
        raise NotPayable(
            f"The total is {amount} {currency}: there is nothing to charge.",
            customer_message=_("There is nothing to pay."),
        )
    return from_minor(minor, currency)


def check_chargeable(amount: Decimal, currency: str) -> Decimal:
    """``amount`` with the currency's decimals, if Stripe can charge it.

    Raises ``NotPayable`` for anything else: no ``Decimal``, zero, negative, finer than the smallest unit, below
    the minimum charge, too many digits. Asks nobody. Source: https://docs.stripe.com/currencies#minimum-and-maximum-charge-amounts
    """
    amount = check_positive(amount, currency)
    minimum = MINIMUM.get(currency)
    if minimum is not None and amount < minimum:
        raise NotPayable(
            f"The total {amount} {currency} is below the minimum charge of {minimum} {currency}.",
            customer_message=_("The amount is too small to be paid by card."),
        )
    if len(str(to_minor(amount, currency))) > MAX_DIGITS.get(currency, 8):
        raise NotPayable(f"The total {amount} {currency} is larger than Stripe can charge.")
    return amount
