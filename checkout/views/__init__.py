"""The public views: mix them into your own. The staff's are in ``checkout.views.staff``."""

from checkout.access import remember_checkout
from checkout.views.card_refresh import ObjectPaymentPlanSetupIntentCardRefreshMixin
from checkout.views.mixins import CheckoutMixin
from checkout.views.my_plan import ObjectPaymentPlanMixin
from checkout.views.on_session import CheckoutPayOnSessionMixin, CheckoutPayOnSessionRedirectMixin
from checkout.views.outcome import CheckoutFailMixin, CheckoutSuccessMixin
from checkout.views.pages import limited, refused
from checkout.views.staff.charge import CustomerChargeCreateView
from checkout.views.start import start_checkout
from checkout.views.webhook import stripe_webhook

__all__ = [
    "CheckoutFailMixin",
    "CheckoutMixin",
    "CheckoutPayOnSessionMixin",
    "CheckoutPayOnSessionRedirectMixin",
    "CheckoutSuccessMixin",
    "CustomerChargeCreateView",
    "ObjectPaymentPlanMixin",
    "ObjectPaymentPlanSetupIntentCardRefreshMixin",
    "limited",
    "refused",
    "remember_checkout",
    "start_checkout",
    "stripe_webhook",
]
