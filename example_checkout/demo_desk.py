"""The desk of the demonstration: what time, cron and a mail server do on a real site, at a click.

Only ``settings.demo`` has its addresses (``demo_urls``): it runs commands for whoever opens it.
"""

from datetime import date, timedelta
from io import StringIO
from typing import Any, Final

from django.conf import settings
from django.core.management import CommandError, call_command
from django.db.models import F
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseBase
from django.shortcuts import get_object_or_404, redirect
from django.utils import timezone
from django.views.generic import TemplateView, View

from checkout import states
from checkout.errors import CheckoutError
from checkout.models import ObjectPaymentPlan, ObjectPaymentPlanInstalment
from example_checkout import demo_mailbox
from example_checkout.demo_mailbox import Letter

# The button, the command, and what it is for.
COMMANDS: Final = {
    "run": ("Run the payments", "process_payments", "Charges whatever is due. Cron does it every day."),
    "ask": (
        "Mail whom the bank wants",
        "send_on_session_payment_emails",
        "One mail to each customer whose bank wants them. Every 20 minutes.",
    ),
    "mail": ("Send what waits", "send_notices", "Declines, last notices, cards that expire. Every 5 minutes."),
    "finish": (
        "Finish what browsers left",
        "stripe_intent_fulfillment",
        "Asks Stripe about everything that is open. Every quarter of an hour.",
    ),
    "cards": ("Look when cards expire", "refresh_card_expiry_dates", "Reads the dates from Stripe. Every day."),
    "books": ("Compare the books", "reconcile", "Our books, Stripe's, and what the plans promised. Every night."),
}
MOST: Final = 12
OUTPUT: Final = "desk_output"
# A mail has its styles inline. Its links leave the frame; nothing else of it runs or loads.
POLICY: Final = (
    "default-src 'none'; style-src 'unsafe-inline'; img-src data:; base-uri 'none'; form-action 'none'; "
    "frame-ancestors 'self'; sandbox allow-top-navigation-by-user-activation"
)


class DeskView(TemplateView):
    """What can be set going, the plans with their next payment, and the mail."""

    template_name = "example/desk.html"

    def get_context_data(self, **kwargs: Any) -> dict[str, Any]:
        """The newest of each."""
        return {
            **super().get_context_data(**kwargs),
            "commands": [(name, *about) for name, about in COMMANDS.items()],
            "plans": [(plan, next_part(plan)) for plan in _plans()],
            "letters": demo_mailbox.letters(settings.DEMO_MAIL)[:MOST],
            "output": self.request.session.pop(OUTPUT, ""),
        }

    def post(self, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponseBase:
        """Do one thing, and say what came of it."""
        if request.POST.get("command") in COMMANDS:
            said = run(COMMANDS[request.POST["command"]][1])
        elif request.POST.get("part", "").isdecimal():
            part = get_object_or_404(ObjectPaymentPlanInstalment.objects.with_plan(), pk=request.POST["part"])
            said = let_time_pass(part, today=timezone.localdate())
        else:
            raise Http404("No such button.")
        request.session[OUTPUT] = said
        return redirect("example.desk")


class LetterView(TemplateView):
    """One mail, as text and as HTML. Its links work: whoever reads it here is the customer."""

    template_name = "example/desk_letter.html"

    def get_context_data(self, **kwargs: Any) -> dict[str, Any]:
        """The mail of the address."""
        return {**super().get_context_data(**kwargs), "letter": _letter(self.kwargs["slug"])}


class LetterFrameView(View):
    """The HTML of a mail by itself, to be shown in a frame."""

    def get(self, request: HttpRequest, slug: str) -> HttpResponse:
        """As it was sent; its links open in the whole window."""
        page = _letter(slug).html.replace("<head>", '<head><base target="_top">', 1)
        answer = HttpResponse(page)
        answer.headers["Content-Security-Policy"] = POLICY
        answer.headers["X-Frame-Options"] = "SAMEORIGIN"
        return answer


def next_part(plan: ObjectPaymentPlan) -> ObjectPaymentPlanInstalment | None:
    """The part that comes next: the first that is not paid. None when all are."""
    found: ObjectPaymentPlanInstalment | None = plan.payments.exclude(state_id=states.SUCCESS).order_by("count").first()
    return found


def run(command: str) -> str:
    """What the command printed, in a terminal's words; also where it failed."""
    printed = StringIO()
    try:
        call_command(command, stdout=printed, stderr=printed)
    except (CommandError, CheckoutError) as error:
        printed.write(f"{error}\n")
    except SystemExit as end:
        printed.write(f"(exit code {end.code})\n")
    return f"$ manage.py {command}\n{printed.getvalue().strip() or '(nothing to say)'}"


def let_time_pass(part: ObjectPaymentPlanInstalment, *, today: date) -> str:
    """Let the day of ``part`` come: that on which it is due, or that of its next try."""
    days = (part.retry_due - today).days if part.retry_due else 0
    if part.state_id == states.FAIL and days > 0:
        # nothing is tried twice on a day, so what was tried today was tried some days ago
        part.attempts.update(created=F("created") - timedelta(days=days), asked=F("asked") - timedelta(days=days))
        ObjectPaymentPlanInstalment.objects.filter(pk=part.pk).update(retry_due=today)
        return f"{days} days have passed: the next try of {part} is due today."
    if part.state_id == states.PENDING and part.due > today:
        ObjectPaymentPlanInstalment.objects.filter(pk=part.pk, state_id=states.PENDING).update(due=today)
        return f"{part} is due today."
    return f"{part} needs no time to pass: it is due."


def _plans() -> list[ObjectPaymentPlan]:
    rows = ObjectPaymentPlan.objects.filter(deleted=False).select_related("customer")
    return list(rows.prefetch_related("content_object").order_by("-pk")[:MOST])


def _letter(slug: str) -> Letter:
    found = demo_mailbox.letter(settings.DEMO_MAIL, slug)
    if found is None:
        raise Http404("No such mail.")
    return found
