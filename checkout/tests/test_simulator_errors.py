"""Error tables, row by row: declines off session, ownership, what does not exist, wrong parameters."""

from collections.abc import Iterator
from typing import Any

import pytest

from .simulated import NO_REDIRECTS, PUBLIC, SECRET, World


@pytest.fixture
def world() -> Iterator[World]:
    made = World()
    yield made
    made.check()


DECLINES = [
    ("visa_chargeDeclined", "card_declined", "generic_decline", None, "try_again_later"),
    ("visa_chargeDeclinedInsufficientFunds", "card_declined", "insufficient_funds", None, "try_again_later"),
    ("visa_chargeDeclinedLostCard", "card_declined", "lost_card", None, "do_not_try_again"),
    ("visa_chargeDeclinedStolenCard", "card_declined", "stolen_card", None, "do_not_try_again"),
    ("chargeDeclinedFraudulent", "card_declined", "fraudulent", None, None),
    ("visa_chargeDeclinedVelocityLimitExceeded", "card_declined", "card_velocity_exceeded", None, None),
    ("chargeDeclinedExpiredCard", "expired_card", "expired_card", "exp_month", "confirm_card_data"),
    ("chargeDeclinedIncorrectCvc", "incorrect_cvc", "incorrect_cvc", "cvc", "confirm_card_data"),
    ("chargeDeclinedProcessingError", "processing_error", "processing_error", None, "try_again_later"),
    ("radarBlock", "card_declined", "fraudulent", None, "do_not_try_again"),
]


@pytest.mark.parametrize(("card", "code", "reason", "param", "advice"), DECLINES, ids=[row[0] for row in DECLINES])
def test_an_off_session_decline(
    world: World, card: str, code: str, reason: str, param: str | None, advice: str | None
) -> None:
    caught = world.declined(lambda: world.pay(card, off_session=True))
    error = caught.error
    assert (caught.http_status, error.type, error.code, error.decline_code) == (402, "card_error", code, reason)
    assert (error.param, error.advice_code) == (param, advice)
    intent = world.intent(error.payment_intent.id)
    assert (intent.status, intent.payment_method) == ("requires_payment_method", None)
    assert intent.last_payment_error.payment_method.id == error.payment_method.id
    charge = world.v1.charges.retrieve(error.charge)
    assert (charge.id, charge.status, charge.paid) == (intent.latest_charge, "failed", False)
    assert world.events() == ["payment_intent.created", "charge.failed", "payment_intent.payment_failed"]
    paid = world.v1.payment_intents.confirm(intent.id, {"payment_method": "pm_card_visa"})
    assert (paid.status, paid.last_payment_error) == ("succeeded", None)


@pytest.mark.parametrize(
    ("flag", "reason"),
    [("off_session", "authentication_required"), ("error_on_requires_action", "authentication_not_handled")],
)
def test_authentication_needed_without_a_customer(world: World, flag: str, reason: str) -> None:
    error = world.declined(lambda: world.pay("authenticationRequired", **{flag: True})).error
    assert (error.code, error.decline_code, error.charge) == ("authentication_required", reason, None)
    assert error.payment_intent.status == "requires_payment_method"
    assert world.events() == ["payment_intent.created", "payment_intent.payment_failed"]


def test_null_attributes_are_left_out_of_errors(world: World) -> None:
    sent = "amount=2000&currency=gbp&confirm=true&payment_method=pm_card_chargeDeclinedFraudulent"
    sent += "&automatic_payment_methods[enabled]=true&automatic_payment_methods[allow_redirects]=never"
    status, body, _ = world.send("POST", "/v1/payment_intents", sent)
    assert status == 402
    assert "advice_code" not in body["error"]
    assert None not in body["error"].values()


def test_radar_blocks_before_the_network(world: World) -> None:
    error = world.declined(lambda: world.pay("radarBlock")).error
    outcome = world.v1.charges.retrieve(error.charge).outcome
    assert (outcome.type, outcome.network_status) == ("blocked", "not_sent_to_network")
    assert (outcome.risk_level, outcome.advice_code) == ("highest", "do_not_try_again")


@pytest.mark.parametrize(
    ("number", "changed", "code"),
    [
        ("4242424242424241", {}, "incorrect_number"),
        ("4242424242424242", {"payment_method_data[card][exp_month]": "13"}, "invalid_expiry_month"),
        ("4242424242424242", {"payment_method_data[card][exp_year]": "2001"}, "invalid_expiry_year"),
        ("4242424242424242", {"payment_method_data[card][cvc]": "12"}, "invalid_cvc"),
    ],
)
def test_bad_card_data_charges_nothing(world: World, number: str, changed: dict[str, str], code: str) -> None:
    intent = world.create()
    status, body = world.browser_confirm(intent, number, **changed)
    assert (status, body["error"]["type"], body["error"]["code"]) == (402, "card_error", code)
    assert world.intent(intent.id).status == "requires_payment_method"
    assert world.v1.charges.list().data == []


