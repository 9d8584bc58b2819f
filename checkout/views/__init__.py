"""The public views: mix them into your own. The staff's are in ``checkout.views.staff``."""

from checkout.access import remember_checkout
from checkout.views.mixins import CheckoutMixin
from checkout.views.outcome import CheckoutFailMixin, CheckoutSuccessMixin
from checkout.views.pages import limited, refused
from checkout.views.start import start_checkout
from checkout.views.timeline import ObjectPaymentPlanMixin

__all__ = [
    "CheckoutFailMixin",
    "CheckoutMixin",
    "CheckoutSuccessMixin",
    "ObjectPaymentPlanMixin",
    "limited",
    "refused",
    "remember_checkout",
    "start_checkout",
]
