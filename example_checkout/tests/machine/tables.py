"""The tables that an example leaves something in, in an order in which they can be emptied."""

from django.contrib.auth import get_user_model

from checkout.models import (
    Agreement,
    Checkout,
    CheckoutAdditional,
    CheckoutSettings,
    Customer,
    CustomerPayment,
    Difference,
    Dispute,
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
from example_checkout.models import Contact, Product, SalesLedger

TABLES = [
    model._meta.db_table
    for model in (
        StaffAction,
        Difference,
        Reconciliation,
        Event,
        Dispute,
        Refund,
        Notice,
        PaymentRunItem,
        PaymentRun,
        ObjectPaymentPlanInstalment,
        ObjectPaymentPlan,
        Agreement,
        CheckoutAdditional,
        CustomerPayment,
        Checkout,
        Customer,
        CheckoutSettings,
        PaymentPlan,
        SalesLedger,
        Product,
        Contact,
        get_user_model(),
    )
]
