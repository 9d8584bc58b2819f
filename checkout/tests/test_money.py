"""Amounts: what is charged is what was meant, in every kind of currency, and nonsense is refused."""

from decimal import Decimal

import pytest

from checkout import money
from checkout.errors import NotPayable


@pytest.mark.parametrize(
    ("amount", "currency", "minor"),
    [
        ("120.00", "GBP", 12000),
        ("0.30", "GBP", 30),
        ("500", "JPY", 500),
        ("12.340", "KWD", 12340),
        ("5", "ISK", 500),
        ("5000", "UGX", 500000),
        ("19.99", "EUR", 1999),
    ],
)
def test_minor_units_both_ways(amount: str, currency: str, minor: int) -> None:
    assert money.to_minor(Decimal(amount), currency) == minor
    assert money.from_minor(minor, currency) == Decimal(amount)


@pytest.mark.parametrize(
    ("amount", "currency"),
    [("1.001", "GBP"), ("1.5", "JPY"), ("1.001", "KWD"), ("1.50", "ISK"), ("0.5", "UGX"), ("NaN", "GBP")],
)
def test_what_is_finer_than_the_smallest_unit_is_refused(amount: str, currency: str) -> None:
    with pytest.raises(NotPayable):
        money.to_minor(Decimal(amount), currency)


@pytest.mark.parametrize(
    ("amount", "currency"),
    [
        ("0", "GBP"),
        ("-1.00", "GBP"),
        ("0.29", "GBP"),
        ("0.49", "USD"),
        ("49", "JPY"),
        ("174.99", "HUF"),
        ("1000000.00", "GBP"),
        ("Infinity", "GBP"),
    ],
)
def test_what_cannot_be_charged_is_refused(amount: str, currency: str) -> None:
    with pytest.raises(NotPayable):
        money.check_chargeable(Decimal(amount), currency)


@pytest.mark.parametrize(("amount", "currency"), [("0.30", "GBP"), ("50", "JPY"), ("999999.99", "GBP")])
def test_the_limits_themselves_can_be_charged(amount: str, currency: str) -> None:
    assert money.check_chargeable(Decimal(amount), currency) == Decimal(amount)


def test_a_float_is_refused() -> None:
    with pytest.raises(NotPayable, match="finite Decimal"):
        money.check_chargeable(1.5, "GBP")  # type: ignore[arg-type]


@pytest.mark.parametrize("currency", ["", "XXX", "GBPP", None])
def test_unknown_currencies_are_refused(currency: str) -> None:
    with pytest.raises(NotPayable, match="Unknown currency"):
        money.normalise_currency(currency)


def test_rounding_is_half_to_even() -> None:
    assert money.round_amount(Decimal("0.125"), "GBP") == Decimal("0.12")
    assert money.round_amount(Decimal("0.135"), "GBP") == Decimal("0.14")
    assert money.round_amount(Decimal("2.5"), "JPY") == Decimal("2")
    assert money.round_amount(Decimal("1.2349"), "KWD") == Decimal("1.23")
