"""What comes after a payment: Stripe's post, money given back by staff or in the dashboard, disputes, backfill."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import timedelta
from decimal import Decimal
from typing import Any, Final
from uuid import UUID, uuid4

import stripe
from hypothesis import strategies as st
from hypothesis.stateful import precondition, rule

from checkout import money
from checkout.flows import dispute, inbox, refund
from checkout.models import Checkout, Event, ObjectPaymentPlan
from example_checkout.tests.machine.office import Office
from example_checkout.tests.machine.people import FUSES, LOST, WHICH, pick
from example_checkout.tests.machine.postman import FATES, ORDERS
from example_checkout.tests.plans import library

REFUNDS: Final = "/v1/refunds"
PARTS = st.sampled_from(["whole", "whole", "half", "little", "too much"])
FAR_BACK: Final = timedelta(days=3650)
BACK = st.sampled_from([timedelta(hours=3), timedelta(days=3), FAR_BACK])
TROUBLES = st.sampled_from([None, "timeout_after_commit", "timeout_after_commit", "reset_before", "server_error"])
RIVALS = st.sampled_from(
    [
        *("post", "post", "backfill", "events", "worker", "refunds", "give back", "dashboard", "pause", "resume"),
        *("run", "charges", "on_session", "setups", "pay", "delete", "charge", "by hand", "mail"),
    ]
)
# Cards that are charged without complaint, and then.
LATER_CARDS = st.sampled_from(["createDispute", "createDisputeInquiry", "pendingRefund", "refundFail", "refundFail"])
EVIDENCE = st.sampled_from(["winning_evidence", "losing_evidence", "escalate_inquiry_evidence", None])
FATE = st.sampled_from(FATES)
# One of the newest.
NEW = st.sampled_from([0, 0, 1])
WELL: Final = ("arrives",)
SOON = timedelta(minutes=62)


class Giving(Office):
    """The rules."""

    asked_back: list[tuple[int, Decimal, UUID]]

    def work_of(self, kind: str, which: int = 0) -> Callable[[], Any]:
        """A process of that kind. Whatever row it needs is looked for when it runs."""
        mine: dict[str, Callable[[], Any]] = {
            "post": self.world.post.bring_all_at_once,
            "backfill": lambda: inbox.backfill(since=self.world.now - FAR_BACK),
            "events": inbox.work_due,
            "worker": lambda: self.work_handed(which),
            "refunds": refund.resolve,
            "give back": lambda: self.give_back_at_once(which),
            "dashboard": lambda: self.give_back_at_stripe(which, "half"),
            "pause": lambda: self.halt(which, pause=True),
            "resume": lambda: self.halt(which, pause=False),
        }
        return mine.get(kind) or super().work_of(kind, which)

    # post

    @rule(order=st.sampled_from(ORDERS), fates=FATE, fuse=FUSES)
    def post_comes(self, order: str, fates: tuple[str, ...], fuse: int | None) -> None:
        """Everything that is due, more or less; the first process may be killed."""
        for place, delivery in enumerate(self.world.post.bag(order)):
            self.world.post.bring(delivery, fates[place % len(fates)], fuse)
            fuse = None

    @rule(kind=RIVALS, which=WHICH, after=st.integers(0, 20))
    def post_with_a_rival(self, kind: str, which: int, after: int) -> None:
        """Somebody acts while an event is worked."""
        self.overtaken(kind, which, after)
        self.post_comes("as sent", WELL, None)

    @precondition(lambda self: self.world.post.handed)
    @rule(which=WHICH, fuse=FUSES)
    def worker_takes_an_event(self, which: int, fuse: int | None) -> None:
        """One that it was handed, the newest or an old one, again perhaps: nothing is ever taken off the list."""
        self.world.process(self.work_of("worker", which), fuse=fuse)

    def work_handed(self, which: int) -> None:
        """As its task does."""
        pk = pick(self.world.post.handed[::-1], which)
        if pk is not None:
            inbox.work(pk)

    @rule(fuse=FUSES)
    def work_events(self, fuse: int | None) -> None:
        """From its timer."""
        self.world.process(self.work_of("events"), fuse=fuse)

    @rule(back=BACK, fuse=FUSES)
    def fetch_what_was_missed(self, back: timedelta, fuse: int | None) -> None:
        """From its timer, or by hand after an outage."""
        self.world.process(lambda: inbox.backfill(since=self.world.now - back), fuse=fuse)

    @rule(which=WHICH, fuse=FUSES)
    def replay(self, which: int, fuse: int | None) -> None:
        """An old event once more, by hand."""
        event = pick(list(Event.objects.order_by("-pk")[:8]), which)
        if event is not None:
            self.world.process(lambda: inbox.replay(event, user=self.staff()), fuse=fuse)

    # money given back

    def paid(self) -> list[Checkout]:
        """What was charged at Stripe, whether we know it or not."""
        return [one for one in self.now.checkouts if str(one.uuid) in self.now.charges]

    @precondition(lambda self: self.paid())
    @rule(which=WHICH, part=PARTS, trouble=TROUBLES, again=st.booleans(), fuse=FUSES)
    def give_back(self, which: int, part: str, trouble: str | None, again: bool, fuse: int | None) -> None:
        """By staff; the answer may be lost, the process killed, the form sent twice."""
        checkout = pick(self.paid()[::-1], which)
        if trouble:
            self.asked_for.append((self.world.simulator.trouble.add(trouble, times=2, path=REFUNDS), 2))
        self.asked_back.append((checkout.pk, share(checkout, part), uuid4()))
        self.world.given.add(self.asked_back[-1][2])
        self.world.process(self.refund_form(-1), fuse=fuse)
        if again:
            self.world.process(self.refund_form(-1))

    @rule(which=WHICH, part=PARTS, trouble=TROUBLES, kind=RIVALS, after=st.integers(0, 16))
    def give_back_with_a_rival(self, which: int, part: str, trouble: str | None, kind: str, after: int) -> None:
        """Somebody acts in the middle of it."""
        if self.paid():
            self.overtaken(kind, which, after)
            self.give_back(which, part, trouble, False, None)

    @precondition(lambda self: self.asked_back)
    @rule(which=WHICH, fuse=FUSES)
    def send_the_refund_again(self, which: int, fuse: int | None) -> None:
        """An old page, sent once more."""
        self.world.process(self.refund_form(which % len(self.asked_back)), fuse=fuse)

    def refund_form(self, place: int) -> Callable[[], Any]:
        """What the page of staff sends."""
        pk, amount, uuid = self.asked_back[place]
        found = Checkout.objects.get(pk=pk)
        return lambda: refund.give_back(found, amount=amount, user=self.staff(), uuid=uuid, reason="duplicate")

    def give_back_at_once(self, which: int) -> None:
        """The same by a colleague, in the middle of somebody else's process."""
        checkout = pick(list(Checkout.objects.filter(pk__in=[one.pk for one in self.paid()]).order_by("-pk")), which)
        if checkout is not None:
            self.asked_back.append((checkout.pk, share(checkout, "half"), uuid4()))
            self.world.given.add(self.asked_back[-1][2])
            self.refund_form(-1)()

    @precondition(lambda self: self.paid())
    @rule(which=WHICH, part=st.sampled_from(["whole", "half", "half"]))
    def use_the_dashboard(self, which: int, part: str) -> None:
        """Somebody gives money back at Stripe, without us."""
        self.give_back_at_stripe(which, part)

    def give_back_at_stripe(self, which: int, part: str) -> None:
        """Stripe may say no."""
        checkout = pick(self.paid()[::-1], which)
        if checkout is None:
            return
        intent = self.now.charges[str(checkout.uuid)][0]["payment_intent"]
        sent = {} if part == "whole" else {"amount": money.to_minor(share(checkout, part), checkout.currency)}
        with self.at_the_dashboard() as v1:
            v1.refunds.create({"payment_intent": intent, **sent})
            self.world.facts["given back in the dashboard"] += 1

    @contextmanager
    def at_the_dashboard(self) -> Iterator[Any]:
        """Stripe's own pages have none of our trouble; what they refuse is no business of ours."""
        self.world.sync()
        rules, self.world.simulator.trouble.rules = self.world.simulator.trouble.rules, []
        try:
            yield library(self.world.simulator)
        except stripe.InvalidRequestError:
            self.world.facts["dashboard said no"] += 1
        finally:
            self.world.simulator.trouble.rules = rules

    @rule(fuse=FUSES)
    def ask_about_refunds(self, fuse: int | None) -> None:
        """From its timer."""
        self.world.process(self.work_of("refunds"), fuse=fuse)

    # disputes

    def contested(self) -> list[dict[str, Any]]:
        """What is open at Stripe."""
        return [one for one in self.now.stripe["dispute"].values() if one["status"].endswith("needs_response")]

    @precondition(lambda self: self.contested())
    @rule(which=WHICH, evidence=EVIDENCE)
    def answer_a_dispute(self, which: int, evidence: str | None) -> None:
        """In Stripe's dashboard, with evidence or by giving in; the clock does the rest."""
        found = pick(self.contested(), which)
        with self.at_the_dashboard() as v1:
            if evidence is None:
                v1.disputes.close(found["id"])
            else:
                v1.disputes.update(found["id"], {"evidence": {"uncategorized_text": evidence}, "submit": True})

    @precondition(lambda self: self.now.plans)
    @rule(which=WHICH, pause=st.sampled_from([True, False, False]), fuse=FUSES)
    def pause_or_go_on(self, which: int, pause: bool, fuse: int | None) -> None:
        """By staff."""
        self.world.process(lambda: self.halt(which, pause=pause), fuse=fuse)

    def halt(self, which: int, *, pause: bool) -> None:
        """Pause a plan, or let it go on."""
        plan = pick(list(ObjectPaymentPlan.objects.order_by("pk")), which)
        if plan is None:
            return
        if pause:
            dispute.pause(plan, user=self.staff())
        else:
            self.world.resumed.add(plan.pk)
            dispute.resume(plan, user=self.staff())

    # the same with less left to chance

    @rule(card=LATER_CARDS, late=st.booleans(), order=st.sampled_from(ORDERS), fates=FATE, which=NEW, part=PARTS)
    def charged_and_then(
        self, card: str, late: bool, order: str, fates: tuple[str, ...], which: int, part: str
    ) -> None:
        """A day of payment with cards that have consequences; the post; money back; the post of an hour later."""
        for customer in self.at_stripe():
            self.give_card(customer, card)
        self.quiet_run(late=late)
        self.now = self.truth.check()
        self.post_comes(order, fates, None)
        if self.paid():
            self.give_back(which, part, None, False, None)
            self.give_back_at_stripe(which, "half")
        self.world.wait(SOON)
        self.post_comes(order, fates, None)

    @rule(which=WHICH, kind=st.sampled_from([None, "pause", "resume"]), after=st.integers(3, 30), late=st.booleans())
    def a_run_meets_a_paused_plan(self, which: int, kind: str | None, after: int, late: bool) -> None:
        """Its day comes, and somebody changes their mind in the middle of the run."""
        self.pause_or_go_on(which, True, None)
        if kind is not None:
            self.overtaken(kind, which, after)
        self.quiet_run(late)

    @rule(late=st.booleans(), lost=LOST, order=st.sampled_from(ORDERS), fates=FATE, fuse=FUSES)
    def run_and_post(self, late: bool, lost: int, order: str, fates: tuple[str, ...], fuse: int | None) -> None:
        """The answers of a run are lost, and the post brings them before anybody asks; then a worker comes."""
        self.lose(lost, "/v1/payment_intents")
        self.quiet_run(late=late)
        self.post_comes(order, fates, fuse)
        self.work_events(fuse)

    @rule(kind=st.sampled_from(["post", "post", "refunds", "backfill"]), after=st.integers(3, 30), late=st.booleans())
    def run_while_the_post_comes(self, kind: str, after: int, late: bool) -> None:
        """Stripe's events arrive before the run has booked its own answers."""
        self.run_with_a_rival(kind, 0, after, late)


def share(checkout: Checkout, part: str) -> Decimal:
    """How much of a payment is asked back."""
    assert checkout.total is not None
    whole = money.to_minor(checkout.total, checkout.currency)
    minor = {"whole": whole, "half": max(1, whole // 2), "little": 1, "too much": whole + 1}[part]
    return money.from_minor(minor, checkout.currency)
