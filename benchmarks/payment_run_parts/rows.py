"""The rows that are charged, put into the database at once, and what is found there after a run."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from datetime import date, datetime
from zoneinfo import ZoneInfo

import psycopg
import stripe

TABLES = """
    checkout_paymentrunitem, checkout_paymentrun, checkout_checkout, checkout_objectpaymentplaninstalment,
    checkout_objectpaymentplan, checkout_customer, checkout_paymentplan, example_checkout_salesledger,
    example_checkout_contact, example_checkout_product
"""
SHOP = """
    INSERT INTO example_checkout_product (id, slug, name, summary, description, price, currency, length)
    VALUES (1, 'course', 'Course', '', '', 48, 'GBP', '');
    INSERT INTO example_checkout_contact (id, name, email) VALUES (1, 'Ada', 'ada@example.com');
    INSERT INTO checkout_paymentplan (id, slug, name, deposit, count, interval, deleted, created, updated)
    VALUES (1, 'benchmark', 'Benchmark', 25, 3, 1, false, now(), now());
"""
# Every booking has a customer and a plan of its own, numbered alike.
PLANS = """
    INSERT INTO example_checkout_salesledger (id, number, title, quantity, created, contact_id, product_id, refunded)
    SELECT n, 'B' || n, 'Course', 1, now(), 1, 1, 0 FROM generate_series(1, {plans}) n;
    INSERT INTO checkout_customer (id, uuid, name, email, customer_id, payment_method_id, refused_payment_method_id,
                                   brand, last4, refresh, created, updated)
    SELECT n, gen_random_uuid(), 'Customer ' || n, n || '@example.com', '{customer}', '{method}', '',
           'visa', '4242', false, now(), now()
    FROM generate_series(1, {plans}) n;
    INSERT INTO checkout_objectpaymentplan (id, content_type_id, object_id, customer_id, payment_plan_id, description,
                                            total, currency, deleted, created, updated)
    SELECT n, (SELECT id FROM django_content_type WHERE app_label = 'example_checkout' AND model = 'salesledger'),
           n, n, 1, E'Course, 1 place\\nBooking B' || n, 48, 'GBP', n % 50 = 0 AND {some_deleted}, now(), now()
    FROM generate_series(1, {plans}) n;
"""
# The deposit was paid a month ago, one part is due today, two are still to come.
DUE_TODAY = """
    INSERT INTO checkout_objectpaymentplaninstalment (object_payment_plan_id, count, deposit, amount, due, state_id,
                                                      retries, created, updated)
    SELECT n, part, part = 1, 12, (date '{today}' + (part - 2) * interval '1 month')::date,
           CASE WHEN part = 1 THEN 'success' ELSE 'pending' END, 0, now(), now()
    FROM generate_series(1, {plans}) n, generate_series(1, 4) part;
"""
# Eight parts a month apart, begun at some time in the last 30 months; all of a month fall due on one day, as they do on
# the first. Nearly everything of the past is paid, some of it is not.
HISTORY = """
    INSERT INTO checkout_objectpaymentplaninstalment (object_payment_plan_id, count, deposit, amount, due, state_id,
                                                      retries, created, updated)
    SELECT n, part, part = 1, 6, due,
           CASE WHEN due > date '{today}' THEN 'pending'
                WHEN due = date '{today}' AND part > 1 THEN 'pending'
                WHEN (n * 8 + part) % 50 = 7 THEN 'fail'
                WHEN (n * 8 + part) % 200 = 11 THEN 'pay_on_session'
                WHEN (n * 8 + part) % 5000 = 13 THEN 'request'
                ELSE 'success' END, 0, now(), now()
    FROM generate_series(1, {plans}) n, generate_series(1, 8) part,
         LATERAL (SELECT (date '{today}' + (part - 1 - n % 30) * interval '1 month')::date AS due) days;
"""
LEFT = """
    SELECT count(*) FROM checkout_objectpaymentplaninstalment
    WHERE NOT deposit AND due <= %s AND state_id <> 'success'
"""


@dataclass(frozen=True)
class Books:
    """What our database and Stripe's say after a run: both must agree that each was charged once."""

    left: int
    charged: int
    twice: int

    def wrong(self, due: int) -> str:
        """What may never be; empty if all is well."""
        faults = [f"{self.left} left uncharged"] if self.left else []
        faults += [f"{self.twice} charged twice"] if self.twice else []
        faults += [f"{self.charged} of {due} charged at Stripe"] if self.charged != due else []
        return ", ".join(faults)


def today() -> date:
    """The day in the example site's zone."""
    return datetime.now(ZoneInfo("Europe/London")).date()


def fill(url: str, *, plans: int, customer: str = "cus_none", method: str = "pm_none", history: bool = False) -> None:
    """Empty our tables, and write ``plans`` payment plans, each with one part due today, or with a history."""
    values = {"plans": plans, "customer": customer, "method": method, "today": today(), "some_deleted": history}
    with psycopg.connect(url, autocommit=True) as connection:
        connection.execute(f"TRUNCATE {TABLES} RESTART IDENTITY CASCADE")
        for statements in (SHOP, PLANS, HISTORY if history else DUE_TODAY):
            connection.execute(statements.format(**values).encode())
        # a checkpoint now, so that none of the writing is paid for by what is measured
        connection.execute("VACUUM ANALYZE")
        connection.execute("CHECKPOINT")


def library(simulator: str) -> stripe.StripeClient:
    """The real library, pointed at a simulator."""
    return stripe.StripeClient("sk_test_benchmark", base_addresses={"api": simulator})


def saved_card(simulator: str) -> tuple[str, str]:
    """A customer at Stripe with a card saved for off-session use: (customer id, payment method id)."""
    v1 = library(simulator).v1
    customer = v1.customers.create({"email": "ada@example.com"}).id
    made = v1.setup_intents.create(
        {
            "customer": customer,
            "payment_method": "pm_card_visa",
            "confirm": True,
            "automatic_payment_methods": {"enabled": True, "allow_redirects": "never"},
        }
    )
    return customer, str(made.payment_method)


def books(url: str, simulator: str) -> Books:
    """Compare what Stripe has taken with what is written here, instalment by instalment."""
    with psycopg.connect(url) as connection:
        left = connection.execute(LEFT, [today()]).fetchone()
        attempts = connection.execute("SELECT uuid, object_id FROM checkout_checkout")
        instalments = {str(uuid): pk for uuid, pk in attempts}
    taken: Counter[str] = Counter()
    for intent in library(simulator).v1.payment_intents.list({"limit": 100}).auto_paging_iter():
        if intent.status == "succeeded":
            # the loop has no checkouts: it names the instalment itself
            of = getattr(intent.metadata, "instalment", None) or instalments[intent.metadata.checkout]
            taken[of] += 1
    return Books(left=left[0] if left else 0, charged=len(taken), twice=sum(taken.values()) - len(taken))
