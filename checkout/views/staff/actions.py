"""What staff may do by hand: a page that says what will happen, and a button that does it once, and is recorded.

The button carries a fingerprint of what the page showed. A double click, the back button, or a change by somebody else
in between makes it another one: then nothing is done, and the next page says how things stand.
"""

from typing import Any

from django.contrib import messages
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.urls import reverse
from django.utils.crypto import constant_time_compare, salted_hmac
from django.utils.translation import gettext as _
from django.views.generic import DetailView

from checkout import states
from checkout.errors import CheckoutError
from checkout.flows import ask_again, by_hand
from checkout.flows import plan as plan_flow
from checkout.models import Notice, ObjectPaymentPlan, ObjectPaymentPlanInstalment
from checkout.views.staff import outcomes, statement
from checkout.views.staff.base import ASK_AGAIN, CHARGE, MARK_PAID, STOP_PLAN, OutsideTransactionMixin, PermittedMixin

# ``?from=work`` in the address: who comes from the work queue goes back there.
FROM_WORK = "work"


class ActionView(OutsideTransactionMixin, PermittedMixin, DetailView):  # type: ignore[type-arg]
    """GET shows what will happen, POST does it if it is still what was shown; then the page that it came from."""

    section = "plans"
    object: Any

    def why_not(self) -> str:
        """Why it cannot be done now; empty if it can."""
        raise NotImplementedError

    def shown(self) -> list[Any]:
        """What the page is about: anything that would make it another decision."""
        raise NotImplementedError

    def act(self) -> outcomes.Said:
        """Do it. May raise ``CheckoutError``."""
        raise NotImplementedError

    def stands(self) -> str:
        """How things stand now, in a sentence."""
        raise NotImplementedError

    def get_context_data(self, **kwargs: Any) -> dict[str, Any]:
        """With the fingerprint, and why there is no button."""
        return super().get_context_data(seen=self.seen(), why_not=self.why_not(), back=self.back(), **kwargs)

    def seen(self) -> str:
        """The fingerprint of what the page shows."""
        return salted_hmac(type(self).__name__, repr(self.shown()), algorithm="sha256").hexdigest()[:20]

    def post(self, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:
        """Once."""
        self.object = self.get_object()
        if not constant_time_compare(request.POST.get("seen", ""), self.seen()):
            self.say(messages.WARNING, _("Nothing has been done: something has changed since the page was opened."))
            return self.leave()
        try:
            level, sentence = self.act()
        except CheckoutError as error:
            level, sentence = outcomes.of_error(error)
        self.say(level, sentence)
        if level != messages.SUCCESS:
            self.object = self.get_object()
            return self.leave()
        return redirect(self.back())

    def leave(self) -> HttpResponse:
        """Back, with how things stand."""
        self.say(messages.INFO, self.stands())
        return redirect(self.back())

    def back(self) -> str:
        """The page that comes next."""
        return reverse("checkout.work") if self.request.GET.get("from") == FROM_WORK else self.home()

    def home(self) -> str:
        """The page of what it is about."""
        raise NotImplementedError


class InstalmentActionView(ActionView):
    """Something to be done with one part."""

    context_object_name = "part"
    object: ObjectPaymentPlanInstalment

    def get_queryset(self) -> "QuerySet[ObjectPaymentPlanInstalment]":
        """With plan, customer and state."""
        rows: QuerySet[ObjectPaymentPlanInstalment] = ObjectPaymentPlanInstalment.objects.with_plan()
        return rows

    @property
    def plan(self) -> ObjectPaymentPlan:
        """The part's own."""
        return self.object.object_payment_plan

    def home(self) -> str:
        """The plan's."""
        return self.plan.get_absolute_url()

    def get_context_data(self, **kwargs: Any) -> dict[str, Any]:
        """With the plan."""
        return super().get_context_data(plan=self.plan, **kwargs)

    def shown(self) -> list[Any]:
        """The part, its last attempt, and the card."""
        part = self.object
        last = part.attempts.values_list("pk", flat=True).first()
        return [part.pk, part.state_id, part.amount, part.due, part.retry_due, last, part.customer.payment_method_id]

    def stands(self) -> str:
        """The part's state."""
        return outcomes.now(self.object)


class ObjectPaymentPlanInstalmentChargeView(InstalmentActionView):
    """Charge the saved card now."""

    template_name = "checkout/staff/instalment_charge.html"
    permission_required = CHARGE

    def why_not(self) -> str:
        """The state, the date, the card."""
        return outcomes.why_no_charge(self.object)

    def act(self) -> outcomes.Said:
        """Claim, ask, conclude."""
        return outcomes.of_charge(by_hand.charge(self.object, user=self.request.user))


class ObjectPaymentPlanInstalmentPaidView(InstalmentActionView):
    """Record that the money has come in another way."""

    template_name = "checkout/staff/instalment_paid.html"
    permission_required = MARK_PAID

    def why_not(self) -> str:
        """The state alone."""
        return outcomes.why_not_by_hand(self.object)

    def act(self) -> outcomes.Said:
        """What the customer could still pay is closed at Stripe first."""
        plan_flow.mark_paid(self.object, user=self.request.user)
        said = _("%(part)s is marked as paid. No card has been charged.")
        return messages.SUCCESS, said % {"part": self.object.label}


class ObjectPaymentPlanInstalmentAskView(InstalmentActionView):
    """Mail the customer a new link: to whom the bank wants by the site's own mail task, at its next run."""

    template_name = "checkout/staff/instalment_ask.html"
    permission_required = ASK_AGAIN

    def get_context_data(self, **kwargs: Any) -> dict[str, Any]:
        """With the last mail that asked."""
        return super().get_context_data(asked=self._mails().order_by("-pk").first(), **kwargs)

    def _mails(self) -> "QuerySet[Notice]":
        wanted = self.object.state_id == states.PAY_ON_SESSION
        kind = Notice.ON_SESSION_PAYMENT if wanted else Notice.PAYMENT_FAILED
        return Notice.objects.filter(kind=kind, instalment=self.object)

    def why_not(self) -> str:
        """It waits for its customer, who has been asked and got the mail."""
        unsent = self._mails().filter(state__in=ask_again.WAYS).exists()
        unasked = self.object.state_id == states.PAY_ON_SESSION and self.object.customer_asked is None
        return outcomes.why_not_ask(self.object, waits=unasked or unsent)

    def shown(self) -> list[Any]:
        """And when the customer was asked."""
        last = self._mails().order_by("-pk").values_list("pk", flat=True).first()
        return [*super().shown(), self.object.customer_asked, last]

    def act(self) -> outcomes.Said:
        """Once for each time that the customer was asked."""
        ask_again.for_instalment(self.object, user=self.request.user)
        said = _("%(email)s will be mailed a new link with the next mail.")
        return messages.SUCCESS, said % {"email": self.object.payer.email}


class ObjectPaymentPlanDeleteView(ActionView):
    """Stop a plan."""

    template_name = "checkout/staff/plan_delete.html"
    context_object_name = "plan"
    permission_required = STOP_PLAN
    object: ObjectPaymentPlan

    def get_queryset(self) -> "QuerySet[ObjectPaymentPlan]":
        """With the customer."""
        return ObjectPaymentPlan.objects.select_related("customer", "payment_plan", "agreement")

    def home(self) -> str:
        """Its own page."""
        return self.object.get_absolute_url()

    def get_context_data(self, **kwargs: Any) -> dict[str, Any]:
        """With what has been paid and what will not be charged."""
        read = statement.read(self.object)
        return super().get_context_data(statement=read, open_attempts=read.open_attempts, **kwargs)

    def why_not(self) -> str:
        """There is nothing to stop. A stopped plan may have attempts left that could not be closed."""
        read = statement.read(self.object)
        if self.object.deleted:
            return "" if read.open_attempts else _("The plan has been stopped already.")
        if any(line.part.state_id == states.REQUEST for line in read.lines):
            return _("A charge of this plan is in progress, or its outcome is not known yet. Wait until it is.")
        return _("The plan is paid in full: there is nothing to stop.") if read.left == 0 else ""

    def shown(self) -> list[Any]:
        """The plan, its parts, and its last attempt."""
        read = statement.read(self.object)
        parts = [(line.part.pk, line.part.state_id) for line in read.lines]
        return [self.object.pk, self.object.deleted, parts, [attempt.checkout.pk for attempt in read.attempts[:1]]]

    def act(self) -> outcomes.Said:
        """Refused where there is nothing to stop; else the flow, which looks again with the rows locked."""
        if reason := self.why_not():
            return messages.WARNING, reason
        plan_flow.delete(self.object, user=self.request.user)
        return messages.SUCCESS, _("The plan has been stopped. Nothing further will be charged.")

    def stands(self) -> str:
        """Also after an error half-way: the plan is stopped first, then what its customer could still pay is closed."""
        if not self.object.deleted:
            return _("The plan goes on.")
        if statement.read(self.object).open_attempts:
            return _("The plan has been stopped, but a payment that its customer can still make is open.")
        return _("The plan has been stopped. Nothing further will be charged.")
