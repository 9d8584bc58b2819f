"""What the payment plans promised, compared with their parts and with what was paid for them."""

from collections import defaultdict
from collections.abc import Iterator
from decimal import Decimal
from typing import Any, Final

from django.contrib.contenttypes.models import ContentType

from checkout import states
from checkout.flows.differences import Book
from checkout.models import Checkout, Difference, ObjectPaymentPlan, ObjectPaymentPlanInstalment

PAGE: Final = 100
PAYING: Final = (states.PAYMENT, states.CHARGE, states.PAY_ON_SESSION, states.MANUAL)


def compare(book: Book) -> None:
    """Every plan that was changed since, or of which a part was: three queries for each page of a hundred."""
    kind = ContentType.objects.get_for_model(ObjectPaymentPlanInstalment)
    for plans in _pages(book):
        keys = [plan.pk for plan in plans]
        parts: dict[Any, list[ObjectPaymentPlanInstalment]] = defaultdict(list)
        for part in ObjectPaymentPlanInstalment.objects.filter(object_payment_plan__in=keys).order_by("count"):
            parts[part.object_payment_plan_id].append(part)
        named = [str(part.pk) for rows in parts.values() for part in rows]
        paid: dict[str, list[Checkout]] = defaultdict(list)
        for checkout in Checkout.objects.filter(
            content_type=kind, object_id__in=named, state_id=states.SUCCESS, action_id__in=PAYING
        ):
            paid[checkout.object_id].append(checkout)
        for plan in plans:
            book.run.plans += 1
            _compare(book, plan, parts[plan.pk], paid)


def _pages(book: Book) -> Iterator[list[ObjectPaymentPlan]]:
    touched = ObjectPaymentPlanInstalment.objects.filter(updated__gte=book.run.since).values("object_payment_plan")
    rows = ObjectPaymentPlan.objects.filter(pk__in=touched).select_related("agreement", "payment_plan").order_by("pk")
    last = 0
    while page := list(rows.filter(pk__gt=last)[:PAGE]):
        yield page
        last = page[-1].pk


def _compare(
    book: Book, plan: ObjectPaymentPlan, parts: list[ObjectPaymentPlanInstalment], paid: dict[str, list[Checkout]]
) -> None:
    deposit_paid = any(part.deposit and part.state_id == states.SUCCESS for part in parts)
    if deposit_paid:
        whole = sum((part.amount for part in parts), Decimal(0))
        if whole != plan.total:
            book.add(Difference.PLAN_TOTAL, plan=plan, ours=f"{whole}", theirs=f"{plan.total}")
    if plan.agreement is not None:
        agreed = [(due, amount) for due, amount in plan.agreement.schedule]
        # only the deposit exists until it has been paid
        for part, (_due, amount) in zip(parts, agreed, strict=False):
            if part.amount != amount:
                book.add(
                    Difference.PLAN_TOTAL, plan=plan, ours=f"{part.amount}", theirs=f"{amount}", detail=f"{part.count}"
                )
    for part in parts:
        _compare_part(book, plan, part, paid[str(part.pk)])


def _compare_part(book: Book, plan: ObjectPaymentPlan, part: ObjectPaymentPlanInstalment, paid: list[Checkout]) -> None:
    detail, took = f"part {part.count}", sum((checkout.total or Decimal(0) for checkout in paid), Decimal(0))
    if part.state_id != states.SUCCESS:
        if paid:
            book.add(
                Difference.PART_NOT_MARKED,
                plan=plan,
                checkout=paid[0],
                ours=f"{part.state_id}",
                theirs=f"{took}",
                detail=detail,
            )
        return
    if not paid:
        book.add(Difference.PART_WITHOUT_PAYMENT, plan=plan, ours=f"{part.amount}", detail=detail)
    elif len(paid) > 1:
        book.add(
            Difference.PART_PAID_TWICE,
            plan=plan,
            checkout=paid[-1],
            ours=f"{part.amount}",
            theirs=f"{took}",
            detail=detail,
        )
    elif took != part.amount:
        book.add(Difference.AMOUNT, plan=plan, checkout=paid[0], ours=f"{part.amount}", theirs=f"{took}", detail=detail)
