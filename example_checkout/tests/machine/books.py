"""What must hold of money given back, of disputes, and of Stripe's post: read from both sides' books."""

from collections import Counter, defaultdict
from decimal import Decimal

from checkout import money, states
from checkout.flows import reconcile
from checkout.models import Checkout, Difference, Notice, ObjectPaymentPlanInstalment
from example_checkout.models import SalesLedger
from example_checkout.tests.machine import journal
from example_checkout.tests.machine.snapshot import Snapshot
from example_checkout.tests.machine.world import EXPECTED, World

GIVEN_BACK = "given back"
# An opinion of its own about Stripe's words. Here a refund that looked well may have failed without our knowing.
POSSIBLE = {
    states.REQUEST: {"pending", "succeeded", "failed"},
    states.PROCESSING: {"pending", "succeeded", "failed"},
    states.SUCCESS: {"succeeded", "failed"},
    states.FAIL: {"failed"},
}
REFUND_IS = {"pending": states.PROCESSING, "succeeded": states.SUCCESS, "failed": states.FAIL}
DISPUTE_IS = {"won": states.DISPUTE_WON, "lost": states.DISPUTE_LOST, "warning_closed": states.DISPUTE_CLOSED}
SAID = {error.__name__ for error in EXPECTED} | {"StripeLimited"}


def went_back(now: Snapshot, checkout: Checkout) -> bool:
    """Paid after it had been given up, and then given back, for good or not: it pays for nothing."""
    return checkout.failed and any(one.checkout_id == checkout.pk for one in now.refunds)


