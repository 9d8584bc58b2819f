"""The words and the table of legal moves. Pure data: nothing here touches the database."""

from typing import Final

# actions
CARD_REFRESH: Final = "card_refresh"
CHARGE: Final = "charge"
INVOICE: Final = "invoice"
MANUAL: Final = "manual"
PAYMENT: Final = "payment"
PAYMENT_PLAN: Final = "payment_plan"
PAY_ON_SESSION: Final = "pay_on_session"

ACTIONS: Final = {
    CARD_REFRESH: "Card refresh",
    CHARGE: "Charge",
    INVOICE: "Invoice",
    MANUAL: "Manual",
    PAYMENT: "Payment",
    PAYMENT_PLAN: "Payment plan",
    PAY_ON_SESSION: "Pay on session",
}

# states
PENDING: Final = "pending"
REQUEST: Final = "request"
SUCCESS: Final = "success"
FAIL: Final = "fail"

STATES: Final = {
    PENDING: "Pending",
    REQUEST: "Request",
    SUCCESS: "Success",
    FAIL: "Fail",
    PAY_ON_SESSION: "Pay on session",
}

OPEN: Final = (PENDING, REQUEST)
SETTLED: Final = (SUCCESS, FAIL)

CHECKOUT_MOVES: Final[dict[str, frozenset[str]]] = {
    PENDING: frozenset({REQUEST, SUCCESS, FAIL, PAY_ON_SESSION}),
    REQUEST: frozenset({SUCCESS, FAIL, PAY_ON_SESSION, PENDING}),
    PAY_ON_SESSION: frozenset({SUCCESS, FAIL}),
    # by audit alone, when Stripe says that the money was taken after all
    FAIL: frozenset({SUCCESS}),
    SUCCESS: frozenset(),
}


def sources(moves: dict[str, frozenset[str]], to: str) -> tuple[str, ...]:
    """The states from which a move to ``to`` is legal."""
    return tuple(state for state, targets in moves.items() if to in targets)
