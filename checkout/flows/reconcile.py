"""Do the books agree? Ours, Stripe's, and what the plans promised, compared page by page and written down."""

import logging
from collections.abc import Callable, Iterable, Iterator
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any, Final
from uuid import UUID

from django.db.models import Q, Sum
from django.utils import timezone

from checkout import gateway, states
from checkout.flows import reconcile_plans
from checkout.flows.audit import is_given_back
from checkout.flows.differences import Book
from checkout.flows.refund import MEANING, TAKEN
from checkout.gateway import BookEntry, RefundAnswer
from checkout.models import Checkout, Difference, Dispute, Environment, Reconciliation, Refund

logger = logging.getLogger(__name__)

SINCE: Final = timedelta(days=35)
# What has just been made may be under way in one of the two books.
FRESH: Final = timedelta(minutes=30)
# An intent is made after its checkout, at the latest when the customer has come back to an old page.
SLACK: Final = timedelta(days=1)
PAGE: Final = 100

OnProgress = Callable[[int], object]


def reconcile(
    *, since: datetime | None = None, now: datetime | None = None, on_progress: OnProgress | None = None
) -> Reconciliation:
    """Compare what was made from ``since`` (35 days ago) until half an hour ago, and keep what differs.

    Nothing is corrected. ``ceil(intents / 100) + ceil(refunds / 100)`` calls, and one for each payment of ours that no
    page shows; memory does not grow with the count. Not inside a transaction. Raises ``WrongEnvironment`` and the
    gateway's errors: the reconciliation then stays unfinished, and the one before is the last.
    """
    Environment.objects.check_environment()
    now = now or timezone.now()
    run = Reconciliation.objects.create(since=since or now - SINCE, until=now - FRESH)
    book = Book(run)
    for entries in _intents(run):
        _compare_page(book, entries)
        if on_progress:
            on_progress(len(entries))
    _look_for_the_missing(book)
    for answers in _refunds(run):
        _compare_refunds(book, answers)
    reconcile_plans.compare(book)
    book.close()
    log = logger.error if run.differences else logger.info
    log(
        "reconcile ended run=%s intents=%s foreign=%s refunds=%s plans=%s differences=%s",
        *(run.pk, run.intents, run.foreign, run.refunds, run.plans, run.differences),
    )
    return run


def last() -> Reconciliation | None:
    """The newest that came to its end."""
    return Reconciliation.objects.exclude(finished=None).first()


def _intents(run: Reconciliation) -> Iterator[tuple[BookEntry, ...]]:
    after = ""
    while True:
        page = gateway.list_books(since=run.since, until=run.until, after=after)
        yield page.entries
        if not page.has_more:
            return
        after = page.entries[-1].intent.id


def _compare_page(book: Book, entries: Iterable[BookEntry]) -> None:
    entries = list(entries)
    ours = _ours(entries)
    seen = []
    for entry in entries:
        checkout = ours.get(entry.intent.id) or _lost(ours.get(entry.intent.checkout_uuid))
        if checkout is None:
            _not_ours(book, entry)
            continue
        book.run.intents += 1
        seen.append(checkout.pk)
        _compare(book, checkout, entry)
    Checkout.objects.filter(pk__in=seen).update(reconciled=book.run.created)


def _ours(entries: list[BookEntry]) -> dict[str, Checkout]:
    """By the intent's id, and by our uuid; the newest where one attempt took an intent over from another. One query."""
    ids = [entry.intent.id for entry in entries]
    uuids = [UUID(entry.intent.checkout_uuid) for entry in entries if _names_one_of_ours(entry)]
    rows = Checkout.objects.filter(Q(payment_intent_id__in=ids) | Q(uuid__in=uuids)).order_by("pk")
    back = Sum("refunds__amount", filter=Q(refunds__state=states.SUCCESS))
    found: dict[str, Checkout] = {}
    for checkout in rows.annotate(given_back=back):
        found[str(checkout.uuid)] = checkout
        if checkout.payment_intent_id:
            found[checkout.payment_intent_id] = checkout
    return found


def _names_one_of_ours(entry: BookEntry) -> bool:
    """Whether it names a checkout as ours do: another system may keep something else under that word."""
    try:
        return str(UUID(entry.intent.checkout_uuid)) == entry.intent.checkout_uuid
    except ValueError:
        return False


def _lost(checkout: Checkout | None) -> Checkout | None:
    """Found by our uuid alone: only one that knows of no intent. What else bears its uuid was paid beside it."""
    return checkout if checkout is not None and not checkout.payment_intent_id else None


