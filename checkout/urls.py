"""Staff pages; mount them at ``/checkout/``."""

from django.urls import path

from checkout.views.staff import CheckoutAuditListView, CheckoutListView

urlpatterns = [
    path("", CheckoutListView.as_view(), name="checkout.list"),
    path("audit/", CheckoutAuditListView.as_view(), name="checkout.list.audit"),
]
