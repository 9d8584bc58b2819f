"""What staff did by hand: who, what, when. Reading only."""

from typing import Any, ClassVar

from django.contrib.auth import get_user_model
from django.contrib.contenttypes.models import ContentType
from django.contrib.contenttypes.prefetch import GenericPrefetch
from django.db.models import Model, Q, QuerySet
from django.utils.translation import gettext_lazy as _

from checkout.models import (
    Checkout,
    Customer,
    CustomerPayment,
    Notice,
    ObjectPaymentPlan,
    ObjectPaymentPlanInstalment,
    PaymentPlan,
    StaffAction,
)
from checkout.templatetags.checkout_staff import named
from checkout.views.staff.base import FilteredListView, day_filter
from checkout.views.staff.export import Column

VERBS = {slug: _(word) for slug, word in StaffAction.WORDS.items()}
MOST = 50


def verb(action: StaffAction) -> str:
    """What was done, in words."""
    return str(VERBS.get(action.verb, action.verb))


def with_targets(rows: "QuerySet[StaffAction]") -> "QuerySet[StaffAction]":
    """With who did it and what it was done to: a query for each kind of row, however many."""
    targets = GenericPrefetch(
        "content_object",
        [
            Checkout.objects.all(),
            Customer.objects.all(),
            CustomerPayment.objects.select_related("customer"),
            Notice.objects.all(),
            ObjectPaymentPlan.objects.all(),
            ObjectPaymentPlanInstalment.objects.with_plan(),
            PaymentPlan.objects.all(),
        ],
    )
    return rows.select_related("user").prefetch_related(targets)


class StaffActionListView(FilteredListView):
    """Every action, newest first."""

    template_name = "checkout/staff/action_list.html"
    section = "record"
    filters = ("verb", "from", "to", "q")
    file_name = "actions-of-staff"
    columns: ClassVar[tuple[Column, ...]] = (
        (_("When"), lambda row: row.created),
        (_("Who"), lambda row: row.user),
        (_("What was done"), verb),
        (_("To what"), lambda row: named(row.content_object)),
        (_("Details"), lambda row: row.detail),
    )

    def rows(self) -> "QuerySet[StaffAction]":
        """With their targets."""
        return with_targets(StaffAction.objects.order_by("-pk"))

    def narrow(self, rows: "QuerySet[StaffAction]", chosen: dict[str, str]) -> "QuerySet[StaffAction]":
        """By what was done, on which days, and words of who did it or of the details."""
        rows = day_filter(rows, chosen)
        if "verb" in chosen:
            rows = rows.filter(verb=chosen["verb"])
        return rows.filter(self._search(chosen["q"])) if "q" in chosen else rows

    def get_context_data(self, **kwargs: Any) -> dict[str, Any]:
        """With what can be done."""
        return super().get_context_data(verbs=VERBS, heading=_("What staff did"), **kwargs)

    @staticmethod
    def _search(text: str) -> Q:
        name = get_user_model().USERNAME_FIELD
        return Q(detail__icontains=text) | Q(**{f"user__{name}__icontains": text})


def about(*groups: "tuple[type[Model], list[Any]]") -> list[StaffAction]:
    """What was done to these rows, newest first. ``groups``: models with keys."""
    found = Q(pk__in=[])
    for model, keys in groups:
        kind = ContentType.objects.get_for_model(model)
        found |= Q(content_type=kind, object_id__in=[str(key) for key in keys])
    return list(with_targets(StaffAction.objects.filter(found).order_by("-pk"))[:MOST])


def about_customer(
    plans: list[ObjectPaymentPlan], payments: list[CustomerPayment], mails: list[Notice]
) -> list[StaffAction]:
    """What was done to a customer's plans, their parts, the amounts of staff, and the mails."""
    keys = [plan.pk for plan in plans]
    parts = ObjectPaymentPlanInstalment.objects.filter(object_payment_plan__in=keys).values_list("pk", flat=True)
    return about(
        (ObjectPaymentPlan, keys),
        (ObjectPaymentPlanInstalment, list(parts)),
        (CustomerPayment, [payment.pk for payment in payments]),
        (Notice, [mail.pk for mail in mails]),
    )
