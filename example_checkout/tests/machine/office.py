"""What else happens behind the counter: mail, amounts that staff charge, asking again, expiry dates, days of runs."""

from collections.abc import Callable
from datetime import timedelta
from decimal import Decimal
from typing import Any
from uuid import UUID, uuid4

from django.utils import timezone
from hypothesis import strategies as st
from hypothesis.stateful import precondition, rule

from checkout.accounts import can_login_and_pay
from checkout.flows import ask_again, demands, expiry
from checkout.models import Checkout, Customer, CustomerPayment, Notice, ObjectPaymentPlanInstalment
from checkout.notify import outbox
from example_checkout.tests.machine.mailbox import MOODS
from example_checkout.tests.machine.payers import ON_FILE, Payers
from example_checkout.tests.machine.people import ANSWERS, CARDS, FUSES, LOST, LOST_CARD, WHICH, pick
from example_checkout.tests.machine.shop import Shop

MAIL = st.lists(st.sampled_from(MOODS), max_size=3)
TASKS = st.sampled_from(["demands", "demands", "mail"])
AMOUNTS = st.sampled_from(["12.50", "30.00", "0.10"])
# In the middle of a mail task: there are not many places where another one can come between.
AFTER = st.integers(2, 16)
MAIL_RIVALS = st.sampled_from(["mail", "demands", "demands"])
# Longer than a mail server may take, and than the pause after that.
SLOW = timedelta(minutes=16)
BAD_CARDS = st.sampled_from(
    [
        "authenticationRequired",
        "authenticationRequired",
        "chargeCustomerFail",
        "authenticationRequiredChargeDeclinedInsufficientFunds",
        LOST_CARD,
    ]
)


def never_sure(contact: Any) -> bool:
    """A host's rule that raises."""
    raise LookupError(contact)


RULES: dict[str, Callable[[Any], bool]] = {
    "ready": can_login_and_pay,
    "yes": lambda contact: True,
    "raises": never_sure,
}


