"""What is stored in English is shown in the language of who reads it; and what was put aside is found by an index."""

from decimal import Decimal
from typing import Any

import pytest
from django.db import connection
from django.urls import reverse
from django.utils import timezone, translation

from checkout import states
from checkout.flows import audit, hints, refund
from checkout.flows.settle import mismatch
from checkout.gateway import Intent, IntentStatus
from checkout.models import Checkout, Difference, Environment
from checkout.models.checkout import IsPutAside
from checkout.models.environment import surroundings
from checkout.templatetags import staff_words
from checkout.tests.factories import CheckoutFactory, DifferenceFactory
from checkout.views.staff import queue
from example_checkout.tests import desk
from example_checkout.tests.factories import SalesLedgerFactory
from example_checkout.tests.staff import staff_with, words

pytestmark = [pytest.mark.django_db, pytest.mark.slow]


@pytest.fixture
def marked(monkeypatch: pytest.MonkeyPatch) -> None:
    """A language in which every sentence that can be translated stands in angle quotes."""
    real = translation._trans
    monkeypatch.setattr(real, "gettext", lambda text: f"«{text}»")
    monkeypatch.setattr(real, "ngettext", lambda one, many, count: f"«{one if count == 1 else many}»")


def whole(text: str) -> bool:
    """Nothing of it is left in English; values in it may be."""
    return text.startswith("«") and text.endswith("»")


OUTCOMES = [
    *(hints.SETTLED.format(state=state) for state in states.STATES),
    *(hints.KNOWN, hints.UNDECIDED, f"put aside: {audit.PAID_AFTER_ALL}", "1 refunds kept", "3 refunds kept"),
    *(f"refund {state}" for state in states.REFUND_STATES),
    *("dispute warning_needs_response", "card changed", "card as it was", "card taken off file"),
    *("customer forgotten, card taken off file", "none of ours, or nothing to do"),
]


@pytest.mark.parametrize("outcome", OUTCOMES)
@pytest.mark.usefixtures("marked")
def test_what_came_of_an_event(outcome: str) -> None:
    said = staff_words.outcome_in_words(outcome)
    assert whole(said)
    slug = outcome.split()[-1]
    if slug in states.STATES and not outcome.startswith("put"):
        assert f"«{(states.REFUND_STATES if outcome.startswith('refund') else states.STATES)[slug]}»" in said


@pytest.mark.usefixtures("marked")
def test_every_reason_why_settling_puts_something_aside() -> None:
    checkout = CheckoutFactory(
        content_object=SalesLedgerFactory(), stripe_customer_id="cus_1", payment_intent_id="pi_1"
    )
    other = Intent(
        id="pi_2",
        status=IntentStatus.SUCCEEDED,
        stripe_status="succeeded",
        checkout_uuid="",
        customer_id="",
        created=timezone.now(),
        amount=Decimal(1),
        amount_received=Decimal(1),
        currency="EUR",
    )
    reasons = [mismatch(checkout, other), "a card was saved without consent to the plan"]
    reasons += ["paid again: checkout 12 paid for it", audit.PAID_AFTER_ALL, refund.CAME_BACK]
    parts = [part for reason in reasons for part in reason.split("; ")]
    assert len(parts) == 9
    for part in parts:
        assert whole(staff_words.aside_in_words(part)), part
    assert staff_words.aside_in_words(reasons[0]).count("«nobody»") == 2


@pytest.mark.parametrize("text", ["", "something of a version to come", "paid twice"])
def test_what_is_not_known_is_shown_as_it_is(text: str) -> None:
    assert staff_words.aside_in_words(text) == text
    assert staff_words.outcome_in_words(text) == text


def test_in_english_the_evidence_stays_what_it_was() -> None:
    assert staff_words.aside_in_words("paid 29.00, asked 30.00") == "paid 29.00, asked 30.00"
    assert staff_words.outcome_in_words("was settled already") == "was settled already"
    assert staff_words.outcome_in_words("settled as success") == "settled: Success"
    assert staff_words.outcome_in_words("1 refunds kept") == "1 refund kept"


@pytest.mark.usefixtures("marked")
def test_the_two_sides_of_a_difference() -> None:
    row = Difference(kind=Difference.REFUND_STATE, ours="success 10.00 GBP", theirs="failed 10.00 GBP", detail="part 3")
    assert staff_words.side_in_words(row, "ours") == "«Given back» 10.00 GBP"
    assert staff_words.side_in_words(row, "theirs") == "failed 10.00 GBP"
    assert staff_words.detail_in_words(row) == "«part 3»"
    row = Difference(kind=Difference.NOT_RECORDED, ours="fail", theirs="succeeded", detail=audit.PAID_AFTER_ALL)
    assert staff_words.side_in_words(row, "ours") == "«Fail»"
    assert whole(staff_words.detail_in_words(row))


def test_why_a_database_is_in_the_wrong_place_is_translated_on_the_page_only(settings: Any, request: Any) -> None:
    settings.CHECKOUT_ENVIRONMENT = "here"
    known = Environment(livemode=True, site="", key="x", account_id="acct_1")
    known.save()
    english = "it is for live payments, and the key is for test ones; it belongs to (no name), and this is here"
    assert Environment.objects.trouble() == english
    request.getfixturevalue("marked")
    assert "«live»" in Environment.objects.trouble()
    assert Environment.objects.trouble().count("«it ") == 2
    # the log and the commands stay English
    assert known.difference(surroundings()) == english


def test_the_pages_show_the_words() -> None:
    aside = desk.put_aside()
    Checkout.objects.filter(pk=aside.pk).update(quarantine="of customer none, expected cus_1")
    DifferenceFactory(checkout=aside, ours="fail", detail="part 2")
    client = staff_with("mark_paid")
    urls = ["/checkout/audit/", reverse("checkout.work"), f"/checkout/checkout/{aside.pk}/"]
    urls.append(aside.instalment.object_payment_plan.get_absolute_url())
    for url in urls:
        assert "of customer nobody, expected cus_1" in words(client.get(url)).lower(), url
    exported = b"".join(client.get("/checkout/audit/?format=csv").streaming_content).decode()
    assert "of customer nobody, expected cus_1" in exported


@pytest.mark.skipif(connection.vendor == "mysql", reason="MariaDB and MySQL know no partial indexes")
def test_what_was_put_aside_is_found_by_its_index() -> None:
    desk.put_aside()
    with connection.cursor() as cursor:
        if connection.vendor == "postgresql":
            # so few rows are read without any index, where that is allowed
            cursor.execute("SET LOCAL enable_seqscan = off")
    rows = Checkout.objects.filter(IsPutAside()).order_by("pk")
    assert "checkout_put_aside" in rows.explain()
    if connection.vendor == "sqlite":
        # with what the queue asks beside it the index on the state may be preferred: never is the whole table read
        assert "SCAN checkout_checkout\n" not in f"{queue.checkouts().filter(queue.put_aside()).explain()}\n"
