"""Every mail with invented data, for the staff's preview. Nothing here asks the database."""

from datetime import timedelta
from decimal import Decimal
from typing import Any

from dateutil.relativedelta import relativedelta
from django.utils import timezone
from django.utils.translation import gettext as _

from checkout.conf import settings
from checkout.declines import Step
from checkout.notify import letters


def preview(template: str, *, step: Step = Step.RETRY) -> letters.Letter:
    """The mail ``template`` (one of ``letters.TEMPLATES``), in the language of now, about a purchase that is made up.

    ``step``: what the bank's answer leads to, for ``payment_failed``. Raises ``KeyError`` for another name.
    """
    if template not in letters.TEMPLATES:
        raise KeyError(template)
    return letters.compose(template, _variables(template, step))


def _variables(template: str, step: Step) -> dict[str, Any]:
    today = timezone.localdate()
    base = settings.base_url or "https://www.example.com"
    common = {
        "seller": letters.seller() or "Example",
        "name": "Ada Example",
        "email": "ada@example.com",
        "contact": None,
        "card": {"brand": "visa", "last4": "4242", "expiry": today + relativedelta(day=31)},
        "card_expired": False,
        "card_url": f"{base}/example-card",
        "link_until": timezone.now() + settings.link_max_age,
        "step": str(step),
        "retry_due": today + timedelta(days=3) if step is Step.RETRY else None,
        "lines": [_("An example purchase")],
        "currency": settings.currency,
        "amount": Decimal("30.00"),
        "label": "",
        "due": None,
        "pay_url": f"{base}/example-link",
        "object_url": "",
    }
    if template == "card_expiring":
        return {**common, "amount": None, "pay_url": ""}
    if template == "authorise":
        return common
    part = {
        "label": _("Instalment %(number)s of %(total)s") % {"number": 2, "total": 6},
        "due": today,
        "object_url": f"{base}/example-plan",
        "parts": 7,
        "paid": 2,
    }
    return {**common, **part}
