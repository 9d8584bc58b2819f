"""Hundreds of hostile inputs for every address that the site has: no answer from 500 on, and nothing that leaks.

The addresses come from the resolver, the names of the fields from the forms and filters that there are: what is new is
swept by itself. Each request carries a different hostile value in every field at once.
"""

import importlib
import re
from collections.abc import Iterator
from contextlib import suppress
from typing import Any, NamedTuple
from urllib.parse import urlencode, urlsplit

import pytest
from django import forms
from django.apps import apps
from django.core.cache import cache
from django.urls import NoReverseMatch, URLPattern, URLResolver, get_resolver
from django.urls.resolvers import RoutePattern

from checkout.notify import links
from checkout.views.staff.base import FilteredListView
from example_checkout.tests.factories import UserFactory
from example_checkout.tests.hostile import BODIES, FORM, HEADERS, IDS, QUERIES, TEXTS, TOTALS, Site, watched
from example_checkout.tests.test_staff_access import PAGES
from example_checkout.tests.test_staff_access import World as StaffWorld

pytestmark = [pytest.mark.django_db, pytest.mark.slow]

# So many parts the addresses are swept in, each with a site of its own.
PARTS = 8
ROUNDS = 5
STRANGER = "zoe.stranger@elsewhere.example"
# Too long to be in twenty fields of every request: they are posted alone, to every page, in test_hostile.
HUGE = 2_000
VALUES = [value for table in (TEXTS, TOTALS) for value in table.values() if len(value) <= HUGE] + [
    *("0", "1", "-1", "99999999999999999999", "1e9", "last", "None", "null", "true", "[]", "{}", "\\", "%", "_", "*"),
    *("2026-02-30", "0000-00-00", "9999-12-31", "-2026-01-01", "2026-W01", "csv", "//evil.example/", "javascript:1"),
    *("=cmd|'/c calc'!A1", "@SUM(A1)", "\u0130stanbul", "a@b@c", "{{ settings.SECRET_KEY }}", "%(name)s", "\ufffe"),
    *("evt_1", "pi_1", "payment", "success", "duplicate", "en-gb", "\u2028", "A" * 256, "\U0001f600" * 64),
]
# Names that no form and no filter tells. Not ``_to_field`` and ``_popup``, on which Django's own admin stumbles.
OTHER_FIELDS = (
    *("step", "seen", "confirmed", "shown_total", "consent", "schedule", "next", "page", "format", "token", "state_id"),
    *("redirect_status", "payment_intent", "payment_intent_client_secret", "setup_intent", "o", "p", "all", "e"),
    *("_save", "username", "password", "old_password", "new_password1", "usable_password", "content_type", "paid"),
    *("app_label", "model_name", "field_name", "term", "is_staff", "is_superuser", "total", "user", "id", "pk"),
)
TELLS = ("Traceback", "sk_test_", "sk_live_", "rk_live_", "whsec_", "DoesNotExist", "OperationalError", "site-packages")
# What keeps a page out of other sites' frames, and foreign scripts out of a page.
FRAMING = ("X-Frame-Options", "Content-Security-Policy")
# Where the customer's browser confirms a payment: there, and there alone, its own client secret stands.
CONFIRMS = ("web.checkout", "web.checkout.pay.on.session", "web.checkout.refresh.card", "web.checkout.success")


class Route(NamedTuple):
    name: str
    route: str
    pattern: RoutePattern
    kwargs: tuple[str, ...]


def routes(resolver: Any = None, prefix: str = "", space: str = "") -> Iterator[Route]:
    """Every address of the site."""
    for entry in (resolver or get_resolver()).url_patterns:
        route = prefix + str(entry.pattern)
        if isinstance(entry, URLResolver):
            yield from routes(entry, route, f"{space}{entry.namespace}:" if entry.namespace else space)
        elif isinstance(entry, URLPattern) and isinstance(entry.pattern, RoutePattern):
            yield Route(f"{space}{entry.name}", route, entry.pattern, tuple(re.findall(r"<(?:\w+:)?(\w+)>", route)))


def field_names() -> list[str]:
    """What the forms and the filters of the project are called."""
    for module in ("checkout.forms", "checkout.staff_forms", "example_checkout.forms"):
        importlib.import_module(module)
    found = set(OTHER_FIELDS)
    kinds: list[Any] = [forms.BaseForm, FilteredListView]
    for kind in kinds:
        kinds.extend(kind.__subclasses__())
        if kind.__module__.startswith(("checkout.", "example_checkout.")):
            found |= {*getattr(kind, "base_fields", ()), *getattr(kind, "filters", ())}
    return sorted(found)


