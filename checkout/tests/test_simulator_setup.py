"""The simulator's setup intents, payment methods and customers."""

from collections.abc import Iterator

import pytest

from .simulated import NO_REDIRECTS, World


@pytest.fixture
def world() -> Iterator[World]:
    made = World()
    yield made
    made.check()


class TestSetupIntents:
    def test_walk_to_success(self, world: World) -> None:
        api, customer = world.v1.setup_intents, world.customer()
        made = api.create({"customer": customer, **NO_REDIRECTS})
        assert (made.status, made.usage) == ("requires_payment_method", "off_session")
        made = api.update(made.id, {"payment_method": "pm_card_visa"})
        assert made.status == "requires_confirmation"
        made = api.confirm(made.id)
        assert (made.status, made.mandate) == ("succeeded", None)
        assert world.v1.payment_methods.retrieve(made.payment_method).customer == customer
        assert world.events(1) == ["setup_intent.created", "payment_method.attached", "setup_intent.succeeded"]

    def test_3ds(self, world: World) -> None:
        sent = {"customer": world.customer(), "payment_method": "pm_card_authenticationRequired", "confirm": True}
        for outcome, status in (("complete", "succeeded"), ("fail", "requires_payment_method")):
            made = world.v1.setup_intents.create({**sent, **NO_REDIRECTS})
            assert (made.status, made.next_action.type) == ("requires_action", "use_stripe_sdk")
            assert world.events()[-1] == "setup_intent.requires_action"
            world.simulator.authenticate(made.id, outcome)
            assert world.v1.setup_intents.retrieve(made.id).status == status
        failed = world.v1.setup_intents.retrieve(made.id)
        assert failed.last_setup_error.code == "setup_intent_authentication_failure"

    def test_decline(self, world: World) -> None:
        sent = {"payment_method": "pm_card_visa_chargeDeclined", "confirm": True, **NO_REDIRECTS}
        error = world.declined(lambda: world.v1.setup_intents.create(sent))
        intent = error.error.setup_intent
        assert (intent.status, intent.payment_method) == ("requires_payment_method", None)
        assert intent.last_setup_error.code == error.code == "card_declined"
        assert world.events() == ["setup_intent.created", "setup_intent.setup_failed"]

    def test_cancel(self, world: World) -> None:
        api = world.v1.setup_intents
        parked = {"payment_method": "pm_card_authenticationRequired", "confirm": True}
        for extra in ({}, {"payment_method": "pm_card_visa"}, parked):
            made = api.create({**extra, **NO_REDIRECTS})
            assert api.cancel(made.id).status == "canceled"
        assert world.events()[-1] == "setup_intent.canceled"
        error = world.refused(lambda: api.cancel(made.id))
        assert (error.code, error.error.setup_intent.id) == ("setup_intent_unexpected_state", made.id)

    def test_confirm_refusals(self, world: World) -> None:
        api = world.v1.setup_intents
        empty = api.create({**NO_REDIRECTS})
        assert world.refused(lambda: api.confirm(empty.id)).code == "parameter_missing"
        done = api.create({"payment_method": "pm_card_visa", "confirm": True, **NO_REDIRECTS})
        assert world.refused(lambda: api.confirm(done.id)).code == "setup_intent_unexpected_state"
        assert world.refused(lambda: api.create({"payment_method": "pm_card_visa", "confirm": True}))

    def test_usage_is_echoed(self, world: World) -> None:
        assert world.v1.setup_intents.create({"usage": "on_session"}).usage == "on_session"


class TestSavedCards:
    @pytest.mark.parametrize(
        ("card", "code"),
        [
            ("visa", None),
            ("authenticationRequiredOnSetup", None),
            ("authenticationRequired", "authentication_required"),
            ("authenticationRequiredSetupForOffSession", None),
            ("authenticationRequiredChargeDeclinedInsufficientFunds", "card_declined"),
            ("chargeCustomerFail", "card_declined"),
        ],
    )
    def test_off_session_after_set_up(self, world: World, card: str, code: str | None) -> None:
        customer = world.customer()
        method = world.save_card(card, customer)

        def charge() -> object:
            return world.create(customer=customer, payment_method=method, confirm=True, off_session=True)

        if code is None:
            assert charge().status == "succeeded"
        else:
            assert world.declined(charge).code == code

    @pytest.mark.parametrize(
        ("card", "code"),
        [
            ("authenticationRequiredOnSetup", "authentication_required"),
            ("authenticationRequiredSetupForOffSession", None),
            ("authenticationRequiredChargeDeclinedInsufficientFunds", "authentication_required"),
        ],
    )
    def test_off_session_without_set_up(self, world: World, card: str, code: str | None) -> None:
        customer = world.customer()
        method = world.v1.payment_methods.attach(f"pm_card_{card}", {"customer": customer}).id

        def charge() -> object:
            return world.create(customer=customer, payment_method=method, confirm=True, off_session=True)

        if code is None:
            assert charge().status == "succeeded"
        else:
            assert world.declined(charge).code == code

    @pytest.mark.parametrize(
        "card", ["authenticationRequiredOnSetup", "authenticationRequiredSetupForOffSession", "authenticationRequired"]
    )
    def test_on_session_asks_again(self, world: World, card: str) -> None:
        customer = world.customer()
        method = world.save_card(card, customer)
        assert world.create(customer=customer, payment_method=method, confirm=True).status == "requires_action"


