"""Cards that sites saved before payment methods existed."""

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import stripe

from .contract import load_contract
from .simulated import PUBLIC, World

GOOD, SECURE, ALWAYS = "4242424242424242", "4000002500003155", "4000002760003184"
POOR, FAILING, ON_SESSION = "4000000000009995", "4000000000000341", "4000003800000446"


@pytest.fixture
def world() -> Iterator[World]:
    made = World()
    yield made
    made.check()


def with_card(world: World, number: str = GOOD, **expiry: int) -> tuple[str, str]:
    """A customer and the legacy card that it has."""
    customer = world.customer()
    return customer, world.simulator.legacy_card(customer, number, **expiry)


def expanded(world: World, ask: Callable[[], Any], *paths: str) -> Any:
    """What ``ask`` answers, with legacy cards expanded.

    Stripe's library says that ``default_source`` can be expanded; the contract's checker cannot see it, because
    the field is a choice of objects within a choice. So this one complaint about the request, and nothing else,
    is let pass; the answer is held against the contract in full.
    """
    before = len(world.simulator.exchanges)
    answer = ask()
    (exchange,) = world.simulator.exchanges[before:]
    del world.simulator.exchanges[before:]
    module = load_contract()
    if module is not None:
        complaints = module.check_exchange(dict(exchange))["request"]
        assert set(complaints) <= {f"expand: {path} cannot be expanded" for path in paths}
        sent = [exchange[name] for name in ("method", "path", "status", "body")]
        assert module.check_response(*sent, expand=list(paths)) == []
    return answer


def card_of(world: World, customer: str) -> Any:
    """The default source of a customer, as an object."""
    sent = {"expand": ["default_source"]}
    return expanded(world, lambda: world.v1.customers.retrieve(customer, sent), "default_source").default_source


def charged_away(world: World, customer: str, card: str) -> Any:
    """Charge a card while its customer is away."""
    return world.create(customer=customer, payment_method=card, confirm=True, off_session=True)


class TestTheCard:
    def test_it_is_the_default_source(self, world: World) -> None:
        customer, card = with_card(world)
        assert card.startswith("card_")
        assert world.v1.customers.retrieve(customer).default_source == card

    def test_it_is_an_object_when_expanded(self, world: World) -> None:
        customer, card = with_card(world, exp_month=3, exp_year=2031)
        shown = card_of(world, customer)
        assert isinstance(shown, stripe.Card)
        assert (shown.id, shown.object, shown.brand, shown.last4) == (card, "card", "Visa", "4242")
        assert (shown.exp_month, shown.exp_year, shown.funding, shown.country) == (3, 2031, "credit", "US")
        assert (shown.customer, shown.cvc_check, shown.metadata.to_dict()) == (customer, "pass", {})
        twin = world.v1.payment_methods.create({"type": "card", "card": {"token": "tok_visa"}})
        assert shown.fingerprint == twin.card.fingerprint

    @pytest.mark.parametrize(
        ("number", "brand"),
        [
            ("5555555555554444", "MasterCard"),
            ("378282246310005", "American Express"),
            ("3056930009020004", "Diners Club"),
        ],
    )
    def test_brands_are_written_as_people_do(self, world: World, number: str, brand: str) -> None:
        customer, _ = with_card(world, number)
        assert card_of(world, customer).brand == brand

    def test_a_list_of_customers_has_the_objects(self, world: World) -> None:
        bare = world.customer()
        customer, card = with_card(world)
        path = "data.default_source"
        listed = expanded(world, lambda: world.v1.customers.list({"expand": [path]}), path).data
        assert [(one.id, one.default_source and one.default_source.id) for one in listed] == [
            (customer, card),
            (bare, None),
        ]

    def test_the_customer_within_an_intent_and_the_owner_of_a_card(self, world: World) -> None:
        customer, card = with_card(world)
        paths = ["customer.default_source.customer"]
        intent = world.create(customer=customer, expand=paths)
        assert intent.customer.default_source.id == card
        assert intent.customer.default_source.customer.id == customer

    def test_it_is_a_payment_method_too(self, world: World) -> None:
        customer, card = with_card(world, exp_month=3, exp_year=2031)
        method = world.v1.payment_methods.retrieve(card)
        assert (method.id, method.object, method.type, method.customer) == (card, "payment_method", "card", customer)
        assert (method.card.brand, method.card.exp_month, method.card.exp_year) == ("visa", 3, 2031)

    def test_the_card_within_a_payment_method_is_no_card_object(self, world: World) -> None:
        _, card = with_card(world)
        error = world.refused(lambda: world.v1.payment_methods.retrieve(card, {"expand": ["card.customer"]}))
        assert error.param == "expand"

    def test_it_is_among_the_payment_methods_of_its_customer(self, world: World) -> None:
        customer, card = with_card(world)
        saved = world.save_card("mastercard", customer)
        assert [one.id for one in world.v1.customers.payment_methods.list(customer).data] == [saved, card]
        assert [one.id for one in world.v1.payment_methods.list({"customer": customer, "type": "card"}).data] == [
            saved,
            card,
        ]
        assert world.v1.customers.payment_methods.retrieve(customer, card).id == card

    def test_it_was_there_before_anybody_listened(self, world: World) -> None:
        with_card(world)
        assert world.events() == ["customer.created"]

    def test_it_survives_a_restart(self, tmp_path: Path) -> None:
        file = str(tmp_path / "state.sqlite3")
        first = World(data_file=file)
        customer, card = with_card(first)
        first.simulator.close()
        second = World(data_file=file)
        assert card_of(second, customer).id == card
        second.simulator.close()

    def test_one_that_expired_long_ago(self, world: World) -> None:
        _, card = with_card(world, exp_month=1, exp_year=2019)
        assert world.v1.payment_methods.retrieve(card).card.exp_year == 2019

    @pytest.mark.parametrize(
        "wrong", [{"number": "4242424242424241"}, {"number": "none"}, {"exp_month": 13}, {"exp_year": 34}]
    )
    def test_what_is_no_card(self, world: World, wrong: dict[str, Any]) -> None:
        customer = world.customer()
        with pytest.raises(ValueError, match=r"card number|exp_"):
            world.simulator.legacy_card(customer, **wrong)
        assert world.v1.customers.retrieve(customer).default_source is None

    def test_a_customer_who_is_not_there(self, world: World) -> None:
        gone = world.customer()
        world.v1.customers.delete(gone)
        for ident in ("cus_none", gone):
            with pytest.raises(LookupError, match="no such customer"):
                world.simulator.legacy_card(ident)


