"""What needs a person, as conditions for the database: the same for the work queue and for the lists behind it."""

from datetime import date, datetime, timedelta
from typing import Any, Final

from django.contrib.contenttypes.models import ContentType
from django.db.models import CharField, Count, Exists, F, IntegerField, OuterRef, Q, QuerySet, Subquery
from django.db.models.functions import Cast, Coalesce

from checkout import states
from checkout.models import (
    Checkout,
    Customer,
    CustomerPayment,
    Dispute,
    Notice,
    ObjectPaymentPlan,
    ObjectPaymentPlanInstalment,
    Refund,
)
from checkout.models.checkout import IsPutAside

# After that long an outcome that is not known is not on its way any more, and mail should have gone out.
LONG: Final = timedelta(hours=1)
# So long a refund that failed is shown as work, unless it was made again.
LATELY: Final = timedelta(days=30)
# Naming both kinds lets the database use the whole of the index on state, deposit and due.
BOTH_KINDS: Final = (True, False)
UNPAID: Final = (states.PENDING, states.REQUEST, states.PAY_ON_SESSION, states.FAIL)
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
    # what has succeeded never is: saying so spares databases without partial indexes most of the table
    return Q(IsPutAside()) & Q(state_id__in=UNPAID)


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
    # put off again and again, because the mail server is away or a template is broken
    late |= Q(state=states.WAITING, tries__gt=0, created__lt=now - LONG)
    lost = Q(state__in=(states.WAITING, states.SENDING), in_doubt=True)
    return Q(state=states.GIVEN_UP) | late | lost


def events_in_trouble(now: datetime) -> Q:
    """Given up, or not worked for more than an hour: it fails again and again, or no task works what waits."""
    return Q(state=states.GIVEN_UP) | Q(state=states.WAITING, created__lt=now - LONG)


def notices() -> "QuerySet[Notice]":
    """Every notice, the oldest first, with whom it is for."""
    return Notice.objects.select_related("customer").order_by("created", "pk")


def disputes_to_answer() -> Q:
    """Open ones for which the bank wants to hear the other side."""
    return Q(state=states.DISPUTE_OPEN, stripe_status__endswith="needs_response")


def disputes() -> "QuerySet[Dispute]":
    """Every dispute, what has to be answered soonest first."""
    return Dispute.objects.select_related("checkout").order_by(F("due_by").asc(nulls_last=True), "pk")


def paused() -> "QuerySet[ObjectPaymentPlan]":
    """Plans with something left to pay that charge nothing by themselves, the longest paused first."""
    rows: QuerySet[ObjectPaymentPlan] = ObjectPaymentPlan.objects.outstanding_payment_plans
    return rows.exclude(paused=None).order_by("paused", "pk")


def decided() -> Q:
    """Plans whose disputes are all decided: nothing is to be waited for any more."""
    return Q(_contested()) & ~Q(_contested(state=states.DISPUTE_OPEN))


def with_last_dispute(rows: "QuerySet[ObjectPaymentPlan]") -> "QuerySet[ObjectPaymentPlan]":
    """Each with ``last_dispute``: the state of the newest one."""
    return rows.annotate(last_dispute=Subquery(_disputes_of_plan().order_by("-pk").values("state")[:1]))


def _contested(**how: Any) -> Exists:
    """Whether a part of the plan in the query around it has a dispute: part by part, so that an index finds it."""
    kind = ContentType.objects.get_for_model(ObjectPaymentPlanInstalment)
    key = Cast(OuterRef("pk"), CharField(max_length=64))
    of_part = Dispute.objects.filter(checkout__content_type=kind, checkout__object_id=key, **how)
    parts = ObjectPaymentPlanInstalment.objects.filter(Exists(of_part), object_payment_plan=OuterRef("pk"))
    return Exists(parts.order_by())


def _disputes_of_plan() -> "QuerySet[Dispute]":
    """Of the plan in the query around it: the payments of its parts that are contested."""
    kind = ContentType.objects.get_for_model(ObjectPaymentPlanInstalment)
    parts = ObjectPaymentPlanInstalment.objects.filter(object_payment_plan=OuterRef(OuterRef("pk"))).order_by()
    keys = parts.annotate(key=Cast("pk", CharField(max_length=64))).values("key")
    return Dispute.objects.filter(checkout__content_type=kind, checkout__object_id__in=keys)


def refunds() -> "QuerySet[Refund]":
    """Every refund, the oldest first."""
    return Refund.objects.select_related("checkout", "user").order_by("pk")


def refunds_failed(now: datetime) -> Q:
    """Failed lately, and nothing was given back of that payment since: the customer does not have the money."""
    since = Refund.objects.filter(checkout=OuterRef("checkout"), created__gt=OuterRef("settled"))
    return Q(state=states.FAIL, settled__gte=now - LATELY) & ~Q(Exists(since.exclude(state=states.FAIL)))


def refunds_unknown(now: datetime) -> Q:
    """Asked for more than an hour ago, and nobody knows what became of them."""
    return Q(state=states.REQUEST, created__lt=now - LONG)
