"""The models, under the names that hosts import."""

from checkout.errors import CheckoutError
from checkout.models.checkout import (
    Checkout,
    CheckoutAction,
    CheckoutAdditional,
    CheckoutState,
)
from checkout.models.customer import Customer
from checkout.models.instalment import ObjectPaymentPlanInstalment, ObjectPaymentPlanInstalmentManager
from checkout.models.notice import Notice
from checkout.models.object_plan import ObjectPaymentPlan
from checkout.models.plan import Agreement, PaymentPlan
from checkout.models.run import PaymentRun, PaymentRunItem
from checkout.models.settings import CheckoutSettings

__all__ = [
    "Agreement",
    "Checkout",
    "CheckoutAction",
    "CheckoutAdditional",
    "CheckoutError",
    "CheckoutSettings",
    "CheckoutState",
    "Customer",
    "Notice",
    "ObjectPaymentPlan",
    "ObjectPaymentPlanInstalment",
    "ObjectPaymentPlanInstalmentManager",
    "PaymentPlan",
    "PaymentRun",
    "PaymentRunItem",
]
