"""Rows put into the database at once: bookings, and the checkouts by which they are paid."""

from __future__ import annotations

import psycopg
from payment_run_parts.rows import SHOP, TABLES

BOOKINGS = """
    INSERT INTO example_checkout_salesledger (id, number, title, quantity, created, contact_id, product_id, refunded)
    SELECT n, 'B' || n, 'Course', 1, now() - interval '10 days', 1, 1, 0 FROM generate_series(1, {count}) n;
"""
# Payment n is of booking n; ``numbers.checkout_uuid`` makes the same uuid.
CHECKOUTS = """
    INSERT INTO checkout_checkout (id, uuid, action_id, state_id, content_type_id, object_id, description, total,
                                   currency, stripe_customer_id, payment_method_id, payment_intent_id, setup_intent_id,
                                   claim, quarantine, failure, decline_code, advice_code, settled, created, updated)
    SELECT n, md5('checkout ' || n)::uuid, 'payment', '{state}', kind.id, n::text, 'Course, 1 place', 48, 'GBP',
           '', '', 'pi_' || lpad(n::text, 9, '0'), '', {claim}, '', '', '', '', {settled},
           now() - interval '10 days', now() - interval '10 days'
    FROM generate_series(1, {count}) n,
         (SELECT id FROM django_content_type WHERE app_label = 'example_checkout' AND model = 'salesledger') kind;
    SELECT setval(pg_get_serial_sequence('checkout_checkout', 'id'), {count} + 1000000);
"""
WAITING = {"state": "request", "claim": "kind.id || ':' || n", "settled": "NULL"}
PAID = {"state": "success", "claim": "NULL", "settled": "now() - interval '10 days'"}
OWN = "checkout_event, checkout_notice, checkout_environment, checkout_reconciliation"


def fill(connection: psycopg.Connection, count: int, how: dict[str, str]) -> None:
    """Empty our tables, and write ``count`` bookings with a checkout each."""
    connection.execute(f"TRUNCATE {TABLES}, {OWN} RESTART IDENTITY CASCADE")
    for statements in (SHOP, BOOKINGS, CHECKOUTS):
        connection.execute(statements.format(count=count, **how).encode())


def tidy(connection: psycopg.Connection) -> None:
    """A checkpoint now, so that none of the writing is paid for by what is measured."""
    connection.execute("VACUUM ANALYZE")
    connection.execute("CHECKPOINT")
