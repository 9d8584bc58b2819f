"""The staff's pages of plans, templates and runs in a browser: axe, 360 px, no inline code, one charge."""

from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import pytest
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from checkout.models import Customer, ObjectPaymentPlan
from checkout.tests.factories import (
    AgreementFactory,
    DifferenceFactory,
    DisputeFactory,
    EventFactory,
    PaymentPlanFactory,
    PaymentRunItemFactory,
    RefundFactory,
)
from example_checkout.tests import desk
from example_checkout.tests.browser import heading, library, problems, sign_in, taken
from example_checkout.tests.factories import ProductFactory, SalesLedgerFactory, UserFactory
from example_checkout.tests.plans import offer_plans, saved_card
from example_checkout.tests.staff import attempt_at, make_plan, make_run, part_url
from example_checkout.tests.test_browser_pages import faults

pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True)]


def booking(name: str) -> Any:
    return SalesLedgerFactory(product=ProductFactory(name=name))


def seed(stripe_server: Any) -> ObjectPaymentPlan:
    """Plans of every kind and a run; the plan that comes back has a good card and an instalment that is due."""
    offer_plans(name="Three months", slug="three-months")
    terms = PaymentPlanFactory(name="A quarter, then monthly")
    template = {"payment_plan": terms}
    customer, card = saved_card(library(stripe_server).v1, email="ada@example.com")
    plan = make_plan(
        *("success", "fail", "pending", "pending"),
        booking=booking("Throwing on the wheel"),
        customer__name="Ada Lovelace",
        customer__email="ada@example.com",
        customer__customer_id=customer,
        customer__payment_method_id=card,
        **template,
    )
    today = timezone.localdate()
    for number, days in ((1, -62), (2, -31), (3, 0), (4, 30)):
        settled = timezone.now() - timedelta(days=62) if number == 1 else None
        plan.payments.filter(count=number).update(due=today + timedelta(days=days), settled=settled)
    deposit, declined = plan.payments[:2]
    sign_up = AgreementFactory(
        checkout__content_object=plan.content_object,
        checkout__state__slug="success",
        checkout__setup_intent_id="seti_1QvJ8x2eZvKYlo2C",
        address="192.0.2.1",
        payment_plan=terms,
    )
    ObjectPaymentPlan.objects.filter(pk=plan.pk).update(agreement=sign_up)
    attempt_at(deposit, state__slug="success", payment_intent_id="pi_3QvJ8x2eZvKYlo2C0gJ1Q8Zq", settled=timezone.now())
    attempt_at(declined, failure="card_declined insufficient_funds", payment_intent_id="pi_3QvJ8y2eZvKYlo2C1gJ1Q8Zr")
    for name, states in (
        ("Raku firing", ("success", "request", "pending", "pending")),
        ("Bookbinding for the very patient, an advanced course", ("pay_on_session",)),
        ("Natural dyeing", ("success", "success", "success", "success")),
        ("Weaving a rug", ("success", "pending", "pending", "pending")),
    ):
        made = make_plan(
            *states,
            booking=booking(name),
            customer__email=f"somebody.with.a.long.name{len(name)}@example.com",
            **template,
        )
        if "request" in states:
            unknown = attempt_at(made.payments.get(state_id="request"), state__slug="request")
            type(unknown).objects.filter(pk=unknown.pk).update(created=timezone.now() - timedelta(days=2))
    make_plan("success", "pending", booking=booking("Glazing"), deleted=True, **template)
    run = make_run("success", "success", "request", "skipped", "pay_on_session", date=today, finished=timezone.now())
    PaymentRunItemFactory(
        payment_run=run, instalment=declined, outcome="fail", reason="card_declined insufficient_funds"
    )
    make_run("released", date=today - timedelta(days=1), stopped="charge: AuthenticationError 401 request=req_1")
    return plan


