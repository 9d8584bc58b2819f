"""Sentences that are stored in English, in the words of whoever reads them now.

What is stored is evidence, and stays as it was written; each pattern is the form of one of those sentences. What has no
pattern here (one of a version to come, say) is shown as it is.
"""

import re
from typing import Any, Final

from django.utils.translation import gettext, ngettext
from django.utils.translation import gettext_lazy as _

from checkout import states
from checkout.models import Difference

NOBODY: Final = "none"
ASIDE: Final = "put aside: "
DISPUTED: Final = "disputed"

Forms = tuple[tuple[re.Pattern[str], Any], ...]


def _forms(*pairs: tuple[str, Any]) -> Forms:
    return tuple((re.compile(pattern), said) for pattern, said in pairs)


# Why a payment was put aside: ``settle``, ``audit``, ``refund``. Joined by semicolons.
REASONS: Final = _forms(
    (r"intent (?P<id>\S+) is not (?P<ours>\S*)", _("intent %(id)s is not %(ours)s")),
    (r"intent names checkout (?P<uuid>.*)", _("intent names checkout %(uuid)s")),
    (r"a card was saved without consent to the plan", _("a card was saved without consent to the plan")),
    (r"paid in (?P<came>\w+), asked in (?P<asked>\w+)", _("paid in %(came)s, asked in %(asked)s")),
    (r"paid (?P<came>[\d.]+), asked (?P<asked>\S+)", _("paid %(came)s, asked %(asked)s")),
    (r"of customer (?P<came>\S+), expected (?P<asked>\S+)", _("of customer %(came)s, expected %(asked)s")),
    (r"paid again: checkout (?P<pk>\d+) paid for it", _("paid again: checkout %(pk)s paid for it")),
    (
        r"failed here, but Stripe says that it was paid",
        _("failed here, but Stripe says that it was paid"),
    ),
    (
        r"it was given back, and the refund failed afterwards",
        _("it was given back, and the refund failed afterwards"),
    ),
)
# What came of an event: ``hints``, ``expiry``, ``inbox``.
OUTCOMES: Final = _forms(
    (r"settled as (?P<state>\w+)", _("settled: %(state)s")),
    (r"was settled already", _("was settled already")),
    (r"nothing is decided yet", _("nothing is decided yet")),
    (r"refund (?P<refund>\w+)", _("refund: %(refund)s")),
    # how a dispute stands is a word of Stripe's
    (r"dispute (?P<word>\w+)", _("dispute: %(word)s")),
    (r"card changed", _("card changed")),
    (r"card as it was", _("card as it was")),
    (r"card taken off file", _("card taken off file")),
    (r"customer forgotten, card taken off file", _("customer forgotten, card taken off file")),
    (r"none of ours, or nothing to do", _("none of ours, or nothing to do")),
)
REFUNDS_KEPT: Final = re.compile(r"(\d+) refunds kept")
PART: Final = re.compile(r"part (\d+)")


def aside_in_words(quarantine: str) -> str:
    """Why a payment was put aside."""
    return "; ".join(_said(part, REASONS) for part in quarantine.split("; "))


def outcome_in_words(outcome: str) -> str:
    """What came of an event."""
    if outcome.startswith(ASIDE):
        return gettext("put aside: %(reason)s") % {"reason": aside_in_words(outcome.removeprefix(ASIDE))}
    if found := REFUNDS_KEPT.fullmatch(outcome):
        count = int(found[1])
        return ngettext("%(count)s refund kept", "%(count)s refunds kept", count) % {"count": count}
    return _said(outcome, OUTCOMES)


def side_in_words(difference: Difference, side: str) -> str:
    """What one side of a difference says, ``ours`` or ``theirs``: our states in words; the rest are figures and ids."""
    text = str(getattr(difference, side))
    if side == "theirs":
        return gettext("disputed") if text == DISPUTED else text
    first, _space, rest = text.partition(" ")
    kind = "refund" if difference.kind == Difference.REFUND_STATE else "state"
    return " ".join(filter(None, (_value(kind, first), rest)))


def detail_in_words(difference: Difference) -> str:
    """Which part of a plan, or why the payment was put aside."""
    if found := PART.fullmatch(difference.detail):
        return gettext("part %(number)s") % {"number": found[1]}
    return aside_in_words(difference.detail)


def _said(text: str, forms: Forms) -> str:
    for pattern, said in forms:
        if found := pattern.fullmatch(text):
            return str(said) % {name: _value(name, value) for name, value in found.groupdict().items()}
    return text


def _value(name: str, value: str) -> str:
    words = {"state": states.STATES, "refund": states.REFUND_STATES}.get(name, {})
    if value in words:
        return gettext(words[value])
    return gettext("nobody") if value == NOBODY else value
