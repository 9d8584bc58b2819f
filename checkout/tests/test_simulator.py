"""The simulator's payment intents: the transition table of Stripe's life-cycle, row by row."""

from collections.abc import Iterator

import pytest
import stripe

from .simulated import NO_REDIRECTS, World


@pytest.fixture
def world() -> Iterator[World]:
    made = World()
    yield made
    made.check()


class TestTransitions:
    def test_create_without_a_method(self, world: World) -> None:
        intent = world.create()
        assert intent.status == "requires_payment_method"
        assert (intent.latest_charge, intent.next_action, intent.last_payment_error) == (None, None, None)

    def test_create_with_a_method(self, world: World) -> None:
        intent = world.create("visa")
        assert intent.status == "requires_confirmation"
        assert intent.payment_method.startswith("pm_")
        assert intent.payment_method != "pm_card_visa"

    def test_update_with_a_method(self, world: World) -> None:
        intent = world.v1.payment_intents.update(world.create().id, {"payment_method": "pm_card_visa"})
        assert intent.status == "requires_confirmation"

    @pytest.mark.parametrize("card", [None, "visa"])
    def test_confirm_approved(self, world: World, card: str | None) -> None:
        made = world.create(card)
        intent = world.v1.payment_intents.confirm(made.id, {"payment_method": "pm_card_mastercard"})
        assert (intent.status, intent.amount_received) == ("succeeded", 2000)
        assert intent.latest_charge.startswith("ch_")

    def test_confirm_with_manual_capture(self, world: World) -> None:
        intent = world.pay(capture_method="manual")
        assert (intent.status, intent.amount_capturable, intent.amount_received) == ("requires_capture", 2000, 0)

    @pytest.mark.parametrize("status", ["requires_payment_method", "requires_confirmation"])
    def test_confirm_that_needs_3ds(self, world: World, status: str) -> None:
        made = world.create("visa" if status == "requires_confirmation" else None)
        assert made.status == status
        intent = world.v1.payment_intents.confirm(made.id, {"payment_method": "pm_card_authenticationRequired"})
        assert intent.status == "requires_action"
        assert intent.next_action.type == "use_stripe_sdk"
        assert intent.latest_charge is None

    def test_confirm_with_a_return_url_redirects(self, world: World) -> None:
        intent = world.pay("authenticationRequired", return_url="https://shop.example/back")
        assert intent.next_action.type == "redirect_to_url"
        assert intent.next_action.redirect_to_url.return_url == "https://shop.example/back"
        assert intent.next_action.redirect_to_url.url.startswith("http://127.0.0.1:12111/_simulator/redirect/pi_")

    def test_confirm_declined(self, world: World) -> None:
        made = world.create()
        error = world.declined(
            lambda: world.v1.payment_intents.confirm(made.id, {"payment_method": "pm_card_visa_chargeDeclined"})
        )
        intent = world.intent(made.id)
        assert intent.status == "requires_payment_method"
        assert intent.payment_method is None
        assert intent.last_payment_error.code == error.code == "card_declined"
        assert intent.last_payment_error.payment_method.card.last4 == "0002"
        assert world.v1.payment_intents.confirm(made.id, {"payment_method": "pm_card_visa"}).status == "succeeded"

    def test_off_session_that_needs_3ds(self, world: World) -> None:
        error = world.declined(lambda: world.pay("authenticationRequired", off_session=True))
        assert (error.http_status, error.code) == (402, "authentication_required")
        assert error.error.payment_intent.status == "requires_payment_method"
        assert error.error.payment_intent.latest_charge is None

    def test_error_on_requires_action(self, world: World) -> None:
        error = world.declined(lambda: world.pay("authenticationRequired", error_on_requires_action=True))
        assert (error.code, error.error.decline_code) == ("authentication_required", "authentication_not_handled")
        assert error.error.payment_intent.status == "requires_payment_method"

    @pytest.mark.parametrize(("capture", "status"), [("automatic", "succeeded"), ("manual", "requires_capture")])
    def test_customer_passes_3ds(self, world: World, capture: str, status: str) -> None:
        made = world.pay("authenticationRequired", capture_method=capture)
        assert world.simulator.authenticate(made.id, "complete", made.client_secret)["status"] == status
        charge = world.v1.charges.retrieve(world.intent(made.id).latest_charge)
        assert charge.payment_method_details.card.three_d_secure.result == "authenticated"

    @pytest.mark.parametrize("outcome", ["fail", "cancel"])
    def test_customer_fails_3ds(self, world: World, outcome: str) -> None:
        made = world.pay("authenticationRequired")
        world.simulator.authenticate(made.id, outcome)
        intent = world.intent(made.id)
        assert intent.status == "requires_payment_method"
        assert intent.last_payment_error.code == "payment_intent_authentication_failure"
        assert world.events()[-1] == "payment_intent.payment_failed"

    def test_manual_confirmation_confirms_again(self, world: World) -> None:
        made = world.pay("authenticationRequired", confirmation_method="manual")
        assert world.simulator.authenticate(made.id, "complete")["status"] == "requires_confirmation"
        assert world.v1.payment_intents.confirm(made.id).status == "succeeded"

    def test_too_many_attempts(self, world: World) -> None:
        made = world.create()
        for _ in range(20):
            world.declined(
                lambda: world.v1.payment_intents.confirm(made.id, {"payment_method": "pm_card_chargeDeclined"})
            )
        assert world.intent(made.id).status == "canceled"
        error = world.refused(lambda: world.v1.payment_intents.confirm(made.id, {"payment_method": "pm_card_visa"}))
        assert error.code == "payment_intent_unexpected_state"

    def test_capture(self, world: World) -> None:
        made = world.pay(capture_method="manual")
        intent = world.v1.payment_intents.capture(made.id, {"amount_to_capture": 1500})
        assert (intent.status, intent.amount_received, intent.amount_capturable) == ("succeeded", 1500, 0)
        charge = world.v1.charges.retrieve(intent.latest_charge)
        assert (charge.amount_captured, charge.amount_refunded, charge.captured) == (1500, 500, True)

    def test_hold_runs_out_after_seven_days(self, world: World) -> None:
        made = world.pay(capture_method="manual")
        world.simulator.clock.advance(7 * 86400 + 1)
        intent = world.intent(made.id)
        assert (intent.status, intent.cancellation_reason) == ("canceled", "automatic")

    def test_cancel_from_every_open_state(self, world: World) -> None:
        made = [
            world.create(),
            world.create("visa"),
            world.pay("authenticationRequired"),
            world.pay(capture_method="manual"),
        ]
        assert [one.status for one in made] == [
            "requires_payment_method",
            "requires_confirmation",
            "requires_action",
            "requires_capture",
        ]
        for one in made:
            gone = world.v1.payment_intents.cancel(one.id, {"cancellation_reason": "abandoned"})
            assert (gone.status, gone.cancellation_reason) == ("canceled", "abandoned")
            assert gone.canceled_at

    def test_ended_is_ended(self, world: World) -> None:
        paid, gone = world.pay(), world.create()
        world.v1.payment_intents.cancel(gone.id)
        for ident in (paid.id, gone.id):
            actions = (
                lambda ident=ident: world.v1.payment_intents.cancel(ident),
                lambda ident=ident: world.v1.payment_intents.confirm(ident),
                lambda ident=ident: world.v1.payment_intents.capture(ident),
                lambda ident=ident: world.v1.payment_intents.update(ident, {"amount": 3000}),
            )
            for action in actions:
                error = world.refused(action)
                assert error.code == "payment_intent_unexpected_state"
                assert error.error.payment_intent.id == ident


