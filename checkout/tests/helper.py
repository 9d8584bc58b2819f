"""Contract tests for a site's own models: call them from your suite."""

import inspect
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager
from datetime import date
from decimal import Decimal
from types import TracebackType
from typing import Any
from uuid import uuid4

from django.core.exceptions import ValidationError
from django.core.validators import validate_email
from django.db import models, transaction
from django.utils import timezone

from checkout import money, states
from checkout.conf import settings
from checkout.contract import REQUIRED
from checkout.errors import NotPayable
from checkout.flows import sign_up
from checkout.models import (
    Agreement,
    Checkout,
    Customer,
    ObjectPaymentPlan,
    PaymentPlan,
    Refund,
)

WITHOUT_PAYMENT = (states.INVOICE, states.MANUAL, states.PAYMENT_PLAN, states.CARD_REFRESH)
TAKES_MONEY = (states.PAYMENT, states.CHARGE, states.PAY_ON_SESSION)
METHODS = ("checkout_success", "checkout_fail", "checkout_success_url", "checkout_fail_url", "get_absolute_url")


def check_checkout(obj: Any) -> None:
    """Fail with a sentence (``AssertionError``) if ``obj`` does not follow ``checkout.contract.Payable``.

    ``obj`` is saved, and something that is still to be paid. Every property is read and its type checked;
    ``checkout_fail()`` and then, once for each action that it offers, ``checkout_success(checkout)`` are called, each
    on a fresh copy from the database and in a savepoint that is rolled back. ``obj`` and the database stay as they are.
    ``checkout_refund(refund)``, if it is there, hears after a payment that money was given back, and then that the
    bank has sent it back. Needs a database, and calls neither Stripe nor anything else but ``obj``.
    """
    name = type(obj).__name__
    _demand(not isinstance(obj, type), f"{obj!r} is a class: give check_checkout a saved object of it.")
    _demand(isinstance(obj, models.Model), f"{name} is not a Django model: only a row of a table can be paid for.")
    _demand(_rows(obj).filter(pk=obj.pk).exists(), f"This {name} is not saved: save it first.")
    _check_members(obj, name)
    actions = _check_values(obj, name)
    _check_amount(obj, name, actions)
    _check_urls(obj, name)
    _check_callbacks(obj, name, actions)


def check_object_payment_plan(obj: Any) -> None:
    """Fail with a sentence (``AssertionError``) if ``obj`` could not be paid for by a payment plan to the last penny.

    ``obj`` is a saved object that offers ``payment_plan`` and has no plan yet. Beside what ``check_checkout`` tests:
    after a sign-up its ``checkout_success`` has made the plan over ``checkout_total``; deposit and instalments add up
    to it; and it hears the failure and then the success of each part. All in a savepoint that is rolled back; nothing
    calls Stripe. Needs a database.
    """
    name = type(obj).__name__
    check_checkout(obj)
    offered = states.PAYMENT_PLAN in obj.checkout_actions
    _demand(
        offered, f"{name}.checkout_actions does not offer {states.PAYMENT_PLAN!r}: there is no plan to sign up for."
    )
    with _undone(obj):
        copy = _rows(obj).get(pk=obj.pk)
        with _Telling(f"{name}.checkout_success(checkout), payment_plan,"):
            copy.checkout_success(_settled(copy, states.PAYMENT_PLAN))
        plan = ObjectPaymentPlan.objects.for_content_object(copy)
        _demand(
            plan is not None, f"{name}.checkout_success must make the plan of a sign-up: see docs/payment_plans.rst."
        )
        assert plan is not None
        _demand(plan.total == obj.checkout_total, f"{name} made a plan over {plan.total}, not over its checkout_total.")
        _pay_every_part(plan, name)
        _demand(plan.is_paid, f"The parts of the plan do not add up to {plan.total}.")


def _pay_every_part(plan: ObjectPaymentPlan, name: str) -> None:
    """Each part fails once and is then paid, as the host meets it; the instalments appear after the deposit."""
    done: set[int] = set()
    while part := next(
        (one for one in plan.payments.select_related("object_payment_plan") if one.pk not in done), None
    ):
        check_checkout(part)
        with _Telling(f"{name}.checkout_fail(due=...), for {part.label},"):
            part.checkout_fail()
        with _Telling(f"{name}.checkout_success(checkout), for {part.label},"):
            part.checkout_success(_settled(part, states.CHARGE))
        done.add(part.pk)


