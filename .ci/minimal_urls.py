"""URLs of the package check's project."""

from django.contrib import admin
from django.urls import include, path

urlpatterns = [path("admin/", admin.site.urls), path("checkout/", include("checkout.urls"))]
