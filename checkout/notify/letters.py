"""The words of a mail: what the templates of ``checkout/mail/`` are given, and what they make of it."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from typing import Any, Final
from urllib.parse import urlsplit

from django.conf import settings as django_settings
from django.db.models import Count, Q
from django.template import Context
from django.template.backends.django import Template as DjangoTemplate
from django.template.loader import get_template
from django.urls import NoReverseMatch
from django.utils import timezone, translation
from django.utils.functional import SimpleLazyObject
from django.utils.safestring import SafeString
from django.utils.translation import gettext_lazy as _

from checkout import states
from checkout.conf import settings
from checkout.models import Checkout, Customer, Notice, ObjectPaymentPlanInstalment
from checkout.models.instalment import (
    MAIL_TEMPLATE_ON_SESSION_PAYMENT_ANON,
    MAIL_TEMPLATE_ON_SESSION_PAYMENT_AUTH,
)
from checkout.notify import links

# Each is three files in checkout/mail/: NAME.subject.txt, NAME.txt and NAME.html.
TEMPLATES: Final = {
    MAIL_TEMPLATE_ON_SESSION_PAYMENT_ANON: _("The bank wants the customer, who can also sign in to the site"),
    MAIL_TEMPLATE_ON_SESSION_PAYMENT_AUTH: _("The bank wants the customer, who pays by the link alone"),
    "payment_failed": _("A charge was declined: what happens next, or what to do"),
    "payment_last_notice": _("A charge was declined for the last time: it is not tried again by itself"),
    "card_wanted": _("Something is due, and the bank has refused the card on file for good"),
    "card_expiring": _("The card on file expires soon, or has expired"),
    "authorise": _("The bank wants the customer for an amount that staff charge"),
}
FOLDER: Final = "checkout/mail"
LONGEST_SUBJECT: Final = 200
# Invisible, and part of names in Persian and in the scripts of India, and of many emoji.
JOINERS: Final = "\u200c\u200d"


@dataclass(frozen=True)
class Letter:
    """What is sent. ``subject`` is one line; ``html`` is empty where there is only text."""

    subject: str
    body: str
    html: str = ""


def render(notice: Notice) -> Letter:
    """The words of ``notice``, in the language of the host's object (``checkout_language``) or the site's.

    ``notice`` comes with the rows that it points to. Raises what templates raise, ``ImproperlyConfigured`` without
    ``CHECKOUT_BASE_URL``, and ``NoReverseMatch`` where the site has no page to pay on.
    """
    if not notice.template:
        return Letter(notice.subject, notice.body)
    about = _host_object(notice)
    with translation.override(str(getattr(about, "checkout_language", None) or django_settings.LANGUAGE_CODE)):
        return compose(notice.template, context(notice, about))


def compose(template: str, variables: Mapping[str, Any]) -> Letter:
    """Make the three texts of ``template`` in the language of now. Text is not escaped for HTML, and HTML is."""
    subject = one_line(_rendered(f"{FOLDER}/{template}.subject.txt", variables, escape=False))[:LONGEST_SUBJECT]
    variables = {**variables, "subject": subject, "language": translation.get_language()}
    body = _rendered(f"{FOLDER}/{template}.txt", variables, escape=False)
    html = _rendered(f"{FOLDER}/{template}.html", variables, escape=True)
    return Letter(subject, re.sub(r"\n{3,}", "\n\n", body).strip() + "\n", html.strip() + "\n")


def context(notice: Notice, about: Any) -> dict[str, Any]:
    """Every variable of the templates; docs/mail.rst describes each. ``about``: the host's object, or None."""
    customer = notice.customer
    variables = {
        **_general(customer, notice.recipients[0] if notice.recipients else ""),
        "step": str(notice.facts.get("step", "")),
        "retry_due": _day(notice.facts.get("retry_due")),
        "contact": SimpleLazyObject(lambda: getattr(about, "checkout_contact", None) or customer),
    }
    if notice.instalment is not None:
        return {**variables, **_of_part(notice.instalment)}
    if notice.checkout is not None:
        return {**variables, **_of_checkout(notice.checkout)}
    return {**variables, **_of_customer(about)}


def one_line(text: object) -> str:
    """``text`` without line breaks and control characters, which would forge headers, or paragraphs in a name.

    Without those that turn the direction of what follows, too; but names and emoji are joined as they were.
    """
    return " ".join(
        "".join(letter if letter.isprintable() or letter in JOINERS else " " for letter in str(text)).split()
    )


def seller() -> str:
    """Whom the mail comes from: ``STRIPE_CAPTION``, else the host of ``CHECKOUT_BASE_URL``."""
    return settings.caption or urlsplit(settings.base_url).hostname or ""


def _rendered(name: str, variables: Mapping[str, Any], *, escape: bool) -> str:
    template = get_template(name)
    if isinstance(template, DjangoTemplate):
        # not template.render(): that would escape text for HTML, also in a template that a host has replaced
        text: SafeString = template.template.render(Context(dict(variables), autoescape=escape))
        return str(text)
    return str(template.render(dict(variables)))


def _host_object(notice: Notice) -> Any:
    """What is bought: it knows the customer's language. None where it was deleted."""
    if notice.instalment is not None:
        return notice.instalment.object_payment_plan.content_object
    if notice.checkout is not None:
        return notice.checkout.content_object
    plan = notice.customer.payment_plans.filter(deleted=False).order_by("-pk").first() if notice.customer else None
    return plan.content_object if plan is not None else None


def _general(customer: Customer | None, email: str) -> dict[str, Any]:
    card, expiry = None, None
    if customer is not None and customer.payment_method_id:
        expiry = customer.expiry_date
        card = {"brand": one_line(customer.brand), "last4": customer.last4, "expiry": expiry}
    return {
        "seller": one_line(seller()),
        "name": one_line(customer.name) if customer is not None else "",
        "email": email,
        "card": card,
        "card_expired": expiry is not None and expiry < timezone.localdate(),
        "card_url": _card_url(),
        "link_until": timezone.now() + settings.link_max_age,
    }


def _card_url() -> str:
    try:
        return links.card_url()
    except NoReverseMatch:
        # a site without such a page: the template says to write to the seller
        return ""


def _of_part(part: ObjectPaymentPlanInstalment) -> dict[str, Any]:
    plan = part.object_payment_plan
    counts = plan.payments.aggregate(parts=Count("pk"), paid=Count("pk", filter=Q(state_id=states.SUCCESS)))
    path = part.get_absolute_url()
    return {
        "amount": part.amount,
        "currency": part.currency,
        "label": part.label,
        "lines": [one_line(line) for line in plan.lines],
        "due": part.due,
        "pay_url": links.pay_url(part),
        "object_url": path if not path or urlsplit(path).scheme else links.absolute(path),
        # the others are written when the deposit has been paid
        "parts": max(counts["parts"], plan.payment_plan.count + 1),
        "paid": counts["paid"],
    }


def _of_checkout(checkout: Checkout) -> dict[str, Any]:
    target = checkout.content_object
    return {
        "amount": checkout.total,
        "currency": checkout.currency,
        "label": "",
        "lines": [one_line(line) for line in checkout.lines],
        "due": None,
        "pay_url": links.pay_url(target) if target is not None else "",
        "object_url": "",
    }


def _of_customer(about: Any) -> dict[str, Any]:
    lines = getattr(about, "checkout_description", None) or []
    nothing = {"amount": None, "currency": "", "label": "", "due": None, "pay_url": "", "object_url": ""}
    return {**nothing, "lines": [one_line(line) for line in lines]}


def _day(text: str | None) -> date | None:
    return date.fromisoformat(text) if text else None