class Office(Payers, Shop):
    """The rules."""

    charged: list[tuple[int, str, UUID]]

    def work_of(self, kind: str, which: int = 0) -> Callable[[], Any]:
        """A process of that kind. Whatever row it needs is looked for when it runs."""
        mine: dict[str, Callable[[], Any]] = {
            "mail": outbox.send_unsent,
            "demands": lambda: demands.send_on_session_payment_emails(can_login_and_pay),
            "expiry": expiry.refresh_card_expiry_dates,
            "pay": lambda: self.pay_at_once(which),
            "open": lambda: self.open_at_once(which),
            "new card": lambda: self.new_card_at_once(which),
        }
        return mine.get(kind) or super().work_of(kind, which)

    def mail_later(self) -> None:
        """Other workers, while one waits for a slow server."""
        for _time in range(2):
            self.world.wait(SLOW)
            outbox.send_unsent()

    # mail

    @rule(kind=TASKS, moods=MAIL, site=st.sampled_from(sorted(RULES)), fuse=FUSES)
    def send_mail(self, kind: str, moods: list[str], site: str, fuse: int | None) -> None:
        """One of the two tasks, with a mail server in that mood; the worker may be killed at any step."""
        self.world.mail.moods.extend(moods)
        self.world.mail.meanwhile = self.mail_later
        work = outbox.send_unsent
        if kind == "demands":
            work = lambda: demands.send_on_session_payment_emails(RULES[site])  # noqa: E731
        self.world.process(work, fuse=fuse)

    @rule(kind=TASKS, moods=MAIL, after=AFTER, rival=MAIL_RIVALS)
    def two_mail_workers(self, kind: str, moods: list[str], after: int, rival: str) -> None:
        """One in the middle of the other."""
        self.overtaken(rival, 0, after)
        self.send_mail(kind, moods, "ready", None)

    @rule(moods=MAIL, fuse=FUSES)
    def hours_of_mail(self, moods: list[str], fuse: int | None) -> None:
        """The tasks come round, twice, with the pauses that a refusal brings."""
        for _time in range(2):
            self.world.wait(SLOW)
            self.send_mail("demands", moods, "ready", fuse)
            self.send_mail("mail", [], "ready", None)

    # the same with less left to chance: a no, and what follows

    @rule(card=BAD_CARDS, late=st.booleans(), moods=MAIL, fuse=FUSES)
    def the_bank_says_no(self, card: str, late: bool, moods: list[str], fuse: int | None) -> None:
        """A card that is no good on a day of payment; then the mail tasks."""
        self.bad_day(card, late=late)
        self.send_mail("demands", moods, "ready", fuse)
        self.send_mail("mail", [], "ready", None)

    @rule(card=BAD_CARDS, kind=TASKS, after=AFTER, rival=MAIL_RIVALS)
    def the_bank_says_no_and_two_workers_tell_it(self, card: str, kind: str, after: int, rival: str) -> None:
        """The same, with one worker in the middle of the other."""
        self.bad_day(card, late=False)
        self.two_mail_workers(kind, [], after, rival)

    def bad_day(self, card: str, *, late: bool) -> None:
        """A day of payment for customers whose cards are all of one kind."""
        for customer in self.at_stripe():
            self.give_card(customer, card)
        self.quiet_run(late=late)
        self.world.wait(SLOW)

    @rule(
        which=WHICH, answer=ANSWERS, fuse=FUSES, rival=st.sampled_from([None, "run", "pay", "new card", "on_session"])
    )
    def asked_and_answered(self, which: int, answer: str | None, fuse: int | None, rival: str | None) -> None:
        """The bank wants the customer, the mail arrives, and the link in it is followed, by two perhaps."""
        self.the_bank_says_no("authenticationRequired", False, [], None)
        self.now = self.truth.check()
        if self.letters():
            if rival is not None:
                self.overtaken(rival, which, which + 3)
            self.follow_a_link(0, ON_FILE, answer, True, True, 0, fuse)
            self.now = self.truth.check()
            self.follow_a_link(0, ON_FILE, "complete", True, True, 0, None)

    @rule(card=BAD_CARDS, trouble=st.sampled_from(["reset_before", "timeout_after_commit"]), number=CARDS)
    def a_day_late(self, card: str, trouble: str, number: str) -> None:
        """What became of a day's charges is found out on the next day; then there are new cards, and another run."""
        for customer in self.at_stripe():
            self.give_card(customer, card)
        self.troubled_run(trouble=trouble, late=False)
        self.world.wait(timedelta(hours=22, minutes=30))
        self.ask_what_became("charges", None)
        for which in range(len(self.at_stripe())):
            self.refresh_card(which, number, "complete", True, 0, None)
        self.run_of_the_day(wait=False, trouble=None, times=0, late=False, fuse=None)

    @rule(days=st.integers(1, 18), fuse=FUSES)
    def days_with_runs(self, days: int, fuse: int | None) -> None:
        """A run every day, as cron has it: what was declined is tried again on its day, and no other."""
        for _day in range(days):
            self.world.wait(timedelta(days=1))
            self.run_of_the_day(wait=False, trouble=None, times=0, late=False, fuse=fuse)
            fuse = None

    # staff

    @precondition(lambda self: self.at_stripe())
    @rule(which=WHICH, amount=AMOUNTS, lost=LOST, again=st.booleans(), fuse=FUSES)
    def charge_a_customer(self, which: int, amount: str, lost: int, again: bool, fuse: int | None) -> None:
        """An amount from the saved card; the form may be sent twice, the process killed."""
        customer = pick(self.at_stripe(), which)
        self.lose(lost, "/v1/payment_intents")
        self.charged.append((customer.pk, amount, uuid4()))
        self.world.forms.add(self.charged[-1][2])
        self.world.process(self.form(-1), fuse=fuse)
        if again:
            self.world.process(self.form(-1))

    @precondition(lambda self: self.charged)
    @rule(which=WHICH, fuse=FUSES)
    def send_the_form_again(self, which: int, fuse: int | None) -> None:
        """An old page, sent once more."""
        self.world.process(self.form(which % len(self.charged)), fuse=fuse)

    def form(self, place: int) -> Callable[[], CustomerPayment]:
        """What the page of staff sends."""
        pk, amount, uuid = self.charged[place]
        return lambda: CustomerPayment.objects.charge_customer(
            Customer.objects.get(pk=pk),
            amount=Decimal(amount),
            currency="GBP",
            description="A broken loom",
            user=self.staff(),
            uuid=uuid,
        )

    @precondition(lambda self: self.now.payments)
    @rule(kind=st.sampled_from(["mark paid", "ask again"]), which=WHICH, fuse=FUSES)
    def act_on_an_amount(self, kind: str, which: int, fuse: int | None) -> None:
        """Paid in another way, or the customer is mailed once more."""
        found = CustomerPayment.objects.select_related("customer").get(pk=pick(self.now.payments, which).pk)
        if kind == "mark paid":
            self.world.process(lambda: Checkout.objects.manual(found, self.staff()), fuse=fuse)
        else:
            self.world.process(lambda: ask_again.for_payment(found, user=self.staff()), fuse=fuse)

    @precondition(lambda self: any(row.customer_asked for row in self.now.instalments))
    @rule(which=WHICH, fuse=FUSES)
    def ask_once_more(self, which: int, fuse: int | None) -> None:
        """A customer is mailed a new link, because somebody pressed the button for that."""
        asked = [row.pk for row in self.now.instalments if row.customer_asked]
        part = ObjectPaymentPlanInstalment.objects.with_plan().get(pk=pick(asked, which))
        before = part.customer_asked
        self.world.process(lambda: ask_again.for_instalment(part, user=self.staff()), fuse=fuse)
        # whatever became of the process
        now = ObjectPaymentPlanInstalment.objects.get(pk=part.pk)
        self.world.asked_again[part.pk] += now.customer_asked != before

    @precondition(lambda self: any(one.state == "given_up" for one in self.now.notices))
    @rule(which=WHICH, fuse=FUSES)
    def send_once_more(self, which: int, fuse: int | None) -> None:
        """A mail that was given up is put back in line by hand."""
        notice = pick([one for one in self.now.notices if one.state == "given_up"], which)
        fresh = Notice.objects.get(pk=notice.pk)
        self.world.process(lambda: ask_again.send_again(fresh, user=self.staff()), fuse=fuse)
        self.world.sent_again[fresh.pk] += Notice.objects.get(pk=fresh.pk).state != "given_up"

    @rule(which=WHICH, soon=st.booleans(), moods=MAIL, fuse=FUSES)
    def look_at_expiry_dates(self, which: int, soon: bool, moods: list[str], fuse: int | None) -> None:
        """From its timer; a card may be about to expire."""
        customer = pick([one for one in self.at_stripe() if one.payment_method_id.startswith("pm_")], which)
        if soon and customer is not None and customer.payment_method_id != "pm_nobody":
            today = timezone.localdate()
            self.world.simulator.replace_card(customer.payment_method_id, today.month, today.year)
        self.world.process(self.work_of("expiry"), fuse=fuse)
        self.send_mail("mail", moods, "ready", None)
