"""The parts of a payment plan, held against a model of whole numbers: months are counted, money is counted in units."""

from datetime import date
from decimal import Decimal

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from checkout import money, schedule
from checkout.errors import NotPayable
from checkout.models import PaymentPlan

# The same cases on every machine; ``--hypothesis-seed`` and ``derandomize`` exclude each other.
PROPERTY = settings(max_examples=300, derandomize=True, deadline=None, database=None)

NOTABLE_DAYS = (1, 14, 15, 16, 28, 29, 30, 31)
NOTABLE = [
    date(year, month, day)
    for year in (2023, 2024, 2027, 2028, 2060)
    for month in (1, 2, 11, 12)
    for day in NOTABLE_DAYS
    if day <= (31 if month in (1, 12) else 30 if month == 11 else 28 + (year % 4 == 0))
]
days = st.one_of(st.sampled_from(NOTABLE), st.dates(min_value=date(2020, 1, 1), max_value=date(2060, 12, 31)))
currencies = st.sampled_from(sorted(money.CURRENCIES))


@st.composite
def terms(draw: st.DrawFn) -> dict:
    """What a plan is made of, with a total that is from nothing much to more than Stripe can charge."""
    currency = draw(currencies)
    unit = money.smallest_unit(currency)
    least = int(money.MINIMUM.get(currency, unit) / unit)
    units = draw(st.one_of(st.integers(least, least * 400 + 400), st.integers(least, 10**9)))
    return {
        "deposit": draw(st.integers(1, 100)),
        "count": draw(st.one_of(st.integers(1, 12), st.integers(1, 120))),
        "interval": draw(st.one_of(st.integers(1, 12), st.integers(1, 60))),
        "deposit_due": draw(days),
        "total": units * unit,
        "currency": currency,
    }


def half_even(numerator: int, denominator: int) -> int:
    """The quotient in whole units, a half to the even neighbour. Independent of ``decimal``."""
    whole, rest = divmod(numerator, denominator)
    if 2 * rest != denominator:
        return whole + (2 * rest > denominator)
    return whole + whole % 2


def modelled_units(*, deposit: int, count: int, units: int) -> list[int]:
    """Every part in the smallest unit, the deposit first."""
    first = half_even(units * deposit, 100)
    each = half_even(units - first, count)
    return [first, *[each] * (count - 1), units - first - each * (count - 1)]


def modelled_days(*, deposit_due: date, count: int, interval: int) -> list[tuple[int, int, int]]:
    """Year, month and day of each instalment, by counting months from the year 0."""
    month = deposit_due.year * 12 + deposit_due.month - 1 + (1 if deposit_due.day >= 16 else 0)
    months = [month + interval * number for number in range(1, count + 1)]
    return [(one // 12, one % 12 + 1, 1) for one in months]


@PROPERTY
@given(terms())
@example({"deposit": 50, "count": 2, "interval": 1, "deposit_due": date(2024, 2, 29), "total": Decimal("0.05"),
          "currency": "GBP"})  # fmt: skip
def test_the_parts_are_those_of_the_model(plan: dict) -> None:
    unit = money.smallest_unit(plan["currency"])
    parts = schedule.whole(**plan)
    amounts = [amount for _due, amount in parts]
    assert sum(amounts) == plan["total"]
    assert all(amount % unit == 0 for amount in amounts)
    assert len(set(amounts[1:-1])) <= 1, "equal, but for the last"
    assert [int(amount / unit) for amount in amounts] == modelled_units(
        deposit=plan["deposit"], count=plan["count"], units=int(plan["total"] / unit)
    )


@PROPERTY
@given(deposit_due=days, count=st.integers(1, 120), interval=st.integers(1, 60))
@example(deposit_due=date(2024, 2, 29), count=120, interval=60)
@example(deposit_due=date(2026, 12, 15), count=1, interval=1)
@example(deposit_due=date(2026, 12, 16), count=1, interval=1)
@example(deposit_due=date(2026, 1, 31), count=2, interval=1)
def test_the_days_are_firsts_of_months(deposit_due: date, count: int, interval: int) -> None:
    found = schedule.due_dates(deposit_due=deposit_due, count=count, interval=interval)
    as_numbers = [(day.year, day.month, day.day) for day in found]
    assert as_numbers == modelled_days(deposit_due=deposit_due, count=count, interval=interval)
    assert found[0] > deposit_due


@PROPERTY
@given(terms())
def test_refused_exactly_when_a_part_cannot_be_charged(plan: dict) -> None:
    currency, total = plan["currency"], plan["total"]
    unit = money.smallest_unit(currency)
    factor = 10 ** money.wire_decimals(currency)
    least = max(unit, money.MINIMUM.get(currency, unit))
    units = modelled_units(deposit=plan["deposit"], count=plan["count"], units=int(total / unit))
    chargeable = all(
        one * unit >= least and len(str(int(one * unit * factor))) <= money.MAX_DIGITS.get(currency, 8) for one in units
    )
    parts = schedule.whole(**plan)
    if chargeable:
        assert schedule.check(parts, total=total, currency=currency) == parts
    else:
        with pytest.raises(NotPayable):
            schedule.check(parts, total=total, currency=currency)


@PROPERTY
@given(terms(), st.integers(0, 120), st.sampled_from([-1, 1]))
def test_parts_that_do_not_add_up_are_refused(plan: dict, which: int, by: int) -> None:
    parts = schedule.whole(**plan)
    at = which % len(parts)
    parts[at] = (parts[at][0], parts[at][1] + by * money.smallest_unit(plan["currency"]))
    with pytest.raises(NotPayable):
        schedule.check(parts, total=plan["total"], currency=plan["currency"])


@PROPERTY
@given(terms())
def test_the_template_says_the_same(plan: dict) -> None:
    whole = schedule.whole(**plan)
    template = PaymentPlan(deposit=plan["deposit"], count=plan["count"], interval=plan["interval"])
    due, total, currency = plan["deposit_due"], plan["total"], plan["currency"]
    assert template.example(due, total, currency=currency) == whole
    assert template.instalments(due, total, currency=currency) == whole[1:]
    assert (due, template.deposit_amount(total, currency=currency)) == whole[0]
    try:
        assert template.checked(due, total, currency=currency) == whole
    except NotPayable:
        with pytest.raises(NotPayable):
            schedule.check(whole, total=total, currency=currency)


@PROPERTY
@given(terms(), terms())
def test_two_schedules_have_one_fingerprint_only_if_they_are_the_same(one: dict, other: dict) -> None:
    prints = [schedule.fingerprint(schedule.whole(**plan), currency=plan["currency"]) for plan in (one, other)]
    same = one["currency"] == other["currency"] and schedule.whole(**one) == schedule.whole(**other)
    assert (prints[0] == prints[1]) is same


@pytest.mark.parametrize("currency", sorted(money.CURRENCIES))
def test_every_currency_can_be_paid_in_parts(currency: str) -> None:
    unit = money.smallest_unit(currency)
    total = 7 * max(unit, money.MINIMUM.get(currency, unit)) + unit
    template = PaymentPlan(deposit=25, count=3, interval=1)
    parts = template.checked(date(2024, 2, 29), total, currency=currency)
    assert sum(amount for _due, amount in parts) == total
