"""The words and the table of legal moves. Pure data: nothing here touches the database."""

from typing import Final

from django.utils.translation import gettext_noop as _

# actions
CARD_REFRESH: Final = "card_refresh"
CHARGE: Final = "charge"
INVOICE: Final = "invoice"
MANUAL: Final = "manual"
PAYMENT: Final = "payment"
PAYMENT_PLAN: Final = "payment_plan"
PAY_ON_SESSION: Final = "pay_on_session"

ACTIONS: Final = {
    CARD_REFRESH: _("Card refresh"),
    CHARGE: _("Charge"),
    INVOICE: _("Invoice"),
    MANUAL: _("Manual"),
    PAYMENT: _("Payment"),
    PAYMENT_PLAN: _("Payment plan"),
    PAY_ON_SESSION: _("Pay on session"),
}

# states
PENDING: Final = "pending"
REQUEST: Final = "request"
SUCCESS: Final = "success"
FAIL: Final = "fail"

STATES: Final = {
    PENDING: _("Pending"),
    REQUEST: _("Request"),
    SUCCESS: _("Success"),
    FAIL: _("Fail"),
    PAY_ON_SESSION: _("Pay on session"),
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

INSTALMENT_MOVES: Final[dict[str, frozenset[str]]] = {
    # to success by hand
    PENDING: frozenset({REQUEST, SUCCESS}),
    # back to pending when Stripe certainly did nothing
    REQUEST: frozenset({SUCCESS, FAIL, PAY_ON_SESSION, PENDING}),
    # a retry; by hand, or a late yes
    FAIL: frozenset({PENDING, SUCCESS}),
    # back to pending when there is a new card
    PAY_ON_SESSION: frozenset({SUCCESS, FAIL, PENDING}),
    SUCCESS: frozenset(),
}

# a notice
WAITING: Final = "waiting"
SENDING: Final = "sending"
SENT: Final = "sent"
MOOT: Final = "moot"
GIVEN_UP: Final = "given_up"

NOTICE_STATES: Final = {
    WAITING: _("Waiting to be sent"),
    SENDING: _("Being sent"),
    SENT: _("Sent"),
    MOOT: _("No longer needed"),
    GIVEN_UP: _("Could not be sent"),
}

NOTICE_MOVES: Final[dict[str, frozenset[str]]] = {
    WAITING: frozenset({SENDING, MOOT}),
    # back to waiting when the mail server refused it, or nobody knows whether it took it
    SENDING: frozenset({SENT, WAITING, GIVEN_UP, MOOT}),
    # by hand
    GIVEN_UP: frozenset({WAITING}),
    SENT: frozenset(),
    MOOT: frozenset(),
}

# a refund
PROCESSING: Final = "processing"

REFUND_STATES: Final = {
    REQUEST: _("Asked for, outcome not known yet"),
    PROCESSING: _("On its way"),
    SUCCESS: _("Given back"),
    FAIL: _("Failed"),
}

REFUND_MOVES: Final[dict[str, frozenset[str]]] = {
    REQUEST: frozenset({PROCESSING, SUCCESS, FAIL}),
    PROCESSING: frozenset({SUCCESS, FAIL}),
    # a bank may send it back weeks later
    SUCCESS: frozenset({FAIL}),
    FAIL: frozenset(),
}

# a dispute
DISPUTE_OPEN: Final = "open"
DISPUTE_WON: Final = "won"
DISPUTE_LOST: Final = "lost"
DISPUTE_CLOSED: Final = "closed"

DISPUTE_STATES: Final = {
    DISPUTE_OPEN: _("Open"),
    DISPUTE_WON: _("Won"),
    DISPUTE_LOST: _("Lost"),
    DISPUTE_CLOSED: _("Closed"),
}

DISPUTE_MOVES: Final[dict[str, frozenset[str]]] = {
    DISPUTE_OPEN: frozenset({DISPUTE_WON, DISPUTE_LOST, DISPUTE_CLOSED}),
    # on appeal alone
    DISPUTE_LOST: frozenset({DISPUTE_OPEN, DISPUTE_WON}),
    DISPUTE_WON: frozenset({DISPUTE_OPEN, DISPUTE_LOST}),
    DISPUTE_CLOSED: frozenset(),
}

# an event
DONE: Final = "done"
IGNORED: Final = "ignored"

EVENT_STATES: Final = {
    WAITING: _("Waiting to be worked"),
    DONE: _("Worked"),
    IGNORED: _("Nothing to do"),
    GIVEN_UP: _("Could not be worked"),
}

EVENT_MOVES: Final[dict[str, frozenset[str]]] = {
    WAITING: frozenset({DONE, IGNORED, GIVEN_UP}),
    # by hand
    DONE: frozenset({WAITING}),
    IGNORED: frozenset({WAITING}),
    GIVEN_UP: frozenset({WAITING}),
}

# what became of an instalment in a payment run, where that is no state
RELEASED: Final = "released"
SKIPPED: Final = "skipped"

OUTCOMES: Final = {
    SUCCESS: _("Charged"),
    FAIL: _("Declined"),
    PAY_ON_SESSION: _("The bank wants the customer"),
    REQUEST: _("Outcome not known yet"),
    RELEASED: _("Released, nothing was charged"),
    SKIPPED: _("Skipped"),
}


def sources(moves: dict[str, frozenset[str]], to: str) -> tuple[str, ...]:
    """The states from which a move to ``to`` is legal."""
    return tuple(state for state, targets in moves.items() if to in targets)
