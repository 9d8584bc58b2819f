"""Every test card of Stripe's list, by its id and by its number."""

from collections.abc import Iterator

import pytest

from checkout.simulator.cards import BY_NUMBER

from .simulated import World


@pytest.fixture
def world() -> Iterator[World]:
    made = World()
    yield made
    made.check()


PAYS = [
    "visa", "visa_debit", "mastercard", "mastercard_debit", "mastercard_prepaid", "amex",
    "amex_threeDSecureNotSupported", "discover", "diners", "jcb", "unionpay", "gb_debit", "gb", "de", "fr",
    "threeDSecureOptional", "riskLevelHighest", "riskLevelElevated", "cvcCheckFail", "avsZipFail", "createDispute",
    "createDisputeProductNotReceived", "createDisputeInquiry", "createIssuerFraudRecord", "createMultipleDisputes",
    "pendingRefund", "refundFail", "bypassPending", "bypassPendingInternational",
]  # fmt: skip
ASKS = [
    "authenticationRequired", "authenticationRequiredOnSetup", "authenticationRequiredSetupForOffSession",
    "threeDSecure2Required",
]  # fmt: skip


@pytest.mark.parametrize("card", PAYS)
def test_a_card_that_pays(world: World, card: str) -> None:
    assert world.pay(card).status == "succeeded"


@pytest.mark.parametrize("card", ASKS)
def test_a_card_that_asks_and_pays(world: World, card: str) -> None:
    made = world.pay(card)
    assert made.status == "requires_action"
    assert world.simulator.authenticate(made.id, "complete")["status"] == "succeeded"


@pytest.mark.parametrize(
    ("card", "reason"),
    [
        ("authenticationRequiredChargeDeclinedInsufficientFunds", "insufficient_funds"),
        ("threeDSecureRequiredChargeDeclined", "generic_decline"),
    ],
)
def test_a_card_that_asks_and_declines(world: World, card: str, reason: str) -> None:
    made = world.pay(card)
    world.simulator.authenticate(made.id, "complete")
    intent = world.intent(made.id)
    assert (intent.status, intent.last_payment_error.decline_code) == ("requires_payment_method", reason)


def test_a_look_up_error_declines_at_once(world: World) -> None:
    assert world.declined(lambda: world.pay("threeDSecureRequiredProcessingError")).code == "card_declined"


@pytest.mark.parametrize(
    ("token", "reason"),
    [
        ("chargeCustomerFail", "generic_decline"),
        ("visa_chargeCustomerFailLostCard", "lost_card"),
        ("visa_chargeCustomerFailStolenCard", "stolen_card"),
    ],
)
def test_cards_that_attach_and_then_fail(world: World, token: str, reason: str) -> None:
    customer = world.customer()
    method = world.v1.payment_methods.create({"type": "card", "card": {"token": f"tok_{token}"}}).id
    world.v1.payment_methods.attach(method, {"customer": customer})
    for _ in range(2):
        charge = {"customer": customer, "payment_method": method, "confirm": True, "off_session": True}
        assert world.declined(lambda charge=charge: world.create(**charge)).error.decline_code == reason


@pytest.mark.parametrize("number", sorted(BY_NUMBER))
def test_a_number_in_the_browser_does_what_its_id_does(world: World, number: str) -> None:
    card = BY_NUMBER[number]
    _, body = world.browser_confirm(world.create(), number)
    if card.asks in ("always", "unless_set_up", "on_session"):
        assert body["status"] == "requires_action"
    elif card.decline:
        assert body["error"]["decline_code"] == card.decline.reason
    else:
        assert body["status"] == "succeeded"


def test_three_d_secure_on_request(world: World) -> None:
    wish = {"card": {"request_three_d_secure": "any"}}
    assert world.pay("threeDSecureOptional", payment_method_options=wish).status == "requires_action"
    assert world.pay("visa", payment_method_options=wish).status == "succeeded"


def test_the_wrong_cvc_card_without_a_cvc(world: World) -> None:
    status, body = world.browser_confirm(world.create(), "4000000000000127", **{"payment_method_data[card][cvc]": ""})
    assert (status, body["status"]) == (200, "succeeded")


def test_a_card_without_an_id_of_its_own(world: World) -> None:
    assert world.refused(lambda: world.pay("4000008400000027")).code == "resource_missing"


class TestLater:
    def test_a_pending_refund_succeeds(self, world: World) -> None:
        paid = world.pay("pendingRefund")
        refund = world.v1.refunds.create({"payment_intent": paid.id})
        assert (refund.status, world.v1.charges.retrieve(paid.latest_charge).amount_refunded) == ("pending", 0)
        world.simulator.clock.advance(7200)
        assert world.v1.refunds.retrieve(refund.id).status == "succeeded"
        assert world.v1.charges.retrieve(paid.latest_charge).refunded

    def test_a_refund_fails_after_all(self, world: World) -> None:
        paid = world.pay("refundFail")
        refund = world.v1.refunds.create({"payment_intent": paid.id})
        assert refund.status == "succeeded"
        world.simulator.clock.advance(7200)
        assert world.v1.refunds.retrieve(refund.id).status == "failed"
        assert world.v1.charges.retrieve(paid.latest_charge).amount_refunded == 0
        assert world.events()[-1] == "refund.failed"

    @pytest.mark.parametrize(
        ("text", "status"), [("winning_evidence", "won"), ("losing_evidence", "lost"), (None, "lost")]
    )
    def test_a_dispute_is_decided(self, world: World, text: str | None, status: str) -> None:
        paid = world.pay("createDispute")
        dispute = world.v1.disputes.list({"payment_intent": paid.id}).data[0]
        assert world.v1.charges.retrieve(paid.latest_charge).disputed
        assert world.refused(lambda: world.v1.refunds.create({"payment_intent": paid.id})).code == "charge_disputed"
        if text:
            world.v1.disputes.update(dispute.id, {"evidence": {"uncategorized_text": text}})
        world.simulator.clock.advance(10 * 86400)
        assert world.v1.disputes.retrieve(dispute.id).status == status
        assert "charge.dispute.closed" in world.events()
        assert ("charge.dispute.funds_reinstated" in world.events()) is (status == "won")

    def test_a_lost_dispute_stays_closed(self, world: World) -> None:
        world.pay("createDispute")
        dispute = world.v1.disputes.list().data[0].id
        assert world.v1.disputes.close(dispute).status == "lost"
        assert world.refused(lambda: world.v1.disputes.close(dispute)).http_status == 400

    def test_an_inquiry_does_not_block_a_refund(self, world: World) -> None:
        paid = world.pay("createDisputeInquiry")
        assert world.v1.disputes.list().data[0].status == "warning_needs_response"
        assert world.v1.refunds.create({"payment_intent": paid.id}).status == "succeeded"

    def test_the_networks_replace_a_card(self, world: World) -> None:
        method = world.save_card("visa", world.customer())
        world.simulator.replace_card(method, 3, 2050, "1111")
        card = world.v1.payment_methods.retrieve(method).card
        assert (card.exp_month, card.exp_year, card.last4) == (3, 2050, "1111")
        assert world.events()[-1] == "payment_method.automatically_updated"
