"""The books of a large shop, written with bulk SQL: plans with their parts, attempts, mails, and what goes with them.

Of each plan five parts a month apart, begun within the last five months: most that are due are paid, the others are to
come, and a few per cent are in every kind of trouble. All of a month fall due on one day, as they do on the first.
"""

from __future__ import annotations

import psycopg
from payment_run_parts.rows import TABLES, today
from psycopg import sql

ALL = f"""
    {TABLES}, checkout_notice, checkout_refund, checkout_dispute, checkout_event, checkout_reconciliation,
    checkout_difference, checkout_staffaction, checkout_customerpayment, auth_user
"""
KIND = "(SELECT id FROM django_content_type WHERE app_label = '{app}' AND model = '{model}')"
LEDGER = KIND.format(app="example_checkout", model="salesledger")
PART = KIND.format(app="checkout", model="objectpaymentplaninstalment")

# The site's users: one for each customer, and the one who looks at the pages.
PEOPLE = """
    INSERT INTO auth_user (id, password, is_superuser, username, first_name, last_name, email, is_staff, is_active,
                           date_joined, last_login)
    SELECT n, '!', n = 1, CASE WHEN n = 1 THEN 'staff' ELSE 'user' || n END, '', '', n || '@Example.com', n = 1, true,
           now(), now() - n % 500 * interval '1 day'
    FROM generate_series(1, {customers}) n;
    INSERT INTO example_checkout_product (id, slug, name, summary, description, price, currency, length)
    VALUES (1, 'course', 'Course', '', '', 60, 'GBP', '');
    INSERT INTO checkout_paymentplan (id, slug, name, deposit, count, interval, deleted, created, updated)
    VALUES (1, 'benchmark', 'Benchmark', 20, 4, 1, false, now(), now());
    INSERT INTO example_checkout_contact (id, name, email)
    SELECT n, 'Customer ' || n, n || '@example.com' FROM generate_series(1, {customers}) n;
    INSERT INTO checkout_customer (id, uuid, name, email, customer_id, payment_method_id, refused_payment_method_id,
                                   brand, last4, expiry_date, refresh, created, updated)
    SELECT n, gen_random_uuid(), 'Customer ' || n, n || '@example.com', 'cus_' || md5(n::text),
           CASE WHEN n % 500 = 3 THEN '' WHEN n % 100 = 7 THEN 'card_' || n ELSE 'pm_' || md5(n::text) END,
           CASE WHEN n % 200 = 5 THEN 'pm_' || md5(n::text) ELSE '' END, 'visa', lpad((n % 10000)::text, 4, '0'),
           date '{today}' + (n % 1500 - 20), n % 1500 < 50, now(), now()
    FROM generate_series(1, {customers}) n;
"""
PLANS = """
    INSERT INTO example_checkout_salesledger (id, number, title, quantity, created, contact_id, product_id, refunded)
    SELECT n, 'B' || n, 'Course ' || n % 997, 1, now(), 1 + n % {customers}, 1, 0 FROM generate_series(1, {plans}) n;
    INSERT INTO checkout_objectpaymentplan (id, content_type_id, object_id, customer_id, payment_plan_id, description,
                                            total, currency, deleted, paused, created, updated)
    SELECT n, {ledger}, n, 1 + n % {customers}, 1, E'Course ' || n % 997 || E', 1 place\\nBooking B' || n, 60, 'GBP',
           n % 50 = 0, CASE WHEN n % 5000 = 17 THEN now() - interval '3 days' END, now(), now()
    FROM generate_series(1, {plans}) n;
    INSERT INTO checkout_objectpaymentplaninstalment (id, object_payment_plan_id, count, deposit, amount, due, state_id,
                                                      retry_due, retries, customer_asked, settled, created, updated)
    SELECT n * 5 - 5 + part, n, part, part = 1, 12, due, state,
           CASE WHEN state = 'fail' AND n % 3 = 0 THEN date '{today}' + n % 7 END,
           CASE WHEN state = 'fail' THEN 1 ELSE 0 END,
           CASE WHEN state = 'pay_on_session' AND n % 7 <> 0 THEN now() - interval '1 day' END,
           CASE WHEN state = 'success' THEN due + interval '7 hours' END, due - interval '1 day', due
    FROM generate_series(1, {plans}) n, generate_series(1, 5) part,
         LATERAL (SELECT (date '{today}' + (part - 1 - n % 6) * interval '1 month')::date AS due) days,
         LATERAL (SELECT CASE WHEN due > date '{today}' OR (due = date '{today}' AND n % 10 = 1) THEN 'pending'
                              WHEN part > 1 AND (n * 5 + part) % 50 = 7 THEN 'fail'
                              WHEN (n * 5 + part) % 200 = 13 THEN 'pay_on_session'
                              WHEN (n * 5 + part) % 5000 = 14 THEN 'request'
                              ELSE 'success' END AS state) states;
"""
# One charge for each part that was tried; one-off payments, of which some are open, and a few put aside.
ATTEMPTS = """
    INSERT INTO checkout_checkout (uuid, content_type_id, object_id, customer_id, stripe_customer_id, payment_method_id,
                                   action_id, state_id, description, total, currency, payment_intent_id,
                                   setup_intent_id, quarantine, failure, decline_code, advice_code, ask_after, settled,
                                   created, updated)
    SELECT gen_random_uuid(), {part}, part.id, plan.customer_id, 'cus_' || md5(plan.customer_id::text),
           CASE WHEN part.id % 10000 = 2 THEN 'pm_before' ELSE customer.payment_method_id END, 'charge',
           part.state_id, plan.description, 12, 'GBP',
           CASE WHEN part.state_id = 'request' THEN '' ELSE 'pi_' || md5(part.id::text) END, '', '',
           CASE WHEN part.state_id = 'fail' THEN 'card_declined insufficient_funds' ELSE '' END,
           CASE WHEN part.state_id = 'fail' THEN 'insufficient_funds' ELSE '' END, '',
           CASE WHEN part.state_id = 'request' THEN now() END, part.settled, part.due + interval '6 hours', now()
    FROM checkout_objectpaymentplaninstalment part
    JOIN checkout_objectpaymentplan plan ON plan.id = part.object_payment_plan_id
    JOIN checkout_customer customer ON customer.id = plan.customer_id
    WHERE part.state_id <> 'pending' ORDER BY part.due, part.id;
    INSERT INTO checkout_checkout (uuid, content_type_id, object_id, user_id, stripe_customer_id, payment_method_id,
                                   action_id, state_id, description, total, currency, payment_intent_id,
                                   setup_intent_id, quarantine, failure, decline_code, advice_code, settled, created,
                                   updated)
    SELECT gen_random_uuid(), {ledger}, n, CASE WHEN n % 3 = 0 THEN 1 + n % {customers} END, '', '',
           CASE n % 10 WHEN 0 THEN 'payment_plan' WHEN 1 THEN 'card_refresh' WHEN 2 THEN 'pay_on_session'
                       WHEN 3 THEN 'invoice' ELSE 'payment' END,
           CASE WHEN n % 20 = 4 THEN 'pending' WHEN n % 40 = 5 THEN 'request' WHEN n % 9 = 1 THEN 'fail'
                ELSE 'success' END,
           'Course ' || n % 997, 60, 'GBP', CASE WHEN n % 10 NOT IN (0, 1, 3) THEN 'pi_one_' || n ELSE '' END,
           CASE WHEN n % 10 IN (0, 1) THEN 'seti_' || n ELSE '' END,
           CASE WHEN n % 1000 = 5 THEN 'amount: asked for 60.00, Stripe reports 61.00' ELSE '' END, '', '', '',
           now() - n * interval '10 minutes', now() - n * interval '10 minutes', now()
    FROM generate_series(1, {plans} / 10) n;
"""
# Words that compress as those of a real mail do, to about a kilobyte.
MAILS = """
    INSERT INTO checkout_notice (kind, key, state, template, facts, recipients, checkout_id, instalment_id, customer_id,
                                 subject, body, html, send_after, tries, in_doubt, last_error, created, updated, sent)
    SELECT CASE n % 4 WHEN 0 THEN 'on_session_payment' WHEN 1 THEN 'payment_failed' WHEN 2 THEN 'card_expiring'
                      ELSE 'card_wanted' END,
           n, state, 'payment_failed', '{{"step": "retry"}}', jsonb_build_array(customer || '@example.com'), NULL,
           n * 5, customer, 'Your payment for Course ' || n % 997, repeat('Dear Customer, please pay. ', 30) || n,
           repeat('<p style="margin: 0">', 60)
                || (SELECT string_agg(md5(n::text || i), ' ') FROM generate_series(1, 24) i),
           made, 1, n % 20000 = 9, '', made, made, CASE WHEN state = 'sent' THEN made END
    FROM generate_series(1, {notices}) n,
         LATERAL (SELECT 1 + n % {customers} AS customer, now() - ({notices} - n) * interval '1 minute' AS made,
                         CASE WHEN n % 5000 = 1 THEN 'given_up' WHEN n % 50 = 3 THEN 'moot'
                              WHEN n > {notices} - 300 THEN 'waiting' ELSE 'sent' END AS state) what;
"""
REST = """
    INSERT INTO checkout_refund (uuid, checkout_id, refund_id, amount, currency, state, reason, note, failure, by_staff,
                                 settled, created, updated)
    SELECT gen_random_uuid(), n * 20, 're_' || n, 12, 'GBP', CASE WHEN n % 200 = 3 THEN 'fail' ELSE 'success' END,
           'requested_by_customer', '', '', true, now() - n * interval '20 minutes', now() - n * interval '20 minutes',
           now()
    FROM generate_series(1, {plans} / 10) n;
    INSERT INTO checkout_dispute (dispute_id, checkout_id, amount, currency, reason, stripe_status, state, is_inquiry,
                                  due_by, opened, created, updated)
    SELECT 'dp_' || n, n * 100, 12, 'GBP', 'general', CASE WHEN n % 50 = 1 THEN 'needs_response' ELSE 'lost' END,
           CASE WHEN n % 50 = 1 THEN 'open' ELSE 'lost' END, false, now() + interval '5 days', now(), now(), now()
    FROM generate_series(1, {plans} / 100) n;
    INSERT INTO checkout_event (event_id, type, stripe_object_id, api_version, source, state, tries, work_after,
                                outcome, last_error, traceback, happened, created, updated, worked)
    SELECT 'evt_' || md5(n::text), CASE n % 3 WHEN 0 THEN 'payment_intent.succeeded' WHEN 1 THEN
                'payment_intent.payment_failed' ELSE 'refund.updated' END,
           'pi_' || md5(n::text), '2026-10-28.endive', 'webhook',
           CASE WHEN n % 50000 = 7 THEN 'given_up' WHEN n % 3 = 1 THEN 'ignored' ELSE 'done' END, 1, made, 'settled',
           '', '', made, made, made, made
    FROM generate_series(1, {notices}) n,
         LATERAL (SELECT now() - ({notices} - n) * interval '30 seconds' AS made) moments;
    INSERT INTO checkout_paymentrun (id, date, started, finished, stopped)
    SELECT n, date '{today}' - n, now(), now(), '' FROM generate_series(1, 365) n;
    INSERT INTO checkout_paymentrunitem (payment_run_id, instalment_id, checkout_id, outcome, reason, amount, currency,
                                         created, updated)
    SELECT 1 + date '{today}' - part.due, part.id, NULL,
           CASE part.state_id WHEN 'pending' THEN 'skipped' ELSE part.state_id END, '', 12, 'GBP', part.due, part.due
    FROM checkout_objectpaymentplaninstalment part WHERE part.due <= date '{today}' AND NOT part.deposit;
    INSERT INTO checkout_staffaction (verb, user_id, content_type_id, object_id, detail, created)
    SELECT CASE n % 3 WHEN 0 THEN 'mark_paid' WHEN 1 THEN 'ask_again' ELSE 'charge' END, 1, {part}, n * 7,
           'GBP 12.00', now() - n * interval '1 hour'
    FROM generate_series(1, {plans} / 4) n;
    INSERT INTO checkout_customerpayment (uuid, customer_id, amount, currency, description, user_id, state_id, settled,
                                          created, updated)
    SELECT gen_random_uuid(), 1 + n % {customers}, 30, 'GBP', 'Late fee', 1,
           CASE WHEN n % 500 = 3 THEN 'pay_on_session' WHEN n % 50 = 1 THEN 'fail' ELSE 'success' END, now(),
           now() - n * interval '1 hour', now()
    FROM generate_series(1, {plans} / 10) n;
    INSERT INTO checkout_reconciliation (id, since, until, intents, "foreign", refunds, plans, differences, created,
                                         finished)
    SELECT n, now(), now(), 1, 0, 0, 1, 50, now() - (365 - n) * interval '1 day', now() FROM generate_series(1, 365) n;
    INSERT INTO checkout_difference (reconciliation_id, kind, checkout_id, plan_id, stripe_id, ours, theirs, detail,
                                     created)
    SELECT 1 + n % 365, 'part_without_payment', NULL, n, '', '12', '', 'part 2', now()
    FROM generate_series(1, {plans} / 10) n;
"""
SEQUENCES = """
    SELECT setval(pg_get_serial_sequence(format('%I', tablename), 'id'), 10000000) FROM pg_tables
    WHERE schemaname = 'public' AND tablename IN ('auth_user', 'checkout_customer', 'checkout_paymentplan',
        'checkout_objectpaymentplan', 'checkout_objectpaymentplaninstalment', 'checkout_paymentrun',
        'checkout_reconciliation', 'example_checkout_salesledger', 'example_checkout_contact')
"""


