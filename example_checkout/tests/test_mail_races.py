"""Several workers at once: each notice is sent by one of them, and each customer is asked by one of them."""

from typing import Any

import pytest
from django.db import connection

from checkout.models import Notice, ObjectPaymentPlanInstalment
from checkout.notify import outbox
from example_checkout.tests.mail import asked, let_lease_end, smtp_server, wanted
from example_checkout.tests.test_races import at_once

pytestmark = [pytest.mark.django_db(transaction=True)]


def demand() -> None:
    counts.append(ObjectPaymentPlanInstalment.objects.send_on_session_payment_emails(lambda contact: False))


def send_unsent() -> None:
    counts.append(outbox.send_unsent())


counts: list[int] = []


@pytest.fixture(autouse=True)
def nothing_counted() -> None:
    counts.clear()


@pytest.mark.parametrize("workers", [2, 4])
def test_each_customer_is_asked_once(settings: Any, workers: int) -> None:
    wanted(20)
    with smtp_server(settings) as server:
        at_once(*[demand] * workers)
        assert len(server.ids) == len(set(server.ids)) == 20
    assert sum(counts) == 20
    assert set(Notice.objects.values_list("state", "tries")) == {("sent", 1)}
    if connection.features.has_select_for_update:
        # really both at work, and not one after the other
        assert sum(1 for count in counts if count) > 1


def test_each_notice_is_sent_once(settings: Any) -> None:
    for part in wanted(20):
        asked(part)
    with smtp_server(settings) as server:
        at_once(send_unsent, demand, send_unsent)
        assert len(server.ids) == len(set(server.ids)) == 20
    assert sum(counts) == 20


def test_what_the_dead_left_is_taken_back_by_one(settings: Any) -> None:
    for part in wanted(10):
        notice = asked(part)
        assert outbox._claim(notice.pk)
        let_lease_end(notice)
    with smtp_server(settings):
        at_once(send_unsent, send_unsent)
    # taken back twice, they would have been given up
    assert set(Notice.objects.values_list("state", "in_doubt", "tries")) == {("waiting", True, 1)}
