"""What must hold after every step, whatever happened in it: read from the site's tables and from Stripe's own books.

Here is the money. What a bank has forbidden is in ``banks``, what people are told in ``told``.
"""

from collections import Counter
from typing import Any

from checkout import money, states
from checkout.models import ChargedModel, Checkout, Dispute, Event, Notice, ObjectPaymentPlan, Refund
from checkout.models.base import StateModel
from example_checkout.tests.machine import journal
from example_checkout.tests.machine.banks import Banks
from example_checkout.tests.machine.books import Books, went_back
from example_checkout.tests.machine.snapshot import Snapshot, look
from example_checkout.tests.machine.told import Told
from example_checkout.tests.machine.world import World

# An intent that its customer can still pay.
PAYABLE = ("requires_payment_method", "requires_confirmation", "requires_action")
# Where a row begins; everything else is pending.
FIRST: dict[type[StateModel], str] = {
    Notice: states.WAITING,
    Event: states.WAITING,
    Refund: states.REQUEST,
    Dispute: states.DISPUTE_OPEN,
}


class Truth:
    """The invariants, and what they need to remember from one step to the next."""

    def __init__(self, world: World) -> None:
        self.world = world
        self.seen: dict[tuple[type[StateModel], int], str] = {}
        self.banks = Banks(world)
        self.told = Told(world)
        self.books = Books(world)

    def check(self) -> Snapshot:
        """Everything, in the order in which a reader would want to know."""
        now = look(self.world)
        moves = journal.moves()
        for uuid, charges in now.charges.items():
            self._charge_is_ours(now, uuid, charges)
        for row in now.rows:
            self._paid_once(now, row)
        for checkout in now.checkouts:
            self._success_is_known_to_stripe(now, checkout)
            self._claims_are_held_while_open(checkout)
        for plan in now.plans.values():
            self._parts_add_up(now, plan)
        strangers = [one for one in now.payments if one.uuid not in self.world.forms]
        assert not strangers, f"no form of staff has asked for {strangers}"
        self._host_told_once(now)
        self._customers_once(now)
        self._one_intent_an_attempt(now)
        self._one_door_is_open(now)
        self._legal_moves(now, moves)
        self.banks.check(now)
        self.told.check(now, moves)
        self.books.check(now)
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
        plan = getattr(now.target.get(checkout.pk), "object_payment_plan", None)
        # by the row's own time, since both may have happened in one step: nothing but its deletion changes a plan's row
        late = plan is not None and plan.deleted and checkout.created > plan.updated
        assert not late, f"{checkout} was claimed and charged after its plan had been deleted"

    def _paid_once(self, now: Snapshot, row: ChargedModel) -> None:
        attempts = now.attempts[row]
        charged = [one for one in attempts if str(one.uuid) in now.charges and not went_back(now, one)]
        by_hand = [one for one in attempts if one.is_manual and one.succeeded]
        assert len(charged) + len(by_hand) <= 1, f"{row} was paid twice: {charged} {by_hand}"
        succeeded = [one for one in attempts if one.succeeded]
        assert len(succeeded) == (row.state_id == states.SUCCESS), f"{row}, attempts {attempts}"
        in_flight = [one for one in attempts if one.is_charge and one.state_id == states.REQUEST]
        assert len(in_flight) == (row.state_id == states.REQUEST), f"{row}, in flight {in_flight}"
        for one in charged:
            same = (one.total, one.currency, one.stripe_customer_id)
            wanted = (row.amount, row.currency, row.payer.customer_id)
            assert same == wanted, f"{row}: charged {same}"

    def _success_is_known_to_stripe(self, now: Snapshot, checkout: Checkout) -> None:
        if not checkout.succeeded or checkout.is_manual:
            return
        if checkout.is_setup:
            assert now.stripe["setup_intent"][checkout.setup_intent_id]["status"] == "succeeded", checkout
        else:
            assert str(checkout.uuid) in now.charges, f"{checkout} is a success here and not at Stripe"
            intent = now.stripe["payment_intent"][checkout.payment_intent_id]
            assert intent["metadata"]["checkout"] in now.uuids(checkout)

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

    def _host_told_once(self, now: Snapshot) -> None:
        told = Counter(self.world.told)
        # of a new card, and of what staff have charged, the host's objects know nothing
        bookings = [one for one in now.checkouts if not one.is_card_refresh]
        bookings = [one for one in bookings if now.target.get(one.pk) not in now.payments]
        succeeded = Counter(one.pk for one in bookings if one.succeeded)
        assert told == succeeded, f"the host was told of {told}, successes are {succeeded}"

    def _customers_once(self, now: Snapshot) -> None:
        here = Counter(one.email.lower() for one in now.customers.values())
        there = Counter(one["email"].lower() for one in now.stripe["customer"].values())
        assert set(here.values()) <= {1}, here
        assert set(there.values()) <= {1}, f"at Stripe: {there}"

    def _one_intent_an_attempt(self, now: Snapshot) -> None:
        """However often a charge is asked for, Stripe has heard of one.

        Of a page whose intent's id never came there may be a second, a day later: nobody has the secret of the first.
        """
        ours = {str(one.uuid) for one in now.checkouts if one.is_charge}
        made = Counter(one["metadata"].get("checkout") for one in now.stripe["payment_intent"].values())
        twice = [uuid for uuid in ours if made[uuid] > 1]
        assert not twice, f"two intents for {twice}"

    def _one_door_is_open(self, now: Snapshot) -> None:
        """One page at most on which the customer pays something; what was closed here is closed at Stripe."""
        for row in now.rows:
            pages = [one for one in now.attempts[row] if one.is_pay_on_session and one.is_open]
            assert len(pages) <= 1, f"{row} has the open pages {pages}"
        for intent in now.stripe["payment_intent"].values():
            checkout = now.by_uuid.get(now.owner(intent))
            if intent["status"] not in PAYABLE or checkout is None or checkout.payment_intent_id != intent["id"]:
                # paid or cancelled, or one whose secret nobody was ever given
                continue
            shown = str(checkout.uuid) in self.world.shown or checkout.pk in self.told.waited
            assert not (shown and checkout.failed), f"{checkout} has failed, and its customer can still pay it"

    def _legal_moves(self, now: Snapshot, moves: list[tuple[str, int, str, str]]) -> None:
        rows: list[StateModel] = [*now.checkouts, *now.rows, *now.notices, *now.refunds, *now.disputes, *now.events]
        moved = {(type(row), row.pk): str(getattr(row, row.STATE)) for row in rows}
        for (model, pk), state in moved.items():
            before = self.seen.get((model, pk), FIRST.get(model, states.PENDING))
            assert state in reachable(model.MOVES, before), f"{model.__name__} {pk}: {before} -> {state}"
        assert set(self.seen) <= set(moved), "a row has been deleted"
        self.seen = moved
        tables = {model._meta.db_table: model for model in journal.MOVING}
        for table, _pk, old, new in moves:
            assert new in tables[table].MOVES[old], f"{table}: {old} -> {new}"
            # a failed checkout revives by audit alone
            assert tables[table] is not Checkout or old != states.FAIL or self.world.audits


def reachable(moves: dict[str, frozenset[str]], start: str) -> set[str]:
    """Where a row may be after any number of moves."""
    found, waiting = {start}, [start]
    while waiting:
        for state in moves[waiting.pop()] - found:
            found.add(state)
            waiting.append(state)
    return found
