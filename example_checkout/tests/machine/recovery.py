"""The end of every example: trouble is over, timers run for some days, and then all must be well."""

from datetime import timedelta

from django.utils import timezone

from checkout import states
from checkout.flows import payment
from checkout.flows.audit import failed_checkouts
from checkout.models import Checkout, Customer
from example_checkout.tests.machine.books import went_back
from example_checkout.tests.machine.giving import WELL, Giving
from example_checkout.tests.machine.people import GOOD
from example_checkout.tests.machine.shop import AUDITED_DAYS

# How long after the last one, and which timers matter then.
MAIL = ("demands", "mail")
ROUNDS = (
    (timedelta(minutes=6), ("setups", "charges", "refunds")),
    (timedelta(minutes=62), ("setups", "on_session", "charges", "refunds", *MAIL)),
    (timedelta(hours=25), ("setups", "payments", "on_session", "charges", "refunds", "events")),
    (timedelta(hours=73), ("payments", "on_session", "charges", "refunds", "backfill", *MAIL)),
    # what was given up in the last pass can be tried in this one
    (timedelta(minutes=16), ("setups", *MAIL)),
)
# After everybody has saved a good card: what was tried today is tried tomorrow, and a deposit brings its instalments.
DAYS = 2
EACH_DAY = ("setups", "run")
LAST = ("on_session", *EACH_DAY, *MAIL)


class Recovery(Giving):
    """What the site's own timers do, and nothing else."""

    def recover(self) -> None:
        """Run every timer for some days, let everybody save a good card, run the payments of the days to come."""
        self.world.simulator.trouble.clear()
        self.world.mail.moods.clear()
        self.world.host_breaks = 0
        self.post_comes("as sent", WELL, None)
        for span, kinds in ROUNDS:
            self.world.wait(span)
            self.timers(*kinds)
        self.now = self.truth.check()
        self.world.audits += 1
        # a dispute may have been decided since
        self.timers("backfill", "refunds", "audit", "mail")
        self.now = self.truth.check()
        self.truth.told.nobody_is_forgotten(self.now)
        self.truth.books.everything_is_known(self.now)
        for customer in self.at_stripe():
            self.save_a_good_card(customer)
        for which in range(len(self.now.plans)):
            self.world.process(self.work_of("resume", which))
        for _day in range(DAYS):
            self.timers(*EACH_DAY)
            self.world.wait(timedelta(hours=24, minutes=20))
        self.timers(*LAST)
        self.world.wait(timedelta(hours=7))
        self.timers("backfill", "refunds", "mail")
        self.now = self.truth.check()
        self.all_is_well()
        self.truth.books.everything_is_known(self.now)
        self.truth.books.nothing_differs(self.now)
        self.truth.told.nobody_is_forgotten(self.now)

    def timers(self, *kinds: str) -> None:
        """One after the other, in peace."""
        for kind in kinds:
            self.world.process(self.work_of(kind))

    def save_a_good_card(self, customer: Customer) -> None:
        """On the page for it; the setup pass finds what the browser does not report."""
        checkout = self.world.process(self.refresh_page(customer))
        assert isinstance(checkout, Checkout), f"{customer} could not open the page for a new card"
        self.in_browser(checkout, GOOD, "complete")
        self.world.process(lambda: payment.finish(checkout))
        assert checkout.succeeded, f"{customer} could not save a new card"

    def all_is_well(self) -> None:
        """Nothing is unknown, nothing at Stripe is missing here, nothing that was due is left."""
        for uuid in self.now.charges:
            checkout = self.now.by_uuid[uuid]
            assert checkout.succeeded or went_back(self.now, checkout), f"{checkout} was charged: {checkout.quarantine}"
        for intent in self.now.stripe["setup_intent"].values():
            checkout = self.now.by_uuid.get(intent["metadata"].get("checkout", ""))
            signed = checkout is not None and (checkout.is_card_refresh or hasattr(checkout, "agreement"))
            if signed and intent["status"] == "succeeded":
                assert checkout.succeeded, f"{checkout} has saved a card at Stripe"
        unknown = [one for one in [*self.now.checkouts, *self.now.rows] if one.state_id == states.REQUEST]
        assert not unknown, f"not resolved: {unknown}"
        self.everything_due_is_paid()
        again = self.world.process(lambda: failed_checkouts(days=AUDITED_DAYS, now=self.world.now))
        left = [one for one in again.findings if not went_back(self.now, one.checkout)]
        assert not left, f"the audit has something to fix after all: {left}"

    def everything_due_is_paid(self) -> None:
        """Of the plans that go on, deposits and all: their customers have good cards."""
        today = timezone.localdate(self.world.now)
        left = [
            row
            for row in self.now.instalments
            if row.due < today and row.state_id != states.SUCCESS and not row.object_payment_plan.deleted
        ]
        assert not left, f"due, with a good card, and not paid: {left}"
