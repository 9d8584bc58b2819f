"""The public views: mix them into your own."""

from checkout.access import remember_checkout
from checkout.views.mixins import (
    CheckoutFailMixin,
    CheckoutMixin,
    CheckoutSuccessMixin,
)
from checkout.views.pages import limited, refused
from checkout.views.start import start_checkout

__all__ = [
    "CheckoutFailMixin",
    "CheckoutMixin",
    "CheckoutSuccessMixin",
    "limited",
    "refused",
    "remember_checkout",
    "start_checkout",
]
