"""The test cards: what each number does, by number and by its ``pm_card_*`` name."""

from __future__ import annotations

from dataclasses import dataclass, replace

from .errors import StripeFault


@dataclass(frozen=True)
class Decline:
    """How an issuer says no."""

    code: str
    reason: str
    message: str = "Your card was declined."
    advice: str | None = None
    param: str | None = None
    blocked: bool = False
    #: Declines only when a security code was given.
    needs_cvc: bool = False
    #: What the card network itself answers; without one, the charge shows the usual code of the reason.
    network_code: str | None = None
    network_advice: str | None = None


@dataclass(frozen=True)
class Card:
    """What a test card does.

    ``asks`` says when 3-D Secure is needed: ``never``, ``always``, ``unless_set_up`` (on session always),
    ``on_session``, or ``requested`` (only when the request asks for it).
    """

    number: str
    name: str
    brand: str = "visa"
    funding: str = "credit"
    country: str = "US"
    asks: str = "never"
    decline: Decline | None = None
    #: Declines charges, but may be attached and set up.
    charges_only: bool = False
    refund: str = "normal"
    disputes: tuple[str, ...] = ()
    inquiry: bool = False
    risk: str = "normal"
    cvc_check: str = "pass"
    zip_check: str | None = None
    supports_3ds: bool = True
    bypass_pending: bool = False


def _no(reason: str, advice: str | None = None, message: str = "Your card was declined.") -> Decline:
    return Decline("card_declined", reason, message, advice)


_AGAIN, _NEVER, _CONFIRM = "try_again_later", "do_not_try_again", "confirm_card_data"
_FUNDS = _no("insufficient_funds", _AGAIN, "Your card has insufficient funds.")
#: Every decline by its decline code, for cards and for trouble on demand.
DECLINES = {
    "generic_decline": _no("generic_decline", _AGAIN),
    "insufficient_funds": _FUNDS,
    "lost_card": _no("lost_card", _NEVER),
    "stolen_card": _no("stolen_card", _NEVER),
    "fraudulent": _no("fraudulent"),
    "card_velocity_exceeded": _no(
        "card_velocity_exceeded", None, "Your card was declined for making repeated attempts too frequently."
    ),
    "expired_card": Decline("expired_card", "expired_card", "Your card has expired.", _CONFIRM, param="exp_month"),
    "incorrect_cvc": Decline(
        "incorrect_cvc", "incorrect_cvc", "Your card's security code is incorrect.", _CONFIRM, param="cvc"
    ),
    "processing_error": Decline(
        "processing_error",
        "processing_error",
        "An error occurred while processing your card. Try again in a little bit.",
        _AGAIN,
    ),
}
_NO = DECLINES

