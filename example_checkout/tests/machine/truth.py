"""What must hold after every step, whatever happened in it: read from the site's tables and from Stripe's own books."""

from collections import Counter, defaultdict
from dataclasses import dataclass
from typing import Any

from django.contrib.contenttypes.models import ContentType
from django.db import connection

from checkout import money, states
from checkout.models import Checkout, Customer, ObjectPaymentPlan, ObjectPaymentPlanInstalment
from checkout.models.base import StateModel
from example_checkout.tests.machine.world import World

Store = dict[str, dict[str, Any]]


@dataclass
class Snapshot:
    """Both sides as they are between two steps."""

    checkouts: list[Checkout]
    instalments: list[ObjectPaymentPlanInstalment]
    plans: dict[int, ObjectPaymentPlan]
    customers: dict[int, Customer]
    stripe: Store

    def __post_init__(self) -> None:
        kind = ContentType.objects.get_for_model(ObjectPaymentPlanInstalment).pk
        self.by_uuid = {str(one.uuid): one for one in self.checkouts}
        self.attempts: dict[int, list[Checkout]] = defaultdict(list)
        for one in self.checkouts:
            if one.content_type_id == kind:
                self.attempts[int(one.object_id)].append(one)
        for row in self.instalments:
            row.object_payment_plan = self.plans[row.object_payment_plan_id]
            row.object_payment_plan.customer = self.customers[row.object_payment_plan.customer_id]
        self.parts: dict[int, list[ObjectPaymentPlanInstalment]] = defaultdict(list)
        for row in self.instalments:
            self.parts[row.object_payment_plan_id].append(row)
        self.charges: dict[str, list[dict[str, Any]]] = defaultdict(list)
        for charge in self.stripe["charge"].values():
            if charge["status"] == "succeeded":
                intent = self.stripe["payment_intent"][charge["payment_intent"]]
                self.charges[intent["metadata"]["checkout"]].append(charge)


def _all(model: Any) -> list[Any]:
    """Every row, in order. Written out, because to compile the query costs more than to run it."""
    return list(model.objects.raw(f"SELECT * FROM {model._meta.db_table} ORDER BY id"))  # noqa: S608


def look(world: World) -> Snapshot:
    """Read everything: four queries, and Stripe's books without asking."""
    return Snapshot(
        checkouts=_all(Checkout),
        instalments=_all(ObjectPaymentPlanInstalment),
        plans={one.pk: one for one in _all(ObjectPaymentPlan)},
        customers={one.pk: one for one in _all(Customer)},
        # the books themselves: to list them through the API would take longer than the step
        stripe=world.simulator._store.kinds,
    )


