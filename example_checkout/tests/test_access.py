"""Who may open what: every address of the site against every kind of visitor, one cell of the table a test.

Each row gives what somebody sees who may, and what everybody else sees; a column is a visitor.
"""

from datetime import timedelta
from typing import Any, NamedTuple
from uuid import uuid4

import pytest
from django.test import Client
from django.urls import URLPattern, URLResolver, get_resolver, path, reverse
from django.urls.resolvers import RegexPattern
from freezegun import freeze_time

from checkout import access
from checkout.flows import payment
from example_checkout import views
from example_checkout.models import SalesLedger
from example_checkout.tests.factories import UserFactory
from example_checkout.tests.staff import STAFF_ACT, STAFF_READ
from example_checkout.tests.test_staff_access import PAGES
from example_checkout.tests.visitors import BOOK, CARD, CARD_SAVED, FAIL, LINK, ON_SESSION, PAY, SUCCESS, World

pytestmark = [pytest.mark.django_db, pytest.mark.slow, pytest.mark.tables, pytest.mark.usefixtures("counters")]

ANYBODY = (
    "anonymous",
    "other",
    "session",
    "owner",
    "staff",
    "link",
    "expired-link",
    "tampered-link",
    "link-of-another",
)
SIGNED_IN = {"other", "owner", "staff"}
# the four doors of a checkout; a link opens a checkout and not the booking
OPENS = {"session", "owner", "staff", "link"}
BOOKED = OPENS - {"link"}

WEBHOOK = "web.stripe.webhook"
INVOICE = {"step": "invoice", "contact_name": "Ann", "address_1": "1 High Street", "email": "ann@example.com"}
JSON = {"accept": "application/json"}


class Row(NamedTuple):
    """One request. ``yes`` is the answer for those in ``who``, ``no`` for the rest, ``signed_in`` for other users."""

    id: str
    view: str
    yes: int
    who: set[str] = OPENS
    no: int = 403
    signed_in: int | None = None
    state: str = "open"
    post: dict[str, str] | None = None
    json: bool = False

    def expected(self, visitor: str) -> int:
        if visitor in self.who:
            return self.yes
        return self.signed_in if self.signed_in and visitor in SIGNED_IN else self.no


EVERYBODY = set(ANYBODY)
BEGIN = {"step": "begin", "shown_total": "120.00"}
BEGIN_PART = {"step": "begin", "shown_total": "30.00"}
AGREE = {"step": "begin", "consent": "yes", "schedule": "another"}
FINISH, ANOTHER_CARD = {"step": "finish"}, {"step": "another_card"}

