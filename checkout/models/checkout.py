"""The checkout: one attempt to take money or card details from one person for one object."""

import uuid as uuid_module
from typing import TYPE_CHECKING, Any

from django.conf import settings as django_settings
from django.contrib.auth.models import AbstractBaseUser, AnonymousUser
from django.contrib.contenttypes.fields import GenericForeignKey
from django.contrib.contenttypes.models import ContentType
from django.db import models
from django.utils.translation import gettext_lazy as _

from checkout import states
from checkout.models.base import StateModel
from checkout.models.words import CheckoutAction, CheckoutState

if TYPE_CHECKING:
    from checkout.contract import Payable
    from checkout.models.charged import ChargedModel
    from checkout.models.instalment import ObjectPaymentPlanInstalment

    User = AbstractBaseUser | AnonymousUser | None


class IsPutAside(models.Func):
    """Put in quarantine, as a condition. Without a parameter, so that PostgreSQL and SQLite find the partial index."""

    template = "(%(expressions)s <> '')"
    output_field = models.BooleanField()

    def __init__(self, column: str = "quarantine", **extra: Any) -> None:
        super().__init__(column, **extra)


class CheckoutQuerySet(models.QuerySet["Checkout"]):
    """Questions that several rooms ask."""

    def for_content_object(self, content_object: models.Model) -> "CheckoutQuerySet":
        """The checkouts of one object."""
        content_type = ContentType.objects.get_for_model(content_object)
        return self.filter(content_type=content_type, object_id=str(content_object.pk))

    def open_payments(self) -> "CheckoutQuerySet":
        """One-off payments that have an intent and are not settled."""
        return self.filter(action_id=states.PAYMENT, state_id__in=states.OPEN).exclude(payment_intent_id="")

    def open_on_session(self) -> "CheckoutQuerySet":
        """What customers have open in a browser, or had, to pay an instalment or an amount of staff."""
        return self.filter(action_id=states.PAY_ON_SESSION, state_id__in=states.OPEN)

    def open_setups(self) -> "CheckoutQuerySet":
        """Sign-ups and card refreshes that have a SetupIntent and are not settled."""
        return self.filter(action_id__in=(states.PAYMENT_PLAN, states.CARD_REFRESH), state_id__in=states.OPEN).exclude(
            setup_intent_id=""
        )

    def unknown_charges(self) -> "CheckoutQuerySet":
        """Off-session charges that were asked for and whose outcome is not known."""
        return self.filter(action_id=states.CHARGE, state_id=states.REQUEST)

    def waiting_on_session(self) -> "CheckoutQuerySet":
        """What waits for its customer: charges to be authenticated, and instalments being paid in a browser."""
        charges = models.Q(action_id=states.CHARGE, state_id=states.PAY_ON_SESSION)
        paying = models.Q(action_id=states.PAY_ON_SESSION, state_id__in=states.OPEN)
        return self.filter(charges | paying).exclude(payment_intent_id="")

    def audit(self) -> "CheckoutQuerySet":
        """Every checkout, newest first, ready to be listed without further queries."""
        return self.select_related("action", "state", "user", "content_type").order_by("-pk")

    def success(self) -> "CheckoutQuerySet":
        """Those that ended well, newest first."""
        return self.audit().filter(state_id=states.SUCCESS)


class CheckoutManager(models.Manager.from_queryset(CheckoutQuerySet)):  # type: ignore[misc]
    """The facade; each method imports its flow when it is called."""

    def create_checkout(self, action: "CheckoutAction | str", content_object: "Payable", user: "User") -> "Checkout":
        """A checkout of ``content_object`` for ``user`` (who may be anonymous), with its intent at Stripe.

        Returns the user's open one for the same object and action if there is one. Commits before it calls Stripe,
        so it must not run inside a transaction. Raises ``NotPayable`` before Stripe is asked, ``StripeRefused`` and
        ``StripeUnreachable`` after (calling it again is then safe and makes no second intent).
        """
        from checkout.flows import payment

        slug = action if isinstance(action, str) else action.slug
        if slug == states.PAY_ON_SESSION:
            return self.create_checkout_pay_on_session(content_object, user)
        return payment.start(action=slug, content_object=content_object, user=user)

    def create_checkout_pay_on_session(self, instalment: "Payable", user: "User") -> "Checkout":
        """The checkout in which the customer pays ``instalment`` in the browser; the card that pays becomes the plan's.

        Also for an amount that staff charge (``CustomerPayment``). Returns the open one if there is one, whoever made
        it, so that a link followed twice makes one; goes on with the intent of a charge that waits for its customer.
        Commits before it calls Stripe, so it must not run inside a transaction. Raises ``NotPayable``,
        ``AlreadySettled`` and ``InProgress`` (nothing was made), and the gateway's errors (calling it again is safe).
        """
        from checkout.flows import on_session

        return on_session.start(instalment, user=user)

    def manual(self, content_object: "Payable", current_user: "User") -> "Checkout":
        """Mark ``content_object`` as paid without Stripe. Staff only: raises ``NotPayable`` for anybody else."""
        from checkout.flows import payment

        return payment.manual(content_object=content_object, user=current_user)

    def charge(self, content_object: "Payable", current_user: "User") -> "Checkout":
        """Charge the saved card of the object's customer off-session, now; by staff or a background job.

        ``content_object``: an instalment, a ``CustomerPayment``, or an object of yours that offers ``charge``.

        Commits before it calls Stripe, so it must not run inside a transaction. Returns the attempt: settled, or in
        ``request`` when the outcome is not known yet. Raises ``NotPayable`` before Stripe is asked, ``InProgress`` (a
        ``CheckoutError``) while another attempt is unresolved, ``StripeRefused`` after nothing was charged.
        """
        from checkout.flows import charge

        return charge.charge(content_object, user=current_user)

    def payment_intent_fulfillment(self) -> int:
        """Ask Stripe about every open payment and every charge of unknown outcome; how many were settled."""
        from checkout.flows import fulfil, fulfil_charges

        return fulfil.payments().settled + fulfil_charges.charges().settled

    def setup_intent_fulfillment(self) -> int:
        """Ask Stripe about every open sign-up and settle it; how many were settled. Charges deposits left behind."""
        from checkout.flows import fulfil

        return fulfil.setups().settled

    def payment_intent_on_session_fulfillment(self) -> int:
        """Ask Stripe about every payment that waits for its customer's bank and settle it; how many were settled."""
        from checkout.flows import fulfil

        return fulfil.on_session().settled


