"""Sending what is written down, once: claimed and committed, sent outside any transaction, marked."""

import logging
from collections.abc import Iterator
from contextlib import nullcontext
from datetime import datetime, timedelta
from email.utils import parseaddr
from enum import Enum
from typing import Any, Final
from urllib.parse import urlsplit

from django.conf import settings as django_settings
from django.core.mail import EmailMultiAlternatives
from django.db import transaction
from django.db.models import F, Q
from django.utils import timezone
from django.utils.crypto import salted_hmac

from checkout import states
from checkout.conf import settings
from checkout.errors import CheckoutError
from checkout.models import Environment, Notice
from checkout.notify import letters, truth
from checkout.notify.guard import tried
from checkout.notify.wire import Line, Verdict, in_short

logger = logging.getLogger(__name__)

# Longer than any mail server takes: who has been sending for that long has died.
LEASE: Final = timedelta(minutes=15)
FIRST_PAUSE: Final = timedelta(minutes=1)
LONGEST_PAUSE: Final = timedelta(hours=6)
# With these pauses about twenty hours after the first.
MOST_TRIES: Final = 12
# A server that is away says nothing about the mail: it is not given up for that before a long week-end is over.
LONGEST_AWAY: Final = timedelta(days=4)
PAUSE_AWAY: Final = timedelta(minutes=30)
# The second mail of two may be the last: not while the trouble that swallowed the answer to the first goes on.
PAUSE_IN_DOUBT: Final = timedelta(minutes=15)
# A plan that is paused for a dispute is not written about: what is charged, and when, is not known.
PAUSE_WITH_PLAN: Final = timedelta(hours=6)
# Until we look again whether the customer, who is paying at this moment, has paid.
PATIENCE: Final = timedelta(minutes=10)
PAGE: Final = 100
SALT: Final = "checkout.notice"
# All that a letter is about, in one query.
RELATED: Final = (
    "customer",
    "checkout__taken_over_by",
    "instalment__object_payment_plan__customer",
    "instalment__object_payment_plan__payment_plan",
)


class Instead(Enum):
    """What becomes of a notice that is not sent now, for no fault of anybody's."""

    MOOT = "moot"
    LATER = "later"
    WITH_PLAN = "with plan"


class NobodyToTell(Exception):
    """There are recipients, and none of them has an address."""


def send(notice_pk: int, *, line: Line | None = None) -> bool:
    """Send one notice, if it is due and nobody else has claimed it; True if this call did.

    Not inside a transaction (it raises ``RuntimeError`` there): the claim is committed before the mail server hears of
    it, and no lock is held meanwhile. May be called twice, and by many processes. What the mail server or a template
    does wrong is no error here: the notice waits for ``send_unsent``. ``line``: a connection to share.
    """
    notice = _claim(notice_pk) if _belongs_here() else None
    if notice is None:
        return False
    ready, error = tried(lambda: _prepare(notice))
    if error is not None:
        logger.error("notify could not write notice=%s template=%s", notice.pk, notice.template, exc_info=error)
        _not_sent(notice, in_short(error), for_good=isinstance(error, NobodyToTell))
        return False
    if ready is Instead.MOOT:
        _give_back(notice, states.MOOT)
        return False
    if isinstance(ready, Instead):
        pause = PAUSE_WITH_PLAN if ready is Instead.WITH_PLAN else PATIENCE
        _give_back(notice, states.WAITING, tries=notice.tries - 1, send_after=timezone.now() + pause)
        return False
    assert isinstance(ready, tuple)
    letter, message = ready
    if notice.recipients and not _hand_over(notice, message, line):
        return False
    _mark_sent(notice, letter)
    return True


