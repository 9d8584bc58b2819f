"""The pages to which a customer returns: paid, not paid, or not known yet."""

from typing import Any

from django.http import HttpRequest, HttpResponseBase, HttpResponseRedirect, JsonResponse
from django.utils.translation import gettext_lazy as _

from checkout import states
from checkout.access import check_success_page
from checkout.errors import NotPayable
from checkout.flows import deposit, on_session, payment
from checkout.flows.deposit import Deposit, Step
from checkout.models import Checkout
from checkout.views import timeline
from checkout.views.by_uuid import CheckoutByUuidMixin
from checkout.views.pages import wants_json
from checkout.views.plan_mixins import ASKS

SECRETS = ("payment_intent_client_secret", "setup_intent_client_secret")
# Where a deposit does not keep a sign-up from being done; and what the waiting page's script hears of it.
DONE = (Step.PAID, Step.NONE)
STATES = {
    Step.PAID: states.SUCCESS,
    Step.NONE: states.SUCCESS,
    Step.AUTHENTICATE: states.PAY_ON_SESSION,
    Step.DECLINED: states.FAIL,
    Step.WAIT: states.REQUEST,
}


class CheckoutSuccessMixin(CheckoutByUuidMixin):
    """The page to which a customer returns: ``class SuccessView(CheckoutSuccessMixin, DetailView)``.

    Asks Stripe and settles before it answers. While the bank has not decided it shows ``waiting_template_name``,
    which asks the same address for JSON until there is an answer; and ``held_template_name`` for a payment that
    came but was put aside for a person to look at.
    """

    template_name = "checkout/checkout_success.html"
    waiting_template_name = "checkout/checkout_waiting.html"
    held_template_name = "checkout/checkout_held.html"
    fail_template_name = "checkout/checkout_fail.html"
    waiting = False
    unpaid = False
    held = False
    deposit: Deposit | None = None

    def check_access(self, checkout: Checkout) -> None:
        """For visitors who are not logged in the page closes some minutes after the payment."""
        settled = checkout.settled
        if checkout.is_payment_plan and (part := deposit.deposit_of(checkout)) is not None:
            # what is paid by a sign-up is its deposit
            settled = part.settled
        check_success_page(self.request, checkout, settled=settled)

    def get(self, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponseBase:
        """The answer: paid, not paid, or not known yet."""
        checkout = self.get_object()
        intent = payment.finish(checkout)
        unpaid = checkout.is_open and intent is not None and intent.waiting
        if checkout.is_payment_plan and checkout.succeeded:
            self.deposit = deposit.look(checkout)
        attempt = self.deposit.attempt if self.deposit else None
        self.held = checkout.held or (attempt is not None and attempt.held)
        url = self._elsewhere(checkout, unpaid=unpaid)
        # what a sign-up is for is its deposit: saved is not yet paid
        done = checkout.succeeded and (self.deposit is None or self.deposit.step in DONE)
        if wants_json(request):
            url = url or (request.path if done or checkout.failed or unpaid else None)
            state = checkout.state_id if self.deposit is None else STATES[self.deposit.step]
            # "held" tells a waiting page to load itself anew: no later answer will bring an address
            return JsonResponse({"state": state, "url": url} | ({"held": True} if self.held else {}))
        if url:
            return HttpResponseRedirect(url)
        # the object and its fail page are gone: that is no reason to wait for what will not come
        self.unpaid = checkout.failed or unpaid
        self.waiting = not (done or self.held or self.unpaid)
        if any(name in request.GET for name in SECRETS):
            # the secret leaves the address bar, the history and every referrer
            return HttpResponseRedirect(request.path)
        response: HttpResponseBase = super().get(request, *args, **kwargs)  # type: ignore[misc]
        return response

    def get_context_data(self, **kwargs: Any) -> dict[str, Any]:
        """``plan_summary`` for a sign-up, and for a payment of a part of a plan; ``object_url`` to go on to.

        For a new card ``card``, the customer who has it, and ``waited``: the parts that are now charged by themselves.
        """
        context: dict[str, Any] = super().get_context_data(**kwargs)  # type: ignore[misc]
        plan = timeline.plan_of_checkout(self.get_object())
        context["object_url"] = self.object_url()
        context["plan_summary"] = timeline.summary(plan) if plan is not None else None
        if self.get_object().is_card_refresh:
            payer = self.get_object().customer
            context.update(card=payer, waited=timeline.waited_for_card(payer) if payer is not None else [])
        return context

    def get_template_names(self) -> list[str]:
        """The waiting page while nothing is known; never for money that has come."""
        if self.held:
            return [self.held_template_name]
        if self.unpaid:
            return [self.fail_template_name]
        if self.waiting:
            return [self.waiting_template_name]
        return [self.template_name]

    def _elsewhere(self, checkout: Checkout, *, unpaid: bool) -> str | None:
        if (checkout.failed or unpaid) and checkout.content_object is not None:
            url: str = checkout.content_object.checkout_fail_url(checkout.uuid)
            return url
        if self.deposit is not None and self.deposit.step in ASKS and not self.held:
            # the sign-up's own page says what the customer can do
            return self.pay_path(checkout)
        return None


class CheckoutFailMixin(CheckoutByUuidMixin):
    """The page for a payment that did not go through: ``class FailView(CheckoutFailMixin, DetailView)``.

    Asks Stripe about an open payment, and sends the customer on to the success page unless it is sure that nothing was
    paid: that page thanks, waits or explains.
    """

    template_name = "checkout/checkout_fail.html"

    def get(self, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponseBase:
        """Never says "failed" of what is paid."""
        checkout = self.get_object()
        intent = payment.finish(checkout)
        asked = checkout.is_open and bool(checkout.intent_id)
        if checkout.succeeded or (asked and not (intent is not None and intent.waiting)):
            return self.to_success_page()
        target = checkout.content_object
        on_session.not_being_charged(target)
        if target is not None and not checkout.is_card_refresh and not payment.may_start(target, checkout.action_id):
            # another attempt has paid: "try again" would be wrong, and so would "it did not go through"
            raise NotPayable(
                f"Checkout {checkout.pk} is {checkout.state_id}, but its object cannot be charged any more.",
                customer_message=_("There is nothing to pay here any more."),
            )
        response: HttpResponseBase = super().get(request, *args, **kwargs)  # type: ignore[misc]
        return response

    def get_context_data(self, **kwargs: Any) -> dict[str, Any]:
        """``retry_url``: where to try again, the same page as long as it is open."""
        context: dict[str, Any] = super().get_context_data(**kwargs)  # type: ignore[misc]
        checkout = self.get_object()
        # the page of a payment in the browser starts anew where it was closed
        again = checkout.is_pay_on_session or (checkout.is_open and checkout.is_payment_plan)
        context["retry_url"] = self.retry_path(checkout) if again else checkout.content_object_url
        return context
