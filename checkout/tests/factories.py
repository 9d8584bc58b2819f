"""A factory for each model of the package, for a site's own tests. Needs factory-boy (the extra ``[test]``).

``CheckoutFactory(content_object=order)`` makes a row as it is before Stripe was asked. No factory calls Stripe: to test
a payment, use ``Checkout.objects.create_checkout`` with the fixtures of ``checkout.simulator.fixtures``.
"""

import datetime
from decimal import Decimal
from typing import Any

import factory
from django.utils import timezone

from checkout import states
from checkout.conf import settings
from checkout.models import (
    Agreement,
    Checkout,
    CheckoutAction,
    CheckoutAdditional,
    CheckoutSettings,
    CheckoutState,
    Customer,
    CustomerPayment,
    Difference,
    Dispute,
    Environment,
    Event,
    Notice,
    ObjectPaymentPlan,
    ObjectPaymentPlanInstalment,
    PaymentPlan,
    PaymentRun,
    PaymentRunItem,
    Reconciliation,
    Refund,
    StaffAction,
)
from checkout.models.environment import surroundings


class CheckoutActionFactory(factory.django.DjangoModelFactory):
    """The row of that slug: ``CheckoutActionFactory(slug="invoice")``. The migrations have made it already."""

    class Meta:
        model = CheckoutAction
        django_get_or_create = ("slug",)

    slug = states.PAYMENT
    name = factory.LazyAttribute(lambda action: states.ACTIONS.get(action.slug, action.slug))


class CheckoutStateFactory(factory.django.DjangoModelFactory):
    """The row of that slug: ``CheckoutStateFactory(slug="success")``. The migrations have made it already."""

    class Meta:
        model = CheckoutState
        django_get_or_create = ("slug",)

    slug = states.PENDING
    name = factory.LazyAttribute(lambda state: states.STATES.get(state.slug, state.slug))


class CheckoutFactory(factory.django.DjangoModelFactory):
    """A checkout of ``content_object``, which must be given; its total and currency come from that object.

    ``CheckoutFactory(content_object=order, action__slug="invoice", state__slug="success")``. In a subclass of yours:
    ``content_object = factory.SubFactory(OrderFactory)``.
    """

    class Meta:
        model = Checkout

    action = factory.SubFactory(CheckoutActionFactory)
    state = factory.SubFactory(CheckoutStateFactory)
    content_object = None
    description = factory.LazyAttribute(lambda row: "\n".join(getattr(row.content_object, "checkout_description", [])))
    total = factory.LazyAttribute(lambda row: getattr(row.content_object, "checkout_total", None))
    currency = factory.LazyAttribute(
        lambda row: getattr(row.content_object, "checkout_currency", None) or settings.currency
    )

    @classmethod
    def _adjust_kwargs(cls, **kwargs: Any) -> dict[str, Any]:
        """Say what is missing here, rather than let the database complain of a column."""
        if kwargs["content_object"] is None and "content_type" not in kwargs:
            raise ValueError(f"{cls.__name__} needs the object that is paid for: {cls.__name__}(content_object=order).")
        if kwargs["content_object"] is None:
            del kwargs["content_object"]
        return kwargs


class CheckoutAdditionalFactory(factory.django.DjangoModelFactory):
    """Who to invoice: ``CheckoutAdditionalFactory(checkout__content_object=order)``."""

    class Meta:
        model = CheckoutAdditional

    checkout = factory.SubFactory(CheckoutFactory, action__slug=states.INVOICE)
    company_name = factory.Sequence("Company {}".format)
    contact_name = factory.Sequence("Contact {}".format)
    address_1 = factory.Sequence("{} High Street".format)
    town = "Exeter"
    postcode = "EX1 1AA"
    country = "United Kingdom"
    email = factory.Sequence("invoices{}@example.com".format)
    phone = "01632 960001"