def fill(url: str, *, plans: int) -> None:
    """Empty our tables and write the books of ``plans`` plans. Some minutes for 200,000."""
    values = {
        "plans": plans,
        "customers": max(plans // 2, 10),
        "notices": plans,
        "today": today(),
        "ledger": LEDGER,
        "part": PART,
    }
    with psycopg.connect(url, autocommit=True) as connection:
        # what a crash of the database would lose is made again
        connection.execute("SET synchronous_commit = off")
        connection.execute(f"TRUNCATE {ALL} RESTART IDENTITY CASCADE".encode())
        for statements in (PEOPLE, PLANS, ATTEMPTS, MAILS, REST):
            connection.execute(statements.format(**values).encode())
        connection.execute(SEQUENCES)
        connection.execute("VACUUM ANALYZE")
        connection.execute("CHECKPOINT")


def counted(url: str) -> dict[str, int]:
    """How many rows the large tables have."""
    names = ("objectpaymentplan", "objectpaymentplaninstalment", "checkout", "notice", "customer")
    with psycopg.connect(url) as connection:
        counts = {name: sql.SQL("SELECT count(*) FROM {}").format(sql.Identifier(f"checkout_{name}")) for name in names}
        found = {name: connection.execute(count).fetchone() for name, count in counts.items()}
    return {name: row[0] for name, row in found.items() if row}
