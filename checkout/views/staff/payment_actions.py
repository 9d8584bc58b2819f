"""What staff may do with an amount of theirs, and with a mail that was given up. See ``actions`` for how."""

from typing import Any

from django.contrib import messages
from django.db.models import QuerySet
from django.urls import reverse
from django.utils.translation import gettext as _

from checkout import states
from checkout.flows import ask_again, by_hand
from checkout.flows import plan as plan_flow
from checkout.models import CustomerPayment, Notice
from checkout.templatetags.checkout_staff import notice_state, page_of
from checkout.views.staff import outcomes
from checkout.views.staff.actions import ActionView
from checkout.views.staff.base import ASK_AGAIN, CHARGE, MARK_PAID, SEND_AGAIN


class PaymentActionView(ActionView):
    """Something to be done with an amount of staff."""

    section = "customers"
    context_object_name = "payment"
    object: CustomerPayment

    def get_queryset(self) -> "QuerySet[CustomerPayment]":
        """With customer and state."""
        return CustomerPayment.objects.select_related("customer", "state", "user")

    def home(self) -> str:
        """Its own page."""
        return page_of(self.object)

    def shown(self) -> list[Any]:
        """The amount, where it stands, and its last attempt."""
        payment = self.object
        last = payment.attempts.values_list("pk", flat=True).first()
        return [payment.pk, payment.state_id, payment.amount, last]

    def stands(self) -> str:
        """Its state."""
        return outcomes.payment_now(self.object)


class CustomerPaymentChargeView(PaymentActionView):
    """Charge what was written down and not tried, because Stripe refused the request or a process died."""

    template_name = "checkout/staff/payment_charge.html"
    permission_required = CHARGE

    def why_not(self) -> str:
        """It has been tried, or there is no card."""
        if not self.object.checkout_can_charge:
            return _("It has been tried already.")
        return "" if self.object.customer.checkout_can_charge else _("There is no card that may be charged.")

    def act(self) -> outcomes.Said:
        """Claim, ask, conclude."""
        return outcomes.of_charge(by_hand.charge(self.object, user=self.request.user))


class CustomerPaymentPaidView(PaymentActionView):
    """Record that the money has come in another way."""

    template_name = "checkout/staff/payment_paid.html"
    permission_required = MARK_PAID

    def why_not(self) -> str:
        """The state alone."""
        return outcomes.why_not_by_hand(self.object)

    def act(self) -> outcomes.Said:
        """What the customer could still pay is closed at Stripe first."""
        plan_flow.mark_paid(self.object, user=self.request.user)
        said = _("“%(payment)s” is marked as paid. No card has been charged.")
        return messages.SUCCESS, said % {"payment": self.object.description}


class CustomerPaymentAskView(PaymentActionView):
    """Mail the customer, whose bank wants them, a new link."""

    template_name = "checkout/staff/payment_ask.html"
    permission_required = ASK_AGAIN

    def get_context_data(self, **kwargs: Any) -> dict[str, Any]:
        """With the last mail that asked."""
        return super().get_context_data(asked=self._mails().first(), **kwargs)

    def _mails(self) -> "QuerySet[Notice]":
        attempts = self.object.attempts.order_by().values("pk")
        return Notice.objects.filter(kind=Notice.AUTHORISE, checkout__in=attempts).order_by("-pk")

    def why_not(self) -> str:
        """It waits for its customer, and no mail is on its way."""
        return outcomes.why_not_ask(self.object, waits=self._mails().filter(state__in=ask_again.WAYS).exists())

    def shown(self) -> list[Any]:
        """And the last mail."""
        return [*super().shown(), self._mails().values_list("pk", flat=True).first()]

    def act(self) -> outcomes.Said:
        """A notice of its own, which goes out with the next mail."""
        ask_again.for_payment(self.object, user=self.request.user)
        said = _("A mail with a new link goes to %(email)s within minutes.")
        return messages.SUCCESS, said % {"email": self.object.customer.email}


class NoticeAgainView(ActionView):
    """Send a mail after all that was given up."""

    template_name = "checkout/staff/notice_again.html"
    section = "mail"
    context_object_name = "notice"
    permission_required = SEND_AGAIN
    object: Notice

    def get_queryset(self) -> "QuerySet[Notice]":
        """With whom it is for."""
        return Notice.objects.select_related("customer")

    def home(self) -> str:
        """Its own page."""
        return reverse("checkout.notice", args=[self.object.pk])

    def why_not(self) -> str:
        """Only what was given up: everything else is sent, or will be, by itself."""
        given_up = self.object.state == states.GIVEN_UP
        return "" if given_up else _("It was not given up: %(state)s.") % {"state": notice_state(self.object)}

    def shown(self) -> list[Any]:
        """The mail, and how far it is."""
        return [self.object.pk, self.object.state, self.object.tries]

    def act(self) -> outcomes.Said:
        """Back in line, with all its tries."""
        ask_again.send_again(self.object, user=self.request.user)
        return messages.SUCCESS, _("The mail is sent again within minutes, if what it says is still true then.")

    def stands(self) -> str:
        """How far it is."""
        return _("The mail now: %(state)s.") % {"state": notice_state(self.object)}
