"""Our books for a reconciliation, and what does not agree in them: planted here, to be found by it."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import psycopg

from webhooks_parts.numbers import REFUND_EVERY, REFUNDED, TOTAL
from webhooks_parts.tables import PAID, fill, tidy

# So often each is planted, and so many of a hundred payments are of a payment plan's parts.
EACH, PARTS_OF_A_HUNDRED, PARTS = 3, 8, 4
REFUNDS = """
    INSERT INTO checkout_refund (uuid, checkout_id, refund_id, amount, currency, state, reason, note, failure, by_staff,
                                 created, updated)
    SELECT gen_random_uuid(), n, 're_' || lpad(n::text, 9, '0'), {back}, 'GBP', 'success', '', '', '', true,
           now() - interval '9 days', now()
    FROM generate_series({every}, {count}, {every}) n;
"""
# Payment n is of part n; plan p has the parts 4p - 3 to 4p.
PLANS = """
    INSERT INTO checkout_customer (id, uuid, name, email, customer_id, payment_method_id, refused_payment_method_id,
                                   brand, last4, refresh, created, updated)
    SELECT p, gen_random_uuid(), 'Customer ' || p, p || '@example.com', 'cus_' || p, 'pm_' || p, '', 'visa', '4242',
           false, now(), now() FROM generate_series(1, {plans}) p;
    INSERT INTO checkout_objectpaymentplan (id, content_type_id, object_id, customer_id, payment_plan_id, description,
                                            total, currency, deleted, created, updated)
    SELECT p, (SELECT id FROM django_content_type WHERE app_label = 'example_checkout' AND model = 'salesledger'),
           p, p, 1, 'Course', {total} * {parts}, 'GBP', false, now(), now() FROM generate_series(1, {plans}) p;
    INSERT INTO checkout_objectpaymentplaninstalment (id, object_payment_plan_id, count, deposit, amount, due, state_id,
                                                      retries, created, updated)
    SELECT {parts} * (p - 1) + part, p, part, part = 1, {total}, current_date, 'success', 0, now(), now()
    FROM generate_series(1, {plans}) p, generate_series(1, {parts}) part;
    UPDATE checkout_checkout SET action_id = 'charge', content_type_id =
        (SELECT id FROM django_content_type WHERE app_label = 'checkout' AND model = 'objectpaymentplaninstalment')
    WHERE id <= {plans} * {parts};
"""
NEVER_PAID = {"status": "requires_payment_method", "amount_received": 0, "latest_charge": None}
CHECKOUT = "UPDATE checkout_checkout SET {} WHERE id = %s"
PART = "UPDATE checkout_objectpaymentplaninstalment SET {} WHERE id = %s"
UNKNOWN = """
    INSERT INTO checkout_checkout (uuid, action_id, state_id, content_type_id, object_id, description, total, currency,
                                   stripe_customer_id, payment_method_id, payment_intent_id, setup_intent_id,
                                   quarantine, failure, decline_code, advice_code, created, updated)
    SELECT gen_random_uuid(), action_id, state_id, content_type_id, object_id, '', total, currency, '', '',
           'pi_never_' || id, '', '', '', '', '', created, now() FROM checkout_checkout WHERE id = %s
"""
ANOTHER_OBJECT = "content_type_id = (SELECT id FROM django_content_type WHERE model = 'salesledger')"
SECOND = """
    UPDATE checkout_checkout SET object_id = %s, content_type_id =
        (SELECT id FROM django_content_type WHERE model = 'objectpaymentplaninstalment') WHERE id = %s
