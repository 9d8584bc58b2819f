"""What a decline leads to."""

from datetime import date

import pytest

from checkout.declines import (
    CARD_REFUSED,
    MASTERCARD_NEVER,
    MOST_ATTEMPTS,
    SOFT,
    STEPS,
    VISA_NEVER,
    Step,
    next_try,
    step,
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
    ],
)
def test_the_strictest_of_what_is_known_counts(decline_code: str, more: dict[str, str], expected: Step) -> None:
    assert step(decline_code, **more) is expected


@pytest.mark.parametrize("code", sorted(VISA_NEVER))
def test_what_visa_forbids_is_never_soft(code: str) -> None:
    for decline_code in STEPS:
        assert step(decline_code, network_decline_code=code) not in SOFT


@pytest.mark.parametrize("code", sorted(MASTERCARD_NEVER))
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
