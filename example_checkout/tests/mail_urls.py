"""The pages that mail links to and nothing else, for ``pytest.mark.urls``: what they do is tested elsewhere."""

from django.http import HttpRequest, HttpResponse
from django.urls import path


def page(request: HttpRequest, **kwargs: str) -> HttpResponse:
    """Answer with nothing."""
    return HttpResponse()


urlpatterns = [
    path("bookings/<slug:number>/", page, name="example.booking"),
    path("pay/mail/<str:token>/", page, name="web.checkout.pay.on.session.redirect"),
    path("card/", page, name="web.checkout.refresh.card"),
]