class TestPaying:
    @pytest.mark.parametrize("off_session", [True, False])
    def test_it_pays(self, world: World, off_session: bool) -> None:
        customer, card = with_card(world)
        more = {"off_session": True} if off_session else {}
        intent = world.create(customer=customer, payment_method=card, confirm=True, expand=["latest_charge"], **more)
        assert (intent.status, intent.payment_method, intent.latest_charge.payment_method) == ("succeeded", card, card)

    def test_it_pays_again(self, world: World) -> None:
        customer, card = with_card(world)
        for _ in range(2):
            paid = charged_away(world, customer, card)
            assert paid.status == "succeeded"

    @pytest.mark.parametrize(("number", "reason"), [(POOR, "insufficient_funds"), (FAILING, "generic_decline")])
    def test_it_declines_as_its_number_does(self, world: World, number: str, reason: str) -> None:
        customer, card = with_card(world, number)
        error = world.declined(lambda: charged_away(world, customer, card)).error
        assert (error.decline_code, error.payment_method.id) == (reason, card)
        assert world.intent(error.payment_intent.id).last_payment_error.payment_method.id == card

    @pytest.mark.parametrize("number", [SECURE, ALWAYS])
    def test_nobody_set_it_up_for_off_session(self, world: World, number: str) -> None:
        customer, card = with_card(world, number)
        error = world.declined(lambda: charged_away(world, customer, card)).error
        assert (error.code, error.charge) == ("authentication_required", None)

    def test_a_card_that_counts_as_set_up_elsewhere(self, world: World) -> None:
        customer, card = with_card(world, ON_SESSION)
        assert charged_away(world, customer, card).status == "succeeded"
        assert world.create(customer=customer, payment_method=card, confirm=True).status == "requires_action"

    def test_the_customer_authenticates_in_the_browser(self, world: World) -> None:
        customer, card = with_card(world, SECURE)
        error = world.declined(lambda: charged_away(world, customer, card)).error
        intent = world.intent(error.payment_intent.id)
        sent = {"client_secret": intent.client_secret, "payment_method": card, "return_url": "https://shop.example/"}
        path = f"/v1/payment_intents/{intent.id}/confirm"
        assert world.send("POST", path, sent, PUBLIC)[1]["status"] == "requires_action"
        world.simulator.authenticate(intent.id, "complete")
        paid = world.intent(intent.id)
        assert (paid.status, paid.payment_method) == ("succeeded", card)

    def test_once_set_up_it_pays_off_session(self, world: World) -> None:
        customer, card = with_card(world, SECURE)
        made = world.create(customer=customer, payment_method=card, confirm=True, setup_future_usage="off_session")
        world.simulator.authenticate(made.id, "complete")
        assert charged_away(world, customer, card).status == "succeeded"

    def test_a_setup_intent_sets_it_up(self, world: World) -> None:
        customer, card = with_card(world, SECURE)
        made = world.v1.setup_intents.create({"customer": customer, "payment_method": card})
        sent = {"client_secret": made.client_secret, "payment_method": card, "return_url": "https://shop.example/"}
        assert (
            world.send("POST", f"/v1/setup_intents/{made.id}/confirm", sent, PUBLIC)[1]["status"] == "requires_action"
        )
        world.simulator.authenticate(made.id, "complete")
        assert charged_away(world, customer, card).status == "succeeded"

    def test_it_is_its_own_customers(self, world: World) -> None:
        _, card = with_card(world)
        other = world.customer()
        assert world.refused(lambda: world.create(customer=other, payment_method=card)).param == "payment_method"
        assert world.refused(lambda: world.create(payment_method=card)).code == "parameter_missing"