class Truth:
    """The invariants, and what they need to remember from one step to the next."""

    def __init__(self, world: World) -> None:
        self.world = world
        self.seen: dict[tuple[type[StateModel], int], str] = {}

    def check(self) -> Snapshot:
        """Everything, in the order in which a reader would want to know."""
        now = look(self.world)
        for uuid, charges in now.charges.items():
            self._charge_is_ours(now, uuid, charges)
        for row in now.instalments:
            self._paid_once(now, row)
        for checkout in now.checkouts:
            self._success_is_known_to_stripe(now, checkout)
            self._claims_are_held_while_open(checkout)
        for plan in now.plans.values():
            self._parts_add_up(now, plan)
        self._told_once(now)
        self._customers_once(now)
        self._one_intent_an_attempt(now)
        self._legal_moves(now)
        return now

    def _charge_is_ours(self, now: Snapshot, uuid: str, charges: list[dict[str, Any]]) -> None:
        """It was asked for, on disk, before: with this amount, currency and customer."""
        checkout = now.by_uuid.get(uuid)
        assert checkout is not None, f"Stripe charged for checkout {uuid}, which is in no table"
        assert len(charges) == 1, f"{checkout} was charged {len(charges)} times"
        (charge,) = charges
        assert checkout.total is not None
        wanted = (money.to_minor(checkout.total, checkout.currency), checkout.currency, checkout.stripe_customer_id)
        found = (charge["amount"], charge["currency"].upper(), charge["customer"] or "")
        assert found == wanted, f"{checkout}: charged {found}, asked for {wanted}"
        plan = self._plan_of(now, checkout)
        # by the row's own time, since both may have happened in one step: nothing but its deletion changes a plan's row
        late = plan is not None and plan.deleted and checkout.created > plan.updated
        assert not late, f"{checkout} was claimed and charged after its plan had been deleted"

    def _plan_of(self, now: Snapshot, checkout: Checkout) -> ObjectPaymentPlan | None:
        rows = [row for row in now.instalments if checkout in now.attempts[row.pk]]
        return rows[0].object_payment_plan if rows else None

    def _paid_once(self, now: Snapshot, row: ObjectPaymentPlanInstalment) -> None:
        attempts = now.attempts[row.pk]
        charged = [one for one in attempts if str(one.uuid) in now.charges]
        by_hand = [one for one in attempts if one.is_manual and one.succeeded]
        assert len(charged) + len(by_hand) <= 1, f"instalment {row} was paid twice: {charged} {by_hand}"
        succeeded = [one for one in attempts if one.succeeded]
        assert len(succeeded) == (row.state_id == states.SUCCESS), f"instalment {row}, attempts {attempts}"
        in_flight = [one for one in attempts if one.is_charge and one.state_id == states.REQUEST]
        assert len(in_flight) == (row.state_id == states.REQUEST), f"instalment {row}, in flight {in_flight}"
        for one in charged:
            same = (one.total, one.currency, one.stripe_customer_id)
            wanted = (row.amount, row.object_payment_plan.currency, row.object_payment_plan.customer.customer_id)
            assert same == wanted, f"instalment {row}: charged {same}"

    def _success_is_known_to_stripe(self, now: Snapshot, checkout: Checkout) -> None:
        if not checkout.succeeded or checkout.is_manual:
            return
        if checkout.is_payment_plan:
            assert now.stripe["setup_intent"][checkout.setup_intent_id]["status"] == "succeeded", checkout
        else:
            assert str(checkout.uuid) in now.charges, f"{checkout} is a success here and not at Stripe"
            intent = now.stripe["payment_intent"][checkout.payment_intent_id]
            assert intent["metadata"]["checkout"] == str(checkout.uuid)

    def _claims_are_held_while_open(self, checkout: Checkout) -> None:
        held = checkout.state_id in (states.REQUEST, states.PAY_ON_SESSION)
        assert (checkout.claim is not None) == held, f"{checkout} claim={checkout.claim}"
        if held:
            assert checkout.claim == f"{checkout.content_type_id}:{checkout.object_id}"

    def _parts_add_up(self, now: Snapshot, plan: ObjectPaymentPlan) -> None:
        parts = now.parts[plan.pk]
        deposit = [part for part in parts if part.deposit]
        assert len(deposit) == 1, f"plan {plan} has the deposits {deposit}"
        if deposit[0].state_id == states.SUCCESS:
            assert sum(part.amount for part in parts) == plan.total, f"plan {plan}: {parts}"
            assert len({part.count for part in parts}) == len(parts)
        else:
            assert parts == deposit, f"plan {plan} has instalments before its deposit was paid"

    def _told_once(self, now: Snapshot) -> None:
        told = Counter(self.world.told)
        succeeded = Counter(one.pk for one in now.checkouts if one.succeeded)
        assert told == succeeded, f"the host was told of {told}, successes are {succeeded}"

    def _customers_once(self, now: Snapshot) -> None:
        here = Counter(one.email.lower() for one in now.customers.values())
        there = Counter(one["email"].lower() for one in now.stripe["customer"].values())
        assert set(here.values()) <= {1}, here
        assert set(there.values()) <= {1}, f"at Stripe: {there}"

    def _one_intent_an_attempt(self, now: Snapshot) -> None:
        """However often a charge is asked for, Stripe has heard of one."""
        charges = {str(one.uuid) for one in now.checkouts if one.is_charge}
        made = Counter(one["metadata"].get("checkout") for one in now.stripe["payment_intent"].values())
        twice = [uuid for uuid in charges if made[uuid] > 1]
        assert not twice, f"two intents for {twice}"

    def _legal_moves(self, now: Snapshot) -> None:
        moved = {(type(row), row.pk): row.state_id for row in (*now.checkouts, *now.instalments)}
        for (model, pk), state in moved.items():
            before = self.seen.get((model, pk), states.PENDING)
            assert state in reachable(model.MOVES, before), f"{model.__name__} {pk}: {before} -> {state}"
        assert set(self.seen) <= set(moved), "a row has been deleted"
        self.seen = moved
        journal = taken_moves()
        for table, old, new in journal:
            model = next(one for one in (Checkout, ObjectPaymentPlanInstalment) if one._meta.db_table == table)
            assert new in model.MOVES[old], f"{table}: {old} -> {new}"
            # a failed checkout revives by audit alone
            assert table != Checkout._meta.db_table or old != states.FAIL or self.world.audits


def reachable(moves: dict[str, frozenset[str]], start: str) -> set[str]:
    """Where a row may be after any number of moves."""
    found, waiting = {start}, [start]
    while waiting:
        for state in moves[waiting.pop()] - found:
            found.add(state)
            waiting.append(state)
    return found


def keep_journal() -> None:
    """Let the database write down every single move: between two looks there may be several. SQLite alone."""
    if connection.vendor != "sqlite":
        return
    with connection.cursor() as cursor:
        cursor.execute("CREATE TEMP TABLE IF NOT EXISTS moves (table_name TEXT, old TEXT, new TEXT)")
        for model in (Checkout, ObjectPaymentPlanInstalment):
            table = model._meta.db_table
            note = f"INSERT INTO moves VALUES ('{table}', OLD.state_id, NEW.state_id)"  # noqa: S608
            cursor.execute(
                f"CREATE TEMP TRIGGER IF NOT EXISTS moves_{table} AFTER UPDATE OF state_id ON main.{table} "
                f"WHEN OLD.state_id <> NEW.state_id BEGIN {note}; END"
            )


def taken_moves() -> list[tuple[str, str, str]]:
    """What was written down since the last look."""
    if connection.vendor != "sqlite":
        return []
    with connection.cursor() as cursor:
        cursor.execute("SELECT table_name, old, new FROM temp.moves")
        found = list(cursor.fetchall())
        cursor.execute("DELETE FROM temp.moves")
    return found


def drop_journal() -> None:
    """Leave the connection as it was."""
    if connection.vendor == "sqlite":
        with connection.cursor() as cursor:
            for model in (Checkout, ObjectPaymentPlanInstalment):
                cursor.execute(f"DROP TRIGGER IF EXISTS moves_{model._meta.db_table}")
            cursor.execute("DROP TABLE IF EXISTS temp.moves")