def _not_ours(book: Book, entry: BookEntry) -> None:
    """Other systems may use the account; one that names a checkout was made by us."""
    if _names_one_of_ours(entry) and entry.intent.succeeded:
        paid = f"{entry.captured} {entry.intent.currency}"
        book.add(Difference.UNKNOWN_HERE, stripe_id=entry.intent.id, theirs=paid, detail=entry.intent.checkout_uuid)
    else:
        book.run.foreign += 1


def _compare(book: Book, checkout: Checkout, entry: BookEntry) -> None:
    intent, given_back = entry.intent, getattr(checkout, "given_back", None) or Decimal(0)
    say: dict[str, Any] = {"checkout": checkout, "stripe_id": intent.id}
    if intent.succeeded and not checkout.succeeded and not is_given_back(checkout):
        # it may have been settled while the page was compared
        checkout.refresh_from_db()
        if not checkout.succeeded:
            detail = checkout.quarantine
            book.add(
                Difference.NOT_RECORDED, ours=str(checkout.state_id), theirs=intent.stripe_status, detail=detail, **say
            )
            return
    if checkout.succeeded and not intent.succeeded:
        book.add(Difference.NOT_PAID, ours=str(checkout.state_id), theirs=intent.stripe_status, **say)
        return
    if not checkout.succeeded:
        return
    if intent.currency != checkout.currency:
        book.add(Difference.CURRENCY, ours=checkout.currency, theirs=intent.currency, **say)
    elif entry.captured != checkout.total:
        book.add(Difference.AMOUNT, ours=f"{checkout.total}", theirs=f"{entry.captured}", **say)
    elif entry.refunded != given_back:
        book.add(Difference.REFUNDED, ours=f"{given_back}", theirs=f"{entry.refunded}", **say)
    if entry.disputed and not Dispute.objects.filter(checkout=checkout).exists():
        book.add(Difference.DISPUTED, theirs="disputed", **say)


def _look_for_the_missing(book: Book) -> None:
    """Payments of ours that no page showed: made at another time than their intent, or unknown at Stripe."""
    run = book.run
    rows = Checkout.objects.filter(
        Q(reconciled=None) | Q(reconciled__lt=run.created),
        state_id=states.SUCCESS,
        action_id__in=TAKEN,
        created__gte=run.since,
        created__lte=run.until,
    )
    for checkout in _by_key(rows):
        try:
            entry = gateway.retrieve_book_entry(checkout.payment_intent_id) if checkout.payment_intent_id else None
        except gateway.NoSuchIntent:
            entry = None
        if entry is None:
            book.add(
                Difference.UNKNOWN_AT_STRIPE,
                checkout=checkout,
                stripe_id=checkout.payment_intent_id,
                ours=f"{checkout.total} {checkout.currency}",
            )
            continue
        run.intents += 1
        # once more, with what was given back
        _compare(book, _ours([entry])[entry.intent.id], entry)


def _by_key(rows: "Iterable[Checkout]") -> "Iterator[Checkout]":
    """Page by page, whatever becomes of the rows meanwhile."""
    last_pk = 0
    while page := list(rows.filter(pk__gt=last_pk).order_by("pk")[:PAGE]):  # type: ignore[attr-defined]
        yield from page
        last_pk = page[-1].pk


def _refunds(run: Reconciliation) -> Iterator[tuple[RefundAnswer, ...]]:
    after = ""
    while True:
        page = gateway.list_refunds(since=run.since, until=run.until, after=after)
        yield page.refunds
        if not page.has_more:
            return
        after = page.refunds[-1].id


def _compare_refunds(book: Book, answers: Iterable[RefundAnswer]) -> None:
    """Two queries for each page."""
    answers = list(answers)
    known = {
        refund.refund_id: refund for refund in Refund.objects.filter(refund_id__in=[answer.id for answer in answers])
    }
    intents = [answer.payment_intent_id for answer in answers]
    paid = dict(
        Checkout.objects.filter(payment_intent_id__in=intents).order_by("pk").values_list("payment_intent_id", "pk")
    )
    for answer in answers:
        if answer.payment_intent_id not in paid:
            continue
        book.run.refunds += 1
        refund, theirs = known.get(answer.id), f"{answer.stripe_status} {answer.amount} {answer.currency}"
        say: dict[str, Any] = {"checkout_id": paid[answer.payment_intent_id], "stripe_id": answer.id, "theirs": theirs}
        if refund is None:
            book.add(Difference.REFUND_UNKNOWN_HERE, **say)
            continue
        ours = f"{refund.state} {refund.amount} {refund.currency}"
        agrees = MEANING.get(answer.stripe_status) == refund.state
        if not agrees or refund.amount != answer.amount or refund.currency != answer.currency:
            book.add(Difference.REFUND_STATE, ours=ours, **say)
