"""Hostile words in the forms: kept as they are or refused, never a crash, never a wrong amount."""

from collections.abc import Callable, Iterator
from typing import Any

import pytest

from checkout.models import Checkout, CheckoutAdditional
from example_checkout.models import Contact, Product, SalesLedger
from example_checkout.tests.hostile import TEXTS, TOTALS, Site, each, watched

pytestmark = [pytest.mark.django_db, pytest.mark.slow]


@pytest.fixture
def site(stripe_simulator: Any) -> Iterator[Site]:
    with watched(stripe_simulator) as made:
        yield made


BOOKING = {"quantity": "1", "name": "Ada", "email": "ada@example.com", "action": "payment"}
ODD_BOOKINGS = {
    **{f"{field}-{name}": {field: text} for field in ("name", "email", "action") for name, text in TEXTS.items()},
    **{f"quantity-{name}": {"quantity": text} for name, text in TOTALS.items()},
    "quantity-thirteen": {"quantity": "13"},
    "quantity-column": {"quantity": "32768"},
    "email-twice": {"email": "a@b@c"},
    "email-local": {"email": "a" * 400 + "@b.com"},
}


@pytest.mark.parametrize("odd", each(ODD_BOOKINGS))
def test_odd_bookings_are_refused_or_booked_as_they_are(site: Site, odd: dict[str, str]) -> None:
    course = site.booking.product.get_absolute_url()
    for who in ("anonymous", "customer"):
        answer = site.ask(who, "post", course, {**BOOKING, **odd})
        assert answer.status_code in (200, 302)
        site.nothing_was_charged()
    assert "\x00" not in "".join(Contact.objects.values_list("name", flat=True))
    assert {row.total for row in Checkout.objects.all()} <= {row.checkout_total for row in SalesLedger.objects.all()}
    assert site.rows()[0] == site.before[0]


@pytest.mark.parametrize("field", ["name", "email"])
def test_an_over_long_booking_is_refused(site: Site, field: str) -> None:
    longest = Contact._meta.get_field(field).max_length
    text = "x" * (longest - 5) + "@b.com" if field == "email" else "x" * (longest + 1)
    answer = site.ask("anonymous", "post", site.booking.product.get_absolute_url(), {**BOOKING, field: text})
    assert field in answer.context["form"].errors
    site.nothing_has_changed()


INVOICE = {"contact_name": "Ada", "address_1": "1 High Street", "email": "ada@example.com"}
FIELDS = [field.name for field in CheckoutAdditional._meta.fields if field.name not in ("id", "checkout")]


@pytest.fixture
def invoice(site: Site) -> str:
    checkout = Checkout.objects.create_checkout("invoice", site.booking, site.booking.contact.user)
    site.before = site.rows()
    return f"/pay/{checkout.uuid}/"


@pytest.mark.parametrize("field", FIELDS)
def test_odd_invoice_details_are_refused(site: Site, invoice: str, field: str) -> None:
    longest = CheckoutAdditional._meta.get_field(field).max_length
    tail = "@b.com" if field == "email" else ""
    one_too_many = "x" * (longest + 1 - len(tail)) + tail
    for text in (TEXTS["nul"], TEXTS["only-nul"], TEXTS["number"], TEXTS["huge"], one_too_many):
        answer = site.ask("customer", "post", invoice, {**INVOICE, "step": "invoice", field: text})
        assert answer.status_code == 422
        assert field in answer.context["form"].errors
    assert not CheckoutAdditional.objects.exists()
    site.nothing_has_changed()


@pytest.mark.parametrize("field", ["contact_name", "email", "postcode"])
@pytest.mark.parametrize("text", each(TEXTS))
def test_invoice_details_are_kept_as_they_are_or_refused(site: Site, invoice: str, field: str, text: str) -> None:
    answer = site.ask("customer", "post", invoice, {**INVOICE, "step": "invoice", field: text})
    kept = CheckoutAdditional.objects.first()
    assert (answer.status_code, kept is None) in ((422, True), (302, False))
    if kept is None:
        site.nothing_has_changed()
    else:
        assert getattr(kept, field) == text.strip()
        site.ask("staff", "get", "/checkout/")
    assert not [one for one in site.intents if one["amount_received"]]


@pytest.mark.parametrize("field", FIELDS)
def test_the_longest_invoice_details_fit(site: Site, invoice: str, field: str) -> None:
    if field == "email":
        text = "ada@" + ".".join(["x" * 60] * 3) + ".com"
    else:
        text = "\u00fc" * CheckoutAdditional._meta.get_field(field).max_length
    answer = site.ask("customer", "post", invoice, {**INVOICE, "step": "invoice", field: text})
    assert answer.status_code == 302
    assert getattr(CheckoutAdditional.objects.get(), field) == text


def test_an_object_that_was_deleted_breaks_no_page(site: Site, pay: Callable[..., Any]) -> None:
    pay(site.checkout)
    site.booking.delete()
    for _look in ("open", "settled"):
        for page in ("", "?redirect_status=succeeded", "failed/", "thanks/", "thanks/?payment_intent_client_secret=x"):
            for who in ("customer", "staff"):
                site.ask(who, "get", site.pay + page)
    for step in ({"step": "begin"}, {"step": "declined"}, {"step": "choose", "action": "invoice"}, {"step": "invoice"}):
        site.ask("customer", "post", site.pay, step)
    site.ask("staff", "get", "/checkout/")
    site.checkout.refresh_from_db()
    assert site.checkout.succeeded


@pytest.mark.parametrize("number", ["1e5", "NaN", "sNaN", "-1", "99999999999.999", "1" * 400])
def test_an_odd_price_from_the_office_charges_nothing(site: Site, number: str) -> None:
    add = {"slug": "odd", "name": "Odd", "price": number, "currency": "GBP"}
    site.ask("staff", "post", "/admin/example_checkout/product/add/", add)
    for product in Product.objects.filter(slug="odd"):
        site.ask("customer", "post", product.get_absolute_url(), {**BOOKING, "quantity": "12"})
    site.nothing_was_charged()
    assert site.rows()[-1] == site.before[0]