class Checkout(StateModel):
    """One attempt. ``uuid`` is public and unguessable; ``total`` is in the major unit of ``currency``."""

    MOVES = states.CHECKOUT_MOVES
    ONLY_BY_AUDIT = frozenset({states.FAIL})

    uuid = models.UUIDField(default=uuid_module.uuid4, unique=True, editable=False)
    action = models.ForeignKey(CheckoutAction, on_delete=models.PROTECT, related_name="+")
    state = models.ForeignKey(CheckoutState, on_delete=models.PROTECT, related_name="+", default=states.PENDING)
    user = models.ForeignKey(
        django_settings.AUTH_USER_MODEL, on_delete=models.SET_NULL, null=True, blank=True, related_name="+"
    )
    content_type = models.ForeignKey(ContentType, on_delete=models.PROTECT)
    object_id = models.CharField(max_length=64)
    content_object = GenericForeignKey("content_type", "object_id")
    description = models.TextField(blank=True)
    total = models.DecimalField(max_digits=14, decimal_places=3, null=True, blank=True)
    currency = models.CharField(max_length=3)
    repriced_total = models.DecimalField(max_digits=14, decimal_places=3, null=True, blank=True)
    # what Stripe is asked with, written before the first call, so that a repeat under the same key is the same call
    customer = models.ForeignKey(
        "checkout.Customer", on_delete=models.PROTECT, null=True, blank=True, related_name="checkouts"
    )
    stripe_customer_id = models.CharField(max_length=255, blank=True)
    payment_method_id = models.CharField(max_length=255, blank=True)
    payment_intent_id = models.CharField(max_length=255, blank=True, db_index=True)
    setup_intent_id = models.CharField(max_length=255, blank=True, db_index=True)
    # the charge whose intent this payment in the browser goes on with
    takes_over = models.OneToOneField(
        "self", on_delete=models.PROTECT, null=True, blank=True, related_name="taken_over_by"
    )
    claim = models.CharField(max_length=100, null=True, blank=True, unique=True, editable=False)
    quarantine = models.TextField(blank=True)
    failure = models.CharField(max_length=255, blank=True)
    decline_code = models.CharField(max_length=100, blank=True)
    advice_code = models.CharField(max_length=50, blank=True)
    ask_after = models.DateTimeField(null=True, blank=True)
    asked = models.DateTimeField(null=True, blank=True)
    settled = models.DateTimeField(null=True, blank=True)
    # the start of the last reconciliation that found it at Stripe
    reconciled = models.DateTimeField(null=True, blank=True)
    created = models.DateTimeField(auto_now_add=True)
    updated = models.DateTimeField(auto_now=True)

    objects = CheckoutManager()

    class Meta:
        verbose_name = _("checkout")
        verbose_name_plural = _("checkouts")
        ordering = ("-pk",)
        indexes = [
            models.Index(fields=["content_type", "object_id"], name="checkout_object"),
            models.Index(fields=["state", "action", "created"], name="checkout_open"),
            # MariaDB and MySQL know no partial indexes and make a whole one of it, which the queue does without there
            models.Index(fields=["id"], name="checkout_put_aside", condition=models.Q(IsPutAside())),
        ]

    def __str__(self) -> str:
        target = self.content_object if self.content_type_id else None
        what = str(target) if target is not None else f"(deleted object {self.object_id or '?'})"
        return f"{self.action_id or '?'} {what}: {self.state_id or '?'}"

    @property
    def is_payment(self) -> bool:
        """A one-off payment by card."""
        return self.action_id == states.PAYMENT

    @property
    def is_payment_plan(self) -> bool:
        """The sign-up for a payment plan."""
        return self.action_id == states.PAYMENT_PLAN

    @property
    def is_invoice(self) -> bool:
        """To be paid by invoice."""
        return self.action_id == states.INVOICE

    @property
    def is_manual(self) -> bool:
        """Marked as paid by staff."""
        return self.action_id == states.MANUAL

    @property
    def is_charge(self) -> bool:
        """An off-session charge of a saved card."""
        return self.action_id == states.CHARGE

    @property
    def is_pay_on_session(self) -> bool:
        """An instalment that its customer pays in the browser."""
        return self.action_id == states.PAY_ON_SESSION

    @property
    def is_card_refresh(self) -> bool:
        """A new card for the plans of a customer."""
        return self.action_id == states.CARD_REFRESH

    @property
    def is_setup(self) -> bool:
        """Saves a card and takes nothing: it has a SetupIntent."""
        return self.action_id in (states.PAYMENT_PLAN, states.CARD_REFRESH)

    @property
    def is_card_payment(self) -> bool:
        """Paid by the customer in the browser: its page shows the card form."""
        return self.action_id in (states.PAYMENT, states.PAY_ON_SESSION)

    @property
    def saves_card(self) -> bool:
        """Its card becomes the customer's when it succeeds."""
        return self.action_id in (states.PAYMENT_PLAN, states.CARD_REFRESH, states.PAY_ON_SESSION)

    @property
    def intent_id(self) -> str:
        """The id of its PaymentIntent or SetupIntent, if there is one."""
        return self.payment_intent_id or self.setup_intent_id

    def is_of(self, model: type[models.Model]) -> bool:
        """Whether its object is a ``model``; without a query."""
        return ContentType.objects.get_for_id(self.content_type_id).model_class() is model

    @property
    def charged(self) -> "ChargedModel | None":
        """The instalment or the amount of staff that it pays, if it pays one of those."""
        return self.content_object if self.charged_model is not None else None

    @property
    def charged_model(self) -> "type[ChargedModel] | None":
        """The model of that; without a query."""
        from checkout.models.charged import ChargedModel

        model = ContentType.objects.get_for_id(self.content_type_id).model_class()
        return model if model is not None and issubclass(model, ChargedModel) else None

    @property
    def uuids(self) -> tuple[str, ...]:
        """Its own, and that of the charge whose intent it took over: either on that intent is ours."""
        taken = (str(self.takes_over.uuid),) if self.takes_over is not None else ()
        return (str(self.uuid), *taken)

    @property
    def instalment(self) -> "ObjectPaymentPlanInstalment | None":
        """The instalment that it pays, if it pays one: so a host tells such a success from that of its own object."""
        from checkout.models.instalment import ObjectPaymentPlanInstalment

        return self.content_object if self.is_of(ObjectPaymentPlanInstalment) else None

    @property
    def is_open(self) -> bool:
        """Not settled yet."""
        return self.state_id in states.OPEN

    @property
    def succeeded(self) -> bool:
        """Settled, and well."""
        return self.state_id == states.SUCCESS

    @property
    def failed(self) -> bool:
        """Settled, and came to nothing."""
        return self.state_id == states.FAIL

    @property
    def held(self) -> bool:
        """The money has come, but was put in quarantine: a person looks at it, and nothing is fulfilled meanwhile."""
        return self.state_id not in states.SETTLED and bool(self.quarantine)

    @property
    def lines(self) -> list[str]:
        """The description, line by line."""
        return self.description.splitlines()

    @property
    def content_object_url(self) -> str:
        """The object's own page, or nothing if it was deleted or has none."""
        target = self.content_object
        return target.get_absolute_url() if target is not None and hasattr(target, "get_absolute_url") else ""

    @property
    def invoice_data(self) -> "CheckoutAdditional | None":
        """Who to invoice, where that was asked."""
        return CheckoutAdditional.objects.filter(checkout=self).first()

    @property
    def acceptable_totals(self) -> tuple[Any, ...]:
        """The amounts that we have asked Stripe for."""
        return tuple(amount for amount in (self.total, self.repriced_total) if amount is not None)


class CheckoutAdditional(models.Model):
    """Who to invoice."""

    checkout = models.OneToOneField(Checkout, on_delete=models.CASCADE, related_name="additional")
    company_name = models.CharField(_("company"), max_length=100, blank=True)
    contact_name = models.CharField(_("name"), max_length=100)
    address_1 = models.CharField(_("address"), max_length=100)
    address_2 = models.CharField(_("address, second line"), max_length=100, blank=True)
    town = models.CharField(_("town"), max_length=100, blank=True)
    postcode = models.CharField(_("postcode"), max_length=20, blank=True)
    country = models.CharField(_("country"), max_length=100, blank=True)
    email = models.EmailField(_("email"))
    phone = models.CharField(_("phone"), max_length=50, blank=True)

    class Meta:
        verbose_name = _("invoice details")
        verbose_name_plural = _("invoice details")

    def __str__(self) -> str:
        return self.company_name or self.contact_name
