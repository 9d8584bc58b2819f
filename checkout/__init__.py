"""Take money on a Django site: one-off payments and payment plans on Stripe, under SCA."""

__version__ = "0.1.0"
