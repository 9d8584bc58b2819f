"""What needs a person, as conditions for the database: the same for the work queue and for the lists behind it."""

from datetime import date, datetime, timedelta
from typing import Any, Final

from django.db.models import Count, Exists, F, IntegerField, OuterRef, Q, QuerySet, Subquery
from django.db.models.functions import Coalesce

from checkout import states
from checkout.models import (
    Checkout,
    Customer,
    CustomerPayment,
    Notice,
    ObjectPaymentPlan,
    ObjectPaymentPlanInstalment,
)

# After that long an outcome that is not known is not on its way any more, and mail should have gone out.
LONG: Final = timedelta(hours=1)
# Naming both kinds lets the database use the whole of the index on state, deposit and due.
BOTH_KINDS: Final = (True, False)
CUSTOMER: Final = "object_payment_plan__customer"
Parts = QuerySet[ObjectPaymentPlanInstalment]


def going_on() -> Parts:
    """Parts of plans that go on, with plan, customer and state; the longest due first."""
    rows: Parts = ObjectPaymentPlanInstalment.objects.with_plan().filter(object_payment_plan__deleted=False)
    return rows.order_by("due", "pk")


def bank_wants() -> Q:
    """Parts that wait for their customer and the bank."""
    return Q(state_id=states.PAY_ON_SESSION, deposit__in=BOTH_KINDS)


def failed_for_good() -> Q:
    """Declined, and not tried again by itself."""
    return Q(state_id=states.FAIL, deposit__in=BOTH_KINDS, retry_due=None)


def tried_again() -> Q:
    """Declined, and tried again by itself."""
    return Q(state_id=states.FAIL, deposit__in=BOTH_KINDS) & ~Q(retry_due=None)


def unknown() -> Q:
    """The outcome of an attempt is not known yet."""
    return Q(state_id=states.REQUEST, deposit__in=BOTH_KINDS)


def overdue(today: date) -> Q:
    """Due before today, and nobody has tried."""
    return Q(state_id=states.PENDING, deposit__in=BOTH_KINDS, due__lt=today)


def no_card(today: date) -> Q:
    """Due or to be tried again, and there is no card that may be charged: none at all, or one refused for good."""
    due = Q(state_id=states.PENDING, deposit__in=BOTH_KINDS, due__lte=today) | (
        Q(state_id=states.FAIL, deposit__in=BOTH_KINDS, retry_due__lte=today)
    )
    none = Q(**{f"{CUSTOMER}__payment_method_id": ""}) | Q(**{f"{CUSTOMER}__customer_id": ""})
    refused = Q(**{f"{CUSTOMER}__refused_payment_method_id": F(f"{CUSTOMER}__payment_method_id")})
    return due & (none | refused)


def payments_waiting() -> "QuerySet[CustomerPayment]":
    """Amounts of staff that wait for their customer and the bank, the oldest first."""
    rows = CustomerPayment.objects.filter(state_id=states.PAY_ON_SESSION)
    return rows.select_related("customer", "state").order_by("pk")


def unknown_long(now: datetime) -> Q:
    """Charges that were asked for more than an hour ago, and nobody knows what became of them."""
    return Q(action_id=states.CHARGE, state_id=states.REQUEST, created__lt=now - LONG, quarantine="")


def put_aside() -> Q:
    """Payments that were not fulfilled, because Stripe reports something else than was asked for."""
    return ~Q(quarantine="")


def checkouts() -> "QuerySet[Checkout]":
    """Every checkout, the oldest first."""
    rows: QuerySet[Checkout] = Checkout.objects.audit().order_by("pk")
    return rows


def outstanding() -> Exists:
    """Of a customer: has a plan that goes on and is not paid in full."""
    plans = ObjectPaymentPlan.objects.outstanding_payment_plans.order_by()
    return Exists(plans.filter(customer=OuterRef("pk")))


def with_plans(rows: "QuerySet[Customer]") -> "QuerySet[Customer]":
    """Each with ``plans``: how many go on and are not paid in full."""
    plans = ObjectPaymentPlan.objects.outstanding_payment_plans.order_by().select_related(None)
    counted: Any = plans.filter(customer=OuterRef("pk")).values("customer").annotate(count=Count("pk"))
    return rows.annotate(plans=Coalesce(Subquery(counted.values("count"), output_field=IntegerField()), 0))


def expiring() -> "QuerySet[Customer]":
    """Customers with something left to pay whose card expires soon, the nearest first."""
    return Customer.objects.filter(outstanding(), refresh=True).order_by("expiry_date", "pk")


def mail_in_trouble(now: datetime) -> Q:
    """Given up, possibly lost, or waiting for longer than it should."""
    late = Q(state=states.WAITING, send_after__lt=now - LONG)
    lost = Q(state__in=(states.WAITING, states.SENDING), in_doubt=True)
    return Q(state=states.GIVEN_UP) | late | lost


def notices() -> "QuerySet[Notice]":
    """Every notice, the oldest first, with whom it is for."""
    return Notice.objects.select_related("customer").order_by("pk")