class Books:
    """The invariants."""

    def __init__(self, world: World) -> None:
        self.world = world
        self._tried = 0

    def check(self, now: Snapshot) -> None:
        """After each step."""
        self._refunds(now)
        self._host_knows(now)
        self._disputes(now)
        self._staff_told_once(now)
        self._events(now)
        self._paused_is_paused(now)

    def _refunds(self, now: Snapshot) -> None:
        theirs = now.stripe["refund"]
        asked = Counter(one["metadata"].get("refund") for one in theirs.values() if one["metadata"].get("refund"))
        assert set(asked.values()) <= {1}, f"given back more than once for one form: {asked}"
        for row in now.refunds:
            assert not row.by_staff or row.uuid in self.world.given, f"no form of staff has asked for {row}"
            if row.refund_id is None:
                known = row.state == states.FAIL and str(row.uuid) in asked
                assert not known, f"{row} counts as failed, and Stripe has it"
                assert row.state in (states.REQUEST, states.FAIL), f"{row} is unknown at Stripe"
                continue
            found = theirs.get(row.refund_id)
            assert found is not None, f"{row} is unknown at Stripe"
            same = (found["amount"], found["currency"].upper(), found["payment_intent"])
            wanted = (money.to_minor(row.amount, row.currency), row.currency)
            assert same == (*wanted, now.by_pk[row.checkout_id].payment_intent_id), f"{row}: Stripe has {same}"
            assert found["status"] in POSSIBLE[row.state], f"{row} is {found['status']} at Stripe"
        self._never_too_much(now)

    def _never_too_much(self, now: Snapshot) -> None:
        back: dict[int, Decimal] = defaultdict(Decimal)
        for row in now.refunds:
            alive = row.refund_id is not None and now.stripe["refund"][row.refund_id]["status"] != "failed"
            back[row.checkout_id] += row.amount if alive else 0
        for pk, sum_back in back.items():
            total = now.by_pk[pk].total
            assert total is not None
            assert sum_back <= total, f"{now.by_pk[pk]}: {sum_back} given back of {total}"

    def _host_knows(self, now: Snapshot) -> None:
        """What the host counts as given back is what our books say."""
        back: dict[str, Decimal] = defaultdict(Decimal)
        for row in now.refunds:
            part = now.target.get(row.checkout_id)
            if isinstance(part, ObjectPaymentPlanInstalment) and row.state == states.SUCCESS:
                back[str(part.object_payment_plan.object_id)] += row.amount
        for booking in SalesLedger.objects.raw(f"SELECT * FROM {SalesLedger._meta.db_table}"):  # noqa: S608
            wanted = back[str(booking.pk)]
            assert booking.refunded == wanted, f"{booking} counts {booking.refunded} as given back, not {wanted}"

    def _disputes(self, now: Snapshot) -> None:
        for row in now.disputes:
            found = now.stripe["dispute"].get(row.dispute_id)
            assert found is not None, f"{row} is unknown at Stripe"
            assert found["payment_intent"] == now.by_pk[row.checkout_id].payment_intent_id, row
            assert row.amount == money.from_minor(found["amount"], row.currency), row
            known = row.state in (states.DISPUTE_OPEN, DISPUTE_IS.get(found["status"]))
            assert known, f"{row} is {row.state} here and {found['status']} at Stripe"
            part = now.target.get(row.checkout_id)
            if isinstance(part, ObjectPaymentPlanInstalment):
                plan = part.object_payment_plan
                halted = plan.paused or plan.deleted or plan.pk in self.world.resumed
                assert halted, f"{row}: the plan goes on, and nobody has said so"

    def _staff_told_once(self, now: Snapshot) -> None:
        told = Counter((one.kind, one.checkout_id) for one in now.notices)
        opened = Counter(row.checkout_id for row in now.disputes)
        closed = Counter(row.checkout_id for row in now.disputes if row.state != states.DISPUTE_OPEN)
        failed = Counter(row.checkout_id for row in now.refunds if row.state == states.FAIL and row.refund_id)
        other = Counter(row.checkout_id for row in now.refunds if row.state == states.FAIL and not row.refund_id)
        for checkout in now.checkouts:
            pk = checkout.pk
            for kind, count in ((Notice.DISPUTE, opened[pk]), (Notice.DISPUTE_CLOSED, closed[pk])):
                assert told[kind, pk] == count, f"{checkout}: {told[kind, pk]} notices {kind}, not {count}"
            # one that was refused at once was shown to whoever asked
            count = told[Notice.REFUND_FAILED, pk]
            assert failed[pk] <= count <= failed[pk] + other[pk], f"{checkout}: {count} notices of a failed refund"

    def _events(self, now: Snapshot) -> None:
        ids = Counter(one.event_id for one in now.events)
        assert set(ids.values()) <= {1}, f"kept more than once: {ids}"
        strangers = set(ids) - set(now.stripe["event"])
        assert not strangers, f"Stripe has sent no such event: {strangers}"
        for one in now.events:
            error = one.last_error.partition(":")[0]
            assert not error or error in SAID, f"{one}: {one.last_error}\n{one.traceback}"

    def _paused_is_paused(self, now: Snapshot) -> None:
        claimed = journal.claims_of_paused()
        assert not claimed, f"a run has claimed instalments of a paused or deleted plan: {claimed}"
        new, self._tried = self.world.tried[self._tried :], len(self.world.tried)
        for one in new:
            attempt = now.by_uuid[one.uuid]
            part = now.target.get(attempt.pk)
            paused = part.object_payment_plan.paused if isinstance(part, ObjectPaymentPlanInstalment) else None
            # by staff it may be claimed and charged after that
            late = paused is not None and attempt.created < paused < one.began
            assert not late, f"{attempt} was asked for again at {one.at}, though its plan was paused at {paused}"

    # at the end

    def everything_is_known(self, now: Snapshot) -> None:
        """After a last pass: what Stripe has is here, once, and nothing is left to do."""
        waiting = [one for one in now.events if one.state in (states.WAITING, states.GIVEN_UP)]
        assert not waiting, f"events left: {[(one, one.last_error) for one in waiting]}"
        rows = {row.refund_id: row for row in now.refunds}
        for ident, found in now.stripe["refund"].items():
            assert ident in rows, f"refund {ident} is unknown here"
            row = rows[ident]
            assert row.state == REFUND_IS[found["status"]], f"{row} is {found['status']} at Stripe"
        lost = [row for row in now.refunds if row.refund_id is None and row.state != states.FAIL]
        assert not lost, f"never found out about: {lost}"
        contested = {row.dispute_id: row for row in now.disputes}
        for ident, found in now.stripe["dispute"].items():
            assert ident in contested, f"dispute {ident} is unknown here"
            wanted = DISPUTE_IS.get(found["status"], states.DISPUTE_OPEN)
            assert contested[ident].state == wanted, f"{contested[ident]} is {found['status']} at Stripe"
        for uuid, charges in now.charges.items():
            ours = sum(
                row.amount
                for row in now.refunds
                if row.checkout_id == now.by_uuid[uuid].pk and row.state == states.SUCCESS
            )
            theirs = money.from_minor(charges[0]["amount_refunded"], charges[0]["currency"].upper())
            assert ours == theirs, f"{now.by_uuid[uuid]}: {ours} given back, at Stripe {theirs}"

    def nothing_differs(self, now: Snapshot) -> None:
        """The site's own comparison agrees; what is put aside for a person to look at it is left out."""
        run = reconcile.reconcile(since=self.world.first)
        aside = [one.pk for one in now.checkouts if one.quarantine]
        found = list(Difference.objects.filter(reconciliation=run).exclude(checkout__in=aside))
        assert not found, f"the books differ: {[(str(one), one.detail) for one in found]}"
        self.world.facts["compared"] += run.intents + run.refunds
