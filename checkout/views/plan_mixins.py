"""The steps of a sign-up for a payment plan: agree, save the card, authenticate the deposit, or pay it with another."""

from typing import Any

from django.core.exceptions import ValidationError
from django.core.validators import validate_ipv46_address
from django.http import HttpRequest, HttpResponseBase, HttpResponseRedirect, JsonResponse
from django.utils.translation import gettext_lazy as _

from checkout import limits, states
from checkout.access import remember_checkout
from checkout.errors import AlreadySettled, CheckoutError, InProgress, NotPayable
from checkout.flows import deposit, on_session, payment, sign_up
from checkout.flows.deposit import Deposit, Step
from checkout.models import Checkout
from checkout.templatetags.checkout_tags import checkout_amount
from checkout.views import mandate, timeline
from checkout.views.by_uuid import CheckoutByUuidMixin
from checkout.views.pages import refused, refused_json
from checkout.views.start import remembered_checkout

TICKED = "yes"
# What asks the customer to do something about the deposit.
ASKS = (Step.AUTHENTICATE, Step.DECLINED)


class SignUpMixin(CheckoutByUuidMixin):
    """What ``CheckoutMixin`` does for a sign-up (action ``payment_plan``).

    ``mandate_version`` is kept with each agreement: set your own if you override ``checkout/_mandate.html``.
    """

    deposit_template_name = "checkout/checkout_deposit.html"
    mandate_version = mandate.TEXT_VERSION
    deposit: Deposit | None = None

    def after_sign_up(self, checkout: Checkout) -> HttpResponseBase:
        """The page of a sign-up that succeeded: its deposit may wait for the customer. At most one Stripe call."""
        if checkout.content_object is None:
            raise AlreadySettled(f"The object of checkout {checkout.pk} has been deleted.")
        found = deposit.look(checkout)
        if found.step in ASKS and not (found.attempt and found.attempt.held):
            limits.check_declined(self.request, checkout.content_object)
            self.deposit, self.object = found, checkout
            context = self.get_context_data()  # type: ignore[attr-defined]
            page: HttpResponseBase = self.render_to_response(context)  # type: ignore[attr-defined]
            return page
        if found.step is Step.WAIT or self.request.GET.get("redirect_status"):
            return self.to_success_page()
        raise AlreadySettled(f"Checkout {checkout.pk} is {checkout.state_id}.")

    def get_template_names(self) -> list[str]:
        """A page of its own for what is left to do about the deposit."""
        if self.deposit is not None:
            return [self.deposit_template_name]
        names: list[str] = super().get_template_names()  # type: ignore[misc]
        return names

    def plan_context(self, checkout: Checkout) -> dict[str, Any]:
        """What the templates of a sign-up need: the offer before the consent, the deposit after it."""
        if self.deposit is not None and self.deposit.instalment is not None:
            part, found = self.deposit.instalment, self.deposit
            plan = timeline.plan_of_checkout(checkout)
            return {
                "deposit": found,
                "deposit_step": found.step.value,
                "deposit_amount": part.amount,
                "deposit_currency": part.currency,
                "plan_summary": timeline.summary(plan) if plan else None,
            }
        if not checkout.is_payment_plan or checkout.content_object is None:
            return {}
        offer = sign_up.offer(checkout.content_object)
        return {
            "offer": offer,
            "schedule": timeline.offered(offer),
            "mandate": mandate.words(offer),
            "deposit_amount": offer.deposit,
            "deposit_currency": offer.currency,
        }

    def agree(self, checkout: Checkout) -> None:
        """The customer pressed the button: keep what they agreed to. Raises ``ConsentMissing``, ``AmountChanged``..."""
        given = self.request.POST.get("consent") == TICKED
        target = checkout.content_object
        # nobody agrees to the words of a checkout that is settled, or whose object is gone: the flow says so
        text = mandate.text(self.request, sign_up.offer(target)) if given and checkout.is_open and target else ""
        consent = sign_up.Consent(
            given=given,
            fingerprint=self.request.POST.get("schedule", ""),
            text=text,
            text_version=self.mandate_version,
            address=_address(self.request),
        )
        payment.agree(checkout, consent=consent)

    def _finish(self, checkout: Checkout) -> HttpResponseBase:
        """The card is saved, or the deposit authenticated: settle, and tell our script what to do next."""
        try:
            if not checkout.is_payment_plan:
                raise NotPayable(f"Checkout {checkout.pk} is no sign-up: there is nothing to finish.")
            setup = payment.finish(checkout)
            if checkout.is_open and setup is not None and setup.waiting:
                raise NotPayable(
                    f"The card of checkout {checkout.pk} has not been saved: {setup.stripe_status}.",
                    customer_message=_("Your card has not been saved. Nothing has been charged. Please try again."),
                )
        except CheckoutError as error:
            return refused_json(error)
        if not checkout.succeeded:
            # failed, held, or not known yet: the success page tells, or waits
            return JsonResponse({"ok": True, "step": Step.WAIT.value, "url": self._success_or_here()})
        return self._deposit_json(deposit.look(checkout))

    def _deposit_json(self, found: Deposit) -> JsonResponse:
        held = found.attempt is not None and found.attempt.held
        if found.instalment is None or found.step not in ASKS or held:
            return JsonResponse({"ok": True, "step": found.step.value, "url": self._success_or_here()})
        answer: dict[str, Any] = {"ok": True, "step": found.step.value, "url": None}
        if found.step is Step.AUTHENTICATE:
            answer["authenticate"] = {
                "client_secret": str(found.client_secret),
                "payment_method": found.payment_method_id,
                "total": checkout_amount(found.instalment.amount, found.instalment.currency),
            }
        return JsonResponse(answer)

    def _another_card(self, checkout: Checkout) -> HttpResponseBase:
        """A page to pay the deposit on with any card; the one that is open already, if there is one."""
        part = deposit.deposit_of(checkout) if checkout.is_payment_plan and checkout.succeeded else None
        if part is None:
            raise NotPayable(f"Checkout {checkout.pk} has no deposit that could be paid.")
        if part.state_id == states.SUCCESS:
            # in another tab
            return self.to_success_page()
        try:
            found = remembered_checkout(self.request, states.PAY_ON_SESSION, part)
            if found is None or not payment.resume(found):
                limits.check_create(self.request, part)
                found = on_session.start(part, user=self.request.user)
        except (InProgress, AlreadySettled):
            # what came of the other attempt, the success page knows or finds out
            return self.to_success_page()
        except NotPayable as error:
            # not as the page of the sign-up, which was settled well
            return refused(self.request, error)
        remember_checkout(self.request, found)
        return HttpResponseRedirect(self.pay_path(found))

    def _success_or_here(self) -> str:
        return self.success_path() or self.request.path


def _address(request: HttpRequest) -> str | None:
    """The address of the browser, as far as the server knows it."""
    address = request.META.get("REMOTE_ADDR", "")
    try:
        validate_ipv46_address(address)
    except ValidationError:
        return None
    return str(address)
