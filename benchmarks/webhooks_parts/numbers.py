"""Payment n at the stand-in for Stripe and in our books: everything about it follows from its number."""

from __future__ import annotations

import hashlib
from uuid import UUID

# What every payment is of, in pence and in the major unit; and what is given back of every fiftieth.
AMOUNT, TOTAL = 4800, 48
REFUND, REFUNDED, REFUND_EVERY = 1000, 10, 50
# Numbers from here on are of no checkout of ours.
STRANGERS = 500_000_000
# What both sites check signatures with.
WEBHOOK_SECRET = "whsec_onlyForTheBenchmark"  # noqa: S105


def intent_id(n: int) -> str:
    """Of the payment intent."""
    return f"pi_{n:09d}"


def number(stripe_id: str) -> int:
    """The other way round; of a charge and a refund too. 0 if it is none of these."""
    digits = stripe_id[3:]
    return int(digits) if len(digits) == 9 and digits.isdigit() else 0


def checkout_uuid(n: int) -> UUID:
    """Of the checkout; PostgreSQL makes the same of it: ``md5('checkout ' || n)::uuid``."""
    return UUID(hashlib.md5(f"checkout {n}".encode(), usedforsecurity=False).hexdigest())
