"""What a decline leads to: codes of Stripe and of the card networks -> what to do next. Data.

Sources: https://docs.stripe.com/declines/codes, https://docs.stripe.com/declines/card (advice codes), and the lists of
responses that Visa (Core Rules, table 7-2) and Mastercard (merchant advice codes) forbid to try again.
"""

from datetime import date, timedelta
from enum import StrEnum
from typing import Final


class Step(StrEnum):
    """The one thing to do next."""

    RETRY = "retry"
    ANOTHER_CARD = "another_card"
    CHECK_CARD = "check_card"
    ASK_BANK = "ask_bank"
    STOP = "stop"
    AUTHENTICATE = "authenticate"


# What is tried again by itself, after some days. All other steps need a person.
SOFT: Final = frozenset({Step.RETRY})
# The card itself is no good any more: nothing is charged to it again, whatever falls due.
CARD_REFUSED: Final = frozenset({Step.ANOTHER_CARD, Step.STOP})

ADVICE: Final = {
    "try_again_later": Step.RETRY,
    "confirm_card_data": Step.CHECK_CARD,
    "do_not_try_again": Step.ANOTHER_CARD,
}

# The card is gone, or its owner has said no: never again, and the customer is not told which.
_STOP: Final = (
    "fraudulent",
    "lost_card",
    "merchant_blacklist",
    "pickup_card",
    "restricted_card",
    "revocation_of_all_authorizations",
    "revocation_of_authorization",
    "security_violation",
    "stolen_card",
    "stop_payment_order",
)
_ANOTHER_CARD: Final = (
    "card_not_supported",
    "currency_not_supported",
    "invalid_account",
    "invalid_amount",
    "new_account_information_available",
    "not_permitted",
    "service_not_allowed",
    "transaction_not_allowed",
)
_CHECK_CARD: Final = (
    "expired_card",
    "incorrect_address",
    "incorrect_cvc",
    "incorrect_number",
    "incorrect_pin",
    "incorrect_zip",
    "invalid_cvc",
    "invalid_expiry_month",
    "invalid_expiry_year",
    "invalid_number",
    "invalid_pin",
    "pin_try_exceeded",
)
_ASK_BANK: Final = ("call_issuer",)
_RETRY: Final = (
    "approve_with_id",
    "card_decline_rate_limit_exceeded",
    "card_declined",
    "card_velocity_exceeded",
    "do_not_honor",
    "duplicate_transaction",
    "generic_decline",
    "insufficient_funds",
    "issuer_not_available",
    "no_action_taken",
    "processing_error",
    "reenter_transaction",
    "try_again_later",
    "withdrawal_count_limit_exceeded",
)
STEPS: Final[dict[str, Step]] = {
    **dict.fromkeys(_STOP, Step.STOP),
    **dict.fromkeys(_ANOTHER_CARD, Step.ANOTHER_CARD),
    **dict.fromkeys(_CHECK_CARD, Step.CHECK_CARD),
    **dict.fromkeys(_ASK_BANK, Step.ASK_BANK),
    **dict.fromkeys(_RETRY, Step.RETRY),
    # Stripe's name for a bank that says "do not try again" without an advice code
    "do_not_try_again": Step.ANOTHER_CARD,
    "authentication_required": Step.AUTHENTICATE,
    "authentication_not_handled": Step.AUTHENTICATE,
    "offline_pin_required": Step.AUTHENTICATE,
    "online_or_offline_pin_required": Step.AUTHENTICATE,
}

# Responses that must never be tried again with the same card.
VISA_NEVER: Final = frozenset({"04", "07", "12", "14", "15", "41", "43", "46", "57", "R0", "R1", "R3"})
MASTERCARD_NEVER: Final = frozenset({"03", "21"})

# The strictest reading of what the networks allow: so many attempts for one amount in so many days.
MOST_ATTEMPTS: Final = 15
WITHIN: Final = timedelta(days=30)


def step(
    decline_code: str,
    *,
    advice_code: str = "",
    code: str = "",
    network_decline_code: str = "",
    network_advice_code: str = "",
) -> Step:
    """What to do about a decline. The strictest of what is known counts; what is not known is soft, with a cap.

    ``code`` is Stripe's error code, for errors without a decline code. All may be empty.
    """
    named = STEPS.get(decline_code) or STEPS.get(code) or Step.RETRY
    if named in (Step.STOP, Step.AUTHENTICATE):
        # no advice makes a stolen card good, or a retry an authentication
        return named
    if network_decline_code in VISA_NEVER or network_advice_code in MASTERCARD_NEVER:
        return Step.ANOTHER_CARD
    advised = ADVICE.get(advice_code)
    if advised is None or (advised is Step.RETRY and named is not Step.RETRY):
        # a bank that would see it again does not make a wrong number right
        return named
    return advised


def next_try(*, today: date, retries: int, days: tuple[int, ...], attempts: int) -> date | None:
    """The day of the next automatic attempt after a soft decline; None when there is none left.

    ``retries``: how many there have been; ``days``: after how many days each follows, at least one; ``attempts``: how
    often the amount has been tried within the time that the networks look at, this one included.
    """
    if retries >= len(days) or attempts >= MOST_ATTEMPTS:
        return None
    return today + timedelta(days=max(1, days[retries]))
