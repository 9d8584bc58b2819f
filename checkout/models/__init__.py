"""The models, under the names that hosts import."""

from checkout.errors import CheckoutError
from checkout.models.charged import ChargedModel
from checkout.models.checkout import Checkout, CheckoutAdditional
from checkout.models.customer import Customer
from checkout.models.customer_payment import CustomerPayment
from checkout.models.dispute import Dispute
from checkout.models.environment import Environment
from checkout.models.event import Event
from checkout.models.instalment import (
    MAIL_TEMPLATE_ON_SESSION_PAYMENT_ANON,
    MAIL_TEMPLATE_ON_SESSION_PAYMENT_AUTH,
    ObjectPaymentPlanInstalment,
    ObjectPaymentPlanInstalmentManager,
)
from checkout.models.notice import Notice
from checkout.models.object_plan import ObjectPaymentPlan
from checkout.models.plan import Agreement, PaymentPlan
from checkout.models.reconciliation import Difference, Reconciliation
from checkout.models.refund import Refund
from checkout.models.run import PaymentRun, PaymentRunItem
from checkout.models.settings import CheckoutSettings
from checkout.models.staff_action import StaffAction
from checkout.models.words import CheckoutAction, CheckoutState

__all__ = [
    "MAIL_TEMPLATE_ON_SESSION_PAYMENT_ANON",
    "MAIL_TEMPLATE_ON_SESSION_PAYMENT_AUTH",
    "Agreement",
    "ChargedModel",
    "Checkout",
    "CheckoutAction",
    "CheckoutAdditional",
    "CheckoutError",
    "CheckoutSettings",
    "CheckoutState",
    "Customer",
    "CustomerPayment",
    "Difference",
    "Dispute",
    "Environment",
    "Event",
    "Notice",
    "ObjectPaymentPlan",
    "ObjectPaymentPlanInstalment",
    "ObjectPaymentPlanInstalmentManager",
    "PaymentPlan",
    "PaymentRun",
    "PaymentRunItem",
    "Reconciliation",
    "Refund",
    "StaffAction",
]
