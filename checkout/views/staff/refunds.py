"""Staff give money back: a form, a page that shows exactly what will happen, the outcome."""

from dataclasses import dataclass
from decimal import Decimal
from typing import Any, Final
from uuid import UUID, uuid4

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect
from django.urls import reverse
from django.utils.functional import cached_property
from django.utils.translation import gettext_lazy as _
from django.views.generic import FormView

from checkout.errors import CheckoutError
from checkout.flows import refund as refund_flow
from checkout.flows.refund import Left
from checkout.models import Checkout, Refund
from checkout.models.refund import REASONS
from checkout.staff_forms import RefundForm
from checkout.views.staff import refund_outcomes
from checkout.views.staff.base import REFUND, OutsideTransactionMixin, PermittedMixin
from checkout.views.staff.signed import Shown

NOTHING: Final = Left(amount=Decimal(0), currency="")


@dataclass(frozen=True)
class RefundShown(Shown):
    """What the second page shows.

    ``given``: what counted as given back by then, so that nobody gives back beside somebody else without knowing it.
    ``aside``: why the payment was put aside, so that nobody gives back what somebody else has accepted meanwhile.
    """

    SALT = "checkout.refund"

    checkout: int
    given: str
    aside: str
    amount: str
    currency: str
    reason: str
    note: str


class CheckoutRefundView(OutsideTransactionMixin, PermittedMixin, FormView):  # type: ignore[type-arg]
    """Give a payment back, or some of it: first a form, then what will happen, then once.

    ``pk`` in the address is the checkout's. Extend it, or replace ``checkout/staff/refund.html`` and
    ``checkout/staff/refund_confirm.html``.
    """

    form_class = RefundForm
    template_name = "checkout/staff/refund.html"
    confirm_template_name = "checkout/staff/refund_confirm.html"
    permission_required = REFUND
    section = "refunds"

    @cached_property
    def checkout(self) -> Checkout:
        """What was paid."""
        found: Checkout = get_object_or_404(Checkout.objects.audit().select_related("customer"), pk=self.kwargs["pk"])
        return found

    @cached_property
    def readiness(self) -> tuple[Left, str]:
        """What is left, and why nothing can be given back now. Asks Stripe about a payment that was put aside."""
        try:
            left = refund_flow.left(self.checkout)
        except CheckoutError as error:
            return NOTHING, refund_outcomes.why_nothing(self.checkout, error)
        return left, "" if left.amount > 0 else str(_("All of it has been given back, or is on its way."))

    def post(self, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:
        """The form leads to the page that shows what will happen, and its button gives back."""
        if "confirm" in request.POST:
            return self.confirmed(request.POST["confirm"])
        return super().post(request, *args, **kwargs)

    def get_initial(self) -> dict[str, Any]:
        """All that is left; a refund of its own."""
        return {**super().get_initial(), "amount": _short(self.readiness[0]), "uuid": uuid4()}

    def get_form_kwargs(self) -> dict[str, Any]:
        """With what is left."""
        left = self.readiness[0]
        return {**super().get_form_kwargs(), "left": left.amount, "currency": left.currency or self.checkout.currency}

    def get_success_url(self) -> str:
        """The payment's page."""
        return reverse("checkout.checkout", args=[self.checkout.pk])

    def get_context_data(self, **kwargs: Any) -> dict[str, Any]:
        """With the payment, what has been given back of it, and why nothing can be."""
        left, why_not = self.readiness
        return super().get_context_data(
            checkout=self.checkout,
            left=left,
            why_not=why_not,
            refunds=list(self.checkout.refunds.select_related("user")),
            disputes=[one for one in self.checkout.disputes.all() if one.took_back],
            back=self.get_success_url(),
            **kwargs,
        )

    def form_invalid(self, form: Any) -> HttpResponse:
        """The form again, with its mistakes."""
        return self.render_to_response(self.get_context_data(form=form), status=422)

    def form_valid(self, form: Any) -> HttpResponse:
        """Nothing is given back or written: what would be is shown. A refund that was made is not made again."""
        values = form.cleaned_data
        if (made := Refund.objects.filter(uuid=values["uuid"]).first()) is not None:
            return self.already(made)
        context = self.get_context_data(form=form)
        left = context["left"]
        shown = RefundShown(
            uuid=str(values["uuid"]),
            checkout=self.checkout.pk,
            user=str(self.request.user.pk),
            given=self._given(),
            aside=self.checkout.quarantine,
            amount=str(values["amount"]),
            currency=left.currency,
            reason=values["reason"],
            note=values["note"],
        )
        reason = _(REASONS[shown.reason]) if shown.reason else ""
        rest = left.amount - values["amount"]
        context.update(shown=shown, amount=values["amount"], rest=rest, reason=reason, token=shown.sign())
        return self.response_class(self.request, [self.confirm_template_name], context, using=self.template_engine)

    def confirmed(self, token: str) -> HttpResponse:
        """Give back what was shown, once; then the payment's page, with the outcome."""
        shown = RefundShown.read(token, by=self.request.user)
        if shown is None or shown.checkout != self.checkout.pk:
            return self.nothing_done(
                _("Nothing has been given back: the page was open for too long. Please start again.")
            )
        if (made := Refund.objects.filter(uuid=shown.uuid).first()) is not None:
            return self.already(made)
        if shown.given != self._given():
            return self.nothing_done(
                _("Nothing has been given back: some of it was given back meanwhile. Please look again.")
            )
        if shown.aside != self.checkout.quarantine:
            return self.nothing_done(
                _("Nothing has been given back: the payment was accepted or put aside meanwhile. Please look again.")
            )
        level, sentence = self.give_back(shown)
        self.say(level, str(sentence))
        return redirect(self.get_success_url())

    def give_back(self, shown: RefundShown) -> refund_outcomes.Said:
        """What came of it, in words."""
        aside = bool(self.checkout.quarantine)
        try:
            refund = refund_flow.give_back(
                self.checkout,
                amount=Decimal(shown.amount),
                user=self.request.user,
                uuid=UUID(shown.uuid),
                reason=shown.reason,
                note=shown.note,
            )
        except CheckoutError as error:
            return refund_outcomes.of_error(error)
        self.checkout.refresh_from_db()
        return refund_outcomes.of_refund(refund, closed=aside and not self.checkout.quarantine)

    def already(self, refund: Refund) -> HttpResponse:
        """The page was sent again: what became of the first time."""
        self.say(messages.INFO, str(_("This has been sent before, and nothing was given back a second time.")))
        self.say(messages.INFO, refund_outcomes.now(refund))
        return redirect(reverse("checkout.checkout", args=[refund.checkout_id]))

    def nothing_done(self, sentence: Any) -> HttpResponse:
        """Back to the form, which is a new one."""
        self.say(messages.WARNING, str(sentence))
        return redirect(reverse("checkout.refund", args=[self.checkout.pk]))

    def _given(self) -> str:
        return str(self.checkout.refunds.given_back().normalize())


def _short(left: Left) -> Decimal | None:
    """As a person writes it: the database gives every amount three decimals."""
    if not left.currency:
        return None
    return refund_outcomes.plain(left.amount, left.currency)