TABLE = [
    Row("pay page", PAY, 200),
    Row("pay page, invoice", PAY, 200, state="invoice"),
    Row("pay page, begun", PAY, 200, state="begun"),
    Row("pay page, paid", PAY, 200, state="paid"),
    Row("pay page, closed", PAY, 200, state="closed"),
    Row("begin", PAY, 200, post=BEGIN, json=True),
    Row("begin, not JSON", PAY, 200, post=BEGIN),
    Row("begin, paid", PAY, 409, post=BEGIN, json=True, state="paid"),
    Row("begin, another amount", PAY, 409, post={**BEGIN, "shown_total": "1.00"}, json=True),
    Row("declined", PAY, 200, post={"step": "declined"}, json=True),
    Row("choose", PAY, 302, post={"step": "choose", "action": "invoice"}),
    Row("choose what is not offered", PAY, 200, post={"step": "choose", "action": "manual"}),
    Row("invoice", PAY, 302, post=INVOICE, state="invoice"),
    Row("invoice, incomplete", PAY, 422, post={"step": "invoice"}, state="invoice"),
    Row("invoice, of a payment", PAY, 200, post=INVOICE),
    Row("unknown step", PAY, 302, post={"step": "free of charge"}),
    Row("thanks, paid", SUCCESS, 200, state="paid"),
    Row("thanks, not paid", SUCCESS, 302),
    Row("thanks, closed", SUCCESS, 302, state="closed"),
    Row("waiting", SUCCESS, 200, state="waiting"),
    Row("waiting JSON", SUCCESS, 200, state="waiting", json=True),
    Row("waiting JSON, paid", SUCCESS, 200, state="paid", json=True),
    Row("failed", FAIL, 200, state="closed"),
    Row("failed, paid after all", FAIL, 302, state="paid"),
    Row("sign-up page", PAY, 200, state="sign-up"),
    Row("sign-up page, signed up", PAY, 200, state="planned"),
    Row("sign-up page, deposit waits", PAY, 200, state="deposit"),
    Row("sign-up page, deposit declined", PAY, 200, state="declined"),
    Row("agree", PAY, 409, post=AGREE, json=True, state="sign-up"),
    Row("agree, not ticked", PAY, 422, post={"step": "begin"}, json=True, state="sign-up"),
    Row("agree, signed up", PAY, 409, post=AGREE, json=True, state="planned"),
    Row("finish, not saved", PAY, 409, post=FINISH, json=True, state="sign-up"),
    Row("finish", PAY, 200, post=FINISH, json=True, state="planned"),
    Row("finish, deposit waits", PAY, 200, post=FINISH, json=True, state="deposit"),
    Row("finish, deposit declined", PAY, 200, post=FINISH, state="declined"),
    Row("finish, of a payment", PAY, 409, post=FINISH, json=True),
    Row("another card", PAY, 302, post=ANOTHER_CARD, state="declined"),
    Row("another card, deposit waits", PAY, 302, post=ANOTHER_CARD, state="deposit"),
    Row("another card, signed up", PAY, 302, post=ANOTHER_CARD, state="planned"),
    Row("another card, of a payment", PAY, 200, post=ANOTHER_CARD),
    Row("thanks, signed up", SUCCESS, 200, state="planned"),
    Row("thanks, deposit waits", SUCCESS, 302, state="deposit"),
    Row("thanks, deposit declined", SUCCESS, 302, state="declined"),
    Row("thanks, not signed up", SUCCESS, 302, state="sign-up"),
    Row("waiting JSON, deposit waits", SUCCESS, 200, state="deposit", json=True),
    Row("failed, card not saved", FAIL, 200, state="sign-up"),
    Row("failed, signed up after all", FAIL, 302, state="planned"),
    Row("my plan", "example.plan", 200, BOOKED, no=404, state="planned"),
    Row("my plan, none", "example.plan", 404, BOOKED, no=404),
    Row("pay now, what is no part of it", "example.plan", 404, BOOKED, no=404, state="planned", post={"part": "0"}),
    Row("pay on session", ON_SESSION, 200, state="on-session"),
    Row("pay on session, of a payment", ON_SESSION, 404),
    Row("pay on session, begin", ON_SESSION, 200, post=BEGIN_PART, json=True, state="on-session"),
    Row("pay on session, unknown step", ON_SESSION, 302, post={"step": "choose"}, state="on-session"),
    Row("thanks, not paid on session", SUCCESS, 302, state="on-session"),
    # the link of a mail is the proof; it opens the page of its payment, and nothing else
    Row("pay link", LINK, 302, EVERYBODY, state="on-session"),
    Row("pay link, made up", LINK, 404, EVERYBODY),
    Row("change card", CARD, 200, {"owner"}, no=302, signed_in=404, state="planned"),
    Row("change card, begin", CARD, 409, {"owner"}, no=302, signed_in=404, post={"step": "begin"}, state="planned"),
    Row("thanks, card saved", CARD_SAVED, 200, state="planned"),
    Row("terms", "example.terms", 200, EVERYBODY),
    Row("home", "example.home", 200, EVERYBODY),
    Row("course", "example.course", 200, EVERYBODY),
    Row("book", "example.course", 302, EVERYBODY, post=BOOK),
    Row("booking", "example.booking", 200, BOOKED, no=404),
    Row("pay for booking", "example.booking.pay", 302, BOOKED, no=404, post={"action": "payment"}),
    Row("my bookings", "example.bookings", 200, SIGNED_IN, no=302),
    Row("staff list", "checkout.list", 200, {"staff"}, no=302, signed_in=403),
    Row("audit list", "checkout.list.audit", 200, {"staff"}, no=302, signed_in=403),
    *(Row(view, view, 200, {"staff"}, no=302, signed_in=403, state="plan") for view in STAFF_READ),
    # whoever moves money or changes plans needs a permission beside is_staff: see test_staff_access.py
    *(Row(f"{view}, look", view, 200, set(), no=302, signed_in=403, state="plan") for view in STAFF_ACT),
    *(Row(f"{view}, do", view, 302, set(), no=302, signed_in=403, state="plan", post={}) for view in STAFF_ACT),
    Row("sign in", "login", 302, SIGNED_IN, no=200),
    Row("sign in, wrong", "login", 302, SIGNED_IN, no=200, post={"username": "x", "password": "y"}),
    Row("sign out", "logout", 302, EVERYBODY, post={}),
]