def desk_pages(page: Any, site: Any, plan: ObjectPaymentPlan) -> Iterator[str]:
    """The work queue, customers, mail and the record; then a customer is charged."""
    desk.busy(2)
    part, payment = desk.waiting(2), desk.waiting_payment(2)
    customer = part.customer
    paid = plan.payments.get(count=1).attempts.get()
    RefundFactory(checkout=paid, amount=paid.total / 2)
    DisputeFactory(checkout=paid)
    event = EventFactory(last_error="StripeUnreachable: retrieve_payment_intent", tries=3)
    books = DifferenceFactory(checkout=paid, reconciliation__differences=1).reconciliation
    for name, url in {
        "paid-checkout": reverse("checkout.checkout", args=[paid.pk]),
        "refund": reverse("checkout.refund", args=[paid.pk]),
        "refunds": reverse("checkout.refund.list"),
        "disputes": reverse("checkout.dispute.list"),
        "plan-pause": reverse("checkout.object.payment.plan.pause", args=[plan.pk]),
        "events": reverse("checkout.event.list"),
        "event": reverse("checkout.event", args=[event.pk]),
        "event-replay": reverse("checkout.event.replay", args=[event.pk]),
        "books": reverse("checkout.reconciliation.list"),
        "differences": reverse("checkout.reconciliation", args=[books.pk]),
        "work": reverse("checkout.work"),
        "customers": reverse("checkout.customer.list"),
        "customers-filtered": reverse("checkout.customer.list") + "?card=legacy&q=nobody",
        "refresh": reverse("checkout.card.refresh.list"),
        "expiry": reverse("checkout.object.payment.plan.card.expiry.list"),
        "parts": reverse("checkout.object.payment.plan.instalment.list"),
        "payments": reverse("checkout.customer.payment.list"),
        "customer": reverse("checkout.customer", args=[customer.pk]),
        "payment": reverse("checkout.customer.payment", args=[payment.pk]),
        "payment-paid": reverse("checkout.customer.payment.paid", args=[payment.pk]),
        "payment-ask": reverse("checkout.customer.payment.ask", args=[payment.pk]),
        "part-waiting": part_url(part),
        "part-ask": part_url(part, "ask"),
        "mail": reverse("checkout.notice.list"),
        "notice": reverse("checkout.notice", args=[part.notices.get().pk]),
        "notice-again": reverse("checkout.notice.again", args=[desk.mail_given_up(3).pk]),
        "previews": reverse("checkout.mail.preview.list"),
        "preview": reverse("checkout.mail.preview", args=["payment_failed"]),
        "charge-customer": reverse("checkout.customer.charge", args=[plan.customer_id]),
    }.items():
        page.goto(site.url + url)
        page.get_by_role("heading", level=1).wait_for()
        yield name
    page.get_by_label("Amount").fill("0.10")
    page.get_by_role("button", name="Go on").click()
    page.get_by_text("The smallest amount that a card can be charged is £0.30.").wait_for()
    yield "charge-customer-mistakes"
    page.get_by_label("Amount").fill("25")
    page.get_by_label("Reason").fill("A broken mug")
    page.get_by_role("button", name="Go on").click()
    page.get_by_role("button", name="Charge £25.00 now").wait_for()
    yield "charge-customer-confirm"
    page.get_by_role("button", name="Charge £25.00 now").dblclick()
    page.get_by_text("£25.00").first.wait_for()
    page.goto(site.url + reverse("checkout.staff.action.list"))
    page.get_by_role("link", name="A broken mug").wait_for()
    yield "record"


def staff_pages(page: Any, site: Any, plan: ObjectPaymentPlan) -> Iterator[str]:
    """Walk through the staff's pages; yields the name of each while ``page`` shows it."""
    due = plan.payments.get(count=3)
    UserFactory(username="staff", is_staff=True, is_superuser=True)
    sign_in(page, site, "staff")
    page.goto(site.url + reverse("checkout.work"))
    yield "work-small"
    template = PaymentPlanFactory(name="Not used yet", deposit=20, count=4)
    for name, url in {
        "checkouts": reverse("checkout.list"),
        "audit": reverse("checkout.list.audit"),
        "plans": reverse("checkout.object.payment.plan.list"),
        "plans-filtered": reverse("checkout.object.payment.plan.list") + "?state=attention&q=nobody",
        "plan": plan.get_absolute_url(),
        "part": part_url(plan.payments.get(count=2)),
        "charge": part_url(due, "charge"),
        "charge-refused": part_url(plan.payments.get(count=1), "charge"),
        "paid": part_url(due, "paid"),
        "stop": reverse("checkout.object.payment.plan.delete", args=[plan.pk]),
        "templates": reverse("checkout.payment.plan.list"),
        "template": reverse("checkout.payment.plan.update", args=[template.pk]),
        "template-in-use": reverse("checkout.payment.plan.update", args=[plan.payment_plan_id]),
        "template-new": reverse("checkout.payment.plan.create"),
        "retire": reverse("checkout.payment.plan.delete", args=[plan.payment_plan_id]),
        "runs": reverse("checkout.payment.run.list"),
        "run": plan.payments.get(count=2).run_items.get().payment_run.get_absolute_url(),
    }.items():
        page.goto(site.url + url)
        page.get_by_role("heading", level=1).wait_for()
        yield name
    page.goto(site.url + reverse("checkout.payment.plan.create"))
    page.get_by_label("Deposit").fill("101")
    page.get_by_role("button", name="Save").click()
    page.get_by_text("A deposit cannot be more than 100 percent.").wait_for()
    yield "template-mistakes"
    page.goto(site.url + part_url(due, "charge"))
    page.get_by_role("button", name="Charge £30.00 now").click()
    page.get_by_text("£30.00 has been charged.").wait_for()
    yield "plan-charged"
    yield from desk_pages(page, site, plan)


