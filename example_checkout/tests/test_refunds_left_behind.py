"""Given back in full, and the payment that was put aside could not be closed just then."""

from typing import Any

import pytest

from checkout import signals
from checkout.flows import refund
from example_checkout.tests.money_back import give
from example_checkout.tests.test_refunds_elsewhere import assert_closed, held

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.slow]


def test_a_payment_that_could_not_be_closed_is_closed_by_the_next_pass(
    pay: Any, stripe_simulator: Any, stripe_trouble: Any
) -> None:
    """Without any webhook: Stripe goes away between the refund and the question whether that was all of it."""
    checkout = held(pay)

    def away(**_fact: Any) -> None:
        stripe_trouble("reset_before", times=None, method="GET")

    signals.checkout_refunded.connect(away)
    try:
        give(checkout, "120.00")
    finally:
        signals.checkout_refunded.disconnect(away)
    checkout.refresh_from_db()
    assert checkout.held
    refund.resolve()
    checkout.refresh_from_db()
    assert checkout.held, "Stripe is still away"
    stripe_simulator.trouble.clear()
    refund.resolve()
    assert_closed(checkout)