def send_unsent(*, limit: int | None = None, kind: str = "", line: Line | None = None) -> int:
    """Send what is due, the oldest first: what is new, was refused, or left by a dead process; how many were sent.

    At most ``limit`` notices are tried, of one ``kind`` where it is given. Many processes may call it at once: each
    claims one notice at a time. It ends early when the mail server is away. Not inside a transaction. Raises
    ``WrongEnvironment`` in a copy of the database, where nobody may be mailed.
    """
    Environment.objects.check_environment()
    _take_back()
    sent = 0
    with nullcontext(line) if line is not None else Line() as shared:
        for pk in _due(kind, limit):
            if shared.is_away:
                logger.warning("notify stops: the mail server is away")
                break
            sent += send(pk, line=shared)
    return sent


def _belongs_here() -> bool:
    """A copy of the database mails nobody. Stripe may be away, too, when it has to say whose account it is: later."""
    try:
        Environment.objects.check_environment()
    except CheckoutError as error:
        logger.error("notify sends nothing: %s", error)
        return False
    return True


def try_again(notice: Notice) -> bool:
    """By hand: put a notice that was given up back in line, with all its tries; True if this call did."""
    return notice.move_to(states.WAITING, tries=0, send_after=timezone.now())


def message_id(notice: Notice) -> str:
    """The same for every mail of one notice, so that programs can tell a second copy."""
    digest = salted_hmac(SALT, f"{notice.kind}:{notice.key}", algorithm="sha256").hexdigest()[:40]
    sender = parseaddr(django_settings.DEFAULT_FROM_EMAIL)[1].rpartition("@")[2]
    domain = sender if "." in sender else urlsplit(settings.base_url).hostname or "localhost"
    return f"<{digest}@{domain}>"


def _claim(notice_pk: int) -> Notice | None:
    """One UPDATE, committed: of several processes one gets it, and with it the row as it is in its turn."""
    found = Notice.objects.filter(pk=notice_pk, state=states.WAITING, send_after__lte=timezone.now()).first()
    if found is None:
        return None
    with transaction.atomic(durable=True):
        if not found.move_to(states.SENDING, tries=F("tries") + 1):
            return None
        # read under the lock of the claim: afterwards others may have taken it for dead and done it
        mine: Notice = Notice.objects.select_related(*RELATED).get(pk=notice_pk)
        return mine


def _prepare(notice: Notice) -> Instead | tuple[letters.Letter, EmailMultiAlternatives]:
    """The words and the mail, checked as far as that goes without a server; or what to do instead."""
    if not truth.still_true(notice):
        return Instead.MOOT
    if truth.plan_is_paused(notice):
        return Instead.WITH_PLAN
    if truth.customer_is_paying(notice):
        return Instead.LATER
    notice.recipients = _recipients(notice)
    letter = letters.render(notice)
    headers = {"Message-ID": message_id(notice), "Auto-Submitted": "auto-generated"}
    message = EmailMultiAlternatives(letter.subject, letter.body, to=notice.recipients, headers=headers)
    if letter.html:
        message.attach_alternative(letter.html, "text/html")
    # an address or header that is none is found now, when certainly nothing has been sent
    message.message()
    return letter, message


def _recipients(notice: Notice) -> list[str]:
    """Staff as they were then; a customer by the address of now, which may have been corrected since."""
    meant = [notice.customer.email] if notice.template and notice.customer is not None else notice.recipients
    found = [one for one in meant if one.strip()]
    if meant and not found:
        raise NobodyToTell
    return found


def _hand_over(notice: Notice, message: EmailMultiAlternatives, line: Line | None) -> bool:
    with nullcontext(line) if line is not None else Line() as wire:
        answer = wire.send(message)
    if answer.verdict is Verdict.TAKEN:
        return True
    why = in_short(answer.error)
    # no OSError is no trouble of the network but a bug, of which somebody wants to see the place
    bug = None if answer.error is None or isinstance(answer.error, OSError) else answer.error
    logger.warning("notify %s notice=%s error=%s", answer.verdict, notice.pk, why, exc_info=bug)
    if answer.verdict is Verdict.UNKNOWN:
        _in_doubt(notice, why)
    else:
        for_good, away = answer.verdict is Verdict.REFUSED_FOR_GOOD, answer.verdict is Verdict.AWAY
        _not_sent(notice, why, for_good=for_good, away=away)
    return False