class World(Site):
    """The site, its staff's pages, and what belongs to a stranger."""

    def __init__(self, simulator: Any) -> None:
        super().__init__(simulator)
        self.staffed = StaffWorld()
        self.staffed.plan.customer.email = STRANGER
        self.staffed.plan.customer.save()
        self.victim = UserFactory(email=STRANGER)
        self.found: list[str] = []

    def url(self, route: Route) -> str:
        """A real address: one that leads to a row, where there is one."""
        if route.name in PAGES:
            with suppress(NoReverseMatch):
                return self.staffed.url(route.name)
        known = {
            "slug": self.booking.product.slug,
            "number": self.booking.number,
            "uuid": self.checkout.uuid,
            "token": links.token(self.staffed.part),
        }
        return self.fill(route, {name: str(known.get(name, self.row_of(route))) for name in route.kwargs})

    def row_of(self, route: Route) -> Any:
        """The row that an address of the admin is about."""
        if route.name.startswith("admin:auth_user"):
            return self.victim.pk
        for model in apps.get_models():
            if route.name.startswith(f"admin:{model._meta.app_label}_{model._meta.model_name}_"):
                last = model._base_manager.order_by("pk").last()
                return last.pk if last else 1
        return 1

    @staticmethod
    def fill(route: Route, values: dict[str, str]) -> str:
        return "/" + re.sub(r"<(?:\w+:)?(\w+)>", lambda match: values[match[1]], route.route)

    def signed_in(self) -> None:
        """Once more: some page may have signed somebody out, or counted too many attempts."""
        cache.clear()
        for who, user in (("customer", self.booking.contact.user), ("staff", self.boss)):
            if "_auth_user_id" not in self.clients[who].session:
                self.clients[who].force_login(user)

    def send(self, route: Route, who: str, method: str, *args: str, **kwargs: Any) -> None:
        """Ask, and note what is wrong with the answer: one address must not hide the others."""
        try:
            answer = self.ask(who, method, *args, **kwargs)
        except AssertionError as error:
            self.found.append(f"{who}: {error}")
            self.errors.clear()
            return
        text = answer.getvalue() if answer.streaming else answer.content
        shown = text.decode(errors="replace") + repr(dict(answer.headers))
        tells = [word for word in TELLS if word in shown]
        if who != "staff":
            tells += [word for word in (STRANGER, self.boss.email) if word in shown]
        if urlsplit(answer.headers.get("Location", "")).netloc not in ("", "testserver"):
            tells.append(f"the way to another site: {answer.headers['Location']}")
        if answer.headers.get("Content-Type", "").startswith("text/html"):
            tells += [f"no {name}" for name in FRAMING if name not in answer.headers]
        if "_secret_" in shown and (route.name not in CONFIRMS or who == "anonymous"):
            tells.append("a client secret")
        if tells:
            self.found.append(f"{who} {method} {args[-1][:80]} tells {tells}")


@pytest.fixture
def world(stripe_simulator: Any) -> Iterator[World]:
    with watched(stripe_simulator, World) as made:
        yield made


ROUTES = [route for route in routes() if not route.name.endswith(("jsi18n", "logout"))]


def rounds() -> list[dict[str, str]]:
    """A hostile value for each field, another one in each round."""
    names = field_names()
    return [
        {name: VALUES[(turn * 7 + place) % len(VALUES)] for place, name in enumerate(names)} for turn in range(ROUNDS)
    ]


def test_there_are_hundreds_of_different_inputs_and_no_address_is_left_out() -> None:
    assert len({pair for chosen in rounds() for pair in chosen.items()}) >= 300
    names = {route.name for route in ROUTES}
    assert {*PAGES, "web.checkout", "web.stripe.webhook", "login", "admin:login", "example.course"} <= names


@pytest.mark.parametrize("part", range(PARTS))
def test_hundreds_of_hostile_inputs_to_every_address(world: World, part: int) -> None:
    headers = list(HEADERS.values())
    sent = [urlencode(chosen) for chosen in rounds()]
    for number, route in enumerate(ROUTES[part::PARTS]):
        url = world.url(route)
        world.signed_in()
        for turn, fields in enumerate(sent):
            odd = headers[(number + turn) % len(headers)]
            # from the staff's pages everybody else is sent away before anything is read: one round shows that
            for who in (
                ["staff"] if turn and (route.name in PAGES or route.name.startswith("admin:")) else world.clients
            ):
                world.send(route, who, "get", f"{url}?{fields}")
                world.send(route, who, "post", url, data=fields, content_type=FORM, headers=odd if turn % 2 else None)
    assert world.found == []


@pytest.mark.parametrize("part", range(PARTS))
def test_odd_bodies_queries_and_names_to_every_address(world: World, part: int) -> None:
    bodies = [sent for name, sent in BODIES.items() if name != "too-big"]
    queries, idents = list(QUERIES.values()), list(IDS.values())
    for number, route in enumerate(ROUTES[part::PARTS]):
        url = world.url(route)
        world.signed_in()
        for place in range(number, number + 4):
            kind, body = bodies[place % len(bodies)]
            query = queries[place % len(queries)]
            world.send(route, "staff", "generic", "POST", f"{url}?{query}", data=body, content_type=kind)
        for kwarg in route.kwargs:
            for place in range(number, number + (3 if route.name.startswith("admin:") else len(idents))):
                ident = idents[place % len(idents)]
                odd = dict.fromkeys(route.kwargs, "1") | {kwarg: ident}
                world.send(route, "staff", "get", world.fill(route, odd))
    assert world.found == []
