"""Who is told what, and how often: by what the mail server has taken (``World.mail``), not by what the site says."""

from collections import Counter

from django.db import connection

from checkout import states
from checkout.flows import demands
from checkout.models import Checkout, Notice, ObjectPaymentPlanInstalment
from checkout.notify import outbox
from example_checkout.tests.machine import journal
from example_checkout.tests.machine.snapshot import Snapshot
from example_checkout.tests.machine.world import World

# What goes out although it is paid or stopped: it tells the staff of that very thing, or is about a card.
ALWAYS = (
    Notice.QUARANTINE,
    Notice.CARD_EXPIRING,
    Notice.DISPUTE,
    Notice.DISPUTE_CLOSED,
    Notice.REFUND_FAILED,
)
# Why an attempt has failed to which no bank has said no: it was never made, or was given back.
NOT_A_NO = ("released:", "given back")
ON_ITS_WAY = (states.WAITING, states.SENDING)


class Told:
    """The invariants about mail. ``waited``: charges that have waited for their customer, whose secret was shown."""

    def __init__(self, world: World) -> None:
        self.world = world
        self.waited: set[int] = set()
        self.demands: Counter[int] = Counter()
        self._began: list[tuple[int, int, bool, bool]] = []
        self._ids: dict[int, str] = {}
        self._seen = 0

    def _waited(self, one: Checkout) -> bool:
        """Whether the bank wanted its customer. Only SQLite keeps a journal of moves; elsewhere the reason tells."""
        return one.pk in self.waited or (connection.vendor != "sqlite" and "authentication_required" in one.failure)

    def check(self, now: Snapshot, moves: list[tuple[str, int, str, str]]) -> None:
        """After each step."""
        for table, pk, _old, new in moves:
            if new == states.PAY_ON_SESSION and table == Checkout._meta.db_table:
                self.waited.add(pk)
            if new == states.PAY_ON_SESSION and table == ObjectPaymentPlanInstalment._meta.db_table:
                self.demands[pk] += 1
        self._began += journal.sendings()
        for notice in now.notices:
            if notice.pk not in self._ids:
                self._ids[notice.pk] = outbox.message_id(notice)
        self._once(now)
        self._one_for_a_demand(now)
        self._nobody_in_vain(now)

    def _once(self, now: Snapshot) -> None:
        taken = Counter(mail.message_id for mail in self.world.mail.taken)
        for notice in now.notices:
            count = taken.pop(self._ids[notice.pk], 0)
            # pressed by hand, it is sent once more, come what may
            most = (2 if notice.in_doubt else 1) + self.world.sent_again[notice.pk]
            assert count <= most, f"{count} mails of {notice}, in doubt: {notice.in_doubt}"
            if notice.state == states.SENT and notice.recipients:
                assert count, f"{notice} counts as sent, and the server has never taken it"
        assert not taken, f"mails that are in no table: {taken}"

    def _one_for_a_demand(self, now: Snapshot) -> None:
        if connection.vendor != "sqlite":
            return
        notices = Counter(one.instalment_id for one in now.notices if one.kind == Notice.ON_SESSION_PAYMENT)
        for pk, count in notices.items():
            most = self.demands[pk] + self.world.asked_again[pk]
            assert count <= most, f"instalment {pk}: the bank has asked {most} times, its customer was asked {count}"

    def _nobody_in_vain(self, now: Snapshot) -> None:
        """No mail about what was known to be paid, or stopped, when its sending began."""
        kinds = {self._ids[one.pk]: one for one in now.notices}
        new, self._seen = self.world.mail.taken[self._seen :], len(self.world.mail.taken)
        for mail in new if connection.vendor == "sqlite" else []:
            notice = kinds[mail.message_id]
            began = [one for one in self._began if one[1] == notice.pk and one[0] <= mail.sending]
            assert began, f"{notice} was sent, and nobody had claimed it"
            _place, _pk, paid, stopped = began[-1]
            if notice.kind not in ALWAYS:
                assert not paid, f"{notice} was sent after it was paid"
                assert not stopped, f"{notice} was sent after the plan was stopped"

    # at the end

    def nobody_is_forgotten(self, now: Snapshot) -> None:
        """Once the mail server is well and time has passed: whoever must be told was told."""
        left = [one for one in now.notices if one.state in ON_ITS_WAY and one.send_after <= self.world.now]
        assert not left, f"not sent: {[(one, one.state, one.send_after, one.last_error) for one in left]}"
        keys = {(one.kind, one.key): one for one in now.notices}
        for row in now.instalments:
            # whoever has just signed up is given some minutes on the page
            signing_up = row.deposit and row.updated > self.world.now - demands.SIGNING_UP
            plan = row.object_payment_plan
            waits = row.state_id == states.PAY_ON_SESSION and not plan.deleted and plan.paused is None
            if waits and not signing_up:
                assert row.customer_asked is not None, f"the bank wants the customer of {row}, who was not asked"
                notice = keys.get((Notice.ON_SESSION_PAYMENT, f"{row.pk}:{row.customer_asked.isoformat()}"))
                assert notice is not None, f"no notice for {row}"
                assert notice.state != states.MOOT, f"{row} waits for its customer, and its mail counts as moot"
            self._noes_are_told(now, row, keys)
        for payment in now.payments:
            for one in now.attempts[payment]:
                if self._waited(one):
                    assert (Notice.AUTHORISE, str(one.uuid)) in keys, f"the customer was not asked to authorise {one}"

    def _noes_are_told(
        self, now: Snapshot, row: ObjectPaymentPlanInstalment, keys: dict[tuple[str, str], Notice]
    ) -> None:
        """Of each no to a charge there is a notice: unless the plan had been stopped, or the bank wanted the customer.

        Such a demand has a notice of its own kind, and that attempt is closed later without anybody saying no.
        """
        for one in now.attempts[row]:
            told = one.is_charge and one.failed and one.failure and not one.failure.startswith(NOT_A_NO)
            if told and not self._waited(one) and not row.object_payment_plan.deleted:
                assert (Notice.PAYMENT_FAILED, str(one.uuid)) in keys, f"nobody was told of {one}: {one.failure}"