class TestOwnership:
    def test_a_saved_card_without_its_customer(self, world: World) -> None:
        method = world.save_card("visa", world.customer())
        error = world.refused(lambda: world.create(payment_method=method, confirm=True))
        assert (error.http_status, error.code, error.param) == (400, "parameter_missing", "source")
        assert error.error.payment_intent.object == "payment_intent"

    def test_another_customers_card_for_a_payment(self, world: World) -> None:
        method = world.save_card("visa", world.customer())
        error = world.refused(lambda: world.create(payment_method=method, customer=world.customer(), confirm=True))
        assert (error.code, error.param) == (None, "payment_method")
        assert error.error.payment_intent.object == "payment_intent"

    def test_another_customers_card_for_a_setup(self, world: World) -> None:
        method = world.save_card("visa", world.customer())
        sent = {"payment_method": method, "customer": world.customer()}
        error = world.refused(lambda: world.v1.setup_intents.create({**sent, **NO_REDIRECTS}))
        assert (error.code, error.param, error.error.setup_intent) == (None, "payment_method", None)

    def test_a_refused_update_changes_nothing(self, world: World) -> None:
        made = world.create()
        for wrong in ({"customer": "cus_none"}, {"payment_method": "pm_none"}):
            world.refused(lambda wrong=wrong: world.v1.payment_intents.update(made.id, {"amount": 9999, **wrong}))
            assert world.intent(made.id).amount == 2000

    def test_a_customer_with_a_card_that_does_not_attach_is_not_made(self, world: World) -> None:
        world.declined(lambda: world.v1.customers.create({"payment_method": "pm_card_visa_chargeDeclined"}))
        assert world.v1.customers.list().data == []


@pytest.mark.parametrize(
    ("method", "path", "params", "status", "param"),
    [
        ("GET", "/v1/payment_intents/pi_none", "", 404, "intent"),
        ("GET", "/v1/setup_intents/seti_none", "", 404, "intent"),
        ("GET", "/v1/payment_methods/pm_none", "", 404, "payment_method"),
        ("POST", "/v1/refunds", "charge=ch_none", 404, "id"),
        ("POST", "/v1/payment_intents", "amount=2000&currency=gbp&customer=cus_none", 400, "customer"),
        ("POST", "/v1/payment_methods", "type=card&card[token]=tok_none", 400, "card[token]"),
        ("POST", "/v1/payment_methods/pm_card_visa/attach", "customer=cus_none", 400, "customer"),
        ("GET", "/v1/disputes/du_none", "", 404, "dispute"),
        ("GET", "/v1/events/evt_none", "", 404, "id"),
    ],
)
def test_what_does_not_exist(world: World, method: str, path: str, params: str, status: int, param: str) -> None:
    target = f"{path}?{params}" if method == "GET" and params else path
    found, body, _ = world.send(method, target, params if method == "POST" else "")
    assert (found, body["error"]["code"], body["error"]["param"]) == (status, "resource_missing", param)


@pytest.mark.parametrize(
    ("sent", "code", "param"),
    [
        ("amount=2000&currency=gbp&colour=red", "parameter_unknown", "colour"),
        ("amount=2000&currency=gbp&shipping[colour]=red", "parameter_unknown", "shipping[colour]"),
        ("amount=many&currency=gbp", "parameter_invalid_integer", "amount"),
        ("amount=0&currency=gbp", "parameter_invalid_integer", "amount"),
        ("amount=29&currency=gbp", "amount_too_small", "amount"),
        ("amount=100000000&currency=gbp", "amount_too_large", "amount"),
        ("amount=550&currency=isk", None, "amount"),
        ("amount=10005&currency=kwd", None, "amount"),
        ("currency=gbp", "parameter_missing", "amount"),
        ("amount=2000", "parameter_missing", "currency"),
        ("amount=2000&currency=xxx", None, "currency"),
        ("amount=2000&currency=gbp&confirm=perhaps", None, "confirm"),
        ("amount=2000&currency=gbp&capture_method=later", None, "capture_method"),
        ("amount=2000&currency=gbp&receipt_email=", "parameter_invalid_empty", "receipt_email"),
        (
            "amount=2000&currency=gbp&payment_method_types[]=card",
            "payment_method_types_no_longer_supported",
            "payment_method_types",
        ),
    ],
)
def test_a_wrong_parameter(world: World, sent: str, code: str | None, param: str) -> None:
    status, body, _ = world.send("POST", "/v1/payment_intents", sent)
    assert status == 400
    assert (body["error"].get("code"), body["error"]["param"]) == (code, param)
    assert world.events() == []


@pytest.mark.parametrize("key", ["", "Bearer ", "Bearer sk_live_1234567890", "Bearer pk_live_1", "Bearer nonsense"])
def test_a_wrong_key(world: World, key: str) -> None:
    status, body, _ = world.send("GET", "/v1/payment_intents", headers={"Authorization": key})
    assert (status, body["error"]["type"]) == (401, "invalid_request_error")


def test_an_unknown_version_is_refused(world: World) -> None:
    status, _, _ = world.send("GET", "/v1/payment_intents", headers={**SECRET, "Stripe-Version": "2026-10-28.nonsense"})
    assert status == 400


def test_a_raw_card_number_from_a_server(world: World) -> None:
    sent = "type=card&card[number]=4242424242424242&card[exp_month]=12&card[exp_year]=2040"
    status, body, _ = world.send("POST", "/v1/payment_methods", sent)
    assert (status, body["error"]["type"]) == (402, "invalid_request_error")


def test_a_browser_needs_the_client_secret(world: World) -> None:
    made = world.create()
    path = f"/v1/payment_intents/{made.id}"
    assert world.send("GET", path, headers=PUBLIC)[0] == 400
    assert world.send("GET", f"{path}?client_secret=pi_other_secret_x", headers=PUBLIC)[0] == 400
    status, body, _ = world.send("GET", f"{path}?client_secret={made.client_secret}", headers=PUBLIC)
    assert (status, body["id"]) == (200, made.id)
    assert world.send("GET", "/v1/payment_intents", headers=PUBLIC)[0] == 403


@pytest.mark.parametrize("name", ["payment_intents", "customers", "charges", "refunds", "disputes", "events"])
def test_a_list_takes_one_to_a_hundred(world: World, name: str) -> None:
    listing: Any = getattr(world.v1, name).list
    assert listing({"limit": 100}).data == []
    for limit in (0, 101):
        assert world.refused(lambda limit=limit: listing({"limit": limit})).param == "limit"
