"""Mail: what was sent to whom, in the words as they were sent, and what each mail looks like. Reading only."""

import re
from typing import Any, ClassVar, Final

from django.db.models import Q, QuerySet, TextField
from django.db.models.functions import Cast
from django.http import Http404, HttpRequest, HttpResponse
from django.urls import reverse
from django.utils import timezone
from django.utils.translation import gettext_lazy as _
from django.views.generic import DetailView, TemplateView, View
from django.views.generic.detail import SingleObjectMixin

from checkout.declines import Step
from checkout.models import Notice
from checkout.notify import letters, samples
from checkout.templatetags.checkout_staff import KINDS, NOTICES, notice_kind, notice_state
from checkout.views.staff import queue
from checkout.views.staff.base import FilteredListView, StaffMixin, day_filter
from checkout.views.staff.export import Column

TROUBLE: Final = "trouble"
# A mail has its styles inline, as mail programs want it; nothing of it may run, load, send or reach our pages.
POLICY: Final = (
    "default-src 'none'; style-src 'unsafe-inline'; img-src data:; base-uri 'none'; form-action 'none'; "
    "frame-ancestors 'self'; sandbox"
)
# Whoever follows a customer's link pays in the customer's name: on the staff's pages it leads nowhere.
LINKS: Final = re.compile(r"\shref\s*=\s*(\"[^\"]*\"|'[^']*'|[^\s>]+)", re.IGNORECASE)


class NoticeListView(FilteredListView):
    """Every mail, newest first."""

    template_name = "checkout/staff/notice_list.html"
    section = "mail"
    filters = ("state", "kind", "from", "to", "q")
    file_name = "mail"
    columns: ClassVar[tuple[Column, ...]] = (
        (_("Written"), lambda row: row.created),
        (_("Says"), notice_kind),
        (_("Recipient"), lambda row: ", ".join(map(str, row.recipients))),
        (_("Customer"), lambda row: row.customer.name if row.customer else ""),
        (_("Subject"), lambda row: row.subject),
        (_("State"), notice_state),
        (_("Sent"), lambda row: row.sent),
        (_("Tries"), lambda row: row.tries),
        (_("May be two of it"), lambda row: row.in_doubt),
        (_("Last error"), lambda row: row.last_error),
    )

    def rows(self) -> "QuerySet[Notice]":
        """Without the words, which only the page of one shows."""
        return Notice.objects.select_related("customer").defer("body", "html", "facts").order_by("-pk")

    def narrow(self, rows: "QuerySet[Notice]", chosen: dict[str, str]) -> "QuerySet[Notice]":
        """By state (or trouble), kind, days, and words of the subject or of whom it went to."""
        rows = day_filter(rows, chosen)
        if chosen.get("state") == TROUBLE:
            rows = rows.filter(queue.mail_in_trouble(timezone.now()))
        elif "state" in chosen:
            rows = rows.filter(state=chosen["state"])
        if "kind" in chosen:
            rows = rows.filter(kind=chosen["kind"])
        if "q" in chosen:
            text = chosen["q"]
            rows = rows.annotate(addresses=Cast("recipients", TextField()))
            words = Q(subject__icontains=text) | Q(customer__name__icontains=text) | Q(addresses__icontains=text)
            rows = rows.filter(words)
        return rows

    def get_context_data(self, **kwargs: Any) -> dict[str, Any]:
        """With what there is to choose from."""
        states = {TROUBLE: _("In trouble"), **NOTICES}
        words = {"heading": _("Mail"), "tab": "notices", "states": states, "kinds": KINDS}
        return super().get_context_data(**words, **kwargs)


class NoticeView(StaffMixin, DetailView):  # type: ignore[type-arg]
    """One mail, in the words as they were sent."""

    template_name = "checkout/staff/notice.html"
    section = "mail"
    context_object_name = "notice"

    def get_queryset(self) -> "QuerySet[Notice]":
        """With whom it is for."""
        return Notice.objects.select_related("customer")


class FrameView(StaffMixin, View):
    """The HTML of a mail by itself, to be shown in a frame: nothing in it runs, loads or leads anywhere."""

    def html(self) -> str:
        """What was sent. Raises ``Http404`` where there is none."""
        raise NotImplementedError

    def get(self, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:
        """The page, with a policy of its own."""
        text = self.html()
        if not text:
            raise Http404
        answer = HttpResponse(LINKS.sub("", text), content_type="text/html; charset=utf-8")
        answer.headers["Content-Security-Policy"] = POLICY
        answer.headers["X-Frame-Options"] = "SAMEORIGIN"
        answer.headers["X-Content-Type-Options"] = "nosniff"
        answer.headers["Referrer-Policy"] = "no-referrer"
        return answer


class NoticeFrameView(SingleObjectMixin, FrameView):  # type: ignore[type-arg]
    """Of a mail that was sent."""

    model = Notice

    def html(self) -> str:
        """As it was sent."""
        return str(self.get_object().html)


class PreviewMixin(StaffMixin):
    """A template with invented data: ``template`` in the address, ``step`` as a question."""

    kwargs: dict[str, Any]

    @property
    def template(self) -> str:
        """One of ``letters.TEMPLATES``; ``Http404`` for another."""
        name = str(self.kwargs["template"])
        if name not in letters.TEMPLATES:
            raise Http404
        return name

    @property
    def step(self) -> Step:
        """What the bank's answer leads to; the first one where the address says nothing of the kind."""
        asked = self.request.GET.get("step", "")
        return Step(asked) if asked in STEPS else Step.RETRY

    def letter(self) -> letters.Letter:
        """The mail in the language of the page."""
        return samples.preview(self.template, step=self.step)


# What a declined charge can lead to, as the staff choose between them; the last notice is a template of its own.
STEPS: Final = {
    Step.RETRY: _("It is tried again"),
    Step.ANOTHER_CARD: _("Another card is needed"),
    Step.CHECK_CARD: _("The card should be checked"),
    Step.ASK_BANK: _("The bank should be asked"),
    Step.STOP: _("The card is refused for good"),
}
STEPS_OF: Final = frozenset({"payment_failed", "payment_last_notice"})


class MailPreviewListView(StaffMixin, TemplateView):
    """Every template, and when it is sent."""

    template_name = "checkout/staff/preview_list.html"
    section = "mail"

    def get_context_data(self, **kwargs: Any) -> dict[str, Any]:
        """In the order in which they are written down."""
        return super().get_context_data(templates=letters.TEMPLATES, tab="previews", **kwargs)


class MailPreviewView(PreviewMixin, TemplateView):
    """One template with invented data, as text and as HTML."""

    template_name = "checkout/staff/preview.html"
    section = "mail"

    def get_context_data(self, **kwargs: Any) -> dict[str, Any]:
        """With the words, and the other answers of the bank."""
        steps, letter = (STEPS if self.template in STEPS_OF else {}), self.letter()
        frame = reverse(
            "checkout.mail.preview.html", args=[self.template], query={"step": self.step} if steps else None
        )
        return super().get_context_data(
            name=self.template,
            when=letters.TEMPLATES[self.template],
            letter=letter,
            html_url=frame if letter.html else "",
            steps=steps,
            step=str(self.step),
            **kwargs,
        )


class MailPreviewFrameView(PreviewMixin, FrameView):
    """Its HTML."""

    def html(self) -> str:
        """With invented data."""
        return self.letter().html
