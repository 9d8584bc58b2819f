from django.apps import AppConfig


class ExampleCheckoutConfig(AppConfig):
    name = "example_checkout"
    verbose_name = "Course bookings"
    default_auto_field = "django.db.models.BigAutoField"
