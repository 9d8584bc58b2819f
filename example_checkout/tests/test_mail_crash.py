"""The worker is killed around a mail: nobody goes without, nobody gets a third one, and the second is marked."""

from collections.abc import Iterator
from typing import Any

import pytest

from example_checkout.tests.crash_site import Site
from example_checkout.tests.mail import Handler, smtp_server

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.slow]

DEMAND, CRON, LATER = "mail_demands", "mail_unsent", "mail_lease_ends"


@pytest.fixture
def server(settings: Any) -> Iterator[Handler]:
    with smtp_server(settings) as handler:
        yield handler


def rows(site: Site) -> list[tuple[Any, ...]]:
    return [tuple(row) for row in site.do("mail_rows")]


@pytest.mark.parametrize("step", [DEMAND, CRON])
def test_killed_after_the_servers_yes(crash_site: Site, server: Handler, step: str) -> None:
    port = str(server.port)
    crash_site.do("mail_wanted", "3")
    if step == CRON:
        crash_site.do("mail_asked")
    # at the second of three
    crash_site.dies(step, port, CRASH_AFTER_MAIL="yes", CRASH_AT="2")
    assert len(server.taken) == 2
    assert rows(crash_site)[:2] == [("sent", False, 1), ("sending", False, 1)]

    # it may still be at it
    crash_site.do(DEMAND, port)
    assert len(server.taken) == 3
    crash_site.do(LATER)
    assert crash_site.do(CRON, port) == 0
    crash_site.do(LATER)
    assert crash_site.do(CRON, port) == 1
    assert crash_site.do(CRON, port) == 0

    assert rows(crash_site) == [("sent", False, 1), ("sent", True, 2), ("sent", False, 1)]
    first, second, *others = server.ids
    assert sorted(others) == sorted({second, *others})
    assert server.ids.count(second) == 2
    assert server.ids.count(first) == 1


def test_killed_before_the_server_heard_of_it(crash_site: Site, server: Handler) -> None:
    port = str(server.port)
    crash_site.do("mail_wanted", "1")
    crash_site.dies(DEMAND, port, CRASH_IN_MAIL="yes")
    for _time in range(2):
        crash_site.do(LATER)
        crash_site.do(CRON, port)
    assert rows(crash_site) == [("sent", True, 2)]
    assert len(server.taken) == 1


def test_killed_again_and_again(crash_site: Site, server: Handler) -> None:
    port = str(server.port)
    crash_site.do("mail_wanted", "1")
    for _time in range(2):
        crash_site.dies(DEMAND, port, CRASH_AFTER_MAIL="yes")
        crash_site.do(LATER)
        crash_site.do(CRON, port)
        crash_site.do(LATER)
    crash_site.do(CRON, port)
    assert rows(crash_site) == [("given_up", True, 2)]
    assert len(server.taken) == 2
    assert len(set(server.ids)) == 1
