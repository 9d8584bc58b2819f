"""What the database itself writes down, by triggers: many things happen between two looks of ours. SQLite alone."""

from typing import Any

from django.contrib.contenttypes.models import ContentType
from django.db import connection

from checkout.models import (
    Checkout,
    CustomerPayment,
    Dispute,
    Event,
    Notice,
    ObjectPaymentPlan,
    ObjectPaymentPlanInstalment,
    PaymentRunItem,
    Refund,
)
from checkout.models.base import StateModel

# Each with the column of its state.
MOVING: tuple[type[StateModel], ...] = (
    Checkout,
    ObjectPaymentPlanInstalment,
    CustomerPayment,
    Notice,
    Refund,
    Dispute,
    Event,
)
# A run writes its item, or finds the one of an earlier portion.
CLAIMED = ("INSERT", "UPDATE")


def keep() -> None:
    """Begin to write down every single move, and what was known when the sending of a mail began."""
    if connection.vendor != "sqlite":
        return
    with connection.cursor() as cursor:
        cursor.execute("CREATE TEMP TABLE IF NOT EXISTS moves (table_name TEXT, pk INTEGER, old TEXT, new TEXT)")
        cursor.execute(
            "CREATE TEMP TABLE IF NOT EXISTS sendings "
            "(id INTEGER PRIMARY KEY AUTOINCREMENT, notice INTEGER, paid INTEGER, stopped INTEGER)"
        )
        for model in MOVING:
            table, column = model._meta.db_table, model.STATE
            note = f"INSERT INTO moves VALUES ('{table}', NEW.id, OLD.{column}, NEW.{column})"  # noqa: S608
            cursor.execute(
                f"CREATE TEMP TRIGGER IF NOT EXISTS moves_{table} AFTER UPDATE OF {column} ON main.{table} "
                f"WHEN OLD.{column} <> NEW.{column} BEGIN {note}; END"
            )
        cursor.execute(_sendings())
        cursor.execute("CREATE TEMP TABLE IF NOT EXISTS claims (item INTEGER, instalment INTEGER)")
        for when in CLAIMED:
            cursor.execute(_claims(when))


def _sendings() -> str:
    part, plan = ObjectPaymentPlanInstalment._meta.db_table, ObjectPaymentPlan._meta.db_table
    payment, checkout = CustomerPayment._meta.db_table, Checkout._meta.db_table
    kind = ContentType.objects.get_for_model(CustomerPayment).pk
    parts = f"SELECT 1 FROM main.{part} p WHERE p.id = NEW.instalment_id AND p.state_id = 'success'"  # noqa: S608
    payments = (
        f"SELECT 1 FROM main.{payment} p JOIN main.{checkout} c "  # noqa: S608
        f"ON c.object_id = CAST(p.id AS TEXT) AND c.content_type_id = {kind} "
        f"WHERE c.id = NEW.checkout_id AND p.state_id = 'success'"
    )
    stopped = (
        f"SELECT 1 FROM main.{part} p JOIN main.{plan} o ON o.id = p.object_payment_plan_id "  # noqa: S608
        f"WHERE p.id = NEW.instalment_id AND o.deleted"
    )
    return (
        f"CREATE TEMP TRIGGER IF NOT EXISTS sendings_note AFTER UPDATE OF state ON main.{Notice._meta.db_table} "  # noqa: S608
        f"WHEN NEW.state = 'sending' BEGIN INSERT INTO sendings (notice, paid, stopped) "
        f"VALUES (NEW.id, EXISTS({parts}) OR EXISTS({payments}), EXISTS({stopped})); END"
    )


def _claims(when: str) -> str:
    """A run claims a part whose plan is, at that moment, paused or stopped."""
    item, part = PaymentRunItem._meta.db_table, ObjectPaymentPlanInstalment._meta.db_table
    halted = (
        f"SELECT 1 FROM main.{part} p JOIN main.{ObjectPaymentPlan._meta.db_table} o "  # noqa: S608
        f"ON o.id = p.object_payment_plan_id WHERE p.id = NEW.instalment_id AND (o.paused IS NOT NULL OR o.deleted)"
    )
    return (
        f"CREATE TEMP TRIGGER IF NOT EXISTS claims_{when} AFTER {when} ON main.{item} "  # noqa: S608
        f"WHEN NEW.outcome = 'request' AND EXISTS({halted}) "
        f"BEGIN INSERT INTO claims VALUES (NEW.id, NEW.instalment_id); END"
    )


def moves() -> list[tuple[str, int, str, str]]:
    """Table, key, from, to: what was written down since the last look."""
    return _take("moves", "SELECT table_name, pk, old, new FROM temp.moves")


def sendings() -> list[tuple[int, int, bool, bool]]:
    """Place, notice, paid, stopped: the same for the sending of mails."""
    return _take("sendings", "SELECT id, notice, paid, stopped FROM temp.sendings ORDER BY id")


def claims_of_paused() -> list[tuple[int, int]]:
    """Run item, instalment: what a run should not have claimed."""
    return _take("claims", "SELECT item, instalment FROM temp.claims")


def last_sending() -> int:
    """The place of the newest one."""
    if connection.vendor != "sqlite":
        return 0
    with connection.cursor() as cursor:
        cursor.execute("SELECT seq FROM temp.sqlite_sequence WHERE name = 'sendings'")
        found = cursor.fetchone()
    return int(found[0]) if found else 0


def forget() -> None:
    """What was written down so far belongs to the life before."""
    moves()
    sendings()
    claims_of_paused()


def drop() -> None:
    """Leave the connection as it was."""
    if connection.vendor == "sqlite":
        with connection.cursor() as cursor:
            for model in MOVING:
                cursor.execute(f"DROP TRIGGER IF EXISTS moves_{model._meta.db_table}")
            cursor.execute("DROP TRIGGER IF EXISTS sendings_note")
            for when in CLAIMED:
                cursor.execute(f"DROP TRIGGER IF EXISTS claims_{when}")
            cursor.execute("DROP TABLE IF EXISTS temp.claims")
            cursor.execute("DROP TABLE IF EXISTS temp.moves")
            cursor.execute("DROP TABLE IF EXISTS temp.sendings")


def _take(table: str, query: str) -> list[Any]:
    if connection.vendor != "sqlite":
        return []
    with connection.cursor() as cursor:
        cursor.execute(query)
        found = list(cursor.fetchall())
        if found:
            cursor.execute(f"DELETE FROM temp.{table}")  # noqa: S608
    return found
