"""The work queue: what needs a person today, the longest waiting first, each with what to do next."""

from collections.abc import Iterable
from datetime import date, datetime
from typing import Any, Final

from django.contrib.contenttypes.models import ContentType
from django.contrib.contenttypes.prefetch import GenericPrefetch
from django.db.models import Q, prefetch_related_objects
from django.urls import reverse
from django.utils import timezone
from django.utils.translation import gettext_lazy as _
from django.views.generic import TemplateView

from checkout import states
from checkout.models import (
    ChargedModel,
    Checkout,
    CustomerPayment,
    Notice,
    ObjectPaymentPlanInstalment,
)
from checkout.templatetags.checkout_staff import (
    at_stripe,
    first_line,
    in_words,
    notice_kind,
    notice_state,
    page_of,
    staff_url,
    step_in_words,
)
from checkout.templatetags.checkout_tags import checkout_amount, checkout_moment
from checkout.templatetags.staff_words import aside_in_words
from checkout.views.staff import customers, health, money_work, plans, queue, statement
from checkout.views.staff.base import StaffMixin
from checkout.views.staff.checkout_page import may_give_back
from checkout.views.staff.mail import TROUBLE
from checkout.views.staff.section import BACK_HERE, LOOK_UP, MOST, Button, Row, Section, whole_list, write_to

PART: Final = "checkout.object.payment.plan.instalment"
PAYMENT: Final = "checkout.customer.payment"


class WorkView(StaffMixin, TemplateView):
    """As many queries for a full queue as for one with a row in each section."""

    template_name = "checkout/staff/work.html"
    section = "work"

    def get_context_data(self, **kwargs: Any) -> dict[str, Any]:
        """The sections that have rows, and the names of those that have none."""
        context = super().get_context_data(**kwargs)
        sections = Desk(context["may"]).sections()
        context.update(
            sections=[one for one in sections if one.count],
            clear=[one.title for one in sections if not one.count],
            count=sum(one.count for one in sections),
        )
        return context