def test_every_page_is_accessible_fits_and_has_no_inline_code(
    page: Any, site: Any, stripe_server: Any, console_errors: list[str]
) -> None:
    plan = seed(stripe_server)
    found = {name: bad for name in staff_pages(page, site, plan) if (bad := faults(page))}
    # a form with mistakes is answered with 422, which Chromium notes
    assert [line for line in console_errors if "the server responded with a status of 422" not in line] == []
    console_errors.clear()
    assert found == {}


def test_a_double_click_and_the_back_button_charge_once(page: Any, site: Any, stripe_server: Any) -> None:
    plan = seed(stripe_server)
    due = plan.payments.get(count=3)
    UserFactory(username="staff", is_staff=True, is_superuser=True)
    sign_in(page, site, "staff")
    page.goto(site.url + plan.get_absolute_url())
    page.get_by_role("link", name="Charge now").click()
    heading(page, "Charge now")
    page.get_by_role("button", name="Charge £30.00 now").dblclick()
    page.wait_for_url(f"**{plan.get_absolute_url()}")
    page.goto(site.url + part_url(due, "charge"))
    page.get_by_text("This cannot be done now. It has been paid.").wait_for()
    assert taken(stripe_server) == [3000]
    assert due.attempts.count() == 1
    assert Customer.objects.get(email="ada@example.com").has_card


def test_the_work_queue_is_empty_and_says_so(page: Any, site: Any, stripe_server: Any) -> None:
    UserFactory(username="staff", is_staff=True, is_superuser=True)
    sign_in(page, site, "staff")
    page.goto(site.url + reverse("checkout.work"))
    page.get_by_role("heading", name="All clear: nothing needs you today").wait_for()
    assert problems(page) == []


def test_a_mail_in_its_frame_can_do_nothing(
    page: Any, site: Any, stripe_server: Any, console_errors: list[str]
) -> None:
    UserFactory(username="staff", is_staff=True, is_superuser=True)
    sign_in(page, site, "staff")
    notice = desk.waiting().notices.get()
    type(notice).objects.filter(pk=notice.pk).update(html=notice.html + "<script>top.location = '/'</script>")
    url = site.url + reverse("checkout.notice", args=[notice.pk])
    page.goto(url)
    frame = page.frame_locator("iframe")
    frame.get_by_text("Your bank wants you.").wait_for()
    assert frame.get_by_role("link").count() == 0
    assert frame.locator("p").first.evaluate("(one) => getComputedStyle(one).color") == "rgb(0, 128, 128)"
    assert page.url == url
    # Chromium says that it has not run the script
    assert [
        line for line in console_errors if "frame is sandboxed" not in line and "Content Security" not in line
    ] == []
    console_errors.clear()


@pytest.mark.parametrize("language", ["en-GB", "de"])
def test_the_navigation_is_one_line_and_goes_by_keyboard(
    browser: Any, client: Client, stripe_server: Any, site: Any, language: str, console_errors: list[str]
) -> None:
    client.force_login(UserFactory(username="staff", is_staff=True, is_superuser=True))
    context = browser.new_context(viewport={"width": 1280, "height": 800}, locale=language)
    context.add_cookies([{"name": "sessionid", "value": client.cookies["sessionid"].value, "url": site.url}])
    context.on("console", lambda said: console_errors.append(said.text) if said.type == "error" else None)
    page = context.new_page()
    for name in ("checkout.work", "checkout.payment.run.list", "checkout.reconciliation.list"):
        page.goto(site.url + reverse(name))
        nav = page.locator("nav.checkout-nav")
        assert nav.bounding_box()["height"] < 60
        assert nav.locator('[aria-current="page"]').count() == 1
        assert page.locator("html").get_attribute("lang")[:2] == language[:2]
    links = page.locator("nav.checkout-nav a")
    links.first.focus()
    for number in range(links.count()):
        assert links.nth(number).evaluate("(one) => one === document.activeElement")
        page.keyboard.press("Tab")
    page.set_viewport_size({"width": 360, "height": 740})
    assert page.evaluate("document.documentElement.scrollWidth") <= 360
    assert problems(page) == []
    context.close()
    assert console_errors == []
