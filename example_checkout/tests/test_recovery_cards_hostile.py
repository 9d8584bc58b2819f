"""What becomes of cards on file: lost answers, two at once, taken away or renewed at Stripe, replaced in the middle."""

from datetime import date, timedelta
from typing import Any

import pytest
from dateutil.relativedelta import relativedelta
from django.test import Client
from django.urls import reverse
from django.utils import timezone
from django.views.generic import UpdateView
from freezegun import freeze_time

from checkout import gateway
from checkout.errors import StripeUnreachable
from checkout.flows import card, charge, expiry, fulfil, on_file, payment
from checkout.models import Checkout, Customer, Notice, ObjectPaymentPlan
from checkout.notify import outbox
from checkout.views import ObjectPaymentPlanSetupIntentCardRefreshMixin
from example_checkout.tests.factories import UserFactory
from example_checkout.tests.pay_pages import CARD, CARD_SAVED, declined, opened, page, text
from example_checkout.tests.plans import GOOD, let_fall_due, library, plan_of, sign_up_with
from example_checkout.tests.recovery import (
    ASKS,
    FAILS,
    charge_due,
    days_later,
    declined_with,
    due_with,
    fresh,
    pay_page,
    taken,
)

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.usefixtures("counters")]

MASTERCARD = "5555555555554444"
SLOW = pytest.mark.slow


def saved(checkout: Checkout, pay: Any, number: str = GOOD) -> Checkout:
    """The customer confirmed, and came back."""
    pay(checkout, card=number)
    payment.finish(checkout)
    return checkout


def card_at_stripe(simulator: Any, customer: Customer) -> Any:
    found = library(simulator).customers.retrieve(customer.customer_id)
    return found.invoice_settings.default_payment_method


# the SetupIntent


@SLOW
@pytest.mark.parametrize(("trouble", "times"), [("server_error", 1), ("timeout_after_commit", 2), ("reset_before", 2)])
def test_an_answer_that_cannot_be_had_does_not_lock_the_customer_out_for_a_day(
    stripe_simulator: Any, pay: Any, stripe_trouble: Any, trouble: str, times: int
) -> None:
    """Stripe keeps a 500 under its key, and says it again for a day."""
    part = declined_with(stripe_simulator, pay, FAILS)
    stripe_trouble(trouble, times=times, path="/v1/setup_intents")
    with pytest.raises(StripeUnreachable):
        card.start_refresh(part.payer, user=None)
    found = card.start_refresh(part.payer, user=None)
    assert card.start_refresh(part.payer, user=None) == found
    assert saved(found, pay).succeeded
    assert fresh(part).payer.last4 == "4242"


@SLOW
def test_the_customer_was_deleted_at_stripe_while_the_page_was_open(stripe_simulator: Any, pay: Any) -> None:
    part = due_with(stripe_simulator, pay, "pm_card_visa")
    first = card.start_refresh(part.payer, user=None)
    library(stripe_simulator).customers.delete(part.payer.customer_id)
    assert expiry.forget_customer(part.payer)
    second = card.start_refresh(fresh(part).payer, user=None)
    assert second.stripe_customer_id != first.stripe_customer_id
    assert saved(second, pay).succeeded
    assert charge_due().count("success") == 1


@SLOW
def test_the_banks_dialog_was_left_and_is_opened_again(stripe_simulator: Any, pay: Any) -> None:
    part = declined(pay)
    ann = Client()
    ann.force_login(part.object_payment_plan.content_object.contact.user)
    assert ann.get(reverse(CARD)).status_code == 200
    checkout = Checkout.objects.get(action_id="card_refresh")
    saved_url = reverse(CARD_SAVED, args=[checkout.uuid])
    assert pay(checkout, card="4000002500003155", authenticate=None)["status"] == "requires_action"
    assert ann.get(saved_url).url == reverse(CARD)
    again = ann.get(reverse(CARD))
    assert (again.status_code, again.context["checkout"]) == (200, checkout)
    assert fresh(part).payer.last4 == "3184"
    assert pay(checkout, card="4000002500003155")["status"] == "succeeded"
    assert "Visa ending in 3155" in text(ann.get(saved_url))


