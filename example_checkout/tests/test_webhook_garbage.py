"""Whatever is posted to the webhook, signed or not: an event or ``BadEvent``; and what of it is logged."""

import hashlib
import hmac
import json
import logging
import time
from decimal import Decimal
from typing import Any
from uuid import uuid4

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from checkout import gateway
from checkout.errors import BadEvent
from checkout.flows import payment, refund
from checkout.models import Checkout, Dispute, Event, Notice, Refund
from example_checkout.models import SalesLedger
from example_checkout.tests.factories import SalesLedgerFactory

SECRET = "whsec_simulator"
PATH = "/stripe/webhook/"

TEXT = st.text(st.characters(exclude_categories=()), max_size=300)
NUMBERS = st.integers() | st.floats() | st.just(10**400) | st.just(253402300800) | st.booleans()
ANYTHING = st.recursive(
    st.none() | NUMBERS | TEXT,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(TEXT, inner, max_size=4),
    max_leaves=12,
)
GOOD = {
    "id": "evt_1",
    "object": "event",
    "type": "payment_intent.succeeded",
    "api_version": gateway.API_VERSION,
    "livemode": False,
    "created": 1_780_000_000,
    "data": {"object": {"id": "pi_1"}},
}


def nearly(spoiled: dict[str, Any], left_out: list[str]) -> Any:
    """An event of which some parts are something else, or missing."""
    return {name: spoiled.get(name, good) for name, good in GOOD.items() if name not in left_out}


NAMES = st.sampled_from(sorted(GOOD))
NEARLY = st.builds(nearly, st.dictionaries(NAMES, ANYTHING, max_size=3), st.lists(NAMES, max_size=1))
OBJECTS = st.builds(lambda found: {**GOOD, "data": {"object": found}}, ANYTHING)
BODIES = st.binary(max_size=400) | (ANYTHING | NEARLY | OBJECTS).map(lambda found: json.dumps(found).encode())
ENCODED = (NEARLY | OBJECTS).flatmap(
    lambda found: st.sampled_from(["utf-16", "utf-32", "utf-8-sig"]).map(lambda name: json.dumps(found).encode(name))
)
HEADERS = st.text(st.characters(max_codepoint=255), max_size=200) | st.builds(
    "t={},v1={}".format, st.integers() | TEXT, st.text(max_size=80)
)


def signed(body: bytes, secret: str = SECRET) -> str:
    moment = int(time.time())
    return f"t={moment},v1={hmac.new(secret.encode(), f'{moment}.'.encode() + body, hashlib.sha256).hexdigest()}"


@settings(max_examples=200, deadline=None)
@given(body=BODIES | ENCODED, header=HEADERS)
@example(body=json.dumps(GOOD).encode(), header="t=1,v1=\u00e9")
@example(body=b"\xff", header="t=1,v1=x")
def test_what_nobody_has_signed_is_a_bad_event_and_nothing_else(body: bytes, header: str) -> None:
    with pytest.raises(BadEvent) as refused:
        gateway.parse_event(body, header)
    assert SECRET not in str(refused.value)


@settings(max_examples=300, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(body=BODIES | ENCODED)
@example(body=b"[" * 100_000)
@example(body=b'{"object": "event", "created": ' + b"9" * 5000 + b"}")
@example(body=json.dumps({**GOOD, "created": float("nan")}).encode())
@example(body=json.dumps({**GOOD, "created": float("inf")}).encode())
@example(body=json.dumps({**GOOD, "id": "evt_\ud800"}).encode())
@example(body=json.dumps({**GOOD, "livemode": 0}).encode())
def test_signed_garbage_is_a_bad_event_and_nothing_else(body: bytes) -> None:
    try:
        hint = gateway.parse_event(body, signed(body))
    except BadEvent:
        return
    words = [hint.id, hint.type, hint.object_id, hint.api_version]
    assert all(word.isascii() and word.isprintable() and len(word) <= 255 for word in words)
    assert (hint.livemode, bool(hint.id), bool(hint.type)) == (False, True, True)
    assert 1 <= hint.created.year <= 9999


@settings(max_examples=100, deadline=None)
@given(place=st.integers(min_value=0, max_value=10_000), change=st.integers(min_value=1, max_value=255))
def test_one_byte_changed_is_no_event(place: int, change: int) -> None:
    body = bytearray(json.dumps(GOOD).encode())
    header = signed(bytes(body))
    assert gateway.parse_event(bytes(body), header).id == "evt_1"
    body[place % len(body)] ^= change
    with pytest.raises(BadEvent):
        gateway.parse_event(bytes(body), header)


def begun(ledger: SalesLedger) -> Checkout:
    checkout = payment.start(action="payment", content_object=ledger, user=ledger.contact.user)
    payment.begin(checkout, shown_total=checkout.total)
    return checkout


@pytest.fixture
def webhooks(deliver_webhooks: Any, settings: Any) -> Any:
    settings.CHECKOUT_WEBHOOK_SECRETS = [deliver_webhooks.register(PATH)]
    return deliver_webhooks


@pytest.mark.django_db(transaction=True)
def test_no_secret_and_no_address_is_logged_of_what_stripe_tells(
    webhooks: Any, pay: Any, client: Any, settings: Any, stripe_trouble: Any, caplog: Any, capfd: Any, monkeypatch: Any
) -> None:
    caplog.set_level(logging.DEBUG)
    # what the SDK prints at DEBUG are whole answers: the secrets in it are hidden, the rest is for whoever asked for it
    caplog.set_level(logging.INFO, logger="stripe")
    disputed, given_back = (begun(SalesLedgerFactory()) for _booking in range(2))
    ledger, secret = given_back.content_object, str(payment.show(given_back).client_secret)
    pay(disputed, card="4000000000000259")
    pay(given_back)
    with monkeypatch.context() as patched:
        patched.setattr(SalesLedger, "checkout_success", lambda self, checkout: 1 / 0)
        webhooks()
    own = settings.CHECKOUT_WEBHOOK_SECRETS[0]
    for forged in (signed(b"{}", "whsec_other"), "", "t=1,v1=\u00e9", signed(b"{}", own)):
        headers = {"stripe-signature": forged}
        assert client.post(PATH, b"{}", content_type="application/json", headers=headers).status_code == 400
    payment.finish(given_back)
    assert given_back.succeeded
    stripe_trouble("reset_before", times=2, path="/v1/refunds", method="POST")
    for amount in (Decimal(20), Decimal(1)):
        refund.give_back(given_back, amount=amount, user=ledger.contact.user, uuid=uuid4(), reason="duplicate")
    webhooks()
    assert {"waiting", "done"} <= set(Event.objects.values_list("state", flat=True))
    assert set(Refund.objects.values_list("state", flat=True)) == {"request", "success"}
    assert Dispute.objects.count() == 1
    logged = "\n".join([caplog.text, *capfd.readouterr()])
    assert given_back.payment_intent_id in logged
    assert "dispute opened" in logged
    assert "webhook refused" in logged
    kept = [*Event.objects.values_list("last_error", "traceback", "outcome"), *Notice.objects.values_list("facts")]
    secrets = [secret, "_secret_", settings.STRIPE_SECRET_KEY, *settings.CHECKOUT_WEBHOOK_SECRETS, "4000000000000259"]
    for word in (*secrets, ledger.contact.email, ledger.contact.user.email, ledger.contact.name):
        assert word not in logged
        assert word not in str(kept)
