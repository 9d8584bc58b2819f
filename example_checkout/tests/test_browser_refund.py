"""Staff give money back, and go on with a plan that paused because of a dispute: in a browser, told by webhook."""

from collections.abc import Iterator
from typing import Any

import pytest
from django.urls import reverse
from django.utils import timezone

from checkout.models import Checkout, Dispute, ObjectPaymentPlan, Refund
from example_checkout.models import SalesLedger
from example_checkout.tests import desk
from example_checkout.tests.browser import PAID, book, heading, library, press_pay, problems, sign_in
from example_checkout.tests.factories import UserFactory
from example_checkout.tests.plans import saved_card
from example_checkout.tests.staff import make_plan, part_url
from example_checkout.tests.test_browser_pages import INLINE
from example_checkout.tests.test_browser_webhook import SECRET, until

pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True)]


@pytest.fixture
def shop(site: Any, stripe_server: Any, settings: Any) -> Any:
    """The site, which Stripe tells what happens, and somebody of its staff."""
    settings.CHECKOUT_WEBHOOK_SECRETS = [SECRET]
    stripe_server.simulator.add_webhook_endpoint(f"{site.url}/stripe/webhook/", SECRET)
    UserFactory(username="staff", is_staff=True, is_superuser=True)
    return site


def give_back(page: Any, amount: str = "", note: str = "") -> Iterator[str]:
    """Through the form and the page that shows what will happen; yields the name of each while it is shown."""
    page.get_by_role("link", name="Give money back").click()
    heading(page, "Give money back")
    if amount:
        page.get_by_label("Amount").fill(amount)
    page.get_by_label("Reason").select_option(label="The customer asked for it")
    page.get_by_label("Note").fill(note)
    yield "refund"
    page.get_by_role("button", name="Go on").click()
    page.get_by_role("heading", name="What will happen").wait_for()
    yield "refund-confirm"
    page.get_by_role("button", name="back now").dblclick()
    page.get_by_role("heading", name="Given back").wait_for()


def refunded(page: Any, checkout: Checkout) -> Iterator[str]:
    """Some of a payment, then the rest; yields the name of each page while it is shown."""
    page.get_by_role("link", name="Give money back").wait_for()
    yield "payment"
    yield from give_back(page, "20.50", "one place of two was cancelled")
    until(lambda: Refund.objects.filter(state="success").count() == 1)
    page.reload()
    page.get_by_text("one place of two was cancelled").first.wait_for()
    yield "payment-refunded"
    for _page in give_back(page):
        pass
    until(lambda: Refund.objects.filter(state="success").count() == 2)
    page.reload()
    assert page.get_by_role("link", name="Give money back").count() == 0
    figures = page.locator(".checkout-figures").inner_text().split()
    assert figures == ["Paid", "£120.00", "Given", "back", "£120.00", "Kept", "£0.00"]
    yield "payment-given-back"


def test_some_of_a_payment_then_the_rest(page: Any, shop: Any, stripe_server: Any, console_errors: list[str]) -> None:
    checkout = book(page, shop)
    press_pay(page)
    heading(page, PAID)
    page.context.clear_cookies()
    sign_in(page, shop, "staff")
    page.goto(shop.url + reverse("checkout.checkout", args=[checkout.pk]))
    assert {name: bad for name in refunded(page, checkout) if (bad := problems(page))} == {}
    amounts = [one.amount for one in library(stripe_server).v1.refunds.list().data]
    assert sorted(amounts) == [2050, 9950]
    assert SalesLedger.objects.get(pk=checkout.object_id).refunded == 120
    assert console_errors == []


def contested(stripe_server: Any) -> ObjectPaymentPlan:
    """A plan whose instalment is due, and a card whose holder contests every charge."""
    customer, card = saved_card(library(stripe_server).v1, "pm_card_createDispute", email="ada@example.com")
    plan = make_plan(
        *("success", "pending", "pending"),
        customer__name="Ada Lovelace",
        customer__email="ada@example.com",
        customer__customer_id=customer,
        customer__payment_method_id=card,
    )
    plan.payments.filter(count=2).update(due=timezone.localdate())
    return plan


def disputed(page: Any, shop: Any, stripe_server: Any, plan: ObjectPaymentPlan) -> Iterator[str]:
    """A charge is contested, its plan pauses, the shop gives in, and staff go on with it."""
    page.goto(shop.url + part_url(plan.payments.get(count=2), "charge"))
    page.get_by_role("button", name="Charge £30.00 now").click()
    page.get_by_text("£30.00 has been charged.").wait_for()
    until(lambda: ObjectPaymentPlan.objects.exclude(paused=None).exists())
    page.goto(shop.url + reverse("checkout.work"))
    page.get_by_role("heading", name="Disputes that need an answer").wait_for()
    yield "work-disputed"
    page.goto(shop.url + plan.get_absolute_url())
    page.get_by_text("Paused since").wait_for()
    yield "plan-paused"
    page.goto(shop.url + reverse("checkout.dispute.list"))
    page.get_by_text("1 dispute needs an answer").wait_for()
    yield "disputes"
    library(stripe_server).v1.disputes.close(Dispute.objects.get().dispute_id)
    until(lambda: Dispute.objects.get().state == "lost")
    page.goto(shop.url + reverse("checkout.work"))
    page.get_by_role("heading", name="Paused, and the disputes are decided").wait_for()
    yield "work-decided"
    page.get_by_role("link", name="Go on with it").click()
    heading(page, "Go on with this plan")
    yield "plan-resume"
    page.get_by_role("button", name="Go on with this plan").click()
    page.get_by_text("The plan goes on.").wait_for()
    page.goto(shop.url + plan.get_absolute_url())
    page.get_by_role("link", name="Pause this plan").click()
    heading(page, "Pause this plan")
    yield "plan-pause"


def lists(page: Any, shop: Any) -> Iterator[str]:
    """The lists, with a row of every kind."""
    for number in range(2):
        for make in (desk.disputed, desk.decided, desk.refund_failed, desk.refund_unknown):
            make(number)
    failed = Refund.objects.filter(state="fail")[0].checkout
    for name, url in {
        "refunds": reverse("checkout.refund.list"),
        "disputes-full": reverse("checkout.dispute.list"),
        "work-full": reverse("checkout.work"),
        "plans": reverse("checkout.object.payment.plan.list"),
        "payment-failed-refund": reverse("checkout.checkout", args=[failed.pk]),
    }.items():
        page.goto(shop.url + url)
        page.get_by_role("heading", level=1).wait_for()
        yield name


def test_a_dispute_pauses_its_plan_and_staff_go_on_with_it(
    page: Any, shop: Any, stripe_server: Any, console_errors: list[str]
) -> None:
    plan = contested(stripe_server)
    sign_in(page, shop, "staff")
    assert {name: bad for name in disputed(page, shop, stripe_server, plan) if (bad := problems(page))} == {}
    plan.refresh_from_db()
    assert plan.paused is None
    assert console_errors == []


def test_every_page_fits_360_px_and_has_no_inline_code(
    page: Any, shop: Any, stripe_server: Any, console_errors: list[str]
) -> None:
    page.set_viewport_size({"width": 360, "height": 740})
    sign_in(page, shop, "staff")
    bad = {}
    for name in lists(page, shop):
        width = page.evaluate("document.documentElement.scrollWidth")
        if found := ([width] if width > 360 else []) + page.evaluate(INLINE) + problems(page):
            bad[name] = found
    assert bad == {}
    assert console_errors == []
