"""The words with which a customer permits later charges: shown before the box is ticked, kept as they were shown."""

import re
from html import unescape
from typing import Any

from django.http import HttpRequest
from django.template.loader import render_to_string
from django.utils.html import strip_tags
from django.utils.translation import gettext as _

from checkout.conf import settings
from checkout.flows.sign_up import Offer

# Kept with each agreement. Change it whenever the words of checkout/_mandate.html change.
TEXT_VERSION = "2026-11"
TEMPLATE = "checkout/_mandate.html"

LINK = re.compile(r'<a\b[^>]*\bhref="([^"]*)"[^>]*>(.*?)</a>', re.DOTALL)


def words(offer: Offer) -> dict[str, Any]:
    """What the template of the mandate needs. Amounts in major units of ``currency``."""
    amounts = [amount for _due, amount in offer.instalments]
    return {
        "business": settings.caption or _("the seller"),
        "currency": offer.currency,
        "deposit": offer.deposit,
        "each": amounts[0],
        "last": amounts[-1],
        "equal": amounts[0] == amounts[-1],
        "count": len(amounts),
        "first_due": offer.instalments[0][0],
        "total": offer.total,
        "retry_days": sum(settings.retry_days),
        "terms_url": settings.terms_url,
    }


def text(request: HttpRequest, offer: Offer) -> str:
    """The words as plain text, a link as its words and its address."""
    return plain(render_to_string(TEMPLATE, {"mandate": words(offer)}, request=request))


def plain(html: str) -> str:
    """HTML as one line of text."""
    return " ".join(unescape(strip_tags(LINK.sub(r"\2 (\1)", html))).split())
