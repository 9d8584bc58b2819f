"""A small course-booking shop: the demonstration of ``checkout`` and the site that its tests run in."""

from example_checkout.celery import app as celery_app

__all__ = ["celery_app"]
