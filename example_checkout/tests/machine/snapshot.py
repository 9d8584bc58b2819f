"""Both sides as they are between two steps: the site's tables, and Stripe's own books."""

from collections import defaultdict
from dataclasses import dataclass
from typing import Any

from django.contrib.contenttypes.models import ContentType

from checkout import states
from checkout.models import (
    ChargedModel,
    Checkout,
    Customer,
    CustomerPayment,
    Dispute,
    Event,
    Notice,
    ObjectPaymentPlan,
    ObjectPaymentPlanInstalment,
    Refund,
)
from example_checkout.tests.machine.world import World

Store = dict[str, dict[str, Any]]


@dataclass
class Snapshot:
    """``rows``: everything that is charged, instalments and amounts of staff."""

    checkouts: list[Checkout]
    instalments: list[ObjectPaymentPlanInstalment]
    payments: list[CustomerPayment]
    plans: dict[int, ObjectPaymentPlan]
    customers: dict[int, Customer]
    notices: list[Notice]
    refunds: list[Refund]
    disputes: list[Dispute]
    events: list[Event]
    stripe: Store

    def __post_init__(self) -> None:
        self.kinds = {
            ContentType.objects.get_for_model(model).pk: model
            for model in (ObjectPaymentPlanInstalment, CustomerPayment)
        }
        self.by_uuid = {str(one.uuid): one for one in self.checkouts}
        self.by_pk = {one.pk: one for one in self.checkouts}
        self.attempts: dict[ChargedModel, list[Checkout]] = defaultdict(list)
        self.parts: dict[int, list[ObjectPaymentPlanInstalment]] = defaultdict(list)
        for row in self.instalments:
            row.object_payment_plan = self.plans[row.object_payment_plan_id]
            row.object_payment_plan.customer = self.customers[row.object_payment_plan.customer_id]
            self.parts[row.object_payment_plan_id].append(row)
        for payment in self.payments:
            payment.customer = self.customers[payment.customer_id]
        self.rows: list[ChargedModel] = [*self.instalments, *self.payments]
        found = {(type(row), str(row.pk)): row for row in self.rows}
        self.target: dict[int, ChargedModel] = {}
        for one in self.checkouts:
            if (model := self.kinds.get(one.content_type_id)) is not None:
                self.target[one.pk] = row = found[model, one.object_id]
                self.attempts[row].append(one)
        self.taken_over = {one.takes_over_id: one for one in self.checkouts if one.takes_over_id}
        self._whose = {one.payment_intent_id: one for one in self.checkouts if one.pk not in self.taken_over}
        self.charges: dict[str, list[dict[str, Any]]] = defaultdict(list)
        for charge in self.stripe["charge"].values():
            if charge["status"] == "succeeded":
                self.charges[self.owner(self.stripe["payment_intent"][charge["payment_intent"]])].append(charge)

    def owner(self, intent: dict[str, Any]) -> str:
        """The uuid of the checkout that an intent pays for now: whoever took it over, or whom it names."""
        found = self._whose.get(intent["id"])
        return str(found.uuid) if found is not None else intent["metadata"]["checkout"]

    def uuids(self, checkout: Checkout) -> set[str]:
        """Its own, and that of the charge whose intent it took over."""
        return {str(self.by_pk[pk].uuid) for pk in (checkout.pk, checkout.takes_over_id) if pk is not None}

    @property
    def unsettled(self) -> list[Checkout]:
        """What is unknown, open, or waits for its customer."""
        return [one for one in self.checkouts if one.state_id not in states.SETTLED]


def _all(model: Any) -> list[Any]:
    """Every row, in order. Written out, because to compile the query costs more than to run it."""
    return list(model.objects.raw(f"SELECT * FROM {model._meta.db_table} ORDER BY id"))  # noqa: S608


def look(world: World) -> Snapshot:
    """Read everything: nine queries, and Stripe's books without asking."""
    return Snapshot(
        checkouts=_all(Checkout),
        instalments=_all(ObjectPaymentPlanInstalment),
        payments=_all(CustomerPayment),
        plans={one.pk: one for one in _all(ObjectPaymentPlan)},
        customers={one.pk: one for one in _all(Customer)},
        notices=_all(Notice),
        refunds=_all(Refund),
        disputes=_all(Dispute),
        events=_all(Event),
        # the books themselves: to list them through the API would take longer than the step
        stripe=world.simulator._store.kinds,
    )
