"""How a customer's payment plan stands, in one word: as conditions for the database, the same for list and page."""

from datetime import date
from decimal import Decimal
from typing import Final

from django.db.models import Case, CharField, DecimalField, Exists, F, OuterRef, Q, QuerySet, Subquery, Sum, Value, When
from django.db.models.functions import Coalesce
from django.utils.translation import gettext_lazy as _

from checkout import states
from checkout.models import ObjectPaymentPlan, ObjectPaymentPlanInstalment

ATTENTION: Final = "attention"
GOING_ON: Final = "going_on"
PAID: Final = "paid"
STOPPED: Final = "stopped"

WORDS: Final = {
    ATTENTION: _("Needs attention"),
    GOING_ON: _("Going on"),
    PAID: _("Paid in full"),
    STOPPED: _("Stopped"),
}
MONEY: Final = DecimalField(max_digits=14, decimal_places=3)


def _parts() -> QuerySet[ObjectPaymentPlanInstalment]:
    # by the unique index of plan and count
    rows: QuerySet[ObjectPaymentPlanInstalment] = ObjectPaymentPlanInstalment.objects.filter(
        object_payment_plan=OuterRef("pk")
    )
    return rows


def _overdue(today: date) -> Q:
    # naming both kinds lets the database use the whole of the index on state, deposit and due
    return Q(state_id=states.PENDING, deposit__in=(True, False), due__lt=today)


def troubles(today: date) -> dict[str, Exists]:
    """Why a plan needs attention; a part that is due today and not tried yet is no trouble."""
    parts = _parts()
    return {
        "unknown": Exists(parts.filter(state_id=states.REQUEST)),
        "waiting": Exists(parts.filter(state_id=states.PAY_ON_SESSION)),
        "declined": Exists(parts.filter(state_id=states.FAIL)),
        "overdue": Exists(parts.filter(_overdue(today))),
    }


def conditions(today: date) -> dict[str, Q]:
    """What makes a plan each of ``WORDS``; exactly one holds of every plan."""
    parts = _parts()
    wrong = Q(state_id__in=(states.FAIL, states.PAY_ON_SESSION, states.REQUEST))
    goes_on, trouble = Q(deleted=False), Q(Exists(parts.filter(wrong | _overdue(today))))
    # until the deposit has been paid it is the only part, and unpaid
    paid = Q(Exists(parts)) & ~Q(Exists(parts.exclude(state_id=states.SUCCESS)))
    return {
        ATTENTION: goes_on & trouble,
        GOING_ON: goes_on & ~trouble & ~paid,
        PAID: goes_on & paid,
        STOPPED: Q(deleted=True),
    }


def with_standing(rows: "QuerySet[ObjectPaymentPlan]", today: date) -> "QuerySet[ObjectPaymentPlan]":
    """Each with ``standing``, the troubles, ``paid``, ``left`` and ``next_due``: in one query.

    For the few rows of a page: asked of a whole table, databases read every part of every plan.
    """
    parts = _parts()
    unpaid = parts.exclude(state_id=states.SUCCESS).order_by("due", "count").values("due")[:1]
    paid = parts.filter(state_id=states.SUCCESS).order_by().values("object_payment_plan").annotate(sum=Sum("amount"))
    whens = [When(condition, then=Value(word)) for word, condition in conditions(today).items() if word != GOING_ON]
    return rows.annotate(
        **troubles(today),
        standing=Case(*whens, default=Value(GOING_ON), output_field=CharField()),
        paid=Coalesce(Subquery(paid.values("sum")), Value(Decimal(0)), output_field=MONEY),
        next_due=Subquery(unpaid),
    ).annotate(left=F("total") - F("paid"))
