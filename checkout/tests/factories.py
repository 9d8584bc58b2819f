"""A factory for each model of the package, for a site's own tests. Needs factory-boy (the extra ``[test]``).

``CheckoutFactory(content_object=order)`` makes a row as it is before Stripe was asked. No factory calls Stripe: to test
a payment, use ``Checkout.objects.create_checkout`` with the fixtures of ``checkout.simulator.fixtures``.
"""

from typing import Any

import factory

from checkout import states
from checkout.conf import settings
from checkout.models import Checkout, CheckoutAction, CheckoutAdditional, CheckoutState, Notice


class CheckoutActionFactory(factory.django.DjangoModelFactory):
    """The row of that slug: ``CheckoutActionFactory(slug="invoice")``. The migrations have made it already."""

    class Meta:
        model = CheckoutAction
        django_get_or_create = ("slug",)

    slug = states.PAYMENT
    name = factory.LazyAttribute(lambda action: states.ACTIONS.get(action.slug, action.slug))


class CheckoutStateFactory(factory.django.DjangoModelFactory):
    """The row of that slug: ``CheckoutStateFactory(slug="success")``. The migrations have made it already."""

    class Meta:
        model = CheckoutState
        django_get_or_create = ("slug",)

    slug = states.PENDING
    name = factory.LazyAttribute(lambda state: states.STATES.get(state.slug, state.slug))


class CheckoutFactory(factory.django.DjangoModelFactory):
    """A checkout of ``content_object``, which must be given; its total and currency come from that object.

    ``CheckoutFactory(content_object=order, action__slug="invoice", state__slug="success")``. In a subclass of yours:
    ``content_object = factory.SubFactory(OrderFactory)``.
    """

    class Meta:
        model = Checkout

    action = factory.SubFactory(CheckoutActionFactory)
    state = factory.SubFactory(CheckoutStateFactory)
    content_object = None
    description = factory.LazyAttribute(lambda row: "\n".join(getattr(row.content_object, "checkout_description", [])))
    total = factory.LazyAttribute(lambda row: getattr(row.content_object, "checkout_total", None))
    currency = factory.LazyAttribute(
        lambda row: getattr(row.content_object, "checkout_currency", None) or settings.currency
    )

    @classmethod
    def _adjust_kwargs(cls, **kwargs: Any) -> dict[str, Any]:
        """Say what is missing here, rather than let the database complain of a column."""
        if kwargs["content_object"] is None and "content_type" not in kwargs:
            raise ValueError(f"{cls.__name__} needs the object that is paid for: {cls.__name__}(content_object=order).")
        if kwargs["content_object"] is None:
            del kwargs["content_object"]
        return kwargs


class CheckoutAdditionalFactory(factory.django.DjangoModelFactory):
    """Who to invoice: ``CheckoutAdditionalFactory(checkout__content_object=order)``."""

    class Meta:
        model = CheckoutAdditional

    checkout = factory.SubFactory(CheckoutFactory, action__slug=states.INVOICE)
    company_name = factory.Sequence("Company {}".format)
    contact_name = factory.Sequence("Contact {}".format)
    address_1 = factory.Sequence("{} High Street".format)
    town = "Exeter"
    postcode = "EX1 1AA"
    country = "United Kingdom"
    email = factory.Sequence("invoices{}@example.com".format)
    phone = "01632 960001"


class NoticeFactory(factory.django.DjangoModelFactory):
    """Mail to the staff that has not been sent yet."""

    class Meta:
        model = Notice

    kind = Notice.QUARANTINE
    key = factory.Sequence("notice-{}".format)
    subject = factory.Sequence("Notice {}".format)
    body = "Something needs a person."
    recipients = factory.List(["staff@example.com"])
