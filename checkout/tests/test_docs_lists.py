"""What there is a list of in the code has its line in the documentation."""

import pytest
from django.dispatch import Signal

from checkout import gateway, signals, states
from checkout.models import Difference
from checkout.tasks import BEAT_SCHEDULE
from checkout.tests.test_docs import TOP, literals

NAMED = {
    "webhooks.rst": gateway.EVENT_TYPES,
    "reconciliation.rst": tuple(Difference.KINDS),
    "signals.rst": tuple(name for name, found in vars(signals).items() if isinstance(found, Signal)),
    "operations.rst": tuple(BEAT_SCHEDULE),
    "states.rst": (
        *states.CHECKOUT_MOVES,
        *states.INSTALMENT_MOVES,
        *states.REFUND_MOVES,
        *states.DISPUTE_MOVES,
        *states.EVENT_MOVES,
    ),
}


@pytest.mark.parametrize("page", NAMED)
def test_each_has_its_line(page: str) -> None:
    assert NAMED[page]
    written = {word for text in literals(TOP / "docs" / page) for word in text.replace(",", " ").split()}
    missing = sorted(set(NAMED[page]) - written)
    assert not missing, f"docs/{page} says nothing of {missing}"


def test_the_crontab_runs_what_beat_runs() -> None:
    """A site without Celery types this; a task that is missing there would never run."""
    text = (TOP / "docs" / "operations.rst").read_text(encoding="utf-8")
    cron = text.split("The whole of it from cron::")[1].split("and your own command")[0]
    # what a task of its own does with Celery, a command does beside something else
    by_command = {
        "backfill_events": "backfill --since",
        "charge_fulfillment": "payment_intent_fulfillment",
        "prune_events": "checkout_events --prune",
        "reconcile_books": "reconcile",
        "refund_fulfillment": "payment_intent_fulfillment",
        "work_events": "checkout_events --work",
    }
    missing = [task for task in BEAT_SCHEDULE if f"manage.py {by_command.get(task, task)}" not in cron]
    assert not missing