"""
# An intent with our uuid that is not the one that we know of.
PAID_BESIDE = CHECKOUT.format("payment_intent_id = 'pi_never_' || id")
# What is done to our side of a payment, and which differences that makes.
SIMPLE: dict[str, tuple[str, ...]] = {
    CHECKOUT.format("state_id = 'request', settled = NULL"): ("not_recorded",),
    UNKNOWN: ("unknown_at_stripe",),
    "DELETE FROM checkout_checkout WHERE id = %s": ("unknown_here",),
    CHECKOUT.format("total = 47.99"): ("amount",),
    CHECKOUT.format("currency = 'EUR'"): ("currency",),
    PAID_BESIDE: ("unknown_here", "unknown_at_stripe"),
}
GIVEN_BACK: dict[str, tuple[str, ...]] = {
    "DELETE FROM checkout_refund WHERE checkout_id = %s": ("refunded", "refund_unknown_here"),
    "UPDATE checkout_refund SET state = 'processing' WHERE checkout_id = %s": ("refunded", "refund_state"),
}
THEIRS: list[tuple[dict[str, Any], tuple[str, ...]]] = [
    ({"intent": NEVER_PAID}, ("not_paid",)),
    ({"charge": {"amount_refunded": 500}}, ("refunded",)),
    ({"charge": {"disputed": True}}, ("disputed",)),
]
Found = set[tuple[str, str]]


class Planted:
    """``odd``: for the stand-in; ``expected``: kind, and Stripe's id or the plan's; ``foreign``: of another system."""

    def __init__(self, count: int) -> None:
        self.odd: dict[str, dict[str, Any]] = {}
        self.expected: Found = set()
        self.foreign = EACH
        self.plans = count * PARTS_OF_A_HUNDRED // 100 // PARTS
        first, wanted = self.plans * PARTS + 1, EACH * 20
        # all over the pages, and none of what is given back
        step = (count - first) // wanted // REFUND_EVERY * REFUND_EVERY
        self._numbers = iter(range(first + REFUND_EVERY - first % REFUND_EVERY + 7, count, step))
        self._given_back = iter(range(first + REFUND_EVERY - first % REFUND_EVERY, count, step))

    def __call__(self, connection: psycopg.Connection) -> None:
        """Plant everything."""
        for _time in range(EACH):
            self._payments(connection)
        for number in range(EACH):
            self._plans(connection, 10 + number * 7)

    def _payments(self, connection: psycopg.Connection) -> None:
        for numbers, sorts in ((self._numbers, SIMPLE), (self._given_back, GIVEN_BACK)):
            for statement, kinds in sorts.items():
                n = next(numbers)
                connection.execute(statement.encode(), [n])
                self._expect(kinds, n, never=statement in (UNKNOWN, PAID_BESIDE))
        for odd, kinds in THEIRS:
            n = next(self._numbers)
            self.odd[str(n)] = odd
            self._expect(kinds, n)
        n = next(self._numbers)
        connection.execute("DELETE FROM checkout_checkout WHERE id = %s", [n])
        self.odd[str(n)] = {"intent": {"metadata": {"order": "of another system"}}}

    def _expect(self, kinds: tuple[str, ...], n: int, *, never: bool = False) -> None:
        for kind in kinds:
            start = "re" if kind.startswith("refund_") else "pi"
            unknown = never and kind == "unknown_at_stripe"
            self.expected.add((kind, f"pi_never_{n}" if unknown else f"{start}_{n:09d}"))

    def _plans(self, connection: psycopg.Connection, plan: int) -> None:
        connection.execute("UPDATE checkout_objectpaymentplan SET total = 200 WHERE id = %s", [plan])
        connection.execute(PART.format("state_id = 'pending'").encode(), [(plan + 1) * PARTS])
        connection.execute(CHECKOUT.format(ANOTHER_OBJECT).encode(), [(plan + 2) * PARTS])
        connection.execute(SECOND.encode(), [str((plan + 3) * PARTS), next(self._numbers)])
        kinds = ("plan_total", "part_not_marked", "part_without_payment", "part_paid_twice")
        self.expected |= {(kind, f"plan {plan + number}") for number, kind in enumerate(kinds)}


def write(connection: psycopg.Connection, count: int) -> Planted:
    """``count`` payments of ten days ago, all as Stripe has them but for what is planted."""
    fill(connection, count, PAID)
    planted = Planted(count)
    connection.execute(REFUNDS.format(count=count, every=REFUND_EVERY, back=REFUNDED).encode())
    connection.execute(PLANS.format(plans=planted.plans, parts=PARTS, total=TOTAL).encode())
    planted(connection)
    tidy(connection)
    return planted


def found(connection: psycopg.Connection) -> Iterator[tuple[str, str]]:
    """What the reconciliation wrote down."""
    rows = connection.execute("SELECT kind, stripe_id, plan_id FROM checkout_difference")
    for kind, stripe_id, plan in rows:
        yield kind, f"plan {plan}" if plan else stripe_id