def _mark_sent(notice: Notice, letter: letters.Letter) -> None:
    words: dict[str, Any] = {
        "subject": letter.subject,
        "body": letter.body,
        "html": letter.html,
        "recipients": notice.recipients,
    }
    if notice.move_to(states.SENT, sent=timezone.now(), last_error="", **words):
        logger.info("notify sent notice=%s kind=%s", notice.pk, notice.kind)
    else:
        # slower than LEASE, so it was taken for dead: it may go out a second time
        logger.warning("notify sent too late notice=%s", notice.pk)


def _not_sent(notice: Notice, why: str, *, for_good: bool = False, away: bool = False) -> None:
    """Certainly not: again later, but not for ever."""
    values: dict[str, Any] = {
        "last_error": why,
        "send_after": _pause(notice, most=PAUSE_AWAY if away else LONGEST_PAUSE),
    }
    enough = notice.tries >= MOST_TRIES
    if away and enough and timezone.now() - notice.created < LONGEST_AWAY:
        # one try is always left for the day on which the server is back
        values["tries"], enough = notice.tries - 1, False
    _give_back(notice, states.GIVEN_UP if for_good or enough else states.WAITING, **values)


def _in_doubt(notice: Notice, why: str) -> None:
    """Perhaps: once more, because nobody should go without; but not a third time."""
    to = states.GIVEN_UP if notice.in_doubt else states.WAITING
    _give_back(notice, to, in_doubt=True, last_error=why, send_after=_pause(notice, least=PAUSE_IN_DOUBT))


def _give_back(notice: Notice, to: str, **values: Any) -> None:
    """Out of ``sending`` again, if it is still this process's turn: ``tries`` tells one turn from the next.

    Whoever was taken for dead and comes back must not undo what the next one is doing, or there would be a third mail.
    """
    with transaction.atomic():
        mine = Notice.objects.select_for_update().filter(pk=notice.pk, state=states.SENDING, tries=notice.tries)
        if mine.first() is None or not notice.move_to(to, **values):
            return
    if to == states.GIVEN_UP:
        logger.error("notify given up notice=%s kind=%s error=%s", notice.pk, notice.kind, notice.last_error)


def _pause(notice: Notice, *, least: timedelta = FIRST_PAUSE, most: timedelta = LONGEST_PAUSE) -> datetime:
    """When to try again: after a minute, then after twice as long each time."""
    pause: timedelta = FIRST_PAUSE * 2 ** max(0, notice.tries - 1)
    return timezone.now() + max(least, min(most, pause))


def _take_back() -> None:
    """From processes that died while sending: nobody knows whether the server has taken those mails."""
    past, last = timezone.now() - LEASE, 0
    lost = Notice.objects.filter(state=states.SENDING, updated__lt=past).order_by("pk")
    while pks := list(lost.filter(pk__gt=last).values_list("pk", flat=True)[:PAGE]):
        for pk in pks:
            with transaction.atomic():
                # looked at again under the lock: another process may have taken it back and be sending it
                notice = lost.select_for_update().filter(pk=pk).first()
                if notice is not None:
                    logger.warning("notify taken back from the dead notice=%s", pk)
                    _in_doubt(notice, "the process died")
        last = pks[-1]


def _due(kind: str, limit: int | None) -> Iterator[int]:
    """Keys of what is due at this moment, the oldest first, page by page: what fails meanwhile does not come again."""
    now, tried_so_far = timezone.now(), 0
    rows = Notice.objects.filter(state=states.WAITING, send_after__lte=now).order_by("send_after", "pk")
    rows = rows.filter(kind=kind) if kind else rows
    after = Q()
    while page := list(rows.filter(after).values_list("send_after", "pk")[:PAGE]):
        for _send_after, pk in page:
            if limit is not None and tried_so_far >= limit:
                return
            tried_so_far += 1
            yield pk
        last_time, last_pk = page[-1]
        after = Q(send_after__gt=last_time) | Q(send_after=last_time, pk__gt=last_pk)
