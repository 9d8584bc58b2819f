"""``check_checkout`` lets the example's booking pass, and names what is wrong with one that is broken."""

import inspect
from decimal import Decimal
from typing import Any

import pytest
from django.db import transaction
from django.utils import timezone

from checkout.contract import REQUIRED, Payable
from checkout.models import Checkout, Customer, ObjectPaymentPlan, Refund
from checkout.tests.factories import ObjectPaymentPlanInstalmentFactory
from checkout.tests.helper import check_checkout, check_object_payment_plan
from example_checkout.models import SalesLedger
from example_checkout.tests.factories import SalesLedgerFactory

pytestmark = pytest.mark.django_db

VALUES = [
    ("checkout_actions", ("payment",), "must be a list"),
    ("checkout_actions", "payment", "must be a list"),
    ("checkout_actions", [], "is empty"),
    ("checkout_actions", ["payment", "barter"], "barter"),
    ("checkout_actions", [None], "known actions"),
    ("checkout_can_charge", None, "True or False"),
    ("checkout_description", "A course", "must be a list of str"),
    ("checkout_description", ["A course", 7], "must be a list of str"),
    ("checkout_description", [" "], "is empty"),
    ("checkout_email", None, "must be a str"),
    ("checkout_email", "", "is empty"),
    ("checkout_email", "ann at example", "no address"),
    ("checkout_name", None, "must be a str"),
    ("checkout_name", "", "is empty"),
    ("checkout_total", 120.0, "must be a Decimal"),
    ("checkout_total", 120, "must be a Decimal"),
    ("checkout_total", Decimal("0"), "nothing to charge"),
    ("checkout_total", Decimal("-1.00"), "nothing to charge"),
    ("checkout_total", Decimal("NaN"), "finite"),
    ("checkout_total", Decimal("10.001"), "not a multiple"),
    ("checkout_total", Decimal("0.10"), "minimum charge"),
    ("checkout_currency", "XXX", "XXX"),
    ("checkout_currency", 826, "826"),
    ("checkout_language", 5, "a language"),
    ("checkout_payment_plan", "four-parts", "a PaymentPlan"),
]


def booking(monkeypatch: Any, **members: Any) -> SalesLedger:
    """A saved booking of a class with these members in the place of its own."""
    for name, member in members.items():
        monkeypatch.setattr(SalesLedger, name, member)
    made: SalesLedger = SalesLedgerFactory()
    return made


def test_the_example_follows_the_contract() -> None:
    check_checkout(SalesLedgerFactory())


def test_an_object_without_the_optional_members_follows_it_too(monkeypatch: Any) -> None:
    made = booking(monkeypatch)
    monkeypatch.delattr(SalesLedger, "checkout_currency")
    monkeypatch.delattr(SalesLedger, "checkout_contact")
    check_checkout(made)


def test_a_small_amount_may_be_invoiced(monkeypatch: Any) -> None:
    check_checkout(booking(monkeypatch, checkout_actions=["invoice"], checkout_total=Decimal("0.10")))


def test_the_list_of_members_is_that_of_the_protocol() -> None:
    members = {name for name, _ in inspect.getmembers(Payable) if name.startswith("checkout_")} | {"get_absolute_url"}
    assert set(REQUIRED) == members


@pytest.mark.parametrize("member", REQUIRED)
def test_a_missing_member_is_named(monkeypatch: Any, member: str) -> None:
    made = booking(monkeypatch)
    monkeypatch.delattr(SalesLedger, member)
    with pytest.raises(AssertionError, match=rf"SalesLedger has no {member}\b"):
        check_checkout(made)


@pytest.mark.parametrize(("member", "value", "sentence"), VALUES)
def test_a_wrong_value_is_named(monkeypatch: Any, member: str, value: Any, sentence: str) -> None:
    # members that the example does not have are added
    monkeypatch.setattr(SalesLedger, member, property(lambda self: value), raising=False)
    made: SalesLedger = SalesLedgerFactory()
    with pytest.raises(AssertionError, match=rf"SalesLedger\.{member}.*{sentence}"):
        check_checkout(made)


