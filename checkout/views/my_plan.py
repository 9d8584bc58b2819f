""" "My payment plan": where it stands, and what of it can be paid now."""

from typing import Any
from uuid import UUID, uuid4

from django.http import Http404, HttpRequest, HttpResponse, HttpResponseBase, HttpResponseRedirect
from django.urls import NoReverseMatch, reverse
from django.utils.cache import add_never_cache_headers

from checkout.access import CheckoutExpired, check_access
from checkout.conf import settings
from checkout.errors import AlreadySettled, CheckoutError, InProgress, NotPayable
from checkout.models import ObjectPaymentPlan, ObjectPaymentPlanInstalment
from checkout.models.customer import normalise_email
from checkout.views.by_uuid import NonAtomicMixin, paying_path
from checkout.views.pages import refused
from checkout.views.start import start_on_session
from checkout.views.timeline import PlanSummary, plan_of, summary


class ObjectPaymentPlanMixin(NonAtomicMixin):
    """ "My payment plan": ``class PlanView(ObjectPaymentPlanMixin, DetailView)``, a view of your own object.

    ``get_object`` is yours, and so is the decision who may see it, and pay. Without a plan it is a 404.
    """

    template_name = "checkout/my_plan.html"
    checkout_url_name = "web.checkout"
    request: HttpRequest
    object: Any
    refusal: CheckoutError | None = None

    def dispatch(self, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponseBase:
        """No cache keeps a page that is one person's."""
        response: HttpResponseBase = super().dispatch(request, *args, **kwargs)  # type: ignore[misc]
        if isinstance(response, HttpResponse):
            add_never_cache_headers(response)
        return response

    def post(self, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponseBase:
        """Pay now: ``part`` is the key of a part of this plan. Goes on to the page on which it is paid."""
        self.object = self.get_object()  # type: ignore[attr-defined]
        part = self._part(self._plan())
        if not self._pay_path(uuid4()):
            raise Http404("This site has no page to pay a part on.")
        try:
            checkout = start_on_session(request, part)
        except (AlreadySettled, InProgress, NotPayable) as error:
            # where it stands now, the page says
            self.refusal = error
            context = self.get_context_data(object=self.object)
            response: HttpResponseBase = self.render_to_response(context, status=409)  # type: ignore[attr-defined]
            return response
        except CheckoutError as error:
            return refused(request, error)
        return HttpResponseRedirect(self._pay_path(checkout.uuid))

    def get_context_data(self, **kwargs: Any) -> dict[str, Any]:
        """``plan_summary``; ``deposit_url`` where a deposit waits for its customer; ``card_url``, ``can_pay``."""
        context: dict[str, Any] = super().get_context_data(**kwargs)  # type: ignore[misc]
        plan = self._plan()
        found = summary(plan)
        return {
            **context,
            "plan_summary": found,
            "deposit_url": self._deposit_url(found),
            "card_url": self._card_url(plan),
            "can_pay": bool(self._pay_path(uuid4())),
            "refusal": self.refusal.customer_message if self.refusal else "",
        }

    def _pay_path(self, uuid: UUID) -> str:
        """The page on which a part is paid; empty where the site has none."""
        return paying_path(uuid, self.checkout_url_name)

    def _plan(self) -> ObjectPaymentPlan:
        plan = plan_of(self.object)
        if plan is None:
            raise Http404("This has no payment plan.")
        return plan

    def _part(self, plan: ObjectPaymentPlan) -> ObjectPaymentPlanInstalment:
        """The part that is to be paid, of this plan and of no other."""
        key = self.request.POST.get("part", "")
        part = plan.payments.filter(pk=int(key)).first() if key.isascii() and key.isdigit() and len(key) < 19 else None
        if part is None:
            raise Http404("This plan has no such part.")
        return part

    def _deposit_url(self, found: PlanSummary) -> str:
        """The sign-up's page, which knows what to do about its deposit, for those who may open it."""
        if found.sign_up is None or found.deposit.paid or found.stopped:
            return ""
        try:
            check_access(self.request, found.sign_up)
            return reverse(self.checkout_url_name, kwargs={"uuid": found.sign_up.uuid})
        except (CheckoutExpired, NoReverseMatch):
            return ""

    def _card_url(self, plan: ObjectPaymentPlan) -> str:
        """Where the customer whose card it is changes it; empty where the site has no such page."""
        email = getattr(self.request.user, "email", "") if self.request.user.is_authenticated else ""
        if plan.deleted or not email or normalise_email(email) != plan.customer.email:
            return ""
        try:
            return reverse(settings.card_refresh_url_name)
        except NoReverseMatch:
            return ""