class Desk:
    """Reads what needs a person. ``may``: what the user may do."""

    def __init__(self, may: dict[str, bool]) -> None:
        self.may, self.now, self.today = may, timezone.now(), timezone.localdate()
        self.attempts: dict[tuple[int, str], Checkout] = {}
        self.steps: dict[int, str] = {}
        self.asked: dict[tuple[int, str], Notice] = {}

    def sections(self) -> list[Section]:
        """In the order in which they should be looked at: money that is stuck before money that may get stuck."""
        going_on = queue.going_on()
        waiting, failed = going_on.filter(queue.bank_wants()), going_on.filter(queue.failed_for_good())
        no_card, amounts = going_on.filter(queue.no_card(self.today)), queue.payments_waiting()
        first, second, third = (list(rows[:MOST]) for rows in (waiting, failed, no_card))
        payments = list(amounts[:MOST])
        self._read_attempts([*first, *second, *payments])
        return [
            health.environment(),
            *money_work.sections(self.may, self.now),
            *self._checkouts(),
            self._waiting(waiting.count(), amounts.count(), first, payments),
            self._failed(failed.count(), second),
            self._no_card(no_card.count(), third),
            self._expiring(),
            self._mail(),
            *health.sections(self.may, self.now),
        ]

    def _failed(self, count: int, parts: list[ObjectPaymentPlanInstalment]) -> Section:
        return Section(
            slug="failed",
            title=_("Failed for good"),
            meaning=_(
                "Declined, and not tried again by itself. Each customer has been mailed what to do. Wait for them, "
                "mail a new link, call them, or mark it as paid when the money has come in another way."
            ),
            count=count,
            rows=[self._part(part, why=self._reason(part), told=self._step(part), ask=True) for part in parts],
            links=[whole_list(f"{PART}.list", state=plans.FAILED)],
        )

    def _no_card(self, count: int, parts: list[ObjectPaymentPlanInstalment]) -> Section:
        return Section(
            slug="card",
            title=_("Due, and no card to charge"),
            meaning=_(
                "The bank has refused the card on file for good, or there is none. The customer has been asked for "
                "another card; as soon as it is saved the charge follows by itself."
            ),
            count=count,
            rows=[self._part(part, why=customers.card_state(part.customer)) for part in parts],
            links=[whole_list(f"{PART}.list", state=plans.NO_CARD)],
        )

    def _waiting(self, parts: int, payments: int, first: list[Any], amounts: list[CustomerPayment]) -> Section:
        rows = [self._part(part, ask=True) for part in first] + [self._payment(one) for one in amounts]
        rows.sort(key=lambda row: (row.since is not None, row.since))
        links = [whole_list(f"{PART}.list", state=plans.WAITING)] if parts else []
        if payments:
            links.append(whole_list(f"{PAYMENT}.list", _("Payments by staff"), state=states.PAY_ON_SESSION))
        return Section(
            slug="waiting",
            title=_("The bank wants the customer"),
            meaning=_(
                "Only the customer can approve these, by the link in the mail or after signing in. If the link is old "
                "or got lost, mail a new one."
            ),
            count=parts + payments,
            rows=rows[:MOST],
            links=links,
        )

    def _checkouts(self) -> list[Section]:
        """Charges that nobody knows the outcome of, and payments that were put aside."""
        conditions = (queue.put_aside(), queue.unknown_long(self.now))
        counts = [queue.checkouts().filter(one).order_by().count() for one in conditions]
        orders = (("pk",), ("created", "pk"))
        # each by the order of its index
        aside, unknown = (
            list(queue.checkouts().filter(one).order_by(*order)[:MOST])
            for one, order in zip(conditions, orders, strict=True)
        )
        targets = GenericPrefetch(
            "content_object",
            [ObjectPaymentPlanInstalment.objects.with_plan(), CustomerPayment.objects.select_related("customer")],
        )
        prefetch_related_objects([*aside, *unknown], targets)
        return [
            Section(
                slug="aside",
                title=_("Put aside"),
                meaning=_(
                    "The money may have come, and nothing was recorded as paid: what Stripe reports differs from what "
                    "was asked for. Compare the two in Stripe's dashboard, then accept it, or give the money back."
                ),
                count=counts[0],
                rows=[self._aside(one) for one in aside],
                links=[whole_list("checkout.list.audit", what="aside")],
            ),
            Section(
                slug="unknown",
                title=_("Outcome unknown for more than an hour"),
                meaning=_(
                    "A charge was asked for and the answer was lost. Stripe is asked again by itself, and nothing can "
                    "be charged twice meanwhile. After a day look it up in Stripe's dashboard."
                ),
                count=counts[1],
                rows=[self._checkout(one, [Button(at_stripe(one), LOOK_UP)], url=staff_url(one)) for one in unknown],
                links=[whole_list("checkout.list.audit", what="unknown")],
            ),
        ]

    def _expiring(self) -> Section:
        found = queue.expiring()
        rows = [
            Row(
                url=page_of(one),
                what=f"{one.brand.capitalize()} •••• {one.last4}",
                customer=one,
                since=one.expiry_date,
                why=customers.card_state(one),
                buttons=[write_to(one)],
            )
            for one in found[:MOST]
        ]
        return Section(
            slug="expiring",
            title=_("Cards that expire soon"),
            meaning=_("Each customer has been asked once for a new card. Remind them before the next charge fails."),
            count=found.count(),
            rows=rows,
            links=[whole_list("checkout.card.refresh.list", plans=customers.OUTSTANDING)],
        )

    def _mail(self) -> Section:
        found = queue.notices().filter(queue.mail_in_trouble(self.now))
        return Section(
            slug="mail",
            title=_("Mail in trouble"),
            meaning=_(
                "Given up, perhaps lost, or waiting for longer than an hour. Correct the address or the mail server, "
                "then send it again."
            ),
            count=found.count(),
            rows=[self._notice(one) for one in found[:MOST]],
            links=[whole_list("checkout.notice.list", state=TROUBLE)],
        )

    # one row of each kind

    def _part(self, part: ObjectPaymentPlanInstalment, *, why: Any = "", told: Any = "", ask: bool = False) -> Row:
        buttons = [Button(f"{reverse(f'{PART}.ask', args=[part.pk])}{BACK_HERE}", _("Mail a new link"))]
        buttons = buttons if ask and self.may["ask"] else []
        if self.may["mark_paid"] and part.can_pay_by_hand:
            buttons.append(Button(f"{reverse(f'{PART}.paid', args=[part.pk])}{BACK_HERE}", _("Mark as paid")))
        if not ask:
            buttons.insert(0, write_to(part.customer))
        attempt = self.attempts.get(_key(part))
        return Row(
            url=page_of(part),
            what=first_line(part.object_payment_plan),
            more=part.label,
            customer=part.customer,
            amount=checkout_amount(part.amount, part.currency),
            since=attempt.created if attempt is not None else _midnight(part.due),
            why=why,
            told=told or (self._told(part, asked=part.customer_asked is not None) if ask else ""),
            buttons=buttons,
        )

    def _payment(self, payment: CustomerPayment) -> Row:
        buttons = []
        if self.may["ask"]:
            url = reverse(f"{PAYMENT}.ask", args=[payment.pk])
            buttons.append(Button(f"{url}{BACK_HERE}", _("Mail a new link")))
        if self.may["mark_paid"]:
            url = reverse(f"{PAYMENT}.paid", args=[payment.pk])
            buttons.append(Button(f"{url}{BACK_HERE}", _("Mark as paid")))
        return Row(
            url=page_of(payment),
            what=payment.description,
            customer=payment.customer,
            amount=checkout_amount(payment.amount, payment.currency),
            since=payment.created,
            why=_("Charged by staff"),
            told=self._told(payment, asked=True),
            buttons=buttons,
        )

    def _aside(self, checkout: Checkout) -> Row:
        """Accepted or given back; a card that was saved without consent can only be looked at."""
        buttons = []
        if may_give_back(checkout):
            if self.may["mark_paid"]:
                url = reverse("checkout.accept", args=[checkout.pk])
                buttons.append(Button(f"{url}{BACK_HERE}", _("Accept as paid")))
            if self.may["refund"]:
                buttons.append(Button(reverse("checkout.refund", args=[checkout.pk]), _("Give money back")))
        else:
            buttons.append(Button(at_stripe(checkout), LOOK_UP))
        return self._checkout(checkout, buttons, url=page_of(checkout), why=aside_in_words(checkout.quarantine))

    def _checkout(self, checkout: Checkout, buttons: list[Button], *, url: str, why: Any = "") -> Row:
        target = checkout.content_object
        return Row(
            url=url,
            what=(checkout.lines or [str(checkout.uuid)])[0],
            more=target.label if isinstance(target, ObjectPaymentPlanInstalment) else "",
            customer=target.payer if isinstance(target, ChargedModel) else None,
            amount=checkout_amount(checkout.total, checkout.currency),
            since=checkout.created,
            why=why,
            reference=checkout.intent_id or str(checkout.uuid),
            buttons=buttons,
        )

    def _notice(self, notice: Notice) -> Row:
        again = notice.state == states.GIVEN_UP and self.may["send"]
        url = reverse("checkout.notice.again", args=[notice.pk])
        return Row(
            url=page_of(notice),
            what=notice_kind(notice),
            customer=notice.customer,
            since=notice.created,
            why=notice_state(notice),
            reference=notice.last_error,
            buttons=[Button(f"{url}{BACK_HERE}", _("Send again"))] if again else [],
        )

    # what is known of them

    def _read_attempts(self, targets: Iterable[ChargedModel]) -> None:
        """The last charge of each, what it led to, and the last mail that asked its customer: three queries."""
        keys: dict[int, list[str]] = {}
        for target in targets:
            keys.setdefault(_key(target)[0], []).append(str(target.pk))
        theirs = Q(pk__in=[])
        for kind, pks in keys.items():
            theirs |= Q(content_type=kind, object_id__in=pks)
        found = list(Checkout.objects.filter(theirs, action_id=states.CHARGE).order_by("pk"))
        by_pk = {one.pk: (one.content_type_id, one.object_id) for one in found}
        self.attempts = {by_pk[one.pk]: one for one in found}
        self.steps = statement.steps_of(found)
        part = ContentType.objects.get_for_model(ObjectPaymentPlanInstalment).pk
        about = Q(kind=Notice.ON_SESSION_PAYMENT, instalment__in=keys.get(part, []))
        about |= Q(kind=Notice.AUTHORISE, checkout__in=list(by_pk))
        for notice in Notice.objects.filter(about).defer("body", "html").order_by("pk"):
            paid = (part, str(notice.instalment_id)) if notice.instalment_id else by_pk.get(notice.checkout_id or 0)
            if paid is not None:
                self.asked[paid] = notice

    def _reason(self, part: ObjectPaymentPlanInstalment) -> str:
        attempt = self.attempts.get(_key(part))
        return (in_words(attempt.failure) or attempt.failure) if attempt is not None else ""

    def _step(self, part: ObjectPaymentPlanInstalment) -> str:
        attempt = self.attempts.get(_key(part))
        return step_in_words(self.steps.get(attempt.pk, "")) if attempt is not None else ""

    def _told(self, target: ChargedModel, *, asked: bool) -> Any:
        notice = self.asked.get(_key(target))
        if notice is None or not asked:
            return _("The customer has not been mailed yet.")
        if notice.sent is None:
            return notice_state(notice)
        return _("Mailed %(when)s") % {"when": checkout_moment(timezone.localtime(notice.sent))}


def _key(target: ChargedModel) -> tuple[int, str]:
    return ContentType.objects.get_for_model(target).pk, str(target.pk)


def _midnight(day: date) -> datetime:
    return timezone.make_aware(datetime.combine(day, datetime.min.time()))
