"""Read-only: money is moved by flows, never by editing rows."""

from typing import Any

from django.contrib import admin
from django.http import HttpRequest

from checkout.models import Checkout, Notice


class ReadOnlyAdmin(admin.ModelAdmin):  # type: ignore[type-arg]
    """Nothing can be added, changed or deleted."""

    def lookup_allowed(self, lookup: str, value: Any, request: HttpRequest) -> bool:
        """PostgreSQL refuses to look for a NUL: an answer of 400 rather than a crash."""
        return "\x00" not in str(value) and super().lookup_allowed(lookup, value, request)

    def has_add_permission(self, request: HttpRequest) -> bool:
        return False

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False


@admin.register(Checkout)
class CheckoutAdmin(ReadOnlyAdmin):
    """Every attempt, as it stands."""

    list_display = ("uuid", "action", "state", "total", "currency", "payment_intent_id", "created")
    list_filter = ("state", "action", "currency")
    list_select_related = ("action", "state")
    search_fields = ("=uuid", "=payment_intent_id")
    show_full_result_count = False

    def get_search_results(self, request: HttpRequest, queryset: Any, search_term: str) -> Any:
        """What is longer than any id finds nothing; SQLite would refuse to look for it."""
        if len(search_term) > 255:
            return queryset.none(), False
        return super().get_search_results(request, queryset, search_term)


@admin.register(Notice)
class NoticeAdmin(ReadOnlyAdmin):
    """Who was told what, and when."""

    list_display = ("kind", "key", "subject", "created", "sent")
    list_filter = ("kind",)