class TestPaymentMethods:
    def test_attach(self, world: World) -> None:
        customer = world.customer()
        api = world.v1.payment_methods
        made = api.attach("pm_card_visa", {"customer": customer})
        assert (made.customer, made.card.checks.cvc_check) == (customer, "pass")
        assert api.attach(made.id, {"customer": customer}).id == made.id
        assert world.events(1) == ["payment_method.attached"]
        assert world.refused(lambda: api.attach("pm_card_visa")).code == "parameter_missing"
        other = world.customer()
        assert world.refused(lambda: api.attach(made.id, {"customer": other}))

    def test_cards_that_decline_do_not_attach(self, world: World) -> None:
        customer = world.customer()
        error = world.declined(
            lambda: world.v1.payment_methods.attach("pm_card_visa_chargeDeclined", {"customer": customer})
        )
        assert error.code == "card_declined"
        assert world.v1.payment_methods.attach("pm_card_chargeCustomerFail", {"customer": customer}).customer

    def test_detach_is_for_good(self, world: World) -> None:
        customer, api = world.customer(), world.v1.payment_methods
        method = world.save_card("visa", customer)
        assert api.detach(method).customer is None
        event = world.simulator.events[-1]
        assert (event["type"], event["data"]["previous_attributes"]) == (
            "payment_method.detached",
            {"customer": customer},
        )
        assert world.refused(lambda: api.detach(method)).code is None
        assert world.refused(lambda: api.attach(method, {"customer": customer})).code is None
        assert world.refused(lambda: world.create(payment_method=method, customer=customer, confirm=True)).code is None

    def test_unattached_is_used_once(self, world: World) -> None:
        method = world.pay().payment_method
        assert "previously used" in str(world.refused(lambda: world.create(payment_method=method, confirm=True)))

    def test_lists(self, world: World) -> None:
        customer = world.customer()
        methods = [world.save_card("visa", customer), world.save_card("amex", customer)]
        for found in (
            world.v1.customers.payment_methods.list(customer),
            world.v1.payment_methods.list({"customer": customer, "type": "card"}),
        ):
            assert [one.id for one in found.data] == methods[::-1]
        assert world.v1.payment_methods.list().data == []
        assert world.v1.customers.payment_methods.retrieve(customer, methods[0]).id == methods[0]

    def test_update(self, world: World) -> None:
        method = world.save_card("visa", world.customer())
        changed = world.v1.payment_methods.update(
            method, {"card": {"exp_month": 11, "exp_year": 2041}, "allow_redisplay": "always", "metadata": {"a": "b"}}
        )
        assert (changed.card.exp_month, changed.card.exp_year, changed.allow_redisplay) == (11, 2041, "always")
        assert world.events()[-1] == "payment_method.updated"
        loose = world.v1.payment_methods.create({"type": "card", "card": {"token": "tok_visa"}})
        assert world.refused(lambda: world.v1.payment_methods.update(loose.id, {"metadata": {"a": "b"}}))


class TestCustomers:
    def test_life(self, world: World) -> None:
        api = world.v1.customers
        made = api.create({"name": "Ada", "address": {"line1": "1 Main St"}, "metadata": {"a": "1"}})
        assert (made.name, made.address.line1, made.address.city) == ("Ada", "1 Main St", None)
        changed = api.update(made.id, {"email": "ada@example.com", "name": "Ada L."})
        assert (changed.email, changed.name) == ("ada@example.com", "Ada L.")
        assert [one.id for one in api.list({"email": "ada@example.com"}).data] == [made.id]
        assert api.delete(made.id).deleted
        assert api.retrieve(made.id).deleted
        error = world.refused(lambda: api.delete(made.id))
        assert (error.http_status, error.code, error.param) == (404, "resource_missing", "id")
        assert world.events() == ["customer.created", "customer.updated", "customer.deleted"]
        assert api.list().data == []

    def test_an_empty_string_unsets_only_what_the_library_types_say(self, world: World) -> None:
        api = world.v1.customers
        made = api.create({"name": "Ada", "address": {"line1": "1 Main St"}})
        assert api.update(made.id, {"address": ""}).address is None
        error = world.refused(lambda: api.update(made.id, {"name": ""}))
        assert (error.code, error.param) == ("parameter_invalid_empty", "name")
        assert api.retrieve(made.id).name == "Ada"
