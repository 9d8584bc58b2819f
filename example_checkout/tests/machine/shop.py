"""What staff do, what tasks do, what the clock does, and what goes wrong."""

from collections.abc import Callable
from datetime import UTC, datetime, time, timedelta
from typing import Any

from django.contrib.auth import get_user_model
from django.utils import timezone
from hypothesis import strategies as st
from hypothesis.stateful import precondition, rule

from checkout import states
from checkout.flows import audit, fulfil, fulfil_charges, plan, run
from checkout.flows.report import RunReport
from checkout.models import Checkout, ObjectPaymentPlan, ObjectPaymentPlanInstalment, PaymentRun
from checkout.simulator.trouble import Rule
from example_checkout.tests.machine.lines import Hurry
from example_checkout.tests.machine.people import FUSES, WHICH, pick
from example_checkout.tests.machine.snapshot import Snapshot
from example_checkout.tests.machine.world import World

# Lost answers come more often than they would: they are what matters most.
TROUBLE = st.sampled_from(
    [
        "timeout_after_commit",
        "timeout_after_commit",
        "timeout_after_commit",
        "reset_before",
        "reset_before",
        "server_error",
        "conflict",
        "rate_limit",
        "decline",
        "decline insufficient_funds",
        "decline lost_card",
        "decline do_not_try_again",
        "decline R1",
        "decline expired_card",
        "authentication",
    ]
)
# What a decline carries beside its name; the first two are for good, but in other words.
NOES = {"do_not_try_again": {"advice_code": "do_not_try_again"}, "R1": {"network_decline_code": "R1"}}
# The library asks once more by itself: twice in a row is what the site sees.
TIMES = st.sampled_from([2, 2, 1, 3, 4])
CHARGES = "/v1/payment_intents"
PATHS = st.sampled_from(
    [
        *(None, CHARGES, CHARGES, f"{CHARGES}*", "/v1/setup_intents*", "/v1/customers*"),
        *("/v1/refunds*", "/v1/events", "/v1/disputes*"),
    ]
)
METHODS = st.sampled_from(["POST", "POST", "GET", None])
SPANS = st.sampled_from(
    [
        timedelta(minutes=3),
        timedelta(minutes=6),
        timedelta(minutes=62),
        timedelta(hours=5),
        timedelta(hours=22, minutes=58),
        timedelta(hours=25),
        timedelta(days=4),
        timedelta(days=31),
        timedelta(days=62),
    ]
)
OFTEN = st.sampled_from([True, True, False])
AUDITED_DAYS = 3650
KINDS = st.sampled_from(["payments", "setups", "on_session", "charges", "charges", "audit"])
MEANWHILE = st.sampled_from([None, None, "delete", "by hand", "charge"])
RIVALS = st.sampled_from(
    [
        *("run", "payments", "setups", "on_session", "charges", "by hand", "delete", "charge", "deliver"),
        # those of ``office``
        *("mail", "demands", "pay", "pay", "new card", "new card", "expiry"),
        # those of ``giving``
        *("post", "post", "backfill", "refunds", "give back", "pause", "resume"),
    ]
)