@pytest.mark.parametrize("member", ["checkout_success_url", "checkout_fail_url", "get_absolute_url"])
@pytest.mark.parametrize(("url", "sentence"), [(None, "must return a str"), ("thanks", "must return a path")])
def test_an_address_that_is_none_is_named(monkeypatch: Any, member: str, url: Any, sentence: str) -> None:
    made = booking(monkeypatch, **{member: lambda self, *arguments: url})
    with pytest.raises(AssertionError, match=rf"SalesLedger\.{member}\(.*{sentence}"):
        check_checkout(made)


def test_a_method_where_a_property_belongs_is_named(monkeypatch: Any) -> None:
    made = booking(monkeypatch, checkout_total=lambda self: Decimal("120.00"))
    with pytest.raises(AssertionError, match=r"SalesLedger\.checkout_total must be a property"):
        check_checkout(made)


def test_a_property_where_a_method_belongs_is_named(monkeypatch: Any) -> None:
    made = booking(monkeypatch, get_absolute_url=property(lambda self: "/bookings/1/"))
    with pytest.raises(AssertionError, match=r"SalesLedger\.get_absolute_url must be a method"):
        check_checkout(made)


def test_a_property_that_raises_is_named_with_its_cause(monkeypatch: Any) -> None:
    made = booking(monkeypatch, checkout_name=property(lambda self: self.contact.full_name))
    with pytest.raises(AssertionError, match=r"SalesLedger\.checkout_name raised AttributeError.*full_name") as caught:
        check_checkout(made)
    assert isinstance(caught.value.__cause__, AttributeError)


def test_a_fail_that_does_not_take_due_is_named(monkeypatch: Any) -> None:
    made = booking(monkeypatch, checkout_fail=lambda self: None)
    with pytest.raises(AssertionError, match=r"checkout_fail must take due=None"):
        check_checkout(made)


def test_a_fail_that_needs_due_is_named(monkeypatch: Any) -> None:
    made = booking(monkeypatch, checkout_fail=lambda self, due: None)
    with pytest.raises(AssertionError, match=r"SalesLedger\.checkout_fail\(\) raised TypeError"):
        check_checkout(made)


def test_a_success_that_does_not_take_the_checkout_is_named(monkeypatch: Any) -> None:
    made = booking(monkeypatch, checkout_success=lambda self: None)
    with pytest.raises(AssertionError, match=r"SalesLedger\.checkout_success\(checkout\), payment, raised TypeError"):
        check_checkout(made)


def test_a_success_that_fails_for_one_action_only_is_named(monkeypatch: Any) -> None:
    def success(self: SalesLedger, checkout: Checkout) -> None:
        if checkout.is_invoice:
            raise RuntimeError("no accounts department")

    made = booking(monkeypatch, checkout_success=success)
    with pytest.raises(
        AssertionError, match=r"checkout_success\(checkout\), invoice, raised RuntimeError: no accounts"
    ):
        check_checkout(made)


def test_a_refund_is_told_when_it_is_given_and_when_it_comes_back(monkeypatch: Any) -> None:
    met = []

    def refund(self: SalesLedger, refund: Refund) -> None:
        stored = SalesLedger.objects.get(pk=self.pk)
        met.append((refund.state, refund.amount, refund.checkout.content_object == self, stored.paid is not None))

    check_checkout(booking(monkeypatch, checkout_refund=refund))
    assert met == [("success", Decimal("120.00"), True, True), ("fail", Decimal("120.00"), True, True)]
    assert not Refund.objects.exists()


def test_an_object_need_not_hear_of_refunds(monkeypatch: Any) -> None:
    made = booking(monkeypatch)
    monkeypatch.delattr(SalesLedger, "checkout_refund")
    check_checkout(made)


def test_a_refund_that_raises_is_named_with_its_state(monkeypatch: Any) -> None:
    def refund(self: SalesLedger, refund: Refund) -> None:
        if refund.state == "fail":
            raise LookupError("nothing was given back")

    made = booking(monkeypatch, checkout_refund=refund)
    with pytest.raises(AssertionError, match=r"checkout_refund\(refund\), fail, raised LookupError: nothing was given"):
        check_checkout(made)


def test_a_refund_that_is_no_method_is_named(monkeypatch: Any) -> None:
    made = booking(monkeypatch, checkout_refund=True)
    with pytest.raises(AssertionError, match=r"SalesLedger\.checkout_refund must be a method"):
        check_checkout(made)


