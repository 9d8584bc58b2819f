"""The end of every example: trouble is over, timers run for some days, and then all must be well."""

from datetime import timedelta

from checkout import states
from checkout.flows import run
from checkout.flows.audit import failed_checkouts
from example_checkout.tests.machine.lines import Hurry
from example_checkout.tests.machine.people import People
from example_checkout.tests.machine.shop import AUDITED_DAYS, Shop
from example_checkout.tests.machine.truth import Truth

# How long after the last one, and which timers matter then.
ROUNDS = (
    (timedelta(minutes=6), ("setups", "charges")),
    (timedelta(minutes=62), ("setups", "on_session", "charges")),
    (timedelta(hours=25), ("setups", "payments", "on_session", "charges")),
    (timedelta(hours=73), ("payments", "on_session", "charges")),
    # what was given up in the last pass can be tried in this one
    (timedelta(minutes=16), ("setups",)),
)


class Recovery(People, Shop):
    """What the site's own timers do, and nothing else."""

    truth: Truth

    def recover(self) -> None:
        """Run every timer for some days, put a good card on each file, run the payments of the day."""
        self.world.simulator.trouble.clear()
        self.world.host_breaks = 0
        for span, kinds in ROUNDS:
            self.world.wait(span)
            for kind in kinds:
                self.world.process(self.work_of(kind))
        self.now = self.truth.check()
        self.world.audits += 1
        self.world.process(self.work_of("audit"))
        for customer in self.now.customers.values():
            if customer.has_card:
                self.give_card(customer, "visa")
        self.world.process(self.work_of("setups"))
        self.world.process(lambda: self.trust(run.process_payments(pace=Hurry())))
        self.now = self.truth.check()
        self.all_is_well()

    def all_is_well(self) -> None:
        """Nothing is unknown, nothing at Stripe is missing here, nothing that was due is left."""
        for uuid in self.now.charges:
            checkout = self.now.by_uuid[uuid]
            assert checkout.succeeded, f"{checkout} was charged at Stripe: {checkout.quarantine}"
        for intent in self.now.stripe["setup_intent"].values():
            checkout = self.now.by_uuid.get(intent["metadata"].get("checkout", ""))
            if checkout is not None and intent["status"] == "succeeded" and hasattr(checkout, "agreement"):
                assert checkout.succeeded, f"{checkout} has saved a card at Stripe"
        unknown = [one for one in self.now.checkouts if one.state_id == states.REQUEST]
        assert not unknown, f"not resolved: {unknown}"
        unknown_parts = [one for one in self.now.instalments if one.state_id == states.REQUEST]
        assert not unknown_parts, f"not resolved: {unknown_parts}"
        assert not self.due_and_good(), f"due, with a good card, and not charged: {self.due_and_good()}"
        self.deposits_are_tried()
        again = self.world.process(lambda: failed_checkouts(days=AUDITED_DAYS, now=self.world.now))
        assert again.findings == [], "the audit has something to fix after all"

    def deposits_are_tried(self) -> None:
        """The deposit of a living plan is paid, declined, or waits for its customer: not forgotten."""
        forgotten = [
            row
            for row in self.now.instalments
            if row.deposit and row.state_id == states.PENDING and not row.object_payment_plan.deleted
        ]
        assert not forgotten, f"deposits that nobody tries: {forgotten}"
