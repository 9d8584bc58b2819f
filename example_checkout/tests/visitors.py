"""One booking in any state, and every kind of visitor: what the tests of who may open what share."""

from datetime import timedelta
from typing import Any
from uuid import uuid4

from django.test import Client
from django.urls import reverse
from django.utils import timezone
from freezegun import freeze_time

from checkout import access
from checkout.flows import payment
from checkout.flows.deposit import deposit_of
from checkout.models import Checkout, CheckoutAdditional
from checkout.notify import links
from example_checkout.models import SalesLedger
from example_checkout.tests.factories import ContactFactory, ProductFactory, UserFactory
from example_checkout.tests.plans import ALWAYS_ASKS, FAILS_LATER, GOOD, consent, offer_plans
from example_checkout.tests.staff import make_plan, staff_args

PAY, SUCCESS, FAIL = "web.checkout", "web.checkout.success", "web.checkout.fail"
ON_SESSION, LINK = "web.checkout.pay.on.session", "web.checkout.pay.on.session.redirect"
CARD, CARD_SAVED = "web.checkout.refresh.card", "web.checkout.refresh.card.success"
BOOK = {"quantity": "1", "name": "Bo", "email": "bo@example.com", "action": "payment"}
# The states of a sign-up, and the card with which its customer came there.
SIGN_UPS = {"sign-up": "", "planned": GOOD, "deposit": ALWAYS_ASKS, "declined": FAILS_LATER, "on-session": ALWAYS_ASKS}


class World:
    """One booking, made through the shop's door, and its checkout in a state."""

    token = "of-no-mail"

    def __init__(self, state: str, pay: Any, trouble: Any, *, signed_in: bool) -> None:
        self.product = ProductFactory()
        self.owner = UserFactory(email="ann@owner.example")
        self.browser = Client()
        ContactFactory(user=self.owner, name="Ann Owner", email=self.owner.email)
        if signed_in:
            self.browser.force_login(self.owner)
        action = "invoice" if state == "invoice" else "payment"
        if state in SIGN_UPS:
            offer_plans()
            action = "payment_plan"
        sent = {**BOOK, "name": "Ann Owner", "action": action}
        assert self.browser.post(reverse("example.course", args=[self.product.slug]), sent).status_code == 302
        self.booking = SalesLedger.objects.get()
        self.checkout = Checkout.objects.get()
        if card := SIGN_UPS.get(state):
            payment.agree(self.checkout, consent=consent(self.checkout))
            pay(self.checkout, card=card)
            payment.finish(self.checkout)
        if state in ("begun", "paid", "waiting"):
            payment.begin(self.checkout, shown_total=self.checkout.total)
        if state in ("paid", "waiting"):
            pay(self.checkout)
        if state == "paid":
            payment.finish(self.checkout)
        if state == "closed":
            payment.abandon(self.checkout)
        if state == "on-session":
            self._pay_on_session()
        self.plan = make_plan("success", "pending", booking=self.booking) if state == "plan" else None
        if state == "waiting":
            trouble("reset_before", times=2, method="GET")

    def _pay_on_session(self) -> None:
        """The deposit is to be paid in the browser, and the hour in which its uuid opens it is over."""
        self.token = links.token(deposit_of(self.checkout))
        url = self.browser.post(self.url(PAY), {"step": "another_card"}).url
        self.checkout = Checkout.objects.get(uuid=url.split("/")[2])
        self.checkout.created = timezone.now() - timedelta(hours=2)
        self.checkout.save()

    def url(self, view: str) -> str:
        args: dict[str, list[Any]] = {
            PAY: [self.checkout.uuid],
            SUCCESS: [self.checkout.uuid],
            FAIL: [self.checkout.uuid],
            ON_SESSION: [self.checkout.uuid],
            LINK: [self.token],
            CARD: [],
            CARD_SAVED: [self.checkout.uuid],
            "example.course": [self.product.slug],
            "example.booking": [self.booking.number],
            "example.booking.pay": [self.booking.number],
            "example.plan": [self.booking.number],
        }
        return reverse(view, args=args[view] if view in args else staff_args(view, self.plan))

    def visitor(self, name: str) -> tuple[Client, str]:
        """A browser, and what it adds to an address."""
        client, token = Client(), ""
        if name == "session":
            client = self.browser
        elif name == "owner":
            client.force_login(self.owner)
        elif name == "other":
            client.force_login(ContactFactory().user)
        elif name == "staff":
            client.force_login(UserFactory(is_staff=True))
        elif name == "link":
            token = access.sign(self.checkout.uuid)
        elif name == "expired-link":
            with freeze_time(self.checkout.created - timedelta(days=7, seconds=1)):
                token = access.sign(self.checkout.uuid)
        elif name == "tampered-link":
            token = access.sign(uuid4()).split(":", 1)[0] + ":" + access.sign(self.checkout.uuid).split(":", 1)[1]
        elif name == "link-of-another":
            token = access.sign(uuid4())
        return client, f"?{access.PARAMETER}={token}" if token else ""

    def row(self) -> list[Any]:
        return [list(Checkout.objects.values()), list(CheckoutAdditional.objects.values())]
