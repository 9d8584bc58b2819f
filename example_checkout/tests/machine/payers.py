"""What customers do when the first attempt came to nothing: follow a link, use another card, save a new one."""

from collections.abc import Callable
from typing import Any

from hypothesis import strategies as st
from hypothesis.stateful import precondition, rule

from checkout import states
from checkout.flows import card, on_session, payment
from checkout.models import Checkout, Customer
from checkout.notify import links
from checkout.simulator.errors import ConnectionLost
from checkout.simulator.fixtures import PUBLISH_KEY, SECRET_KEY, _call
from example_checkout.tests.machine.mailbox import Mail
from example_checkout.tests.machine.people import ANSWERS, CARDS, FUSES, GOOD, LOST, WHICH, People, pick
from example_checkout.tests.machine.truth import Truth

# The button of the page first offers the card on file.
ON_FILE = "on file"
WAYS = st.one_of(st.just(ON_FILE), CARDS)
OFTEN = st.sampled_from([True, True, False])


class Payers(People):
    """Rules of customers who have had mail, or ought to."""

    truth: Truth

    def letters(self) -> list[Mail]:
        """What has arrived, and has a link to pay."""
        return [mail for mail in self.world.mail.taken if mail.token]

    @precondition(lambda self: self.letters())
    @rule(which=WHICH, way=WAYS, answer=ANSWERS, pays=OFTEN, returns=OFTEN, lost=LOST, fuse=FUSES)
    def follow_a_link(
        self, which: int, way: str, answer: str | None, pays: bool, returns: bool, lost: int, fuse: int | None
    ) -> None:
        """From a mail that has arrived, the newest or an old one, perhaps for the second time, perhaps after paying."""
        mail = pick(self.letters()[::-1], which)
        self.lose(lost, "/v1/payment_intents*")
        checkout = self.shown(self.world.process(self.open_link(mail.token), fuse=fuse))
        if checkout is not None and pays:
            self.world.facts["paid from a mail"] += 1
            self.pay_page_with(checkout, way, answer)
            if returns:
                fresh = Checkout.objects.get(pk=checkout.pk)
                self.world.process(lambda: payment.finish(fresh))

    def open_link(self, token: str) -> Callable[[], Checkout | None]:
        """What the page behind a link does."""

        def work() -> Checkout | None:
            try:
                target = links.read(token)
            except links.LinkExpired:
                self.world.facts["link expired"] += 1
                return None
            self.world.facts["link followed"] += 1
            return Checkout.objects.create_checkout_pay_on_session(target, None)

        return work

    def pay_page_with(self, checkout: Checkout, way: str, answer: str | None) -> None:
        """Press the button, with the card on file or another one."""
        if way != ON_FILE:
            self.press_the_button(checkout, way, answer)
            return
        method = Customer.objects.get(pk=checkout.customer_id).payment_method_id

        def work() -> bool:
            payment.begin(checkout, shown_total=checkout.total)
            return True

        if method and self.world.process(work):
            self.world.facts["card on file, in the browser"] += 1
            self.confirm_with(checkout.payment_intent_id, method, answer)

    def confirm_with(self, intent_id: str, method: str, answer: str | None) -> None:
        """What Stripe.js sends for a saved card."""
        self.world.sync()
        simulator = self.world.simulator
        try:
            intent = _call(simulator, "GET", f"/v1/payment_intents/{intent_id}", SECRET_KEY, {})
            sent = {
                "client_secret": str(intent.get("client_secret")),
                "payment_method": method,
                "return_url": "https://example.com/",
                "use_stripe_sdk": "true",
            }
            made = _call(simulator, "POST", f"/v1/payment_intents/{intent_id}/confirm", PUBLISH_KEY, sent)
            if made.get("status") == "requires_action" and answer is not None:
                simulator.authenticate(intent_id, answer, client_secret=sent["client_secret"])
        except (ConnectionLost, ValueError):
            self.world.facts["browser saw an error"] += 1

    @precondition(lambda self: self.open_attempts(states.PAY_ON_SESSION))
    @rule(which=WHICH, answer=ANSWERS)
    def press_with_the_card_on_file(self, which: int, answer: str | None) -> None:
        """On a page that was opened some time ago."""
        found = pick(self.open_attempts(states.PAY_ON_SESSION), which)
        self.pay_page_with(Checkout.objects.get(pk=found.pk), ON_FILE, answer)

    def at_stripe(self) -> list[Customer]:
        """Customers who have had a card."""
        return [one for one in self.now.customers.values() if one.customer_id]

    @precondition(lambda self: self.at_stripe())
    @rule(which=WHICH, number=CARDS, answer=ANSWERS, returns=OFTEN, lost=LOST, fuse=FUSES)
    def refresh_card(
        self, which: int, number: str, answer: str | None, returns: bool, lost: int, fuse: int | None
    ) -> None:
        """Save a new card on the page for it, and come back, or not: what waited for a card is put back in line."""
        payer = pick(self.at_stripe(), which)
        checkout = self.world.process(self.refresh_page(payer))
        if checkout is None:
            return
        self.in_browser(checkout, number, answer)
        if returns:
            self.lose(lost, None)
            self.world.process(lambda: payment.finish(checkout), fuse=fuse)

    def refresh_page(self, payer: Customer) -> Callable[[], Checkout]:
        """What its door does."""
        fresh = Customer.objects.get(pk=payer.pk)
        return lambda: card.start_refresh(fresh, user=self.user_of(fresh))

    def user_of(self, customer: Customer) -> Any:
        """Who signs in with that address."""
        return next(self.person(who).user for who in range(3) if self.person(who).email.lower() == customer.email)

    # the same with less left to chance

    @precondition(lambda self: self.unpaid())
    @rule(which=WHICH, after=st.integers(0, 14), number=CARDS)
    def two_open_a_page(self, which: int, after: int, number: str) -> None:
        """For one thing, at the same time: a mail scanner and its customer, say. Then somebody pays."""
        self.now = self.truth.check()
        row = pick(self.unpaid(), which)
        self.world.overtake(after, lambda: self.open_at_once(self.now.rows.index(row)))
        self.pay_one_part(which, number, "complete", True, None)

    @precondition(lambda self: self.waiting_for_the_bank())
    @rule(which=WHICH, number=CARDS, trouble=st.sampled_from(["reset_before", "timeout_after_commit"]))
    def pay_on_an_old_page(self, which: int, number: str, trouble: str) -> None:
        """The page of a charge is open while its intent is taken over, and whoever takes it over gets no answer."""
        attempt = pick(self.waiting_for_the_bank(), which)
        row = self.now.target.get(attempt.pk)
        if row is not None:
            made = self.world.simulator.trouble.add(trouble, times=2, path="/v1/payment_intents*", method="POST")
            self.asked_for.append((made, 2))
            fresh = type(row).objects.get(pk=row.pk)
            self.shown(self.world.process(lambda: on_session.start(fresh, user=None)))
            if made in self.world.simulator.trouble.rules:
                # nobody has asked: the browser is not to meet it
                self.world.simulator.trouble.rules.remove(made)
            self.in_browser(attempt, number, "complete")

    # what they do in the middle of somebody else's process

    def open_at_once(self, which: int) -> None:
        """Follow the link to something, and look."""
        row = pick([*self.now.instalments, *self.now.payments], which)
        if row is not None:
            self.shown(on_session.start(type(row).objects.get(pk=row.pk), user=None))

    def pay_at_once(self, which: int) -> None:
        """Follow the link to something, press the button, pay with a good card, come back."""
        row = pick([*self.now.instalments, *self.now.payments], which)
        if row is not None:
            checkout = on_session.start(type(row).objects.get(pk=row.pk), user=None)
            self.shown(checkout)
            payment.begin(checkout, shown_total=checkout.total)
            self.in_browser(checkout, GOOD, "complete")
            payment.finish(checkout)

    def new_card_at_once(self, which: int) -> None:
        """Save a good card and come back."""
        payer = pick(self.at_stripe(), which)
        if payer is not None:
            checkout = self.refresh_page(payer)()
            self.in_browser(checkout, GOOD, "complete")
            payment.finish(checkout)
