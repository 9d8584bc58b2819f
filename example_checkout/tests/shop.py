"""A visitor of the shop in the middle of a checkout, for tests of its pages."""

from typing import Any

from django.test import Client
from django.urls import reverse

from checkout.flows import payment
from checkout.models import Checkout
from example_checkout.models import SalesLedger
from example_checkout.tests.factories import ContactFactory, ProductFactory, SalesLedgerFactory, UserFactory
from example_checkout.tests.plans import GOOD, consent, offer_plans

PLENTY = {"session": "100/d", "address": "100/d", "object": "100/d"}
STRANGER = ("Zed Stranger", "zed@stranger.example")


class Shop:
    """A visitor who has booked a course, and somebody else who has too."""

    def __init__(self, pay: Any, trouble: Any, settings: Any, action: str = "payment") -> None:
        self.pay, self.trouble, self.settings = pay, trouble, settings
        stranger = ContactFactory(name=STRANGER[0], email=STRANGER[1], user__email=STRANGER[1])
        payment.start(action="payment", content_object=SalesLedgerFactory(contact=stranger), user=stranger.user)
        self.product = ProductFactory()
        self.client = Client(raise_request_exception=False)
        if action == "payment_plan":
            offer_plans()
        self.book(action)

    def book(self, action: str) -> None:
        sent = {"quantity": "1", "name": "Ann", "email": "ann@example.com", "action": action}
        assert self.client.post(reverse("example.course", args=[self.product.slug]), sent).status_code == 302
        self.booking = SalesLedger.objects.get(contact__name="Ann")
        self.checkout = Checkout.objects.get(object_id=self.booking.pk)

    def get(self, view: str = "web.checkout", **query: str) -> Any:
        return self.client.get(reverse(view, args=[self.checkout.uuid]), query)

    def post(self, **data: str) -> Any:
        return self.client.post(reverse("web.checkout", args=[self.checkout.uuid]), data)

    def paid(self) -> "Shop":
        payment.begin(self.checkout, shown_total=self.checkout.total)
        self.pay(self.checkout)
        payment.finish(self.checkout)
        return self

    def signed_up(self, card: str = GOOD) -> "Shop":
        """The card is saved, and the deposit has been tried."""
        payment.agree(self.checkout, consent=consent(self.checkout))
        self.pay(self.checkout, card=card)
        payment.finish(self.checkout)
        return self

    def closed(self) -> "Shop":
        payment.abandon(self.checkout)
        return self

    def held(self) -> "Shop":
        """What Stripe reports is not what was asked."""
        payment.begin(self.checkout, shown_total=self.checkout.total)
        Checkout.objects.filter(pk=self.checkout.pk).update(total=999)
        self.pay(self.checkout)
        return self

    def invoiced(self) -> "Shop":
        assert self.post(step="invoice", contact_name="A", address_1="B", email="a@example.com").status_code == 302
        return self

    def unreachable(self) -> "Shop":
        self.trouble("reset_before", times=None, method="GET")
        return self

    def limited(self, kind: str) -> "Shop":
        self.settings.CHECKOUT_LIMITS = {kind: {**PLENTY, "session": "0/d"}}
        return self

    def signed_in(self, **values: Any) -> Client:
        client = Client(raise_request_exception=False)
        client.force_login(UserFactory(username="somebody", **values))
        return client

    def without_token(self) -> Client:
        strict = Client(enforce_csrf_checks=True)
        strict.cookies = self.client.cookies
        return strict


def pay_url(shop: Shop) -> str:
    return reverse("web.checkout", args=[shop.checkout.uuid])


def booking_pay(shop: Shop) -> str:
    return reverse("example.booking.pay", args=[shop.booking.number])


def plan_url(shop: Shop) -> str:
    return reverse("example.plan", args=[shop.booking.number])
