"""What a decline leads to."""

from datetime import date, timedelta
from typing import Any

import pytest

from checkout.declines import (
    ADVICE,
    CARD_REFUSED,
    MASTERCARD_NEVER,
    MASTERCARD_NOT_THIS_CARD,
    MASTERCARD_WAIT,
    MOST_ATTEMPTS,
    SOFT,
    STEPS,
    VISA_NEVER,
    Step,
    next_try,
    step,
    wrong_days,
)

TODAY = date(2026, 11, 25)
DAYS = (3, 5, 7)


@pytest.mark.parametrize(
    ("decline_code", "more", "expected"),
    [
        ("insufficient_funds", {}, Step.RETRY),
        ("insufficient_funds", {"advice_code": "try_again_later"}, Step.RETRY),
        ("generic_decline", {"advice_code": "do_not_try_again"}, Step.ANOTHER_CARD),
        ("generic_decline", {"advice_code": "confirm_card_data"}, Step.CHECK_CARD),
        ("generic_decline", {"advice_code": "one_that_comes_next_year"}, Step.RETRY),
        ("a_code_of_next_year", {}, Step.RETRY),
        ("", {}, Step.RETRY),
        ("", {"code": "expired_card"}, Step.CHECK_CARD),
        ("", {"code": "authentication_required"}, Step.AUTHENTICATE),
        ("authentication_required", {"advice_code": "try_again_later"}, Step.AUTHENTICATE),
        ("lost_card", {"advice_code": "try_again_later"}, Step.STOP),
        ("stolen_card", {}, Step.STOP),
        ("fraudulent", {}, Step.STOP),
        ("revocation_of_all_authorizations", {}, Step.STOP),
        ("expired_card", {"advice_code": "try_again_later"}, Step.CHECK_CARD),
        ("call_issuer", {}, Step.ASK_BANK),
        ("call_issuer", {"advice_code": "try_again_later"}, Step.ASK_BANK),
        ("generic_decline", {"network_decline_code": "05"}, Step.RETRY),
        ("generic_decline", {"network_decline_code": "57"}, Step.ANOTHER_CARD),
        ("insufficient_funds", {"network_advice_code": "21", "advice_code": "try_again_later"}, Step.ANOTHER_CARD),
        # of Stripe's two codes the stricter one
        ("generic_decline", {"code": "expired_card"}, Step.CHECK_CARD),
        ("generic_decline", {"code": "authentication_required"}, Step.AUTHENTICATE),
        ("lost_card", {"code": "card_declined"}, Step.STOP),
        # the next instalment may be smaller: the card is no worse for it
        ("invalid_amount", {}, Step.ASK_BANK),
        # the account has a new card
        ("new_account_information_available", {}, Step.CHECK_CARD),
        ("testmode_decline", {}, Step.ANOTHER_CARD),
        ("test_mode_live_card", {}, Step.ANOTHER_CARD),
        ("highest_risk_level", {}, Step.STOP),
        ("previously_declined_do_not_retry", {}, Step.ANOTHER_CARD),
        # Mastercard: new account information; prepaid; one payment only; sanctions; no instalments here
        ("do_not_honor", {"network_advice_code": "01"}, Step.CHECK_CARD),
        ("do_not_honor", {"network_advice_code": "40"}, Step.ANOTHER_CARD),
        ("do_not_honor", {"network_advice_code": "41"}, Step.ANOTHER_CARD),
        ("do_not_honor", {"network_advice_code": "42"}, Step.ANOTHER_CARD),
        ("do_not_honor", {"network_advice_code": "22"}, Step.ANOTHER_CARD),
        # later, and a virtual number for several payments
        ("do_not_honor", {"network_advice_code": "02"}, Step.RETRY),
        ("do_not_honor", {"network_advice_code": "30"}, Step.RETRY),
        ("do_not_honor", {"network_advice_code": "43"}, Step.RETRY),
        # Visa, category 3: not with the same details
        ("do_not_honor", {"network_decline_code": "54"}, Step.CHECK_CARD),
        ("do_not_honor", {"network_decline_code": "N7"}, Step.CHECK_CARD),
        ("do_not_honor", {"network_decline_code": "1A"}, Step.AUTHENTICATE),
        ("do_not_honor", {"network_decline_code": "1A", "advice_code": "do_not_try_again"}, Step.ANOTHER_CARD),
        ("do_not_honor", {"network_decline_code": "51"}, Step.RETRY),
    ],
)
def test_the_strictest_of_what_is_known_counts(decline_code: str, more: dict[str, str], expected: Step) -> None:
    assert step(decline_code, **more) is expected


@pytest.mark.parametrize("code", sorted(VISA_NEVER))
def test_what_visa_forbids_is_never_soft(code: str) -> None:
    for decline_code in STEPS:
        assert step(decline_code, network_decline_code=code) not in SOFT


