"""The example site's addresses, and the demonstration's desk."""

from django.urls import path

from example_checkout import demo_desk
from example_checkout.urls import urlpatterns as site

urlpatterns = [
    path("demo/", demo_desk.DeskView.as_view(), name="example.desk"),
    path("demo/mail/<slug:slug>/", demo_desk.LetterView.as_view(), name="example.desk.letter"),
    path("demo/mail/<slug:slug>/html/", demo_desk.LetterFrameView.as_view(), name="example.desk.letter.html"),
    *site,
]
