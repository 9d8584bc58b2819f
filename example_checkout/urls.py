"""The example site's addresses. The ``web.checkout`` names are the ones that ``checkout`` reverses."""

from django.contrib import admin
from django.contrib.auth import views as auth_views
from django.urls import include, path

from checkout.views import stripe_webhook
from example_checkout import views

urlpatterns = [
    path("", views.HomeView.as_view(), name="example.home"),
    path("terms/", views.TermsView.as_view(), name="example.terms"),
    path("courses/<slug:slug>/", views.CourseView.as_view(), name="example.course"),
    path("bookings/", views.MyBookingsView.as_view(), name="example.bookings"),
    path("bookings/<slug:number>/", views.BookingView.as_view(), name="example.booking"),
    path("bookings/<slug:number>/plan/", views.SalesLedgerPlanView.as_view(), name="example.plan"),
    path(
        "bookings/<slug:number>/pay/",
        views.SalesLedgerSessionRedirectView.as_view(),
        name="example.booking.pay",
    ),
    path("pay/<uuid:uuid>/", views.SalesLedgerCheckoutView.as_view(), name="web.checkout"),
    path("pay/<uuid:uuid>/thanks/", views.SalesLedgerCheckoutSuccessView.as_view(), name="web.checkout.success"),
    path("pay/<uuid:uuid>/failed/", views.SalesLedgerCheckoutFailView.as_view(), name="web.checkout.fail"),
    path("pay/<uuid:uuid>/on-session/", views.InstalmentPayView.as_view(), name="web.checkout.pay.on.session"),
    path("pay/link/<str:token>/", views.InstalmentLinkView.as_view(), name="web.checkout.pay.on.session.redirect"),
    path("card/refresh/", views.CheckoutRefreshCardView.as_view(), name="web.checkout.refresh.card"),
    path(
        "card/refresh/<uuid:uuid>/",
        views.CheckoutRefreshCardSuccessView.as_view(),
        name="web.checkout.refresh.card.success",
    ),
    # where Stripe tells what has happened
    path("stripe/webhook/", stripe_webhook, name="web.stripe.webhook"),
    path("accounts/login/", auth_views.LoginView.as_view(redirect_authenticated_user=True), name="login"),
    path("accounts/logout/", auth_views.LogoutView.as_view(), name="logout"),
    path("checkout/", include("checkout.urls")),
    path("admin/", admin.site.urls),
]
