"""What hostile visitors send, and a site that notes what it did to them."""

import json
import sys
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, TypeVar

import pytest
from django.core.cache import cache
from django.core.signals import got_request_exception
from django.test import Client

from checkout.models import Checkout, ObjectPaymentPlan, PaymentRun
from checkout.tests.factories import PaymentRunItemFactory
from example_checkout.tests.factories import ContactFactory, SalesLedgerFactory, UserFactory
from example_checkout.tests.staff import make_plan

JSON = {"accept": "application/json"}
FORM = "application/x-www-form-urlencoded"
SCRIPT = "<script>alert(1)</script>"

TEXTS = {
    "empty": "",
    "blank": " \t ",
    "nul": "a\x00b",
    "only-nul": "\x00",
    "header": "a\r\nSet-Cookie: x=1",
    "markup": SCRIPT,
    "sql": "' OR 1=1 --",
    "template": "%s %n {0} {{ 7 }} {% load x %}",
    "right-to-left": "\u202eabc\u200b\ufeff",
    "pictures": "\U0001f600" * 60,
    "controls": "\x01\x08\x1b[31m\x7f",
    "traversal": "../../etc/passwd",
    "number": "9" * 5000,
    "huge": "x" * 70_000,
}
# What arrives as bytes: text of a browser is never like this.
QUERIES = {
    "nul": "%00",
    "latin": "%FF%FE",
    "surrogate": "%ED%A0%80",
    "overlong": "%C0%80",
    "half-escape": "%&%z&%u0000",
    "no-names": "=&=&&&;",
    "brackets": "uuid[]=1&__proto__[x]=1",
    "repeated": "&".join(["page=1"] * 900),
    "redirect": "redirect_status=failed&payment_intent=pi_x&payment_intent_client_secret=%00&next=//evil.example",
}
IDS = {
    "word": "none",
    "nul": "%00",
    "bytes": "%FF%FE",
    "surrogate": "%ED%A0%80",
    "zeros": "00000000-0000-0000-0000-000000000000",
    "short": "1234",
    "upper": str(uuid.uuid4()).upper(),
    "no-dashes": uuid.uuid4().hex,
    "braces": "%7B" + str(uuid.uuid4()) + "%7D",
    "trailing-nul": str(uuid.uuid4()) + "%00",
    "line-end": str(uuid.uuid4()) + "%0A",
    "wide-digits": "%EF%BC%91" * 8 + "-0000-0000-0000-000000000000",
    "dots": "..%2F..%2Fadmin",
    "huge": "a" * 8000,
}
TOTALS = {
    "nan": "NaN",
    "signalling": "sNaN",
    "payload": "-sNaN123",
    "infinite": "Infinity",
    "minus-infinite": "-inf",
    "far": "1e999",
    "too-far": "1e999999999999999999999",
    "tiny": "1e-999999",
    "minus-zero": "-0",
    "zero": "0.00",
    "minus": "-120.00",
    "more": "120.001",
    "less": "119.99",
    "wide-digits": "\uff11\uff12\uff10",
    "arabic-digits": "\u0661\u0662\u0660",
    "comma": "120,00",
    "currency": "GBP 120.00",
    "hexadecimal": "0x78",
    "nul": "120.00\x00",
    "empty": "",
    "long": "1" * 60_000,
    "zeros": "0" * 60_000 + "120.00",
    "markup": SCRIPT,
}
BODIES = {
    "json": ("application/json", b'{"step": "begin", "shown_total": 120}'),
    "broken-json": ("application/json", b'{"step": '),
    "no-type": ("", b"step=begin"),
    "nonsense-type": ("\x7f/;;;charset", b"step=begin"),
    "utf-16": (f"{FORM}; charset=utf-16", b"step=begin&shown_total=120"),
    "no-charset": (f"{FORM}; charset=nonsense", b"step=begin&shown_total=1"),
    "bad-bytes": (FORM, b"step=\xff\xfe&action=\xed\xa0\x80&quantity=\xc0\x80"),
    "nul-bytes": (FORM, b"step=\x00&action=\x00&quantity=\x00"),
    "no-boundary": ("multipart/form-data", b"--x\r\n"),
    "odd-boundary": ("multipart/form-data; boundary=\xe9", b"--x\r\n"),
    "cut-off": ("multipart/form-data; boundary=x", b'--x\r\nContent-Disposition: form-data; name="step"\r\n\r\nbeg'),
    "file": (
        "multipart/form-data; boundary=x",
        b'--x\r\nContent-Disposition: form-data; name="step"; filename="../\x00"\r\n\r\nbegin\r\n--x--\r\n',
    ),
    "xml": ("text/xml", b'<?xml version="1.0"?><!DOCTYPE x [<!ENTITY a SYSTEM "file:///etc/passwd">]><x>&a;</x>'),
    "many-fields": (FORM, b"&".join(b"f%d=1" % number for number in range(1200))),
    "too-big": (FORM, b"step=" + b"x" * 2_700_000),
}


HEADERS = {
    "host": {"host": "evil.example"},
    "host-port": {"host": "testserver:99999999"},
    "host-markup": {"host": SCRIPT},
    "forwarded": {"x-forwarded-for": "not an address, \x00", "x-forwarded-host": "evil.example"},
    "accept": {"accept": "application/json" * 500},
    "accept-nothing": {"accept": "\x00"},
    "language": {"accept-language": "x-" * 300 + ";q=NaN,*;q=1e999"},
    "referer": {"referer": "javascript:alert(1)"},
    "session": {"cookie": "sessionid=" + "x" * 5000},
    "session-sql": {"cookie": "sessionid=' OR 1=1 --; csrftoken=;;=;"},
    "method-override": {"x-http-method-override": "DELETE"},
}


