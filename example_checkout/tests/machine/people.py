"""What customers do: read, agree, type a card, answer their bank or not, come back or not, pay with another card."""

import itertools
from collections.abc import Callable
from datetime import timedelta
from decimal import Decimal
from typing import Any

from django.contrib.auth import get_user_model
from hypothesis import strategies as st
from hypothesis.stateful import precondition, rule

from checkout import states
from checkout.flows import charge, deposit, on_session, payment
from checkout.models import Checkout, Customer, ObjectPaymentPlanInstalment
from checkout.simulator.errors import ConnectionLost
from checkout.simulator.fixtures import Payer
from checkout.simulator.trouble import Rule
from example_checkout.models import Contact, Product, SalesLedger
from example_checkout.tests.machine.snapshot import Snapshot
from example_checkout.tests.machine.world import World
from example_checkout.tests.plans import consent, library

GOOD = "4242424242424242"
CARDS = st.sampled_from(
    [
        GOOD,
        GOOD,
        GOOD,
        "4000002760003184",  # authentication, always
        "4000008260003178",  # set up it is declined for lack of funds
        "4000000000000341",  # saved without complaint, then declined
        "4000002500003155",  # authentication unless it was set up
        "4000000000000002",  # declined, always
        "4000000000000259",  # disputed as soon as it is charged
        "4000000000007726",  # what is given back is on its way for an hour
        "4000000000005126",  # what was given back comes back
    ]
)
ANSWERS = st.sampled_from(["complete", "complete", "complete", "fail", "cancel", None])
LOST_CARD = "visa_chargeCustomerFailLostCard"
NEW_CARDS = st.sampled_from(
    [
        "visa",
        "visa",
        "authenticationRequired",
        "chargeCustomerFail",
        "authenticationRequiredChargeDeclinedInsufficientFunds",
        LOST_CARD,
        "createDispute",
        "createDisputeInquiry",
        "pendingRefund",
        "refundFail",
        "nobody's",
    ]
)
PRICES = st.sampled_from([("120.00", "GBP"), ("100.01", "GBP"), ("99.97", "EUR"), ("7001", "JPY")])
# Ada is known under two spellings of one address.
PEOPLE = ("ada@example.com", "Ada@Example.com", "bob@example.com")
WHO = st.integers(0, len(PEOPLE) - 1)
# Answers in a row that are lost: two are all that one call gets, four are those of two calls.
LOST = st.sampled_from([0, 0, 2, 4])
WHICH = st.integers(0, 7)
SETUPS = (states.PAYMENT_PLAN, states.CARD_REFRESH)
# At which event a process is killed, if it is.
FUSES = st.one_of(st.none(), st.none(), st.integers(1, 12), st.integers(1, 90))

_numbers = itertools.count(1)


def pick(rows: list[Any], which: int) -> Any:
    """One of them; None if there are none."""
    return rows[which % len(rows)] if rows else None


