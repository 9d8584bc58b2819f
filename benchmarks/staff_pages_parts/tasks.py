"""What the tasks ask of the database: the real queries, as the tasks make them. Nothing is charged or mailed."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable
from datetime import timedelta
from itertools import islice
from typing import Any

import django


def questions() -> dict[str, Callable[[], Any]]:
    """Each by its name; every one reads as much as its task does before it acts on the first row."""
    from django.db.models import F, Q
    from django.utils import timezone

    from checkout.accounts import can_login_and_pay
    from checkout.flows import audit, card, claims, demands, expiry, fulfil, refund, run
    from checkout.models import (
        Checkout,
        Customer,
        Event,
        Notice,
        ObjectPaymentPlan,
        ObjectPaymentPlanInstalment,
        PaymentRun,
        Reconciliation,
    )
    from checkout.notify import outbox

    now, today = timezone.now(), timezone.localdate()
    parts, checkouts = ObjectPaymentPlanInstalment.objects, Checkout.objects
    the_run = PaymentRun.objects.order_by("-date")[0]
    the_run.date = today
    customer = Customer.objects.get(pk=471)

    def straggling(rows: Any) -> list[Any]:
        """As ``fulfil._run`` finds them."""
        due = Q(asked=None) | Q(asked__lt=now - fulfil.STRAGGLER_PAUSE)
        old = rows.filter(due, created__lt=now - fulfil.LISTED)
        return list(old.order_by(F("asked").asc(nulls_first=True), "pk")[: fulfil.STRAGGLERS])

    def recent(rows: Any) -> list[Any]:
        return list(rows.filter(created__gte=now - fulfil.LISTED).order_by("-created"))

    found: dict[str, Callable[[], Any]] = {
        "e-mail: whom to ask, a page": lambda: list(islice(demands._to_ask(), demands.PAGE)),
        "e-mail: the ready rule, one customer": lambda: can_login_and_pay(customer),
        "send_notices: what is due, a page": lambda: list(islice(outbox._due("", None), outbox.PAGE)),
        "send_notices: of one kind": lambda: list(islice(outbox._due(Notice.ON_SESSION_PAYMENT, None), outbox.PAGE)),
        "send_notices: left by the dead": outbox._take_back,
        "run: what is due, a page": lambda: next(run.due_pages(the_run)),
        "run: count for the progress bar": lambda: parts.due.count(),
        "run: retries": lambda: list(parts.retries_on(today).order_by("pk").values_list("pk", flat=True)[:500]),
        "run: customers without a card": lambda: _without(run, expiry, today),
        "run: what is unresolved": lambda: claims.note_unresolved(the_run),
        "run: dry run, all of it": lambda: sum(1 for _ in run.due(today)),
        "card: put back one customer's": lambda: list(
            card._out_of_line().filter(object_payment_plan__customer=customer)
        ),
        "card: put back left behind": lambda: list(card._out_of_line()[: card.STRAGGLERS]),
        "expiry: outstanding customers, counted": lambda: expiry.outstanding_customers().count(),
        "expiry: a page of Stripe's": lambda: _page_of_cards(expiry),
        "expiry: report, all of it": lambda: sum(
            1 for _ in ObjectPaymentPlan.objects.report_card_expiry_dates.iterator(chunk_size=500)
        ),
        "audit: what failed in 90 days, all of it": lambda: _audit(audit),
        "charges: unknown, due for a question": lambda: list(
            checkouts.unknown_charges().filter(ask_after__lte=now).order_by("-created")[:1000]
        ),
        "deposits left behind": lambda: fulfil._charge_deposits(now=now),
        "payments never asked for": lambda: fulfil._close_unasked(now=now, dry_run=True, report=fulfil.Report()),
        "refunds: due for a question": lambda: list(refund.open_refunds().filter(ask_after__lte=now)[:1000]),
        "refunds: put aside and given back": lambda: refund._close_left_behind(now),
        "events: due": lambda: list(
            Event.objects.filter(state="waiting", work_after__lte=now).order_by("pk").values_list("pk", flat=True)[:100]
        ),
        "webhook: silent since": lambda: _silent(now),
        "books: payments that Stripe does not show, a page": lambda: list(
            checkouts.filter(
                Q(reconciled=None) | Q(reconciled__lt=now),
                state_id="success",
                action_id__in=refund.TAKEN,
                created__gte=now - timedelta(days=35),
                created__lte=now,
            ).order_by("pk")[:100]
        ),
        "books: plans of 35 days, a page": lambda: _plans(Reconciliation(since=now - timedelta(days=35))),
    }
    for name, rows in (
        ("payments", checkouts.open_payments()),
        ("sign-ups", checkouts.open_setups()),
        ("on session", checkouts.waiting_on_session()),
    ):
        found[f"fulfilment: {name} of a day"] = lambda rows=rows: recent(rows)
        found[f"fulfilment: {name}, stragglers"] = lambda rows=rows: straggling(rows)
    return found


def _without(run: Any, expiry: Any, today: Any) -> None:
    """Stripe is not asked."""
    expiry.find_cards, kept = (lambda customers: 0), expiry.find_cards
    try:
        run._find_cards(today)
    finally:
        expiry.find_cards = kept


def _page_of_cards(expiry: Any) -> list[Any]:
    from checkout.models import Customer

    ids = list(Customer.objects.order_by("-pk").values_list("customer_id", flat=True)[:100])
    return list(expiry.outstanding_customers().filter(customer_id__in=ids))


def _audit(audit: Any) -> int:
    """Stripe says of each that it failed."""

    class Failed:
        succeeded = False

    audit._retrieve, kept = (lambda checkout: Failed), audit._retrieve
    try:
        return int(audit.failed_checkouts().looked_at)
    finally:
        audit._retrieve = kept


def _silent(now: Any) -> Any:
    from checkout.flows import hints

    return hints.silent_since(now)


def _plans(run: Any) -> list[Any]:
    from checkout.flows import reconcile_plans
    from checkout.flows.differences import Book

    return next(reconcile_plans._pages(Book(run=run)), [])


def main(only: str) -> None:
    """Ask each, and print what it took as JSON. What they would write is rolled back."""
    django.setup()
    from django.db import transaction

    from checkout.flows import fulfil
    from checkout.models.environment import approve
    from staff_pages_parts.watching import measured

    approve()
    # whoever is found is not charged
    fulfil.charge_deposit = lambda checkout: None
    found = []
    for name, ask in questions().items():
        if only in name:
            with transaction.atomic(durable=False):
                found.append(measured(name, ask))
                transaction.set_rollback(True)
    print(json.dumps(found))


if __name__ == "__main__":
    main(sys.argv[1] if len(sys.argv) > 1 else "")