class Shop:
    """The rules of everything but the customers."""

    world: World
    now: Snapshot
    tasks: list[tuple[int, list[int]]]
    asked_for: list[tuple[Rule, int]]

    def staff(self) -> Any:
        """Somebody who may move money."""
        return get_user_model().objects.get_or_create(username="staff", defaults={"is_staff": True})[0]

    # tasks

    @rule(wait=OFTEN, trouble=st.one_of(st.none(), TROUBLE, TROUBLE), times=TIMES, late=st.booleans(), fuse=FUSES)
    def run_of_the_day(self, wait: bool, trouble: str | None, times: int, late: bool, fuse: int | None) -> None:
        """Everything that is due, in one process; with trouble of its own, so that charges have their share of it."""
        if wait:
            self.wait_until_due()
        if trouble:
            self.trouble_ahead(trouble, times, CHARGES, "POST")
        self.world.late_calls = late
        self.world.process(self.work_of("run"), fuse=fuse)

    # the same with less left to chance: these are the days that matter most

    @rule(late=st.booleans())
    def quiet_run(self, late: bool) -> None:
        """Months go by, and the run of the next day of payment is left in peace."""
        self.run_of_the_day(wait=True, trouble=None, times=0, late=late, fuse=None)

    @rule(trouble=TROUBLE, late=st.booleans())
    def troubled_run(self, trouble: str, late: bool) -> None:
        """An answer is lost, or something like that, on a day of payment."""
        self.run_of_the_day(wait=True, trouble=trouble, times=2, late=late, fuse=None)

    @rule(late=st.booleans(), fuse=st.integers(5, 80))
    def run_that_dies(self, late: bool, fuse: int) -> None:
        """The process is killed on a day of payment."""
        self.run_of_the_day(wait=True, trouble=None, times=0, late=late, fuse=fuse)

    @rule(kind=RIVALS, which=WHICH, after=st.integers(5, 60), late=st.booleans())
    def run_with_a_rival(self, kind: str, which: int, after: int, late: bool) -> None:
        """Somebody acts in the middle of the run on a day of payment."""
        self.overtaken(kind, which, after)
        self.run_of_the_day(wait=True, trouble=None, times=0, late=late, fuse=None)

    def wait_until_due(self) -> None:
        """To the morning of the next day on which something falls due."""
        days = [one.due for one in self.now.instalments if not one.deposit and one.state_id == states.PENDING]
        if days:
            morning = datetime.combine(min(days), time(4), tzinfo=UTC)
            self.world.wait(max(morning - self.world.now, timedelta(0)))

    @rule(wait=OFTEN, fuse=FUSES)
    def split_the_run(self, wait: bool, fuse: int | None) -> None:
        """What a run does with Celery: hand out batches, as tasks that may be delivered late, twice, or never."""
        if wait:
            self.wait_until_due()

        def work() -> None:
            made = run.begin()
            self.tasks += [(made.pk, pks) for pks in run.due_pages(made, size=2)]

        self.world.process(work, fuse=fuse)

    @precondition(lambda self: self.tasks)
    @rule(which=WHICH, late=st.booleans(), fuse=FUSES)
    def deliver_a_task(self, which: int, late: bool, fuse: int | None) -> None:
        """One of the batches, again perhaps: nothing is ever taken off the list."""
        self.world.late_calls = late
        self.world.process(self.work_of("deliver", which), fuse=fuse)

    @rule(times=st.integers(1, 2), act=MEANWHILE, late=st.booleans(), fuse=FUSES)
    def day_with_celery(self, times: int, act: str | None, late: bool, fuse: int | None) -> None:
        """A day of payment, split among workers; one of them may die, and every task may be delivered twice.

        Staff may act on what has been handed out and not been charged yet.
        """
        before = len(self.tasks)
        self.split_the_run(wait=True, fuse=None)
        if act and len(self.tasks) > before:
            rows = list(ObjectPaymentPlanInstalment.objects.order_by("pk").values_list("pk", flat=True))
            self.staff_act(kind=act, which=rows.index(self.tasks[before][1][0]), fuse=None)
        for _delivery in range(times):
            for which in range(before, len(self.tasks)):
                self.deliver_a_task(which=which, late=late, fuse=fuse)
                fuse = None

    @rule(kind=KINDS, fuse=FUSES)
    def ask_what_became(self, kind: str, fuse: int | None) -> None:
        """Fulfilment of one kind, from its timer; or the audit, told to fix."""
        self.world.audits += kind == "audit"
        self.world.process(self.work_of(kind), fuse=fuse)
        self.world.audits -= kind == "audit"

    # staff

    @precondition(lambda self: self.now.instalments)
    @rule(kind=st.sampled_from(["by hand", "charge", "charge", "delete"]), which=WHICH, fuse=FUSES)
    def staff_act(self, kind: str, which: int, fuse: int | None) -> None:
        """Mark a part as paid, charge it now, or stop its plan."""
        self.world.process(self.work_of(kind, which), fuse=fuse)

    # time and misfortune

    @rule(span=SPANS)
    def time_passes(self, span: timedelta) -> None:
        """Minutes to months."""
        self.world.wait(span)

    @rule(name=TROUBLE, times=TIMES, path=PATHS, method=METHODS)
    def trouble_ahead(self, name: str, times: int, path: str | None, method: str | None) -> None:
        """The next calls of a kind go wrong."""
        name, _space, code = name.partition(" ")
        carries = NOES.get(code, {"code": code} if code else {})
        made = self.world.simulator.trouble.add(name, times=times, path=path, method=method, **carries)  # type: ignore[arg-type]
        self.asked_for.append((made, times))

    @rule(times=st.integers(1, 2))
    def host_breaks(self, times: int) -> None:
        """The host's next ``checkout_success`` raises after it has written."""
        self.world.host_breaks = times

    @rule(kind=RIVALS, which=WHICH, after=st.integers(0, 40))
    def overtaken(self, kind: str, which: int, after: int) -> None:
        """In the middle of the next process another one does something."""
        self.world.overtake(after, lambda: self.work_of(kind, which)())

    # the work itself, as a door would start it

    def work_of(self, kind: str, which: int = 0) -> Callable[[], Any]:
        """A process of that kind. Whatever row it needs is looked for when it runs."""
        simple: dict[str, Callable[[], Any]] = {
            "run": lambda: self.trust(run.process_payments(pace=Hurry())),
            "payments": fulfil.payments,
            "setups": fulfil.setups,
            "on_session": fulfil.on_session,
            "charges": fulfil_charges.charges,
            "audit": lambda: audit.failed_checkouts(days=AUDITED_DAYS, fix=True),
            "deliver": lambda: self.deliver(which),
        }
        return simple.get(kind) or (lambda: self.act(kind, which))

    def deliver(self, which: int) -> None:
        """A batch of a run that was split."""
        task = pick(self.tasks, which)
        if task is not None:
            pk, instalments = task
            self.trust(run.charge_some(PaymentRun.objects.get(pk=pk), instalments, pace=Hurry()))

    def act(self, kind: str, which: int) -> Any:
        """Something that staff do to a part, or to its plan."""
        row = pick(list(ObjectPaymentPlanInstalment.objects.with_plan().order_by("pk")), which)
        if row is None:
            return None
        if kind == "by hand":
            return plan.mark_paid(row, user=self.staff())
        if kind == "delete":
            return plan.delete(ObjectPaymentPlan.objects.get(pk=row.object_payment_plan_id), user=self.staff())
        return Checkout.objects.charge(row, self.staff())

    def trust(self, report: RunReport) -> RunReport:
        """A run has no surprises but those of the host."""
        assert not report.errors or self.world.facts["host broke"], report
        self.world.facts["charged by a run"] += report.count(states.SUCCESS)
        return report

    def due_and_good(self) -> list[ObjectPaymentPlanInstalment]:
        """What the next run has to charge."""
        rows = ObjectPaymentPlanInstalment.objects.due_on(timezone.localdate())
        return list(rows.exclude(object_payment_plan__customer__payment_method_id="").order_by("pk"))
