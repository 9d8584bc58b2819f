"""A payment plan as the statement of an account: its parts with the balance, and every attempt."""

from dataclasses import dataclass
from datetime import date
from decimal import Decimal

from django.contrib.contenttypes.models import ContentType
from django.db.models import Q
from django.utils import timezone

from checkout import declines, states
from checkout.declines import Step
from checkout.flows.refund import TAKEN
from checkout.models import ChargedModel, Checkout, Notice, ObjectPaymentPlan, ObjectPaymentPlanInstalment


@dataclass(frozen=True)
class Line:
    """One part. ``balance``: what is left of the total after it, in the plan's currency; None until it is paid."""

    part: ObjectPaymentPlanInstalment
    balance: Decimal | None

    @property
    def overdue(self) -> bool:
        """Its day is over, and nobody has tried to charge it."""
        return self.part.state_id == states.PENDING and self.part.due < timezone.localdate()


@dataclass(frozen=True)
class Attempt:
    """One checkout. ``part`` is None for the sign-up; ``step``: a ``declines.Step``, what the bank's no led to."""

    checkout: Checkout
    part: ChargedModel | None
    step: str = ""


@dataclass(frozen=True)
class Statement:
    """Amounts in the currency of ``plan``; attempts newest first."""

    plan: ObjectPaymentPlan
    lines: list[Line]
    attempts: list[Attempt]
    paid: Decimal

    @property
    def left(self) -> Decimal:
        """What has not been paid yet."""
        return self.plan.total - self.paid

    @property
    def next_part(self) -> ObjectPaymentPlanInstalment | None:
        """What is due next, or overdue for longest."""
        unpaid = [line.part for line in self.lines if line.part.state_id != states.SUCCESS]
        return min(unpaid, key=lambda part: (part.due, part.count)) if unpaid else None

    @property
    def to_come(self) -> list[tuple[date, Decimal]]:
        """What was agreed to and is no row yet: the parts after a deposit that has not been paid."""
        parts = [line.part for line in self.lines]
        if len(parts) == 1 and parts[0].deposit and parts[0].state_id != states.SUCCESS:
            return self.plan.agreed_schedule[1:]
        return []

    @property
    def open_attempts(self) -> list[Attempt]:
        """What could still take money for a part: the customer's to pay, or on its way."""
        return [one for one in self.attempts if one.part and one.checkout.state_id not in states.SETTLED]

    @property
    def can_stop(self) -> bool:
        """There is something left to be charged; of a stopped plan, something that could not be closed at Stripe."""
        return bool(self.open_attempts) if self.plan.deleted else self.left > 0

    def of(self, part: ObjectPaymentPlanInstalment) -> list[Attempt]:
        """The attempts of one part."""
        return [attempt for attempt in self.attempts if attempt.part is not None and attempt.part.pk == part.pk]


def read(plan: ObjectPaymentPlan) -> Statement:
    """The statement of ``plan``: three queries, however many parts and attempts."""
    parts = list(plan.payments.select_related("state"))
    paid, lines = Decimal(0), []
    for part in parts:
        # the labels and rules of a part ask its plan
        part.object_payment_plan = plan
        settled = part.state_id == states.SUCCESS
        if settled:
            paid += part.amount
        lines.append(Line(part=part, balance=plan.total - paid if settled else None))
    return Statement(plan=plan, lines=lines, attempts=_attempts(plan, parts), paid=paid)


def attempts_of(target: ChargedModel) -> list[Attempt]:
    """The attempts of an amount of staff, newest first."""
    found = list(Checkout.objects.audit().filter(pk__in=target.attempts.order_by().values("pk")))
    steps = steps_of(found)
    return [Attempt(checkout=checkout, part=target, step=steps.get(checkout.pk, "")) for checkout in found]


def paid_by(attempts: list[Attempt]) -> Checkout | None:
    """The attempt through which Stripe took the money, if one did: what can be given back."""
    return next((one.checkout for one in attempts if one.checkout.succeeded and one.checkout.action_id in TAKEN), None)


def steps_of(checkouts: list[Checkout]) -> dict[int, str]:
    """What each declined one led to, as far as that is known: as its customer was told. One query."""
    declined = [one for one in checkouts if one.failure and one.is_charge and not one.failure.startswith("released:")]
    told = Notice.objects.filter(kind=Notice.PAYMENT_FAILED, checkout__in=[one.pk for one in declined])
    steps = {pk: str(facts.get("step", "")) for pk, facts in told.values_list("checkout", "facts")}
    return {one.pk: steps.get(one.pk) or _by_code(one) for one in declined}


def _by_code(checkout: Checkout) -> str:
    """Without a notice nobody was told anything, except where the bank wants the customer: others write that mail."""
    code = checkout.failure.partition(" ")[0]
    step = declines.step(checkout.decline_code, advice_code=checkout.advice_code, code=code)
    return step if step is Step.AUTHENTICATE else ""


def _attempts(plan: ObjectPaymentPlan, parts: list[ObjectPaymentPlanInstalment]) -> list[Attempt]:
    kind = ContentType.objects.get_for_model(ObjectPaymentPlanInstalment)
    by_key = {str(part.pk): part for part in parts}
    charges = Q(content_type=kind, object_id__in=list(by_key))
    sign_ups = Q(content_type_id=plan.content_type_id, object_id=plan.object_id, action_id=states.PAYMENT_PLAN)
    found = list(Checkout.objects.audit().filter(charges | sign_ups))
    steps = steps_of(found)
    return [
        Attempt(
            checkout=checkout,
            part=by_key.get(checkout.object_id) if checkout.content_type_id == kind.pk else None,
            step=steps.get(checkout.pk, ""),
        )
        for checkout in found
    ]