@SLOW
def test_two_at_once_and_the_later_one_counts(stripe_simulator: Any, pay: Any) -> None:
    """Two accounts with one address, or two tabs that were opened in one second."""
    part = declined_with(stripe_simulator, pay, FAILS)
    first = card.start_refresh(part.payer, user=UserFactory())
    second = card.start_refresh(part.payer, user=UserFactory())
    assert first != second
    saved(first, pay, GOOD)
    saved(second, pay, MASTERCARD)
    payer = fresh(part).payer
    assert (payer.brand, payer.payment_method_id) == ("mastercard", card_at_stripe(stripe_simulator, payer))
    with days_later(1):
        assert charge_due().count("success") == 1
    assert taken(stripe_simulator) == [3000, 3000]


@SLOW
@pytest.mark.parametrize("behaves", [ASKS, FAILS])
def test_a_run_charges_the_old_card_while_the_new_one_is_saved(stripe_simulator: Any, pay: Any, behaves: str) -> None:
    part = due_with(stripe_simulator, pay, behaves)
    attempt = charge.claim(part, user=None)
    answer = gateway.charge(charge.request_for(attempt))
    assert saved(card.start_refresh(part.payer, user=None), pay).succeeded
    charge.conclude(attempt, answer)
    fulfil.setups()
    after = fresh(part)
    assert (after.state_id, after.retries, after.payer.card_refused) == ("fail", 0, False)
    assert after.retry_due == timezone.localdate() + timedelta(days=1)
    # the new card is not asked about what was said to the old one
    for notice in Notice.objects.filter(kind=Notice.PAYMENT_FAILED):
        outbox.send(notice.pk)
    assert not Notice.objects.filter(state="sent").exists()
    with days_later(1):
        assert charge_due().count("success") == 1


@SLOW
def test_one_card_serves_both_plans_of_a_customer(stripe_simulator: Any, pay: Any) -> None:
    first, second = (declined_with(stripe_simulator, pay, ASKS) for _plan in range(2))
    ObjectPaymentPlan.objects.filter(pk=second.object_payment_plan_id).update(customer=first.payer)
    checkout = Checkout.objects.create_checkout_pay_on_session(first, None)
    pay_page(checkout, pay, MASTERCARD)
    assert fresh(first).state_id == "success"
    # the other's charge belongs to another customer of Stripe's: it is closed, and charged to the new card
    assert (fresh(second).state_id, fresh(second).payer.brand) == ("fail", "mastercard")
    with days_later(1):
        assert charge_due().count("success") == 1


# at Stripe


@SLOW
@pytest.mark.parametrize("soon", [True, False])
def test_a_card_that_was_detached_and_no_event_told_of_it(stripe_simulator: Any, pay: Any, soon: bool) -> None:
    """The pass asks only about cards that it cannot see in the listing and that expire before long."""
    customer = plan_of(sign_up_with(pay)).customer
    library(stripe_simulator).payment_methods.detach(customer.payment_method_id)
    Customer.objects.update(expiry_date=timezone.localdate() if soon else date(2099, 1, 31))
    report = expiry.refresh_card_expiry_dates()
    assert (report.customers, report.missing) == (1, int(soon))
    customer.refresh_from_db()
    assert customer.has_card is not soon
    assert Notice.objects.count() == 0


@SLOW
def test_the_page_of_a_customer_whose_card_was_taken_off_asks_for_another_one(stripe_simulator: Any, pay: Any) -> None:
    part = declined_with(stripe_simulator, pay, ASKS)
    _client, checkout = opened(part)
    library(stripe_simulator).payment_methods.detach(part.payer.payment_method_id)
    assert expiry.keep_card(part.payer) == "card taken off file"
    read = text(Client().get(page(checkout)))
    assert "with this card" not in read
    pay_page(checkout, pay, MASTERCARD)
    assert fresh(part).payer.brand == "mastercard"