@pytest.fixture
def make(stripe_simulator: Any, pay: Any, stripe_trouble: Any) -> Any:
    def world(state: str = "open", *, signed_in: bool = False) -> World:
        return World(state, pay, stripe_trouble, signed_in=signed_in)

    return world


def send(client: Client, row: Row, url: str) -> Any:
    headers = JSON if row.json else {}
    return client.get(url, headers=headers) if row.post is None else client.post(url, row.post, headers=headers)


@pytest.mark.parametrize("visitor", ANYBODY)
@pytest.mark.parametrize("row", TABLE, ids=lambda row: row.id)
def test_every_view_against_every_visitor(make: Any, stripe_simulator: Any, row: Row, visitor: str) -> None:
    world = make(row.state, signed_in=visitor == "owner")
    client, query = world.visitor(visitor)
    before, calls = world.row(), sum(stripe_simulator.calls.values())

    answer = send(client, row, world.url(row.view) + query)

    assert answer.status_code == row.expected(visitor)
    if answer.status_code in (403, 404):
        assert world.row() == before, "a refusal changes nothing"
        assert sum(stripe_simulator.calls.values()) == calls, "a refusal asks Stripe nothing"
    if visitor not in OPENS:
        body = answer.content.decode()
        for private in ("Ann Owner", "_secret_", world.booking.number, str(world.checkout.payment_intent_id or "pi_")):
            assert private not in body


def doors(resolver: URLResolver) -> set[tuple[str, str]]:
    """Every view of the project and the methods that it answers; Django's admin has tests of its own."""
    found = set()
    for entry in resolver.url_patterns:
        if isinstance(entry, URLResolver):
            if entry.namespace != "admin":
                found |= doors(entry)
        elif isinstance(entry, URLPattern):
            view = getattr(entry.callback, "view_class", None)
            allowed = getattr(view, "http_method_names", ["get", "post"])
            methods = [name for name in ("get", "post") if name in allowed and (view is None or hasattr(view, name))]
            found |= {(entry.name or str(entry.pattern), method) for method in methods}
    return found


def test_the_table_names_every_view_of_the_project() -> None:
    named = {(row.view, "get" if row.post is None else "post") for row in TABLE}
    found = doors(get_resolver())
    # the staff's pages have a table of their own, by role; who knocks at the webhook counts for nothing
    webhook = {(WEBHOOK, "get"), (WEBHOOK, "post")}
    assert found == named | webhook | {door for door in found if door[0] in PAGES}


@pytest.mark.parametrize("visitor", ANYBODY)
def test_the_webhook_opens_for_a_signature_and_for_nobody(make: Any, visitor: str) -> None:
    client, _ = make().visitor(visitor)
    assert client.get(reverse(WEBHOOK)).status_code == 405
    assert client.post(reverse(WEBHOOK), b"{}", content_type="application/json").status_code == 400


def test_a_view_that_the_table_does_not_name_is_noticed() -> None:
    class Reader(views.HomeView):
        pass

    entries = [path("new/", Reader.as_view()), path("function/", lambda request: None, name="function")]
    found = doors(URLResolver(RegexPattern(r"^/"), entries))
    assert found == {("new/", "get"), ("function", "get"), ("function", "post")}


@pytest.mark.parametrize("view", [PAY, SUCCESS, FAIL])
@pytest.mark.parametrize("visitor", ["anonymous", "other", "staff"])
def test_an_unknown_uuid_is_a_404_page(make: Any, view: str, visitor: str) -> None:
    client, _ = make().visitor(visitor)
    answer = client.get(reverse(view, args=[uuid4()]))
    assert answer.status_code == 404
    assert "There is nothing here" in answer.content.decode()
    assert client.get(reverse(view, args=[uuid4()])[:-2] + "/").status_code == 404


@pytest.mark.parametrize("row", [row for row in TABLE if row.post is not None], ids=lambda row: row.id)
@pytest.mark.parametrize("visitor", ["session", "staff"])
def test_a_post_without_its_token_is_a_403_page_and_changes_nothing(
    make: Any, stripe_simulator: Any, row: Row, visitor: str
) -> None:
    world = make(row.state)
    allowed, _ = world.visitor(visitor)
    strict = Client(enforce_csrf_checks=True)
    strict.cookies = allowed.cookies
    before, calls = world.row(), sum(stripe_simulator.calls.values())

    answer = send(strict, row, world.url(row.view))

    assert answer.status_code == 403
    assert "This page was open for too long" in answer.content.decode()
    assert world.row() == before
    assert sum(stripe_simulator.calls.values()) == calls
    assert SalesLedger.objects.count() == 1