# docs.stripe.com/declines/codes, in November 2026
LISTED = """
authentication_not_handled authentication_required approve_with_id call_issuer card_not_supported card_velocity_exceeded
currency_not_supported do_not_honor do_not_try_again duplicate_transaction expired_card fraudulent generic_decline
incorrect_address incorrect_cvc incorrect_number incorrect_pin incorrect_zip insufficient_funds invalid_account
invalid_amount invalid_cvc invalid_expiry_month invalid_expiry_year invalid_number invalid_pin issuer_not_available
lost_card merchant_blacklist mobile_device_authentication_required new_account_information_available no_action_taken
not_permitted offline_pin_required online_or_offline_pin_required pickup_card pin_try_exceeded processing_error
reenter_transaction restricted_card revocation_of_all_authorizations revocation_of_authorization security_violation
service_not_allowed stolen_card stop_payment_order test_mode_live_card testmode_decline transaction_not_allowed
try_again_later withdrawal_count_limit_exceeded
""".split()


def test_every_code_of_stripes_list_has_been_thought_about() -> None:
    """An unknown one is soft, which is right for what comes one day and careless for what is listed."""
    assert set(LISTED) <= set(STEPS)


@pytest.mark.parametrize("advice", ["", *ADVICE])
@pytest.mark.parametrize("code", sorted(VISA_NEVER))
def test_no_advice_softens_what_a_network_forbids(advice: str, code: str) -> None:
    assert step("insufficient_funds", advice_code=advice, network_decline_code=code) in CARD_REFUSED


@pytest.mark.parametrize("code", sorted(MASTERCARD_NEVER | MASTERCARD_NOT_THIS_CARD))
def test_what_mastercard_forbids_is_never_soft(code: str) -> None:
    for decline_code in STEPS:
        assert step(decline_code, network_advice_code=code) not in SOFT


def test_do_not_try_again_is_never_soft() -> None:
    for decline_code in STEPS:
        assert step(decline_code, advice_code="do_not_try_again") not in SOFT


def test_a_soft_step_never_refuses_the_card() -> None:
    assert not SOFT & CARD_REFUSED


@pytest.mark.parametrize(("retries", "day"), [(0, 28), (1, 30)])
def test_each_retry_is_counted_from_the_last(retries: int, day: int) -> None:
    assert next_try(today=TODAY, retries=retries, days=DAYS, attempts=1) == date(2026, 11, day)


def test_retries_end() -> None:
    assert next_try(today=TODAY, retries=3, days=DAYS, attempts=4) is None
    assert next_try(today=TODAY, retries=0, days=(), attempts=1) is None
    assert next_try(today=TODAY, retries=0, days=DAYS, attempts=MOST_ATTEMPTS) is None


def test_never_twice_a_day() -> None:
    assert next_try(today=TODAY, retries=0, days=(0,), attempts=1) == date(2026, 11, 26)


@pytest.mark.parametrize(
    ("advice", "days", "day"),
    [
        # an hour, a day, two days: the third day is later than that
        ("24", DAYS, 3),
        ("25", DAYS, 3),
        ("26", DAYS, 3),
        # 4, 6, 8, 10 days, whatever the site has set
        ("27", DAYS, 5),
        ("28", DAYS, 7),
        ("29", DAYS, 9),
        ("30", DAYS, 11),
        # "a day" is not over by the next morning
        ("25", (1, 2), 2),
        ("02", DAYS, 3),
    ],
)
def test_not_before_the_network_allows_it(advice: str, days: tuple[int, ...], day: int) -> None:
    found = next_try(today=TODAY, retries=0, days=days, attempts=1, network_advice_code=advice, first=TODAY)
    assert found == TODAY + timedelta(days=day)


def test_no_retry_where_the_network_makes_wait_for_longer_than_the_customer_has_agreed_to() -> None:
    assert next_try(today=TODAY, retries=0, days=(1, 2), attempts=1, network_advice_code="30", first=TODAY) is None
    # after ten of the fifteen days, ten more are too many
    first = TODAY - timedelta(days=10)
    assert next_try(today=TODAY, retries=1, days=DAYS, attempts=2, network_advice_code="30", first=first) is None


@pytest.mark.parametrize(("late", "day"), [(0, 7), (1, 6), (6, 1), (7, None), (30, None)])
def test_a_site_that_was_down_does_not_charge_longer_than_was_agreed(late: int, day: int | None) -> None:
    """ "May try again within 15 days": counted from the first attempt, however late the ones between were."""
    first = TODAY - timedelta(days=3 + 5 + late)
    found = next_try(today=TODAY, retries=2, days=DAYS, attempts=3, first=first)
    assert found == (TODAY + timedelta(days=day) if day else None)


@pytest.mark.parametrize("code", sorted(MASTERCARD_WAIT))
def test_what_is_to_wait_is_soft(code: str) -> None:
    assert step("insufficient_funds", network_advice_code=code) in SOFT


@pytest.mark.parametrize("value", [(), [], (3, 5, 7), [1], (7, 5, 3), (365,)])
def test_days_that_a_site_may_set(value: Any) -> None:
    assert wrong_days(value) == ""


@pytest.mark.parametrize("value", ["3,5,7", b"3", 3, None, (0, 3), (-1,), (2.5,), ("3",), (True,), (None,), (366,)])
def test_days_that_are_none(value: Any) -> None:
    assert wrong_days(value)