@SLOW
def test_the_networks_renew_the_card_before_its_mail_was_sent(stripe_simulator: Any, pay: Any) -> None:
    customer = plan_of(sign_up_with(pay)).customer
    today = timezone.localdate()
    stripe_simulator.replace_card(customer.payment_method_id, exp_month=today.month, exp_year=today.year)
    expiry.refresh_card_expiry_dates()
    notice = Notice.objects.get(kind=Notice.CARD_EXPIRING)
    stripe_simulator.replace_card(customer.payment_method_id, exp_month=today.month, exp_year=today.year + 3)
    customer.refresh_from_db()
    assert expiry.keep_card(customer) == "card changed"
    assert not outbox.send(notice.pk)
    notice.refresh_from_db()
    assert notice.state == "moot"
    # years later that card expires too, and its customer is told again
    with freeze_time(timezone.now() + relativedelta(years=3), tick=True):
        expiry.refresh_card_expiry_dates()
    assert Notice.objects.filter(kind=Notice.CARD_EXPIRING).count() == 2


@SLOW
def test_the_customer_saves_another_card_before_the_mail_was_sent(stripe_simulator: Any, pay: Any) -> None:
    customer = plan_of(sign_up_with(pay)).customer
    today = timezone.localdate()
    stripe_simulator.replace_card(customer.payment_method_id, exp_month=today.month, exp_year=today.year)
    expiry.refresh_card_expiry_dates()
    notice = Notice.objects.get(kind=Notice.CARD_EXPIRING)
    saved(card.start_refresh(customer, user=None), pay, MASTERCARD)
    assert not outbox.send(notice.pk)
    assert expiry.refresh_card_expiry_dates().expiring == 0
    customer.refresh_from_db()
    assert not customer.refresh


@SLOW
def test_a_new_card_that_expires_soon_too_is_a_new_mail(stripe_simulator: Any, pay: Any) -> None:
    customer = plan_of(sign_up_with(pay)).customer
    today = timezone.localdate()
    for _card in range(2):
        checkout = card.start_refresh(customer, user=None)
        pay(checkout, card=GOOD, exp_month=today.month, exp_year=today.year)
        payment.finish(checkout)
        for _day in range(2):
            expiry.refresh_card_expiry_dates()
    assert Notice.objects.filter(kind=Notice.CARD_EXPIRING).count() == 2


@SLOW
def test_a_card_of_before_sca_is_offered_on_the_page_and_replaced_by_the_one_that_pays(
    stripe_simulator: Any, pay: Any, legacy_card: Any
) -> None:
    part = due_with(stripe_simulator, pay, "pm_card_visa")
    payer = part.payer
    v1 = library(stripe_simulator)
    for method in v1.payment_methods.list({"customer": payer.customer_id}).data:
        v1.payment_methods.detach(method.id)
    old = legacy_card(payer.customer_id, number="4000002760003184")
    Customer.objects.update(payment_method_id="", brand="", last4="", expiry_date=None)
    assert charge_due().count("pay_on_session") == 1
    client, checkout = opened(fresh(part))
    assert f'data-payment-method="{old}"' in client.get(page(checkout)).content.decode()
    pay_page(checkout, pay, MASTERCARD)
    assert (fresh(part).payer.is_legacy, fresh(part).payer.brand) == (False, "mastercard")


@SLOW
def test_a_card_that_was_refused_for_good_is_never_offered(stripe_simulator: Any, pay: Any) -> None:
    """Also for an instalment that was never charged to it."""
    part = due_with(stripe_simulator, pay, "pm_card_visa")
    Customer.objects.update(refused_payment_method_id=part.payer.payment_method_id)
    _client, checkout = opened(part)
    found = on_file.look(Checkout.objects.get(pk=checkout.pk))
    assert (found.card, found.why) == (None, "")


# when a card expires