class TestFields:
    def test_defaults(self, world: World) -> None:
        intent = world.v1.payment_intents.create({"amount": 2000, "currency": "GBP"})
        assert intent.client_secret.startswith(f"{intent.id}_secret_")
        assert (intent.capture_method, intent.confirmation_method) == ("automatic_async", "automatic")
        assert (intent.currency, intent.livemode, intent.payment_method_types) == ("gbp", False, ["card"])
        assert intent.automatic_payment_methods.to_dict() == {"allow_redirects": "always", "enabled": True}

    def test_amount_changes_while_open_only(self, world: World) -> None:
        for card in (None, "visa"):
            made = world.create(card)
            assert world.v1.payment_intents.update(made.id, {"amount": 2500}).amount == 2500
        error = world.refused(lambda: world.v1.payment_intents.update(world.pay().id, {"amount": 2500}))
        assert (error.param, error.error.payment_intent.status) == ("amount", "succeeded")

    def test_metadata_and_description_change_after_success(self, world: World) -> None:
        paid = world.pay(metadata={"order": "1", "gone": "x"})
        changed = world.v1.payment_intents.update(
            paid.id, {"metadata": {"gone": "", "new": "2"}, "description": "A course"}
        )
        assert changed.metadata.to_dict() == {"order": "1", "new": "2"}
        assert changed.description == "A course"

    def test_update_clears_the_last_error(self, world: World) -> None:
        error = world.declined(lambda: world.pay("visa_chargeDeclined"))
        ident = error.error.payment_intent.id
        assert world.v1.payment_intents.update(ident, {"metadata": {"seen": "1"}}).last_payment_error is None

    def test_setup_future_usage_attaches_the_card(self, world: World) -> None:
        customer = world.customer()
        paid = world.pay("authenticationRequiredOnSetup", customer=customer, setup_future_usage="off_session")
        world.simulator.authenticate(paid.id, "complete")
        method = world.intent(paid.id).payment_method
        assert world.v1.payment_methods.retrieve(method).customer == customer
        again = world.create(customer=customer, confirm=True, off_session=True, payment_method=method)
        assert again.status == "succeeded"

    def test_the_customers_default_method_is_the_last_resort(self, world: World) -> None:
        customer = world.customer()
        method = world.save_card("visa", customer)
        world.v1.customers.update(customer, {"invoice_settings": {"default_payment_method": method}})
        assert world.create(customer=customer, confirm=True).status == "succeeded"
        assert world.refused(lambda: world.create(confirm=True)).code == "payment_intent_unexpected_state"

    def test_the_return_url_trap(self, world: World) -> None:
        plain = {"amount": 2000, "currency": "gbp", "confirm": True, "payment_method": "pm_card_visa"}
        create = world.v1.payment_intents.create
        assert "return_url" in str(world.refused(lambda: create({**plain})))
        assert "return_url" in str(world.refused(lambda: create({**plain, "off_session": True})))
        for way_out in (
            NO_REDIRECTS,
            {"return_url": "https://shop.example/"},
            {"allowed_payment_method_types": ["card"]},
            {"use_stripe_sdk": True},
        ):
            assert create({**plain, **way_out}).status == "succeeded"

    @pytest.mark.parametrize(
        "params", [{"off_session": True}, {"error_on_requires_action": True}, {"return_url": "https://shop.example/"}]
    )
    def test_what_goes_with_confirm_only(self, world: World, params: dict[str, object]) -> None:
        assert world.refused(lambda: world.create("visa", **params)).param == next(iter(params))

    def test_card_usage_is_echoed(self, world: World) -> None:
        options = {"card": {"stored_credential_usage": "installment"}}
        paid = world.pay(payment_method_options=options, expand=["latest_charge"])
        assert paid.payment_method_options.card.stored_credential_usage == "installment"
        assert paid.latest_charge.payment_method_details.card.stored_credential_usage == "installment"

    def test_authenticate_refuses_nonsense(self, world: World) -> None:
        parked = world.pay("authenticationRequired")
        with pytest.raises(LookupError):
            world.simulator.authenticate("pi_none", "complete")
        with pytest.raises(ValueError, match="outcome"):
            world.simulator.authenticate(parked.id, "perhaps")
        with pytest.raises(ValueError, match="client secret"):
            world.simulator.authenticate(parked.id, "complete", "pi_other_secret_x")
        with pytest.raises(ValueError, match="asks for nothing"):
            world.simulator.authenticate(world.pay().id, "complete")

    def test_lists_newest_first_with_cursors(self, world: World) -> None:
        customer = world.customer()
        made = [world.create(customer=customer).id for _ in range(5)]
        world.create()
        first = world.v1.payment_intents.list({"customer": customer, "limit": 2})
        assert [one.id for one in first.data] == made[:2:-1]
        assert first.has_more
        assert [one.id for one in first.auto_paging_iter()] == made[::-1]
        back = world.v1.payment_intents.list({"customer": customer, "ending_before": made[1], "limit": 2})
        assert [one.id for one in back.data] == [made[3], made[2]]
        now = world.simulator.clock.now()
        assert not world.v1.payment_intents.list({"created": {"gte": now + 60}}).data
        assert len(world.v1.payment_intents.list({"created": {"gte": now - 60}}).data) == 6

    def test_expand(self, world: World) -> None:
        customer = world.customer()
        paid = world.pay(customer=customer, expand=["customer", "payment_method", "latest_charge.payment_intent"])
        assert paid.customer.email == "ada@example.com"
        assert paid.payment_method.card.last4 == "4242"
        assert paid.latest_charge.payment_intent.id == paid.id
        world.simulator.clock.advance(60)
        charges = world.v1.charges.list({"expand": ["data.balance_transaction", "data.refunds"]}).data
        assert (charges[0].balance_transaction.net, charges[0].refunds.data) == (1950, [])
        with pytest.raises(stripe.InvalidRequestError, match="cannot be expanded"):
            world.v1.payment_intents.retrieve(paid.id, {"expand": ["amount"]})
