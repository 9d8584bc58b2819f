"""The factories that the package ships for the tests of its users."""

import ast
import inspect
from decimal import Decimal
from typing import Any

import factory
import pytest
from django.apps import apps

from checkout.models import Checkout, CheckoutAction, CheckoutState
from checkout.tests import factories
from example_checkout.tests.factories import SalesLedgerFactory

MODELS = list(apps.get_app_config("checkout").get_models())


def factory_of(model: type) -> type[factory.django.DjangoModelFactory]:
    (found,) = [
        member
        for _, member in inspect.getmembers(factories, inspect.isclass)
        if issubclass(member, factory.django.DjangoModelFactory) and member._meta.model is model
    ]
    return found


@pytest.mark.django_db
@pytest.mark.parametrize("model", MODELS, ids=lambda model: model.__name__)
def test_every_model_has_a_factory_that_makes_a_valid_row(model: Any) -> None:
    prefix = {
        "Agreement": "checkout__content_object",
        "Checkout": "content_object",
        "Dispute": "checkout__content_object",
        "Refund": "checkout__content_object",
        "CheckoutAdditional": "checkout__content_object",
        "ObjectPaymentPlan": "content_object",
        "ObjectPaymentPlanInstalment": "object_payment_plan__content_object",
        "PaymentRunItem": "instalment__object_payment_plan__content_object",
    }.get(model.__name__)
    made = factory_of(model)(**({prefix: SalesLedgerFactory()} if prefix else {}))
    made.full_clean(validate_unique=model not in (CheckoutAction, CheckoutState))
    assert model.objects.get(pk=made.pk) == made


@pytest.mark.django_db
def test_a_checkout_takes_its_amount_from_the_object_unless_told() -> None:
    booking = SalesLedgerFactory(product__price=Decimal("12.50"), product__currency="EUR", quantity=2)
    made = factories.CheckoutFactory(content_object=booking)
    assert (made.total, made.currency, made.state_id, made.action_id) == (Decimal("25.00"), "EUR", "pending", "payment")
    assert made.lines == booking.checkout_description
    told = factories.CheckoutFactory(content_object=booking, total=Decimal("1.00"), state__slug="success")
    assert (told.total, told.state_id) == (Decimal("1.00"), "success")


@pytest.mark.django_db
def test_a_checkout_without_an_object_is_refused_with_a_sentence() -> None:
    with pytest.raises(ValueError, match="needs the object that is paid for"):
        factories.CheckoutFactory()


@pytest.mark.django_db
def test_a_subclass_brings_the_object() -> None:
    class OwnCheckoutFactory(factories.CheckoutFactory):
        content_object = factory.SubFactory(SalesLedgerFactory, quantity=3)

    assert OwnCheckoutFactory().total == Decimal("360.00")
    assert Checkout.objects.get().content_object.quantity == 3


@pytest.mark.django_db
def test_words_are_not_made_twice() -> None:
    before = (CheckoutAction.objects.count(), CheckoutState.objects.count())
    factories.CheckoutActionFactory(slug="invoice")
    factories.CheckoutStateFactory(slug="fail")
    assert (CheckoutAction.objects.count(), CheckoutState.objects.count()) == before


def test_the_public_test_modules_do_not_need_the_example_site() -> None:
    for name in ("factories", "helper"):
        tree = ast.parse(inspect.getsource(__import__(f"checkout.tests.{name}", fromlist=[name])))
        imports = [node.module or "" for node in ast.walk(tree) if isinstance(node, ast.ImportFrom)]
        imports += [alias.name for node in ast.walk(tree) if isinstance(node, ast.Import) for alias in node.names]
        assert not [module for module in imports if module.startswith("example_checkout")], name