@pytest.mark.parametrize(
    ("moment", "zone", "expires", "soon"),
    [
        # a month before the last day of February is any day from the 28th of January on
        ("2027-01-28 12:00", "UTC", date(2027, 2, 28), True),
        ("2027-01-31 12:00", "UTC", date(2027, 2, 28), True),
        ("2027-01-27 12:00", "UTC", date(2027, 2, 28), False),
        ("2028-01-29 12:00", "UTC", date(2028, 2, 29), True),
        ("2028-01-28 12:00", "UTC", date(2028, 2, 29), False),
        # and the last day of February is not yet a month before the last day of March
        ("2027-02-28 12:00", "UTC", date(2027, 3, 31), False),
        ("2027-03-01 12:00", "UTC", date(2027, 3, 31), True),
        ("2027-03-31 12:00", "UTC", date(2027, 4, 30), True),
        ("2026-12-31 12:00", "UTC", date(2027, 1, 31), True),
        # it is tomorrow in Auckland, and still yesterday in Honolulu
        ("2027-01-27 12:00", "Pacific/Auckland", date(2027, 2, 28), True),
        ("2027-01-28 09:00", "Pacific/Honolulu", date(2027, 2, 28), False),
        ("2027-01-28 10:00", "Pacific/Honolulu", date(2027, 2, 28), True),
        # good through its last day, and expired is expiring
        ("2027-02-28 12:00", "UTC", date(2027, 2, 28), True),
        ("2027-03-01 00:00", "UTC", date(2027, 2, 28), True),
        ("2027-01-28 12:00", "UTC", None, False),
    ],
)
def test_within_a_month_at_the_ends_of_months_and_of_the_world(
    settings: Any, moment: str, zone: str, expires: date | None, soon: bool
) -> None:
    settings.TIME_ZONE = zone
    known = gateway.Card(payment_method_id="pm_1", brand="visa", last4="4242", expiry_date=expires)
    with freeze_time(moment):
        assert Customer(expiry_date=expires).is_expiring is soon
        # the pass that sets ``refresh`` counts as the page does
        customer = Customer.objects.create(email="ann@example.com", payment_method_id="pm_1")
        expiry._write(customer, known)
    assert customer.refresh is soon
    assert Notice.objects.count() == int(soon)


# who may


def test_an_account_without_an_address_is_nobodys() -> None:
    plan = plan_without_address()
    for email in ("", " "):
        assert card.customer_of(UserFactory.build(email=email)) is None
    assert plan.customer.email == ""


def plan_without_address() -> ObjectPaymentPlan:
    """Brought over from another system."""
    from checkout.tests.factories import CustomerFactory, ObjectPaymentPlanFactory
    from example_checkout.tests.factories import SalesLedgerFactory

    made: ObjectPaymentPlan = ObjectPaymentPlanFactory(
        content_object=SalesLedgerFactory(), customer=CustomerFactory(email="")
    )
    return made


@SLOW
def test_the_view_of_the_documentation_before_works_as_it_is(stripe_simulator: Any, pay: Any, rf: Any) -> None:
    """Mixed with others, and told by ``self.object`` which checkout it is."""
    from django.contrib.auth.mixins import LoginRequiredMixin

    class BaseMixin:
        def get_context_data(self, **kwargs: Any) -> dict[str, Any]:
            return {**super().get_context_data(**kwargs), "site": "ours"}  # type: ignore[misc]

    class CheckoutRefreshCardView(
        LoginRequiredMixin,
        ObjectPaymentPlanSetupIntentCardRefreshMixin,
        BaseMixin,
        UpdateView,
    ):
        def get_success_url(self) -> str:
            return reverse("web.checkout.refresh.card.success", args=[self.object.uuid])

    part = declined(pay)
    ann = Client()
    ann.force_login(part.object_payment_plan.content_object.contact.user)
    request = rf.get("/card/refresh/")
    request.session = ann.session
    request.user = part.object_payment_plan.content_object.contact.user
    answer: Any = CheckoutRefreshCardView.as_view()(request)
    checkout = Checkout.objects.get(action_id="card_refresh")
    assert answer.context_data["site"] == "ours"
    assert answer.context_data["success_url"] == reverse(CARD_SAVED, args=[checkout.uuid])
    assert (checkout.user, checkout.content_object) == (request.user, part.payer)


@SLOW
def test_another_plan_that_falls_due_later_is_charged_to_the_new_card(stripe_simulator: Any, pay: Any) -> None:
    part = declined_with(stripe_simulator, pay, ASKS)
    assert saved(card.start_refresh(part.payer, user=None), pay, MASTERCARD).succeeded
    let_fall_due(part.object_payment_plan)
    assert charge_due().count("success") == 1
    charged = library(stripe_simulator).charges.list({"limit": 1}).data[0]
    assert charged.payment_method_details.card.last4 == "4444"
