"""Read-only: money is moved by flows, never by editing rows. Only the checkout settings can be changed here."""

from typing import Any

from django.contrib import admin
from django.core.exceptions import PermissionDenied
from django.db import models
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect

from checkout.models import (
    Agreement,
    Checkout,
    CheckoutSettings,
    Customer,
    CustomerPayment,
    Difference,
    Dispute,
    Environment,
    Event,
    Notice,
    ObjectPaymentPlan,
    ObjectPaymentPlanInstalment,
    PaymentPlan,
    PaymentRun,
    PaymentRunItem,
    Reconciliation,
    Refund,
    StaffAction,
)

LONGEST = 255


class ReadOnlyAdmin(admin.ModelAdmin):  # type: ignore[type-arg]
    """Nothing can be added, changed or deleted. Lists cost the same however long the table is."""

    show_full_result_count = False

    def lookup_allowed(self, lookup: str, value: Any, request: HttpRequest) -> bool:
        """PostgreSQL refuses to look for a NUL: an answer of 400 rather than a crash."""
        return "\x00" not in str(value) and super().lookup_allowed(lookup, value, request)

    def has_add_permission(self, request: HttpRequest) -> bool:
        return False

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    def get_search_results(self, request: HttpRequest, queryset: Any, search_term: str) -> Any:
        """What is longer than any word of ours finds nothing; SQLite would refuse to look for it."""
        if len(search_term) > LONGEST:
            return queryset.none(), False
        return super().get_search_results(request, queryset, search_term)


@admin.register(Checkout)
class CheckoutAdmin(ReadOnlyAdmin):
    """Every attempt, as it stands."""

    list_display = ("uuid", "action", "state", "total", "currency", "payment_intent_id", "created")
    list_filter = ("state", "action", "currency")
    list_select_related = ("action", "state")
    search_fields = ("=uuid", "=payment_intent_id", "=setup_intent_id")


@admin.register(Notice)
class NoticeAdmin(ReadOnlyAdmin):
    """Who was told what, and when."""

    list_display = ("kind", "state", "subject", "customer", "created", "sent", "tries", "in_doubt", "last_error")
    list_filter = ("state", "kind", "in_doubt")
    list_select_related = ("customer",)
    search_fields = ("=key", "subject", "customer__email")


@admin.register(Customer)
class CustomerAdmin(ReadOnlyAdmin):
    """Who pays, and what we may know of the card."""

    list_display = ("email", "name", "brand", "last4", "expiry_date", "refresh", "customer_id")
    list_filter = ("refresh",)
    search_fields = ("email", "name", "=customer_id")


@admin.register(CustomerPayment)
class CustomerPaymentAdmin(ReadOnlyAdmin):
    """What staff took from saved cards."""

    list_display = ("description", "customer", "amount", "currency", "state", "user", "created", "settled")
    list_filter = ("state", "currency")
    list_select_related = ("customer", "state", "user")
    search_fields = ("=uuid", "description", "customer__email", "customer__name")


@admin.register(StaffAction)
class StaffActionAdmin(ReadOnlyAdmin):
    """What staff did by hand, who and when."""

    list_display = ("created", "verb", "user", "content_type", "object_id", "detail")
    list_filter = ("verb",)
    list_select_related = ("user", "content_type")
    search_fields = ("detail", "=object_id")


@admin.register(PaymentPlan)
class PaymentPlanAdmin(ReadOnlyAdmin):
    """The templates; the staff's pages change them."""

    list_display = ("name", "slug", "deposit", "count", "interval", "deleted")
    list_filter = ("deleted",)
    search_fields = ("name", "slug")


@admin.register(Agreement)
class AgreementAdmin(ReadOnlyAdmin):
    """What customers consented to."""

    list_display = ("agreed", "payment_plan", "total", "currency", "text_version", "user", "address")
    list_select_related = ("payment_plan", "user")
    search_fields = ("=checkout__uuid", "=fingerprint")


@admin.register(ObjectPaymentPlan)
class ObjectPaymentPlanAdmin(ReadOnlyAdmin):
    """The plans of customers."""

    list_display = ("id", "customer", "payment_plan", "total", "currency", "deleted", "created")
    list_filter = ("deleted", "payment_plan")
    list_select_related = ("customer", "payment_plan")
    search_fields = ("customer__email", "customer__name", "description", "=object_id")


