"""Fill an empty site with courses, a payment plan and two users, and say who can sign in."""

from datetime import timedelta
from decimal import Decimal
from typing import Any

from django.contrib.auth import get_user_model
from django.core.management.base import BaseCommand, CommandError
from django.db import transaction
from django.utils import timezone

from checkout.conf import settings as checkout_settings
from checkout.models import CheckoutSettings, PaymentPlan
from example_checkout.models import Contact, Product

COURSES = [
    (
        "throwing",
        "Throwing on the wheel",
        "120.00",
        10,
        "2 days",
        "From a lump of clay to two mugs.",
    ),
    ("weaving", "Weaving on a rigid heddle", "85.00", 17, "1 day", "Warp, weave and take home a scarf."),
    ("indigo", "Indigo and shibori", "64.50", 24, "1 day", "Fold, bind, dip: cotton and silk in every blue."),
    ("raku", "Raku firing", "245.00", 38, "A weekend", "Glaze on Saturday, fire in the yard on Sunday."),
    (
        "spinning",
        "Spinning for beginners",
        "30.00",
        45,
        "An evening",
        "A drop spindle and a fleece.",
    ),
    (
        "bookbinding",
        "Coptic bookbinding",
        "95.00",
        52,
        "1 day",
        "Sew a book that lies flat.",
    ),
]
ABOUT = (
    "Small groups of up to twelve, in our workshop by the canal. Tools, materials, tea and cake are "
    "included. You need no experience, only clothes that may get dirty. Cancel up to a week before and "
    "we refund you in full."
)


class Command(BaseCommand):
    """Idempotent: run it as often as you like."""

    help = (
        "Adds the demonstration's courses, payment plan and users (passwords are the names); refuses a live Stripe key."
    )

    @transaction.atomic
    def handle(self, *args: Any, **options: Any) -> None:
        """Create what is missing."""
        if "_live_" in checkout_settings.secret_key:
            raise CommandError("demo_data makes users with known passwords: not with a live Stripe key.")
        self._courses()
        self._payment_plan()
        self._user("staff", "Sam Staff", is_staff=True, is_superuser=True)
        customer = self._user("customer", "Casey Customer")
        Contact.objects.get_or_create(user=customer, defaults={"name": "Casey Customer", "email": customer.email})
        self.stdout.write("  Sign in as  customer / customer   to book and to see your bookings")
        self.stdout.write("              staff / staff         to see every checkout and the admin")

    def _courses(self) -> None:
        today = timezone.localdate()
        for slug, name, price, days, length, summary in COURSES:
            Product.objects.get_or_create(
                slug=slug,
                defaults={
                    "name": name,
                    "price": Decimal(price),
                    "starts": today + timedelta(days=days),
                    "length": length,
                    "summary": summary,
                    "description": ABOUT,
                },
            )

    def _payment_plan(self) -> None:
        plan = PaymentPlan.objects.filter(slug="four-parts").first()
        if plan is None:
            plan = PaymentPlan.objects.create_payment_plan("four-parts", "Four parts", deposit=25, count=3, interval=1)
        settings = CheckoutSettings.objects.settings
        if settings.default_payment_plan is None:
            settings.default_payment_plan = plan
            settings.save()

    def _user(self, username: str, name: str, **flags: bool) -> Any:
        first, last = name.split()
        user, created = get_user_model().objects.get_or_create(
            username=username,
            defaults={"first_name": first, "last_name": last, "email": f"{username}@example.com", **flags},
        )
        if created:
            user.set_password(username)
            user.save(update_fields=["password"])
        return user
