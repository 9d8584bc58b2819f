"""The shop in Django's admin."""

from django.contrib import admin

from example_checkout.models import Contact, Product, SalesLedger


@admin.register(Contact)
class ContactAdmin(admin.ModelAdmin):
    """Who books."""

    list_display = ("name", "email", "user")
    search_fields = ("name", "email")


@admin.register(Product)
class ProductAdmin(admin.ModelAdmin):
    """Courses."""

    list_display = ("name", "price", "currency", "starts")
    prepopulated_fields = {"slug": ("name",)}


@admin.register(SalesLedger)
class SalesLedgerAdmin(admin.ModelAdmin):
    """Bookings. What was paid is written by the checkout alone."""

    list_display = ("number", "title", "contact", "quantity", "invoiced", "paid")
    list_select_related = ("contact",)
    readonly_fields = ("number", "invoiced", "paid", "failed")
    search_fields = ("number", "title", "contact__name", "contact__email")