@admin.register(ObjectPaymentPlanInstalment)
class ObjectPaymentPlanInstalmentAdmin(ReadOnlyAdmin):
    """Their parts."""

    list_display = (
        *("object_payment_plan", "count", "deposit", "amount", "due", "state"),
        *("retry_due", "retries", "customer_asked", "settled"),
    )
    list_filter = ("state", "deposit")
    list_select_related = ("object_payment_plan", "state")
    search_fields = ("object_payment_plan__customer__email", "object_payment_plan__description")


@admin.register(PaymentRun)
class PaymentRunAdmin(ReadOnlyAdmin):
    """The runs."""

    list_display = ("date", "started", "finished", "stopped")
    search_fields = ("stopped",)


@admin.register(PaymentRunItem)
class PaymentRunItemAdmin(ReadOnlyAdmin):
    """What became of each instalment in a run."""

    list_display = ("payment_run", "instalment", "outcome", "reason", "amount", "currency")
    list_filter = ("outcome", "currency")
    list_select_related = ("payment_run", "instalment")
    search_fields = ("=checkout__uuid", "instalment__object_payment_plan__customer__email")


@admin.register(Refund)
class RefundAdmin(ReadOnlyAdmin):
    """What was given back, by staff or at Stripe."""

    list_display = ("created", "amount", "currency", "state", "reason", "refund_id", "user", "failure", "settled")
    list_filter = ("state", "reason", "by_staff", "currency")
    list_select_related = ("user",)
    search_fields = ("=uuid", "=refund_id", "=checkout__uuid", "=checkout__payment_intent_id")


@admin.register(Dispute)
class DisputeAdmin(ReadOnlyAdmin):
    """What cardholders contest."""

    list_display = (
        *("opened", "amount", "currency", "state", "stripe_status"),
        *("reason", "due_by", "dispute_id", "closed"),
    )
    list_filter = ("state", "is_inquiry", "reason", "currency")
    search_fields = ("=dispute_id", "=checkout__uuid", "=checkout__payment_intent_id")


@admin.register(Event)
class EventAdmin(ReadOnlyAdmin):
    """What Stripe told us. The traceback, which shows code, is on the staff's page for those who may see it."""

    list_display = ("type", "state", "event_id", "stripe_object_id", "source", "tries", "created", "last_error")
    list_filter = ("state", "source", "type")
    search_fields = ("=event_id", "=stripe_object_id")
    exclude = ("traceback",)


@admin.register(Reconciliation)
class ReconciliationAdmin(ReadOnlyAdmin):
    """Comparisons of the books."""

    list_display = ("created", "since", "until", "intents", "refunds", "plans", "foreign", "differences", "finished")


@admin.register(Difference)
class DifferenceAdmin(ReadOnlyAdmin):
    """What they found."""

    list_display = ("reconciliation", "kind", "stripe_id", "ours", "theirs", "detail")
    list_filter = ("kind",)
    list_select_related = ("reconciliation",)
    search_fields = ("=stripe_id", "=checkout__uuid")


@admin.register(Environment)
class EnvironmentAdmin(ReadOnlyAdmin):
    """Where the database belongs; the command ``checkout_environment`` changes it."""

    list_display = ("account_id", "livemode", "site", "adopted", "created", "updated")
    exclude = ("key",)


@admin.register(CheckoutSettings)
class CheckoutSettingsAdmin(admin.ModelAdmin):  # type: ignore[type-arg]
    """The one row, which is opened straight away. A retired plan is no default."""

    fields = ("default_payment_plan",)

    def has_add_permission(self, request: HttpRequest) -> bool:
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    def changelist_view(self, request: HttpRequest, extra_context: Any = None) -> HttpResponse:
        """There is nothing to choose from."""
        if not self.has_view_or_change_permission(request):
            raise PermissionDenied
        only = CheckoutSettings.objects.settings
        return redirect("admin:checkout_checkoutsettings_change", only.pk)

    def formfield_for_foreignkey(self, db_field: "models.ForeignKey[Any, Any]", request: Any, **kwargs: Any) -> Any:
        """Only what may still be offered."""
        if db_field.name == "default_payment_plan":
            kwargs["queryset"] = PaymentPlan.objects.current()
        return super().formfield_for_foreignkey(db_field, request, **kwargs)
