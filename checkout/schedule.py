"""When a payment plan's parts fall due and how large they are. Pure: dates and ``Decimal`` in, pairs out.

Instalments fall on the first of a month, every ``interval`` months counted from the deposit's month, and one month
later when the deposit falls after the 15th. Equal amounts, rounded half to even to the currency's smallest unit; the
last one absorbs the remainder, so that the parts always add up to the total.
"""

import hashlib
import json
from collections.abc import Sequence
from datetime import date
from decimal import Decimal

from checkout import money
from checkout.errors import NotPayable

Part = tuple[date, Decimal]

LAST_DAY_OF_FIRST_HALF = 15
PERCENT = Decimal(100)


def deposit_amount(*, deposit: int, total: Decimal, currency: str) -> Decimal:
    """``deposit`` percent of ``total``, in the major unit of ``currency``, rounded half to even."""
    return money.round_amount(total * deposit / PERCENT, currency)


def due_dates(*, deposit_due: date, count: int, interval: int) -> list[date]:
    """The days on which ``count`` instalments fall due, in order."""
    late = 1 if deposit_due.day > LAST_DAY_OF_FIRST_HALF else 0
    # months counted from the year 0
    begin = deposit_due.year * 12 + deposit_due.month - 1 + late
    return [date(month // 12, month % 12 + 1, 1) for month in (begin + interval * n for n in range(1, count + 1))]


def instalments(
    *, deposit: int, count: int, interval: int, deposit_due: date, total: Decimal, currency: str
) -> list[Part]:
    """The parts after the deposit, as (date, amount in major units)."""
    rest = total - deposit_amount(deposit=deposit, total=total, currency=currency)
    each = money.round_amount(rest / count, currency) if count else rest
    amounts = [each] * (count - 1) + [rest - each * (count - 1)]
    return list(zip(due_dates(deposit_due=deposit_due, count=count, interval=interval), amounts, strict=True))


def whole(*, deposit: int, count: int, interval: int, deposit_due: date, total: Decimal, currency: str) -> list[Part]:
    """Deposit and instalments; they add up to ``total`` exactly. Not checked: see ``check``."""
    first = (deposit_due, deposit_amount(deposit=deposit, total=total, currency=currency))
    rest = instalments(
        deposit=deposit, count=count, interval=interval, deposit_due=deposit_due, total=total, currency=currency
    )
    return [first, *rest]


def check(parts: Sequence[Part], *, total: Decimal, currency: str) -> list[Part]:
    """``parts`` with the currency's decimals, if each can be charged and they add up; else ``NotPayable``.

    A deposit of 100 %, or an amount too small to be divided, leaves a part below the minimum charge: nobody may agree
    to that.
    """
    checked = [(due, money.check_chargeable(amount, currency)) for due, amount in parts]
    if sum((amount for _due, amount in checked), Decimal(0)) != total:
        raise NotPayable(f"The parts {[str(amount) for _due, amount in checked]} do not add up to {total} {currency}.")
    return checked


def fingerprint(parts: Sequence[Part], *, currency: str) -> str:
    """What identifies a schedule that somebody agreed to: a SHA-256 of its dates and amounts."""
    text = json.dumps([[due.isoformat(), str(amount)] for due, amount in parts] + [currency])
    return hashlib.sha256(text.encode()).hexdigest()