class NoticeFactory(factory.django.DjangoModelFactory):
    """Mail to the staff that has not been sent yet."""

    class Meta:
        model = Notice

    kind = Notice.QUARANTINE
    key = factory.Sequence("notice-{}".format)
    subject = factory.Sequence("Notice {}".format)
    body = "Something needs a person."
    recipients = factory.List(["staff@example.com"])


class CustomerFactory(factory.django.DjangoModelFactory):
    """A customer as Stripe would know them, with a card. Stripe has not heard of it: the ids are made up."""

    class Meta:
        model = Customer

    name = factory.Sequence("Customer {}".format)
    email = factory.Sequence("customer{}@example.com".format)
    customer_id = factory.Sequence("cus_{}".format)
    payment_method_id = factory.Sequence("pm_{}".format)
    brand = "visa"
    last4 = "4242"
    expiry_date = datetime.date(2034, 12, 31)


class PaymentPlanFactory(factory.django.DjangoModelFactory):
    """A quarter as deposit, then three monthly instalments."""

    class Meta:
        model = PaymentPlan

    slug = factory.Sequence("plan-{}".format)
    name = factory.Sequence("Plan {}".format)
    deposit = 25
    count = 3
    interval = 1


class CheckoutSettingsFactory(factory.django.DjangoModelFactory):
    """The one row, with a default payment plan."""

    class Meta:
        model = CheckoutSettings
        django_get_or_create = ("id",)

    id = 1
    default_payment_plan = factory.SubFactory(PaymentPlanFactory)


class AgreementFactory(factory.django.DjangoModelFactory):
    """What a customer agreed to today: ``AgreementFactory(checkout__content_object=order)``."""

    class Meta:
        model = Agreement

    checkout = factory.SubFactory(CheckoutFactory, action__slug=states.PAYMENT_PLAN)
    payment_plan = factory.SubFactory(PaymentPlanFactory)
    text_version = "1"
    text = "I allow the shop to charge this card on the dates listed below."
    total = factory.LazyAttribute(lambda row: row.checkout.total)
    currency = factory.LazyAttribute(lambda row: row.checkout.currency)
    parts = factory.LazyAttribute(
        lambda row: [
            [due.isoformat(), str(amount)]
            for due, amount in row.payment_plan.checked(timezone.localdate(), row.total, currency=row.currency)
        ]
    )
    fingerprint = "f" * 64


class ObjectPaymentPlanFactory(factory.django.DjangoModelFactory):
    """A plan of ``content_object``, which must be given, without its parts."""

    class Meta:
        model = ObjectPaymentPlan

    content_object = None
    customer = factory.SubFactory(CustomerFactory)
    payment_plan = factory.SubFactory(PaymentPlanFactory)
    description = factory.LazyAttribute(lambda row: "\n".join(row.content_object.checkout_description))
    total = factory.LazyAttribute(lambda row: row.content_object.checkout_total)
    currency = factory.LazyAttribute(
        lambda row: getattr(row.content_object, "checkout_currency", None) or settings.currency
    )


class ObjectPaymentPlanInstalmentFactory(factory.django.DjangoModelFactory):
    """An instalment due today: ``ObjectPaymentPlanInstalmentFactory(object_payment_plan__content_object=order)``."""

    class Meta:
        model = ObjectPaymentPlanInstalment

    object_payment_plan = factory.SubFactory(ObjectPaymentPlanFactory)
    count = factory.Sequence(lambda number: number + 2)
    deposit = False
    amount = Decimal("30.00")
    due = factory.LazyFunction(timezone.localdate)


class PaymentRunFactory(factory.django.DjangoModelFactory):
    """The run of a day of its own."""

    class Meta:
        model = PaymentRun

    date = factory.Sequence(lambda number: datetime.date(2026, 1, 1) + datetime.timedelta(days=number))


