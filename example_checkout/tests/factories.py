"""Factories for the shop's models."""

import datetime
from decimal import Decimal

import factory
from django.contrib.auth import get_user_model

from example_checkout.models import Contact, Product, SalesLedger


class UserFactory(factory.django.DjangoModelFactory):
    """A user whose password is ``letmein``."""

    class Meta:
        model = get_user_model()
        skip_postgeneration_save = True

    username = factory.Sequence("user{}".format)
    email = factory.LazyAttribute(lambda user: f"{user.username}@example.com")
    password = factory.django.Password("letmein")


class ContactFactory(factory.django.DjangoModelFactory):
    """Somebody with an account; ``user=None`` for a passer-by."""

    class Meta:
        model = Contact

    user = factory.SubFactory(UserFactory)
    name = factory.Sequence("Contact {}".format)
    email = factory.Sequence("contact{}@example.com".format)


class ProductFactory(factory.django.DjangoModelFactory):
    """A course for 120.00 GBP."""

    class Meta:
        model = Product

    slug = factory.Sequence("course-{}".format)
    name = factory.Sequence("Course {}".format)
    summary = "A day with clay."
    price = Decimal("120.00")
    starts = datetime.date(2030, 5, 4)
    length = "1 day"


class SalesLedgerFactory(factory.django.DjangoModelFactory):
    """An unpaid booking of one place."""

    class Meta:
        model = SalesLedger

    contact = factory.SubFactory(ContactFactory)
    product = factory.SubFactory(ProductFactory)
    title = factory.SelfAttribute("product.name")
    quantity = 1