def test_an_object_that_is_not_saved_is_refused() -> None:
    with pytest.raises(AssertionError, match="not saved"):
        check_checkout(SalesLedger(title="A course"))


def test_a_class_in_the_place_of_an_object_is_named() -> None:
    with pytest.raises(AssertionError, match="SalesLedger'> is a class"):
        check_checkout(SalesLedger)


@pytest.mark.parametrize("member", ["checkout_language", "checkout_payment_plan", "checkout_contact"])
def test_an_optional_member_that_raises_is_named(monkeypatch: Any, member: str) -> None:
    def broken(self: Any) -> Any:
        raise KeyError("language")

    monkeypatch.setattr(SalesLedger, member, property(broken), raising=False)
    with pytest.raises(AssertionError, match=rf"SalesLedger\.{member} raised KeyError"):
        check_checkout(SalesLedgerFactory())


def test_a_contact_that_is_a_method_is_named(monkeypatch: Any) -> None:
    monkeypatch.setattr(SalesLedger, "checkout_contact", lambda self: None)
    with pytest.raises(AssertionError, match="checkout_contact must be a property"):
        check_checkout(SalesLedgerFactory())


def test_something_that_is_no_model_is_refused() -> None:
    with pytest.raises(AssertionError, match="dict is not a Django model"):
        check_checkout({"checkout_total": 1})


def test_fail_and_success_each_meet_a_fresh_copy_of_an_unsettled_object(monkeypatch: Any) -> None:
    met = []

    def success(self: SalesLedger, checkout: Checkout) -> None:
        stored = SalesLedger.objects.get(pk=self.pk)
        met.append((checkout.action_id, checkout.state_id, checkout.content_object == self, stored.paid, stored.failed))
        SalesLedger.objects.filter(pk=self.pk).update(paid=timezone.now())

    check_checkout(booking(monkeypatch, checkout_success=success))
    assert met == [(action, "success", True, None, None) for action in ("payment", "invoice", "payment_plan")]


def test_nothing_stays_behind(django_capture_on_commit_callbacks: Any, monkeypatch: Any) -> None:
    told: list[str] = []
    original = SalesLedger.checkout_success

    def success(self: SalesLedger, checkout: Checkout) -> None:
        transaction.on_commit(lambda: told.append("mailed"))
        original(self, checkout)

    made = booking(monkeypatch, checkout_success=success)
    before = SalesLedger.objects.values().get(pk=made.pk)
    with django_capture_on_commit_callbacks(execute=True):
        check_checkout(made)
    assert SalesLedger.objects.values().get(pk=made.pk) == before
    assert (made.paid, made.failed, made.invoiced) == (None, None, None)
    assert not Checkout.objects.exists()
    assert told == []


@pytest.mark.django_db(transaction=True)
def test_nothing_stays_behind_where_no_test_transaction_would_hide_it() -> None:
    made = SalesLedgerFactory()
    check_checkout(made)
    made.refresh_from_db()
    assert (made.paid, made.failed, made.invoiced) == (None, None, None)
    assert not Checkout.objects.exists()


def test_the_example_can_be_paid_in_parts() -> None:
    made = SalesLedgerFactory()
    check_object_payment_plan(made)
    made.refresh_from_db()
    assert (made.on_plan, made.paid) == (None, None)
    assert not ObjectPaymentPlan.objects.exists()
    assert not Customer.objects.exists()


def test_a_plan_that_is_not_offered_is_named(monkeypatch: Any) -> None:
    made = booking(monkeypatch, checkout_actions=property(lambda self: ["payment"]))
    with pytest.raises(AssertionError, match="does not offer 'payment_plan'"):
        check_object_payment_plan(made)


def test_a_sign_up_that_makes_no_plan_is_named(monkeypatch: Any) -> None:
    made = booking(monkeypatch, checkout_success=lambda self, checkout: None)
    with pytest.raises(AssertionError, match="must make the plan of a sign-up"):
        check_object_payment_plan(made)


def test_an_instalment_follows_the_contract() -> None:
    part = ObjectPaymentPlanInstalmentFactory(object_payment_plan__content_object=SalesLedgerFactory())
    check_checkout(part)