class PaymentRunItemFactory(factory.django.DjangoModelFactory):
    """An instalment that was charged: ``instalment__object_payment_plan__content_object`` must be given."""

    class Meta:
        model = PaymentRunItem

    payment_run = factory.SubFactory(PaymentRunFactory)
    instalment = factory.SubFactory(ObjectPaymentPlanInstalmentFactory)
    outcome = states.SUCCESS
    amount = factory.SelfAttribute("instalment.amount")
    currency = factory.SelfAttribute("instalment.currency")


class CustomerPaymentFactory(factory.django.DjangoModelFactory):
    """An amount that staff are about to take; nothing has been tried."""

    class Meta:
        model = CustomerPayment

    customer = factory.SubFactory(CustomerFactory)
    amount = Decimal("12.50")
    currency = factory.LazyFunction(lambda: settings.currency)
    description = "A broken loom"


class RefundFactory(factory.django.DjangoModelFactory):
    """Given back in whole: ``RefundFactory(checkout=checkout)``, or ``checkout__content_object`` must be given."""

    class Meta:
        model = Refund

    checkout = factory.SubFactory(CheckoutFactory, state_id=states.SUCCESS)
    refund_id = factory.Sequence(lambda number: f"re_{number}")
    amount = factory.SelfAttribute("checkout.total")
    currency = factory.SelfAttribute("checkout.currency")
    state = states.SUCCESS
    settled = factory.LazyFunction(timezone.now)


class DisputeFactory(factory.django.DjangoModelFactory):
    """Just opened, for all of a payment: ``checkout``, or ``checkout__content_object``, must be given."""

    class Meta:
        model = Dispute

    dispute_id = factory.Sequence(lambda number: f"du_{number}")
    checkout = factory.SubFactory(CheckoutFactory, state_id=states.SUCCESS)
    amount = factory.SelfAttribute("checkout.total")
    currency = factory.SelfAttribute("checkout.currency")
    reason = "fraudulent"
    stripe_status = "needs_response"
    due_by = factory.LazyFunction(lambda: timezone.now() + datetime.timedelta(days=9))
    opened = factory.LazyFunction(timezone.now)


class EventFactory(factory.django.DjangoModelFactory):
    """One that has just come and waits to be worked."""

    class Meta:
        model = Event

    event_id = factory.Sequence(lambda number: f"evt_{number}")
    type = "payment_intent.succeeded"
    stripe_object_id = factory.Sequence(lambda number: f"pi_{number}")
    happened = factory.LazyFunction(timezone.now)


class ReconciliationFactory(factory.django.DjangoModelFactory):
    """One of the last 35 days that has just come to its end, and found nothing."""

    class Meta:
        model = Reconciliation

    since = factory.LazyFunction(lambda: timezone.now() - datetime.timedelta(days=35))
    until = factory.LazyFunction(timezone.now)
    finished = factory.LazyFunction(timezone.now)


class DifferenceFactory(factory.django.DjangoModelFactory):
    """A payment at Stripe that is not recorded."""

    class Meta:
        model = Difference

    reconciliation = factory.SubFactory(ReconciliationFactory)
    kind = Difference.NOT_RECORDED
    stripe_id = factory.Sequence(lambda number: f"pi_{number}")
    ours = "pending"
    theirs = "succeeded"


class EnvironmentFactory(factory.django.DjangoModelFactory):
    """The one row: of the simulator's account, and of the settings of now."""

    class Meta:
        model = Environment
        django_get_or_create = ("id",)

    id = Environment.ONLY
    account_id = "acct_1SimulatedShop000"
    livemode = False
    site = factory.LazyFunction(lambda: settings.environment)
    key = factory.LazyFunction(lambda: surroundings().key)


class StaffActionFactory(factory.django.DjangoModelFactory):
    """What somebody did with a customer's payment; give ``content_object`` for anything else."""

    class Meta:
        model = StaffAction

    verb = StaffAction.CHARGE_CUSTOMER
    content_object = factory.SubFactory(CustomerPaymentFactory)