def _demand(condition: bool, sentence: str) -> None:
    """As ``assert``, but it also bites under ``python -O``."""
    if not condition:
        raise AssertionError(sentence)


def _rows(obj: models.Model) -> "models.QuerySet[Any]":
    return type(obj)._base_manager.using(obj._state.db)


def _read(obj: Any, member: str) -> Any:
    with _Telling(f"{type(obj).__name__}.{member}"):
        return getattr(obj, member)


def _check_members(obj: Any, name: str) -> None:
    for member in REQUIRED:
        _demand(_has(obj, member), f"{name} has no {member}: see docs/host_contract.rst.")
        is_method = callable(_read(obj, member))
        if member in METHODS:
            _demand(is_method, f"{name}.{member} must be a method, not a property or a value.")
        else:
            _demand(not is_method, f"{name}.{member} must be a property or a value, not a method.")


def _check_values(obj: Any, name: str) -> list[str]:
    """The types of what is read; the actions that are offered."""
    actions = obj.checkout_actions
    _demand(isinstance(actions, list), f"{name}.checkout_actions must be a list of slugs, not {actions!r}.")
    _demand(bool(actions), f"{name}.checkout_actions is empty: there is no way to pay.")
    unknown = [action for action in actions if not isinstance(action, str) or action not in states.ACTIONS]
    _demand(not unknown, f"{name}.checkout_actions has {unknown}: the known actions are {sorted(states.ACTIONS)}.")

    can_charge = obj.checkout_can_charge
    _demand(isinstance(can_charge, bool), f"{name}.checkout_can_charge must be True or False, not {can_charge!r}.")

    lines = obj.checkout_description
    text = isinstance(lines, list) and all(isinstance(line, str) for line in lines)
    _demand(text, f"{name}.checkout_description must be a list of str, not {lines!r}.")
    _demand(any(line.strip() for line in lines), f"{name}.checkout_description is empty: say what is bought.")

    for member in ("checkout_email", "checkout_name"):
        value = getattr(obj, member)
        _demand(isinstance(value, str), f"{name}.{member} must be a str, not {value!r}.")
        _demand(bool(value.strip()), f"{name}.{member} is empty.")
    try:
        validate_email(obj.checkout_email)
    except ValidationError:
        raise AssertionError(f"{name}.checkout_email is {obj.checkout_email!r}, which is no address.") from None
    _check_optional(obj, name)
    return list(actions)


def _check_optional(obj: Any, name: str) -> None:
    """What an object may have beside: wrong, it would be found by the first customer who signs up or is mailed."""
    optional = {
        "checkout_language": (str, "the code of a language such as 'de'"),
        "checkout_payment_plan": (PaymentPlan, "a PaymentPlan"),
    }
    for member, (kind, what) in optional.items():
        value = _read(obj, member) if _has(obj, member) else None
        _demand(value is None or isinstance(value, kind), f"{name}.{member} must be {what} or None, not {value!r}.")
    if _has(obj, "checkout_contact"):
        is_method = inspect.ismethod(_read(obj, "checkout_contact"))
        _demand(not is_method, f"{name}.checkout_contact must be a property or a value, not a method.")


def _has(obj: Any, member: str) -> bool:
    """Without running it: a property that raises is there, and is told apart by ``_read``."""
    return inspect.getattr_static(obj, member, None) is not None or hasattr(obj, member)


def _check_amount(obj: Any, name: str, actions: list[str]) -> None:
    try:
        currency = _currency(obj)
    except NotPayable as error:
        raise AssertionError(f"{name}.checkout_currency (or CHECKOUT_CURRENCY): {error}") from None
    total = obj.checkout_total
    _demand(isinstance(total, Decimal), f"{name}.checkout_total must be a Decimal, not {total!r}.")
    if states.CARD_REFRESH in actions and total == 0:
        # a customer: a new card costs nothing
        return
    check = money.check_chargeable if states.PAYMENT in actions else money.check_positive
    try:
        check(total, currency)
    except NotPayable as error:
        raise AssertionError(f"{name}.checkout_total must be an amount that can be charged. {error}") from None


def _currency(obj: Any) -> str:
    return money.normalise_currency(getattr(obj, "checkout_currency", None) or settings.currency)