_TABLE = (
    Card("4242424242424242", "visa"),
    Card("4000056655665556", "visa_debit", funding="debit"),
    Card("5555555555554444", "mastercard", "mastercard"),
    Card("5200828282828210", "mastercard_debit", "mastercard", "debit"),
    Card("5105105105105100", "mastercard_prepaid", "mastercard", "prepaid"),
    Card("378282246310005", "amex", "amex", supports_3ds=False),
    Card("6011111111111117", "discover", "discover"),
    Card("3056930009020004", "diners", "diners", supports_3ds=False),
    Card("3566002020360505", "jcb", "jcb", country="JP", supports_3ds=False),
    Card("6200000000000005", "unionpay", "unionpay", country="CN", supports_3ds=False),
    Card("4000058260000005", "gb_debit", funding="debit", country="GB"),
    Card("4000008260000000", "gb", country="GB"),
    Card("4000002760000016", "de", country="DE"),
    Card("4000002500000003", "fr", country="FR"),
    Card("4000002500003155", "authenticationRequiredOnSetup", country="FR", asks="unless_set_up"),
    Card("4000002760003184", "authenticationRequired", country="DE", asks="always"),
    Card("4000003800000446", "authenticationRequiredSetupForOffSession", country="IT", asks="on_session"),
    Card(
        "4000008260003178",
        "authenticationRequiredChargeDeclinedInsufficientFunds",
        country="GB",
        asks="unless_set_up",
        decline=_FUNDS,
        charges_only=True,
    ),
    Card("4000000000003220", "threeDSecure2Required", country="IE", asks="always"),
    Card("4000008400000027", "4000008400000027", asks="always"),
    Card(
        "4000008400001629",
        "threeDSecureRequiredChargeDeclined",
        asks="always",
        decline=_NO["generic_decline"],
    ),
    Card(
        "4000008400001280",
        "threeDSecureRequiredProcessingError",
        decline=_NO["generic_decline"],
    ),
    Card("4000000000003055", "threeDSecureOptional", asks="requested"),
    Card("4000000000003097", "4000000000003097"),
    Card("4000000032200000", "4000000032200000"),
    Card("4000000000000002", "visa_chargeDeclined", decline=_NO["generic_decline"]),
    Card("4000000000009995", "visa_chargeDeclinedInsufficientFunds", decline=_FUNDS),
    Card("4000000000009987", "visa_chargeDeclinedLostCard", decline=_NO["lost_card"]),
    Card("4000000000009979", "visa_chargeDeclinedStolenCard", decline=_NO["stolen_card"]),
    Card("4000000000000069", "chargeDeclinedExpiredCard", decline=_NO["expired_card"]),
    Card(
        "4000000000000127",
        "chargeDeclinedIncorrectCvc",
        decline=replace(_NO["incorrect_cvc"], needs_cvc=True),
    ),
    Card("4000000000000119", "chargeDeclinedProcessingError", decline=_NO["processing_error"]),
    Card(
        "4000000000006975",
        "visa_chargeDeclinedVelocityLimitExceeded",
        decline=_NO["card_velocity_exceeded"],
    ),
    Card("4000000000000341", "chargeCustomerFail", decline=_NO["generic_decline"], charges_only=True),
    Card(
        "4100000000000019",
        "radarBlock",
        decline=Decline("card_declined", "fraudulent", advice=_NEVER, blocked=True),
        risk="highest",
    ),
    Card("4000000000004954", "riskLevelHighest", risk="highest"),
    Card("4000000000009235", "riskLevelElevated", risk="elevated"),
    Card("4000000000000101", "cvcCheckFail", cvc_check="fail"),
    Card("4000000000000036", "avsZipFail", zip_check="fail"),
    Card("4000000000000259", "createDispute", disputes=("fraudulent",)),
    Card("4000000000002685", "createDisputeProductNotReceived", disputes=("product_not_received",)),
    Card("4000000000001976", "createDisputeInquiry", disputes=("fraudulent",), inquiry=True),
    Card("4000000000005423", "createIssuerFraudRecord"),
    Card("4000000404000079", "createMultipleDisputes", disputes=("fraudulent", "product_not_received")),
    Card("4000000000007726", "pendingRefund", refund="pending"),
    Card("4000000000005126", "refundFail", refund="fail"),
    Card("4000000000000077", "bypassPending", bypass_pending=True),
    Card("4000003720000278", "bypassPendingInternational", country="IE", bypass_pending=True),
)
BY_NUMBER = {card.number: card for card in _TABLE}
# A card that Stripe gives no id of its own is known by its number alone.
BY_NAME = {card.name: card for card in _TABLE if not card.name.isdecimal()}
# This one answers only to its name.
BY_NAME["chargeDeclinedFraudulent"] = Card("4000000000000019", "chargeDeclinedFraudulent", decline=_NO["fraudulent"])
BY_NAME["amex_threeDSecureNotSupported"] = BY_NAME["amex"]
BY_NAME["chargeDeclined"] = BY_NAME["visa_chargeDeclined"]
BY_NAME["chargeDeclinedInsufficientFunds"] = BY_NAME["visa_chargeDeclinedInsufficientFunds"]
BY_NAME["visa_chargeDeclinedFraudulent"] = BY_NAME["chargeDeclinedFraudulent"]
BY_NAME["visa_chargeCustomerFail"] = BY_NAME["chargeCustomerFail"]
for _name, _reason in (("LostCard", "lost_card"), ("StolenCard", "stolen_card")):
    BY_NAME[f"visa_chargeCustomerFail{_name}"] = replace(
        BY_NAME["chargeCustomerFail"], name=f"visa_chargeCustomerFail{_name}", decline=_NO[_reason]
    )


def by_name(ident: str) -> Card | None:
    """The card behind ``pm_card_visa`` or ``tok_visa``."""
    for prefix in ("pm_card_", "tok_"):
        if ident.startswith(prefix):
            return BY_NAME.get(ident.removeprefix(prefix))
    return None


def by_number(number: str) -> Card:
    """The card with that number; an unknown but valid number is an ordinary card of its brand."""
    known = BY_NUMBER.get(number)
    if known is not None:
        return known
    brands = {"4": "visa", "5": "mastercard", "2": "mastercard", "6": "discover", "35": "jcb", "34": "amex"}
    brand = brands.get(number[:2]) or ("amex" if number[:2] == "37" else brands.get(number[:1], "unknown"))
    return Card(number, number, brand)


def luhn(number: str) -> bool:
    """Whether the check digit of a card number is right."""
    digits = [int(one) for one in reversed(number)]
    total = sum(digits[::2]) + sum(sum(divmod(2 * one, 10)) for one in digits[1::2])
    return total % 10 == 0


def _wrong(code: str, message: str, param: str) -> StripeFault:
    return StripeFault(402, message, kind="card_error", code=code, param=param, saved=False)


def check_details(number: str, month: int, year: int, cvc: str | None, this_month: tuple[int, int]) -> None:
    """Refuse a card that cannot be right: number, expiry or security code."""
    if not number.isdecimal() or not 12 <= len(number) <= 19 or not luhn(number):
        raise _wrong("incorrect_number", "Your card number is incorrect.", "number")
    if not 1 <= month <= 12:
        raise _wrong("invalid_expiry_month", "Your card's expiration month is invalid.", "exp_month")
    full_year = year + 2000 if year < 100 else year
    if full_year < this_month[0] or full_year > this_month[0] + 50:
        raise _wrong("invalid_expiry_year", "Your card's expiration year is invalid.", "exp_year")
    if (full_year, month) < this_month:
        raise _wrong("invalid_expiry_month", "Your card's expiration month is invalid.", "exp_month")
    lengths = (3, 4) if by_number(number).brand == "amex" else (3,)
    if cvc is not None and (not cvc.isdecimal() or len(cvc) not in lengths):
        raise _wrong("invalid_cvc", "Your card's security code is invalid.", "cvc")
