"""Amounts and currencies: minimum and maximum charges, and the currencies with their own number of decimals."""

from __future__ import annotations

from .errors import invalid

ZERO_DECIMAL = frozenset("bif clp djf gnf jpy kmf krw mga pyg rwf vnd vuv xaf xof xpf".split())
THREE_DECIMAL = frozenset("bhd jod kwd omr tnd".split())
#: Sent with two decimals, which must be 00.
HUNDREDS = frozenset(("isk", "ugx"))

_FIFTY = "usd cad aud nzd eur chf sgd brl inr"
MINIMUM = {
    **dict.fromkeys(_FIFTY.split(), 50),
    **dict.fromkeys(("sek", "nok"), 300),
    **dict.fromkeys(("pln", "ron", "aed", "myr"), 200),
    **dict.fromkeys(("mxn", "thb"), 1000),
    "gbp": 30,
    "jpy": 50,
    "dkk": 250,
    "czk": 1500,
    "huf": 17500,
    "bgn": 100,
    "hkd": 400,
}
#: Digits allowed: eight for most.
_DIGITS = {"inr": 9, "idr": 12, "jpy": 12, "huf": 12, "cop": 12, "lbp": 12}

_OTHERS = (
    "afn all amd ang aoa ars awg azn bam bbd bdt bmd bnd bob bsd btn bwp byn bzd cdf cny crc cve dop dzd egp "
    "etb fjd fkp gel gip gmd gtq gyd hnl htg ils jmd kes kgs khr kyd kzt lak lkr lrd lsl mad mdl mkd mmk mnt "
    "mop mur mvr mwk mzn nad ngn nio npr pab pen pgk php pkr qar rsd rub sar sbd scr shp sle sos srd std szl "
    "tjs top try ttd twd tzs uah uyu uzs wst xcd xcg yer zar zmw"
)
CURRENCIES = ZERO_DECIMAL | THREE_DECIMAL | HUNDREDS | set(MINIMUM) | set(_DIGITS) | set(_OTHERS.split())


def check_currency(currency: str) -> str:
    """The currency in lower case, if there is such a one."""
    code = currency.lower()
    if code not in CURRENCIES:
        raise invalid(f"Invalid currency: {currency}", param="currency")
    return code


def check_amount(amount: int, currency: str, param: str = "amount") -> None:
    """Refuse an amount that cannot be charged in that currency."""
    check_positive(amount, param)
    if len(str(amount)) > _DIGITS.get(currency, 8):
        raise invalid(
            "Amount must be no more than " + "9" * _DIGITS.get(currency, 8), code="amount_too_large", param=param
        )
    if currency in HUNDREDS and amount % 100:
        raise invalid(f"Invalid amount: {currency.upper()} has no minor unit; use a multiple of 100.", param=param)
    if currency in THREE_DECIMAL and amount % 10:
        raise invalid(f"Invalid amount: in {currency.upper()} the last digit must be 0.", param=param)
    if amount < MINIMUM.get(currency, 1):
        raise invalid(
            f"Amount must be at least {MINIMUM[currency]} in the smallest unit of {currency}.",
            code="amount_too_small",
            param=param,
        )


def check_positive(amount: int, param: str = "amount") -> None:
    """Refuse zero and less."""
    if amount < 1:
        raise invalid("This value must be greater than or equal to 1.", code="parameter_invalid_integer", param=param)