class TestFallingBack:
    @pytest.mark.parametrize("off_session", [True, False])
    def test_to_the_default_source(self, world: World, off_session: bool) -> None:
        customer, card = with_card(world)
        more = {"off_session": True} if off_session else {}
        paid = world.create(customer=customer, confirm=True, **more)
        assert (paid.status, paid.payment_method, paid.source) == ("succeeded", card, card)

    def test_the_default_payment_method_goes_first(self, world: World) -> None:
        customer, _ = with_card(world)
        saved = world.save_card("visa", customer)
        world.v1.customers.update(customer, {"invoice_settings": {"default_payment_method": saved}})
        paid = world.create(customer=customer, confirm=True)
        assert (paid.payment_method, paid.source) == (saved, None)

    def test_only_when_it_is_created(self, world: World) -> None:
        customer, _ = with_card(world)
        made = world.create(customer=customer)
        error = world.refused(lambda: world.v1.payment_intents.confirm(made.id))
        assert error.code == "payment_intent_unexpected_state"

    def test_not_to_what_is_not_there(self, world: World) -> None:
        customer = world.customer()
        error = world.refused(lambda: world.create(customer=customer, confirm=True))
        assert error.code == "payment_intent_unexpected_state"


class TestTheApi:
    def test_makes_none(self, world: World) -> None:
        customer = world.customer()
        assert world.send("POST", f"/v1/customers/{customer}/sources", {"source": "tok_visa"})[0] == 404
        assert world.refused(lambda: world.v1.customers.update(customer, {"source": "tok_visa"})).param == "source"
        assert world.refused(lambda: world.v1.customers.create({"source": "tok_visa"})).param == "source"
        assert len(world.v1.customers.list().data) == 1
        assert world.v1.customers.retrieve(customer).default_source is None

    def test_changes_the_default(self, world: World) -> None:
        customer, first = with_card(world)
        second = world.simulator.legacy_card(customer, POOR)
        assert world.v1.customers.retrieve(customer).default_source == second
        assert world.v1.customers.update(customer, {"default_source": first}).default_source == first
        assert world.simulator.events[-1]["data"]["previous_attributes"] == {"default_source": second}

    def test_takes_nobody_elses_for_the_default(self, world: World) -> None:
        customer, card = with_card(world)
        _, other = with_card(world)
        saved = world.save_card("visa", customer)
        for ident in (other, saved, "card_none"):
            wrong = {"default_source": ident, "name": "Grace"}
            error = world.refused(lambda wrong=wrong: world.v1.customers.update(customer, wrong))
            assert (error.code, error.param) == ("resource_missing", "default_source")
        kept = world.v1.customers.retrieve(customer)
        assert (kept.default_source, kept.name) == (card, None)

    def test_detaches_for_good(self, world: World) -> None:
        customer, first = with_card(world)
        second = world.simulator.legacy_card(customer)
        world.v1.payment_methods.detach(second)
        assert world.v1.customers.retrieve(customer).default_source == first
        world.refused(lambda: world.create(customer=customer, payment_method=second, confirm=True))
        world.v1.payment_methods.detach(first)
        assert card_of(world, customer) is None

    def test_a_deleted_customer_takes_it_along(self, world: World) -> None:
        customer, card = with_card(world)
        world.v1.customers.delete(customer)
        assert world.v1.payment_methods.retrieve(card).customer is None

    def test_is_told_when_the_networks_replace_it(self, world: World) -> None:
        customer, card = with_card(world)
        world.simulator.replace_card(card, 3, 2050, "1111")
        shown = card_of(world, customer)
        assert (shown.exp_month, shown.exp_year, shown.last4) == (3, 2050, "1111")
        event = world.simulator.events[-1]
        assert (event["type"], event["data"]["object"]["object"]) == ("customer.source.updated", "card")
        assert event["data"]["previous_attributes"] == {"exp_month": 12, "exp_year": 2034, "last4": "4242"}
