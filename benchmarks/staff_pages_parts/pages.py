"""Every page of the staff that lists or sums up, with each filter and search; and the customer's page of a plan."""

from __future__ import annotations

import json
import sys
from functools import partial
from typing import Any
from urllib.parse import urlencode

import django

# What is looked for: one of a kind, nearly everything, and what is not there.
ONE, MANY, NONE = "471@example.com", "Course", "nowhere-to-be-found"
STATES = ("pending", "request", "success", "fail", "pay_on_session")
# Each list by its name: its filters, with values to try.
LISTS: dict[str, dict[str, tuple[str, ...]]] = {
    "checkout.list": {
        "state": STATES,
        "action": ("charge", "payment", "payment_plan"),
        "q": ("Course 42, 1 place", MANY, NONE, "pi_one_77"),
    },
    "checkout.list.audit": {"what": ("aside", "unknown"), "q": (NONE,)},
    "checkout.card.refresh.list": {"plans": ("outstanding",), "q": (ONE,)},
    "checkout.object.payment.plan.list": {
        "state": ("attention", "going_on", "paid", "stopped", "paused", "decided"),
        "q": (ONE, MANY, NONE),
    },
    "checkout.object.payment.plan.card.expiry.list": {"q": (ONE, NONE)},
    "checkout.object.payment.plan.instalment.list": {
        "state": ("waiting", "failed", "retried", "card", "unknown", "overdue", "pending", "success"),
        "q": (ONE, MANY, NONE),
    },
    "checkout.customer.list": {"card": ("good", "expiring", "refused", "legacy", "none"), "q": (ONE, NONE)},
    "checkout.customer.payment.list": {"state": ("pay_on_session", "fail"), "q": (ONE, NONE)},
    "checkout.refund.list": {"state": ("success", "fail", "trouble", "unknown"), "q": ("re_77", NONE)},
    "checkout.dispute.list": {"state": ("open", "answer"), "q": (NONE,)},
    "checkout.notice.list": {
        "state": ("trouble", "waiting", "sent", "moot", "given_up"),
        "kind": ("card_expiring", "authorise"),
        "q": (ONE, MANY, NONE),
    },
    "checkout.event.list": {"state": ("trouble", "done", "given_up"), "type": ("refund",), "q": ("evt_77", NONE)},
    "checkout.staff.action.list": {"verb": ("mark_paid", "refund"), "q": ("staff", NONE)},
    "checkout.payment.plan.list": {},
    "checkout.payment.run.list": {},
    "checkout.reconciliation.list": {},
    "checkout.work": {},
}
DAYS = ("checkout.list", "checkout.notice.list", "checkout.event.list", "checkout.object.payment.plan.instalment.list")


def addresses() -> list[tuple[str, str]]:
    """(what it is called, its address) for each thing to open."""
    from django.urls import reverse
    from django.utils import timezone

    from checkout.models import Checkout, CustomerPayment, ObjectPaymentPlan, PaymentRun

    found = []
    for name, filters in LISTS.items():
        short, path = name.removeprefix("checkout.").replace("object.payment.plan", "plan"), reverse(name)
        queries: list[dict[str, Any]] = [{}]
        queries += [{key: value} for key, values in filters.items() for value in values]
        if name in DAYS:
            queries += [{"page": "last"}, {"from": timezone.localdate(), "to": timezone.localdate()}]
        for query in queries:
            words = " ".join(f"{key}={value}" for key, value in query.items())
            found.append((f"{short} {words}".strip(), f"{path}?{urlencode(query)}"))
    run, plan = PaymentRun.objects.get(pk=1), ObjectPaymentPlan.objects.get(pk=471)
    part = plan.payments.get(count=2)
    for name, pk in (
        ("checkout.payment.run", run.pk),
        ("checkout.object.payment.plan", plan.pk),
        ("checkout.object.payment.plan.instalment", part.pk),
        ("checkout.customer", plan.customer_id),
        ("checkout.customer.payment", CustomerPayment.objects.order_by("pk").values_list("pk", flat=True)[0]),
        ("checkout.checkout", Checkout.objects.order_by("pk").values_list("pk", flat=True)[0]),
        ("checkout.reconciliation", 1),
    ):
        found.append((f"{name.removeprefix('checkout.')} (one)", reverse(name, args=[pk])))
    found.append(("the customer's page of a plan", reverse("example.plan", args=["B471"])))
    return found


def main(only: str) -> None:
    """Open each, and print what it asked of the database as JSON."""
    django.setup()
    from django.contrib.auth import get_user_model
    from django.test import Client

    from staff_pages_parts.watching import measured

    client = Client()
    client.force_login(get_user_model().objects.get(pk=1))

    def opened(address: str) -> None:
        answer = client.get(address, secure=True)
        if answer.status_code != 200:
            raise SystemExit(f"{address}: {answer.status_code}")

    found = [measured(name, partial(opened, address)) for name, address in addresses() if only in name]
    print(json.dumps(found))


if __name__ == "__main__":
    main(sys.argv[1] if len(sys.argv) > 1 else "")
