"""Whatever is sent to the site: an answer below 500, no traceback, nothing charged, and the checkout as it was."""

import uuid
from collections.abc import Iterator
from typing import Any

import pytest
from django.core.signing import dumps
from django.test import Client

from checkout.access import SALT, sign
from checkout.models import Checkout
from example_checkout.models import SalesLedger
from example_checkout.tests.hostile import (
    BODIES,
    HEADERS,
    IDS,
    JSON,
    QUERIES,
    TEXTS,
    TOTALS,
    Site,
    addresses,
    each,
    everywhere,
    watched,
)

pytestmark = [pytest.mark.django_db, pytest.mark.slow]


@pytest.fixture
def site(stripe_simulator: Any) -> Iterator[Site]:
    with watched(stripe_simulator) as made:
        yield made


@pytest.mark.parametrize("pattern", ["/pay/{}/", "/pay/{}/thanks/", "/pay/{}/failed/"])
@pytest.mark.parametrize("ident", each(IDS))
def test_an_odd_uuid_is_not_found(site: Site, pattern: str, ident: str) -> None:
    for who in site.clients:
        assert site.ask(who, "get", pattern.format(ident)).status_code == 404
        assert site.ask(who, "post", pattern.format(ident), {"step": "begin"}).status_code in (404, 405)
    site.nothing_has_changed()


@pytest.mark.parametrize("pattern", ["/bookings/{}/", "/bookings/{}/pay/", "/courses/{}/"])
@pytest.mark.parametrize("ident", each(IDS))
def test_an_odd_number_or_slug_is_not_found(site: Site, pattern: str, ident: str) -> None:
    for who in site.clients:
        assert site.ask(who, "get", pattern.format(ident)).status_code in (404, 405)
        assert site.ask(who, "post", pattern.format(ident), {"action": "payment"}).status_code in (404, 405)
    site.nothing_has_changed()


@pytest.mark.parametrize("query", each(QUERIES))
def test_an_odd_query_changes_nothing(site: Site, query: str) -> None:
    for who, page in everywhere(site):
        url = f"{page}?{query}"
        site.ask(who, "get", url)
        site.ask(who, "get", url, headers=JSON)
        # an action that is not offered, so that the address alone could make the difference
        site.ask(who, "post", url, {"action": "nonsense", "step": "nonsense"})
    site.nothing_has_changed()


@pytest.mark.parametrize("method", ["put", "patch", "delete", "options", "trace", "head"])
def test_an_odd_method_changes_nothing(site: Site, method: str) -> None:
    for who, page in everywhere(site):
        site.ask(who, method, page)
    site.nothing_has_changed()


STAFF_LISTS = [
    "/checkout/",
    "/checkout/audit/",
    "/checkout/object/payment/plan/",
    "/checkout/payment/plan/",
    "/checkout/payment/run/",
    "/checkout/refund/",
    "/checkout/dispute/",
    "/admin/checkout/checkout/",
    "/admin/checkout/objectpaymentplan/",
]


@pytest.mark.parametrize("url", STAFF_LISTS)
@pytest.mark.parametrize("name", ["q", "state", "action", "page", "p", "o", "state__id__exact", "uuid", "outcome"])
def test_odd_filters_on_staff_lists_are_answered(site: Site, url: str, name: str) -> None:
    odd = [*TEXTS.values(), "-1", "0", "1e9", "last", "\u0661", "99999999999999999999", "%", "_", "\\"]
    for value in odd:
        answer = site.ask("staff", "get", url, {name: value})
        assert answer.status_code in (200, 302, 400, 404)
    site.nothing_has_changed()


@pytest.mark.parametrize("text", each(TEXTS))
def test_what_is_not_there_is_not_found_by_searching_for_it(site: Site, text: str) -> None:
    found = site.ask("staff", "get", "/checkout/", {"q": text}).context["object_list"]
    assert list(found) == ([] if text.strip() else [site.checkout])


@pytest.mark.parametrize("total", each(TOTALS))
def test_a_total_that_is_not_the_one_shown_does_not_begin(site: Site, total: str) -> None:
    answer = site.ask("customer", "post", site.pay, {"step": "begin", "shown_total": total}, headers=JSON)
    assert (answer.status_code, answer.json()["reason"]) == (409, "changed")
    site.nothing_has_changed()


@pytest.mark.parametrize("text", each(TEXTS))
def test_a_step_that_does_not_exist_does_nothing(site: Site, text: str) -> None:
    for who in site.clients:
        site.ask(who, "post", site.pay, {"step": text, "shown_total": "120.00"})
    site.nothing_has_changed()


