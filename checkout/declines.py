"""What a decline leads to: codes of Stripe and of the card networks -> what to do next. Data.

Sources: https://docs.stripe.com/declines/codes, https://docs.stripe.com/declines/card (advice codes), and the lists of
responses that Visa (Core Rules, table 7-2) and Mastercard (merchant advice codes) forbid to try again, or too early.
"""

from collections.abc import Iterable
from datetime import date, timedelta
from enum import StrEnum
from typing import Any, Final


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
    "highest_risk_level",
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
    # Stripe's name for a bank that says it without an advice code
    "do_not_try_again",
    "invalid_account",
    "not_permitted",
    # Stripe itself sends it to no bank any more
    "previously_declined_do_not_retry",
    "service_not_allowed",
    # a card for tests, with real keys, or the other way round
    "test_mode_live_card",
    "testmode_decline",
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
    # a new number or date for the same account: the card that is replaced is good for nothing, its successor may be
    "new_account_information_available",
    "pin_try_exceeded",
)
# The bank has a limit for one payment: a smaller one may pass, so the card is not refused.
_ASK_BANK: Final = ("call_issuer", "invalid_amount")
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
    "authentication_required": Step.AUTHENTICATE,
    "authentication_not_handled": Step.AUTHENTICATE,
    "mobile_device_authentication_required": Step.AUTHENTICATE,
    "offline_pin_required": Step.AUTHENTICATE,
    "online_or_offline_pin_required": Step.AUTHENTICATE,
}

# Responses that must never be tried again with the same card.
VISA_NEVER: Final = frozenset({"04", "07", "12", "14", "15", "41", "43", "46", "57", "R0", "R1", "R3"})
MASTERCARD_NEVER: Final = frozenset({"03", "21"})
# The same, because of what the card or the shop is: 22 no instalments for this shop, 40 prepaid and not to be loaded
# again, 41 a number for one payment, 42 sanctions.
MASTERCARD_NOT_THIS_CARD: Final = frozenset({"22", "40", "41", "42"})
# To be tried again only with other details: a new number or date (advice); an expired card, a PIN, a CVC (responses).
CHECK_ADVICE: Final = frozenset({"01"})
CHECK_RESPONSES: Final = frozenset({"54", "55", "6P", "70", "N7"})
# Visa: the bank wants the customer.
AUTHENTICATE_RESPONSES: Final = frozenset({"1A"})
# Mastercard: not before an hour, a day, 2, 4, 6, 8, 10 days. In whole days, and one more: a run may begin a few minutes
# earlier than the last one did.
MASTERCARD_WAIT: Final = {"24": 1, "25": 2, "26": 3, "27": 5, "28": 7, "29": 9, "30": 11}

# The strictest reading of what the networks allow: so many attempts for one amount in so many days.
MOST_ATTEMPTS: Final = 15
WITHIN: Final = timedelta(days=30)
# The longest pause that a site may set.
MOST_DAYS: Final = 365


# Of two codes in one answer the stricter one counts.
_STRICTEST_FIRST: Final = (
    Step.STOP,
    Step.AUTHENTICATE,
    Step.ANOTHER_CARD,
    Step.CHECK_CARD,
    Step.ASK_BANK,
    Step.RETRY,
)


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
    named = min(
        (STEPS.get(decline_code, Step.RETRY), STEPS.get(code, Step.RETRY)),
        key=_STRICTEST_FIRST.index,
    )
    if named in (Step.STOP, Step.AUTHENTICATE):
        # no advice makes a stolen card good, or a retry an authentication
        return named
    if network_decline_code in VISA_NEVER or network_advice_code in MASTERCARD_NEVER | MASTERCARD_NOT_THIS_CARD:
        return Step.ANOTHER_CARD
    advised = ADVICE.get(advice_code, Step.RETRY)
    if advised is not Step.RETRY:
        return advised
    if named is not Step.RETRY:
        # a bank that would see it again does not make a wrong number right
        return named
    if network_decline_code in AUTHENTICATE_RESPONSES:
        return Step.AUTHENTICATE
    if network_decline_code in CHECK_RESPONSES or network_advice_code in CHECK_ADVICE:
        return Step.CHECK_CARD
    return Step.RETRY


def next_try(
    *,
    today: date,
    retries: int,
    days: tuple[int, ...],
    attempts: int,
    network_advice_code: str = "",
    first: date | None = None,
) -> date | None:
    """The day of the next automatic attempt after a soft decline; None when there is none left.

    ``retries``: how many there have been; ``days``: after how many days each follows, at least one; ``attempts``: how
    often the amount has been tried within the time that the networks look at, this one included. ``first``: the day of
    the first of these attempts. The customer has agreed to the sum of ``days`` after it and not to more: what the
    network makes wait, or the site has done late, comes sooner or not at all.
    """
    if retries >= len(days) or attempts >= MOST_ATTEMPTS:
        return None
    earliest = today + timedelta(days=max(1, MASTERCARD_WAIT.get(network_advice_code, 1)))
    latest = (first or today) + timedelta(days=sum(max(1, one) for one in days))
    if earliest > latest:
        return None
    return min(latest, max(earliest, today + timedelta(days=max(1, days[retries]))))


def wrong_days(value: Any) -> str:
    """What is wrong with a value of ``CHECKOUT_RETRY_DAYS``; empty if nothing is."""
    if isinstance(value, str | bytes) or not isinstance(value, Iterable):
        return f"{value!r} is no list of days."
    for day in value:
        if isinstance(day, bool) or not isinstance(day, int) or not 1 <= day <= MOST_DAYS:
            return f"{day!r} is no whole number of days from 1 to {MOST_DAYS}."
    return ""