def each(table: dict[str, Any]) -> Any:
    """The values, under ids that a terminal can show."""
    return [pytest.param(value, id=name) for name, value in table.items()]


class Site:
    """A booking with an open payment, and three visitors: nobody in particular, who booked, and staff."""

    def __init__(self, simulator: Any) -> None:
        self.simulator = simulator
        owner, self.boss = ContactFactory(), UserFactory(is_staff=True, is_superuser=True)
        self.booking = SalesLedgerFactory(contact=owner)
        self.checkout = Checkout.objects.create_checkout("payment", self.booking, owner.user)
        self.plan = make_plan("success", "pending", days=0)
        PaymentRunItemFactory(instalment=self.plan.payments.get(deposit=False))
        self.errors: list[BaseException] = []
        self.clients = {name: Client(raise_request_exception=False) for name in ("anonymous", "customer", "staff")}
        self.clients["customer"].force_login(owner.user)
        self.clients["staff"].force_login(self.boss)
        self.before, self.parts = self.rows(), list(self.plan.payments.values())

    @property
    def pay(self) -> str:
        return f"/pay/{self.checkout.uuid}/"

    def rows(self) -> list[dict[str, Any]]:
        return list(Checkout.objects.order_by("pk").values())

    def ask(self, who: str, method: str, url: str, *args: Any, **kwargs: Any) -> Any:
        answer = getattr(self.clients[who], method)(url, *args, **kwargs)
        assert not self.errors, f"{method} {url[:80]} raised {self.errors[0]!r}"
        assert answer.status_code < 500
        # an empty address would send a browser in circles
        assert answer.headers.get("Location") != ""
        text = b"" if answer.streaming else answer.content
        assert b"Traceback" not in text
        assert SCRIPT.encode() not in text
        return answer

    @property
    def intents(self) -> list[dict[str, Any]]:
        """What Stripe holds, as Stripe itself says."""
        key = {"Authorization": "Bearer sk_test_simulator"}
        answer = self.simulator.handle("GET", "/v1/payment_intents?limit=100", key, b"")
        return list(json.loads(answer.body)["data"])

    def nothing_was_charged(self) -> None:
        assert {intent["amount_received"] for intent in self.intents} == {0}
        assert {intent["status"] for intent in self.intents} == {"requires_payment_method"}
        self.booking.refresh_from_db()
        assert (self.booking.paid, self.booking.invoiced, self.booking.failed) == (None, None, None)

    def nothing_has_changed(self) -> None:
        self.nothing_was_charged()
        assert self.rows() == self.before
        assert list(self.plan.payments.values()) == self.parts


SiteT = TypeVar("SiteT", bound=Site)


@contextmanager
def watched(simulator: Any, kind: type[SiteT] = Site) -> Iterator[SiteT]:  # type: ignore[assignment]
    """Note every exception that a view lets out: a page with status 500 hides it."""
    cache.clear()
    made = kind(simulator)

    def note(**_signal: Any) -> None:
        made.errors.append(sys.exc_info()[1] or RuntimeError("unknown"))

    got_request_exception.connect(note)
    yield made
    got_request_exception.disconnect(note)
    cache.clear()


def staff_addresses(plan: ObjectPaymentPlan) -> dict[str, str]:
    """The staff's pages of plans and runs. A template in use can be retired: that is the one thing that a POST does."""
    part, run = plan.payments.get(deposit=False), PaymentRun.objects.get()
    return {
        "plans": "/checkout/object/payment/plan/",
        "plan": f"/checkout/object/payment/plan/{plan.pk}/",
        "plan-delete": f"/checkout/object/payment/plan/{plan.pk}/delete/",
        "plan-pause": f"/checkout/object/payment/plan/{plan.pk}/pause/",
        "plan-resume": f"/checkout/object/payment/plan/{plan.pk}/resume/",
        "part": f"/checkout/object/payment/plan/instalment/{part.pk}/",
        "part-paid": f"/checkout/object/payment/plan/instalment/{part.pk}/paid/",
        "part-charge": f"/checkout/object/payment/plan/instalment/{part.pk}/charge/",
        "templates": "/checkout/payment/plan/",
        "template-create": "/checkout/payment/plan/create/",
        "template-update": f"/checkout/payment/plan/{plan.payment_plan_id}/update/",
        "template-delete": f"/checkout/payment/plan/{plan.payment_plan_id}/delete/",
        "runs": "/checkout/payment/run/",
        "run": f"/checkout/payment/run/{run.pk}/",
    }


def addresses(site: Site) -> dict[str, str]:
    """Every page of the site."""
    return {
        "home": "/",
        "course": site.booking.product.get_absolute_url(),
        "bookings": "/bookings/",
        "booking": site.booking.get_absolute_url(),
        "booking-pay": f"{site.booking.get_absolute_url()}pay/",
        "pay": site.pay,
        "thanks": f"{site.pay}thanks/",
        "failed": f"{site.pay}failed/",
        "login": "/accounts/login/",
        "list": "/checkout/",
        "audit": "/checkout/audit/",
        "payment": f"/checkout/checkout/{site.checkout.pk}/",
        "refund": f"/checkout/checkout/{site.checkout.pk}/refund/",
        "refunds": "/checkout/refund/",
        "disputes": "/checkout/dispute/",
        **staff_addresses(site.plan),
        "admin": "/admin/checkout/checkout/",
        "admin-bookings": "/admin/example_checkout/salesledger/",
    }


def everywhere(site: Site) -> Iterator[tuple[str, str]]:
    """Every page, for every visitor."""
    for page in addresses(site).values():
        for who in site.clients:
            yield who, page