@pytest.mark.parametrize("who", ["anonymous", "customer", "staff"])
@pytest.mark.parametrize("action", each({**TEXTS, "manual": "manual", "plan": "payment_plan", "charge": "charge"}))
def test_an_action_that_is_not_offered_starts_nothing(site: Site, who: str, action: str) -> None:
    site.ask(who, "post", site.pay, {"step": "choose", "action": action})
    site.ask(who, "post", f"{site.booking.get_absolute_url()}pay/", {"action": action})
    site.nothing_has_changed()


@pytest.mark.parametrize("action", each({"nul": "\x00", "huge": "x" * 70_000, "manual": "manual"}))
def test_a_visitor_with_a_checkout_of_their_own_starts_nothing_odd(site: Site, action: str) -> None:
    course = site.booking.product.get_absolute_url()
    details = {"quantity": "1", "name": "Ada", "email": "ada@example.com", "action": "payment"}
    assert site.ask("anonymous", "post", course, details).status_code == 302
    site.before = site.rows()
    booking = SalesLedger.objects.exclude(pk__in=[site.booking.pk, site.plan.object_id]).get()
    site.ask("anonymous", "post", f"{booking.get_absolute_url()}pay/", {"action": action})
    site.nothing_has_changed()


@pytest.mark.parametrize("page", ["pay", "thanks", "booking-pay", "course", "login"])
@pytest.mark.parametrize("sent", each(BODIES))
def test_an_odd_body_changes_nothing(site: Site, page: str, sent: tuple[str, bytes]) -> None:
    kind, body = sent
    # who books gets an ordinary start from the page that pays: without a readable word it means a card
    for who in ["anonymous"] if page == "booking-pay" else site.clients:
        site.ask(who, "generic", "POST", addresses(site)[page], data=body, content_type=kind)
    site.nothing_has_changed()


def tokens(checkout: Checkout) -> dict[str, str]:
    good = sign(checkout.uuid)
    return {
        **TEXTS,
        "other-checkout": sign(uuid.uuid4()),
        "other-salt": dumps(str(checkout.uuid), salt="x"),
        "changed": good[:-1] + ("A" if good[-1] != "A" else "B"),
        "cut": good[:20],
        "colons": ":" * 50,
        "a-list": dumps([str(checkout.uuid)], salt=SALT),
        "a-number": dumps(1, salt=SALT),
        "just-the-uuid": str(checkout.uuid),
    }


@pytest.mark.parametrize("page", ["", "thanks/", "failed/"])
def test_a_wrong_token_opens_nothing(site: Site, page: str) -> None:
    for token in tokens(site.checkout).values():
        answer = site.ask("anonymous", "get", f"{site.pay}{page}", {"token": token})
        assert answer.status_code == 403
        assert site.checkout.description.splitlines()[0] not in answer.content.decode()
    site.nothing_has_changed()


def test_the_right_token_opens_the_page_that_wrong_ones_did_not(site: Site) -> None:
    assert site.ask("anonymous", "get", site.pay, {"token": sign(site.checkout.uuid)}).status_code == 200


@pytest.mark.parametrize("page", ["pay", "booking-pay", "course", "login"])
@pytest.mark.parametrize("token", each(TEXTS))
def test_a_wrong_csrf_token_is_a_403(site: Site, page: str, token: str) -> None:
    client = Client(enforce_csrf_checks=True, raise_request_exception=False)
    client.cookies["csrftoken"] = "x" * 32
    site.clients["forger"] = client
    answer = site.ask("forger", "post", addresses(site)[page], {"csrfmiddlewaretoken": token, "step": "begin"})
    assert answer.status_code == 403
    site.nothing_has_changed()


@pytest.mark.parametrize("headers", each(HEADERS))
def test_odd_headers_change_nothing(site: Site, headers: dict[str, str]) -> None:
    for who, page in everywhere(site):
        site.ask(who, "get", page, headers=headers)
        site.ask(who, "post", page, {"action": "nonsense"}, headers=headers)
    site.nothing_has_changed()


@pytest.mark.parametrize(
    "address", each({"word": "unknown", "list": "192.0.2.1, 198.51.100.7", "nul": "\x00", "none": ""})
)
def test_an_odd_address_from_a_proxy_is_still_counted(site: Site, settings: Any, address: str) -> None:
    settings.RATELIMIT_IP_META_KEY = "HTTP_X_REAL_IP"
    settings.CHECKOUT_LIMITS = {
        kind: {"session": "100/d", "address": "2/d", "object": "100/d"} for kind in ("create", "decline")
    }
    asked = [
        site.ask("customer", "post", site.pay, {"step": "declined"}, headers={**JSON, "x-real-ip": address}).status_code
        for _turn in range(3)
    ]
    assert asked[0] == 200
    assert asked[-1] == 429