class People:
    """The customers' rules. ``now`` is what the last look found."""

    world: World
    now: Snapshot
    pay: Payer
    asked_for: list[tuple[Rule, int]]

    def person(self, who: int) -> Contact:
        """The contact, with an account."""
        email = PEOPLE[who % len(PEOPLE)]
        found = Contact.objects.select_related("user").filter(email=email).first()
        if found is None:
            user = get_user_model().objects.create(username=email, email=email)
            found = Contact.objects.create(user=user, name=email, email=email)
        return found

    def book(self, who: int, price: tuple[str, str]) -> SalesLedger:
        """A booking of a course for that price."""
        amount, currency = price
        slug = f"course-{amount}-{currency}".replace(".", "-").lower()
        product, _made = Product.objects.get_or_create(
            slug=slug, defaults={"name": slug, "price": Decimal(amount), "currency": currency}
        )
        number = f"M{next(_numbers)}"
        return SalesLedger.objects.create(contact=self.person(who), product=product, title="Course", number=number)

    def in_browser(self, intent: Any, card: str, answer: str | None) -> None:
        """Type a card, and do what the bank asks, or not. Whatever goes wrong is shown in the browser."""
        self.world.sync()
        try:
            self.pay(intent, card=card, authenticate=answer)
        except (ConnectionLost, ValueError):
            self.world.facts["browser saw an error"] += 1

    def open_attempts(self, *actions: str) -> list[Checkout]:
        """Attempts in the browser that are not settled."""
        return [one for one in self.now.checkouts if one.is_open and one.action_id in actions]

    def sign_up(self, who: int, price: tuple[str, str], fuse: int | None = None) -> Checkout | None:
        """Read the page, tick the box."""
        booking = self.book(who, price)

        def work() -> Checkout:
            made = Checkout.objects.create_checkout("payment_plan", booking, booking.contact.user)
            payment.agree(made, consent=consent(made))
            return made

        return self.world.process(work, fuse=fuse)

    @rule(who=WHO, price=PRICES, card=CARDS, answer=ANSWERS, lost=LOST, fuse=FUSES)
    def sign_up_and_come_back(
        self, who: int, price: tuple[str, str], card: str, answer: str | None, lost: int, fuse: int | None
    ) -> None:
        """A whole sign-up; answers to the charge of the deposit may be lost, the process that settles it may die."""
        checkout = self.sign_up(who, price)
        if checkout is not None:
            self.in_browser(checkout, card, answer)
            self.lose(lost, "/v1/payment_intents")
            self.world.process(lambda: payment.finish(checkout), fuse=fuse)
            if lost:
                # the page that the customer sees now asks where the deposit stands
                self.world.wait(timedelta(seconds=10))
                self.world.process(lambda: deposit.look(checkout))

    @rule(who=WHO, price=PRICES, lost=LOST, fuse=FUSES)
    def begin_to_sign_up(self, who: int, price: tuple[str, str], lost: int, fuse: int | None) -> None:
        """Only the first half; another person may have begun before."""
        self.lose(lost, None)
        self.sign_up(who, price, fuse)

    def lose(self, answers: int, path: str | None) -> None:
        """The next answers do not arrive, though Stripe does what it was asked."""
        if answers:
            made = self.world.simulator.trouble.add("timeout_after_commit", times=answers, path=path)
            self.asked_for.append((made, answers))

    @precondition(lambda self: self.open_attempts(*SETUPS))
    @rule(which=WHICH, card=CARDS, answer=ANSWERS)
    def type_card(self, which: int, card: str, answer: str | None) -> None:
        """The second half, in a browser that may never come back."""
        checkout = pick([one for one in self.open_attempts(*SETUPS) if one.setup_intent_id], which)
        if checkout is not None:
            self.in_browser(checkout, card, answer)

    @precondition(lambda self: self.open_attempts(*SETUPS, states.PAY_ON_SESSION))
    @rule(which=WHICH, fuse=FUSES)
    def come_back(self, which: int, fuse: int | None) -> None:
        """The browser returns, perhaps for the second time, perhaps days later."""
        checkout = pick(self.open_attempts(*SETUPS, states.PAY_ON_SESSION), which)
        fresh = Checkout.objects.get(pk=checkout.pk)
        self.world.process(lambda: payment.finish(fresh), fuse=fuse)

    def signed_up(self) -> list[Checkout]:
        """Sign-ups whose card was saved."""
        return [one for one in self.now.checkouts if one.is_payment_plan and one.succeeded]

    @precondition(lambda self: self.signed_up())
    @rule(which=WHICH, fuse=FUSES)
    def look_at_the_deposit(self, which: int, fuse: int | None) -> None:
        """The page after a sign-up asks where the deposit stands."""
        checkout = Checkout.objects.get(pk=pick(self.signed_up(), which).pk)
        self.world.process(lambda: deposit.look(checkout), fuse=fuse)

    def waiting_for_the_bank(self) -> list[Checkout]:
        """Charges that wait for their customer's bank; also those that go on elsewhere: an old page may be open."""
        charges = [one for one in self.now.checkouts if one.is_charge]
        return [one for one in charges if one.state_id == states.PAY_ON_SESSION or one.pk in self.now.taken_over]

    @precondition(lambda self: self.waiting_for_the_bank())
    @rule(which=WHICH, card=CARDS, answer=ANSWERS, returns=st.booleans(), fuse=FUSES)
    def answer_the_bank(self, which: int, card: str, answer: str | None, returns: bool, fuse: int | None) -> None:
        """A charge that waits is authenticated, and the browser comes back, or not."""
        attempt = Checkout.objects.get(pk=pick(self.waiting_for_the_bank(), which).pk)
        self.in_browser(attempt, card, answer)
        if returns:
            self.world.process(lambda: charge.finish(attempt), fuse=fuse)

    def unpaid(self) -> list[ObjectPaymentPlanInstalment]:
        """Parts that are due and not paid."""
        today = self.world.now.date()
        return [row for row in self.now.instalments if row.state_id != states.SUCCESS and row.due <= today]

    @precondition(lambda self: self.unpaid())
    @rule(which=WHICH, fuse=FUSES)
    def open_pay_page(self, which: int, fuse: int | None) -> None:
        """Open the page that takes any card for one part, and go no further yet."""
        self.shown(self.world.process(self.pay_page(pick(self.unpaid(), which)), fuse=fuse))

    def shown(self, checkout: Checkout | None) -> Checkout | None:
        """Its page is open in some browser from now on."""
        if checkout is not None:
            self.world.shown.add(str(checkout.uuid))
        return checkout

    def pay_page(self, row: ObjectPaymentPlanInstalment) -> Callable[[], Checkout]:
        """What the door of that page does."""
        fresh = ObjectPaymentPlanInstalment.objects.with_plan().get(pk=row.pk)
        email = fresh.customer.email
        user = next(self.person(who).user for who in range(len(PEOPLE)) if PEOPLE[who].lower() == email)
        return lambda: on_session.start(fresh, user=user)

    @precondition(lambda self: self.unpaid())
    @rule(which=WHICH, card=CARDS, answer=ANSWERS, returns=st.booleans(), fuse=FUSES)
    def pay_one_part(self, which: int, card: str, answer: str | None, returns: bool, fuse: int | None) -> None:
        """Pay one part with any card, in the browser, and come back, or not."""
        checkout = self.shown(self.world.process(self.pay_page(pick(self.unpaid(), which))))
        if checkout is not None:
            self.press_the_button(checkout, card, answer)
        if checkout is not None and returns:
            self.world.process(lambda: payment.finish(checkout), fuse=fuse)

    @precondition(lambda self: self.open_attempts(states.PAY_ON_SESSION))
    @rule(which=WHICH, card=CARDS, answer=ANSWERS)
    def press_an_old_button(self, which: int, card: str, answer: str | None) -> None:
        """A page that was opened some time ago."""
        found = pick(self.open_attempts(states.PAY_ON_SESSION), which)
        self.press_the_button(Checkout.objects.get(pk=found.pk), card, answer)

    def press_the_button(self, checkout: Checkout, card: str, answer: str | None) -> None:
        """Our script asks us first; only with our yes it confirms with Stripe."""

        def work() -> bool:
            payment.begin(checkout, shown_total=checkout.total)
            return True

        if self.world.process(work) and checkout.payment_intent_id:
            self.in_browser(checkout, card, answer)

    @precondition(lambda self: any(one.customer_id for one in self.now.customers.values()))
    @rule(which=WHICH, card=NEW_CARDS)
    def change_card(self, which: int, card: str) -> None:
        """A new card on file: one that works, asks, declines, or is gone."""
        known = [one for one in self.now.customers.values() if one.customer_id]
        self.give_card(pick(known, which), card)

    def give_card(self, customer: Customer, card: str) -> None:
        """Saved at Stripe as a card refresh does, with the bank's blessing, and put on file."""
        method = "pm_nobody"
        if card != "nobody's":
            self.world.sync()
            rules, self.world.simulator.trouble.rules = self.world.simulator.trouble.rules, []
            v1 = library(self.world.simulator)
            made = v1.setup_intents.create(
                {
                    "customer": customer.customer_id,
                    "payment_method": f"pm_card_{card}",
                    "confirm": True,
                    "automatic_payment_methods": {"enabled": True, "allow_redirects": "never"},
                }
            )
            if made.status == "requires_action":
                self.world.simulator.authenticate(made.id, "complete")
            self.world.simulator.trouble.rules = rules
            method = str(self.world.simulator._store.kinds["setup_intent"][made.id]["payment_method"])
        Customer.objects.filter(pk=customer.pk).update(payment_method_id=method)
