"""Sections of the work queue about the machinery: the environment, the webhook, its events, and the books."""

from datetime import datetime, timedelta
from typing import Any, Final

from django.urls import reverse
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from checkout import states
from checkout.flows import inbox
from checkout.flows import reconcile as reconcile_flow
from checkout.flows.refund import TAKEN
from checkout.models import Checkout, Difference, Environment, Event, Reconciliation
from checkout.templatetags.checkout_staff import difference_kind, event_state, page_of
from checkout.templatetags.staff_words import detail_in_words, side_in_words
from checkout.views.staff import queue
from checkout.views.staff.books import place_of
from checkout.views.staff.events import TROUBLE
from checkout.views.staff.section import BACK_HERE, LOOK, MOST, Button, Row, Section, whole_list

# The task compares the books each night: one night may be missed.
STALE: Final = timedelta(days=2)


def environment() -> Section:
    """First of all: nothing else happens until it is right. One query."""
    trouble = Environment.objects.trouble()
    row = Row(url="", what=str(_("Database")), why=trouble, reference="manage.py checkout_environment --adopt")
    rows = [row] if trouble else []
    return Section(
        slug="environment",
        title=_("Wrong environment"),
        meaning=_(
            "Nobody is charged and no mail is sent. This seems to be a copy of another site's database, or the "
            "settings have changed. Correct them, or, if it is on purpose, let somebody who may run commands adopt it."
        ),
        count=len(rows),
        rows=rows,
        links=[],
        urgent=True,
    )


def sections(may: dict[str, bool], now: datetime) -> list[Section]:
    """What Stripe should have told us, and whether the books agree. As many queries however much there is."""
    return [_silent(now), _events(may, now), *_books(now)]


def _silent(now: datetime) -> Section:
    since = inbox.silent_since(now)
    what = str(_("The webhook"))
    url = reverse("checkout.event.list")
    why = _("a payment was taken, and no event told of it")
    rows = [Row(url=url, what=what, why=why, since=since, buttons=[Button(url, LOOK)])]
    return Section(
        slug="silent",
        title=_("Silence from Stripe"),
        meaning=_(
            "Payments are found by asking, which is slower. Look in Stripe's dashboard whether the endpoint is "
            "switched on and its deliveries arrive, and whether its signing secret is the one in the settings."
        ),
        count=1 if since else 0,
        rows=rows if since else [],
        links=[whole_list("checkout.event.list", _("All events"))],
    )


def _events(may: dict[str, bool], now: datetime) -> Section:
    found = Event.objects.filter(queue.events_in_trouble(now)).order_by("pk")
    return Section(
        slug="events",
        title=_("Events that could not be worked"),
        meaning=_(
            "Stripe told us something and we could not act on it for more than an hour. Asking Stripe goes on by "
            "itself; once the cause is mended, work them again."
        ),
        count=found.count(),
        rows=[_event(one, may) for one in found.defer("traceback")[:MOST]],
        links=[whole_list("checkout.event.list", state=TROUBLE)],
    )


def _event(event: Event, may: dict[str, bool]) -> Row:
    again = Button(f"{reverse('checkout.event.replay', args=[event.pk])}{BACK_HERE}", _("Work it again"))
    return Row(
        url=page_of(event),
        what=event.type,
        more=event.stripe_object_id,
        since=event.created,
        why=event_state(event),
        reference=event.last_error,
        buttons=[again] if may["replay"] else [],
    )


def _books(now: datetime) -> list[Section]:
    last = reconcile_flow.last()
    return [_differ(last), _stale(last, now)]


def _differ(last: Reconciliation | None) -> Section:
    found: list[Difference] = []
    if last is not None and last.differences:
        rows = Difference.objects.filter(reconciliation=last).order_by("pk")
        found = list(rows.select_related("checkout", "plan__payment_plan")[:MOST])
    link = Button(page_of(last), _("All of them")) if last is not None else None
    return Section(
        slug="books",
        title=_("Differences in the books"),
        meaning=_(
            "What we recorded, what Stripe reports and what the plans promised do not agree. Look at each; the next "
            "comparison shows whether it is right again."
        ),
        count=last.differences if last is not None else 0,
        rows=[_difference(row, last) for row in found if last is not None],
        links=[link] if link else [],
    )


def _difference(row: Difference, last: Reconciliation) -> Row:
    where: Any = row.checkout or row.plan
    lines = where.lines if where is not None else []
    return Row(
        url=place_of(row) or page_of(last),
        what=lines[0] if lines else row.stripe_id or difference_kind(row),
        more=detail_in_words(row),
        why=f"{difference_kind(row)}: {side_in_words(row, 'ours') or '–'} / {side_in_words(row, 'theirs') or '–'}",
        since=last.finished,
        reference=row.stripe_id,
        buttons=[Button(place_of(row) or page_of(last), LOOK)],
    )


def _stale(last: Reconciliation | None, now: datetime) -> Section:
    """There are payments that were never compared, or not for two days."""
    old = last is None or last.created < now - STALE
    paid = Checkout.objects.filter(state_id=states.SUCCESS, action_id__in=TAKEN, created__lt=now - STALE)
    stale = old and paid.exists()
    since = timezone.localtime(last.created) if last is not None else None
    why = _("compared last at that time") if since else _("never compared so far")
    url = reverse("checkout.reconciliation.list")
    row = Row(url=url, what=str(_("The books")), why=why, since=since, buttons=[Button(url, LOOK)])
    return Section(
        slug="stale",
        title=_("Books not compared"),
        meaning=_("They are compared each night by a task: see that it runs, or run the command reconcile."),
        count=1 if stale else 0,
        rows=[row] if stale else [],
        links=[whole_list("checkout.reconciliation.list", _("All comparisons"))],
    )