@pytest.mark.parametrize("view", [PAY, SUCCESS, FAIL])
@pytest.mark.parametrize("method", ["put", "patch", "delete"])
def test_other_methods_need_the_token_too(make: Any, view: str, method: str) -> None:
    world = make()
    strict = Client(enforce_csrf_checks=True)
    strict.cookies = world.browser.cookies
    before = world.row()
    assert getattr(strict, method)(world.url(view)).status_code == 403
    assert world.row() == before


@pytest.mark.parametrize(
    ("visitor", "minutes", "status"),
    [
        ("session", 9, 200),
        ("session", 10, 200),
        ("session", 11, 403),
        ("link", 9, 200),
        ("link", 11, 403),
        ("owner", 11, 200),
        ("staff", 11, 200),
    ],
)
@pytest.mark.parametrize("json", [False, True])
def test_the_success_page_closes_ten_minutes_after_the_payment_for_who_is_not_signed_in(
    make: Any, visitor: str, minutes: int, status: int, json: bool
) -> None:
    world = make("paid", signed_in=visitor == "owner")
    with freeze_time(world.checkout.settled + timedelta(minutes=minutes)):
        client, query = world.visitor(visitor)
        answer = client.get(world.url(SUCCESS) + query, headers=JSON if json else {})
    assert answer.status_code == status
    assert (world.booking.number in answer.content.decode()) is (status == 200 and not json)


def test_the_success_page_does_not_close_before_the_payment_is_settled(make: Any) -> None:
    world = make("begun")
    with freeze_time(world.checkout.created + timedelta(minutes=30)):
        answer = world.browser.get(world.url(SUCCESS))
    assert (answer.status_code, answer.url) == (302, world.url(FAIL))


def test_a_link_opens_for_as_long_as_the_setting_says(make: Any, settings: Any) -> None:
    world = make()
    made = world.checkout.created
    with freeze_time(made):
        url = f"{world.url(FAIL)}?token={access.sign(world.checkout.uuid)}"
    for maximum, later, status in [
        (timedelta(days=7), timedelta(days=6, hours=23), 200),
        (timedelta(days=7), timedelta(days=7, seconds=5), 403),
        (timedelta(hours=1), timedelta(minutes=59), 200),
        (timedelta(hours=1), timedelta(minutes=61), 403),
    ]:
        settings.CHECKOUT_LINK_MAX_AGE = maximum
        with freeze_time(made + later):
            assert Client().get(url).status_code == status, (maximum, later)


def test_who_came_by_a_link_goes_on_without_it_and_opens_nothing_else(make: Any, stripe_simulator: Any) -> None:
    world = make()
    client, query = world.visitor("link")
    assert client.get(world.url(PAY) + query).status_code == 200
    assert client.get(world.url(PAY)).status_code == 200
    another = payment.start(action="payment", content_object=world.booking, user=UserFactory())
    assert client.get(reverse(PAY, args=[another.uuid]) + query).status_code == 403


def test_what_a_session_may_open_ends_with_signing_out(make: Any) -> None:
    world = make(signed_in=True)
    assert world.browser.get(world.url(PAY)).status_code == 200
    world.browser.post(reverse("logout"))
    assert world.browser.get(world.url(PAY)).status_code == 403


def test_a_session_goes_on_when_its_visitor_signs_in(make: Any) -> None:
    world = make()
    world.browser.force_login(UserFactory())
    assert world.browser.get(world.url(PAY)).status_code == 200


def test_my_bookings_are_mine(make: Any) -> None:
    world = make(signed_in=True)
    mine, _ = world.visitor("owner")
    not_mine, _ = world.visitor("other")
    url = reverse("example.bookings")
    assert world.booking.number in mine.get(url).content.decode()
    assert world.booking.number not in not_mine.get(url).content.decode()


def test_a_refusal_tells_our_script_in_json(make: Any) -> None:
    world = make()
    for answer in (
        Client().get(world.url(SUCCESS), headers=JSON),
        Client().post(world.url(PAY), BEGIN, headers=JSON),
    ):
        assert answer.status_code == 403
        assert answer.json() == {"ok": False, "reason": "expired", "message": "", "url": None}
