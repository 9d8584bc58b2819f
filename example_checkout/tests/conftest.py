"""What several modules here share."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from django.core.cache import cache
from django.db import connection

from example_checkout.tests.crash_site import Site, database_here


@pytest.fixture
def counters() -> Iterator[None]:
    """Every visitor of a test has the same address, whose attempts would add up."""
    cache.clear()
    yield
    cache.clear()


@pytest.fixture
def crash_site(stripe_server: Any, transactional_db: None, tmp_path: Path) -> Site:
    """Give the example site in processes that may be killed, on the test's database."""
    database = database_here()
    if connection.vendor == "sqlite":
        # the suite's own is in memory, where no other process sees it
        database["NAME"] = str(tmp_path / "crash.sqlite3")
        with connection.cursor() as cursor:
            cursor.execute("VACUUM INTO %s", [database["NAME"]])
    return Site(stripe_server, database)


@pytest.fixture
def pay_there(stripe_server: Any) -> Any:
    """Pay at ``stripe_server`` as a browser would."""
    from checkout.simulator.fixtures import Payer

    return Payer(stripe_server.simulator)