def _check_urls(obj: Any, name: str) -> None:
    for member in ("checkout_success_url", "checkout_fail_url"):
        with _Telling(f"{name}.{member}(checkout_uuid)"):
            _check_url(f"{name}.{member}(checkout_uuid)", getattr(obj, member)(uuid4()))
    with _Telling(f"{name}.get_absolute_url()"):
        _check_url(f"{name}.get_absolute_url()", obj.get_absolute_url())


def _check_url(what: str, url: Any) -> None:
    _demand(isinstance(url, str), f"{what} must return a str, not {url!r}.")
    path = url.startswith(("/", "https://", "http://"))
    _demand(path, f"{what} must return a path such as /orders/1/, not {url!r}.")


def _check_callbacks(obj: Any, name: str, actions: list[str]) -> None:
    try:
        inspect.signature(obj.checkout_fail).bind(due=date.today())
    except TypeError as error:
        raise AssertionError(f"{name}.checkout_fail must take due=None: {error}.") from None
    with _Telling(f"{name}.checkout_fail()"), _undone(obj):
        _rows(obj).get(pk=obj.pk).checkout_fail()
    for action in actions:
        with _Telling(f"{name}.checkout_success(checkout), {action},"), _undone(obj):
            copy = _rows(obj).get(pk=obj.pk)
            checkout = _settled(copy, action)
            copy.checkout_success(checkout)
            if action in TAKES_MONEY:
                _check_refund(copy, name, checkout)


def _check_refund(copy: Any, name: str, checkout: Checkout) -> None:
    """What was paid is given back, and then the bank sends it back: the refund's ``state`` says which."""
    if getattr(copy, "checkout_refund", None) is None:
        return
    _demand(callable(copy.checkout_refund), f"{name}.checkout_refund must be a method, not a property or a value.")
    refund = Refund.objects.using(copy._state.db).create(
        checkout=checkout,
        refund_id="re_check_checkout",
        amount=checkout.total or Decimal(0),
        currency=checkout.currency,
    )
    for state in (states.SUCCESS, states.FAIL):
        refund.move_to(state, settled=timezone.now())
        with _Telling(f"{name}.checkout_refund(refund), {state},"):
            _rows(copy).get(pk=copy.pk).checkout_refund(refund)


@contextmanager
def _undone(obj: models.Model) -> Iterator[None]:
    """A savepoint that is rolled back, with the ``on_commit`` of what ran inside it."""
    with transaction.atomic(using=obj._state.db):
        yield
        transaction.set_rollback(True, using=obj._state.db)


def _settled(obj: Any, action: str) -> Checkout:
    """A checkout of ``obj`` as the host meets it: in the transaction that settles it."""
    checkout: Checkout = Checkout.objects.using(obj._state.db).create(
        action_id=action,
        state_id=states.SUCCESS,
        content_object=obj,
        description="\n".join(obj.checkout_description),
        total=obj.checkout_total,
        currency=_currency(obj),
        payment_intent_id="" if action in WITHOUT_PAYMENT else "pi_check_checkout",
        settled=timezone.now(),
    )
    if action == states.PAYMENT_PLAN:
        _agreed(obj, checkout)
    return checkout


def _agreed(obj: Any, checkout: Checkout) -> None:
    """What a sign-up leaves behind before the host hears of it: the customer and the agreement."""
    try:
        plan = sign_up.plan_for(obj)
    except NotPayable:
        plan = PaymentPlan.objects.create(slug=uuid4().hex, name="Check", deposit=50, count=1, interval=1)
    parts = plan.checked(timezone.localdate(), obj.checkout_total, currency=checkout.currency)
    email = obj.checkout_email
    checkout.customer = Customer.objects.for_email(email) or Customer.objects.create(
        email=email, name=obj.checkout_name
    )
    checkout.save(update_fields=["customer"])
    Agreement.objects.create(
        checkout=checkout,
        payment_plan=plan,
        text_version="check",
        text="check",
        parts=[[due.isoformat(), str(amount)] for due, amount in parts],
        fingerprint="check",
        total=obj.checkout_total,
        currency=checkout.currency,
    )


class _Telling(AbstractContextManager["_Telling"]):
    """Turns whatever the host's method raises into a sentence that names the method; the cause stays attached."""

    def __init__(self, what: str) -> None:
        self.what = what

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        if isinstance(error, Exception) and not isinstance(error, AssertionError):
            raise AssertionError(f"{self.what} raised {type(error).__name__}: {error}") from error
