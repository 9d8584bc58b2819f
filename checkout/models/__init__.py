"""The models, under the names that hosts import."""

from checkout.errors import CheckoutError
from checkout.models.checkout import (
    Checkout,
    CheckoutAction,
    CheckoutAdditional,
    CheckoutState,
)
from checkout.models.notice import Notice

__all__ = [
    "Checkout",
    "CheckoutAction",
    "CheckoutAdditional",
    "CheckoutError",
    "CheckoutState",
    "Notice",
]
