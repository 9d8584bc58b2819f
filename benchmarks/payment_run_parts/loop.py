"""The plain loop that many sites have: lock a row, charge it, save it, one at a time."""

from __future__ import annotations

import json
import time

import django


def main() -> None:
    """Charge everything that is due and print how long it took."""
    django.setup()
    import stripe
    from django.conf import settings
    from django.db import transaction

    from checkout.models import ObjectPaymentPlanInstalment

    stripe.api_key = settings.STRIPE_SECRET_KEY
    stripe.api_base = settings.CHECKOUT_STRIPE_API_BASE
    due = ObjectPaymentPlanInstalment.objects.due.values_list("pk", flat=True)
    began = time.monotonic()
    for pk in list(due):
        with transaction.atomic():
            rows = ObjectPaymentPlanInstalment.objects.select_for_update(of=("self",))
            row = rows.select_related("object_payment_plan__customer").get(pk=pk)
            customer = row.object_payment_plan.customer
            stripe.PaymentIntent.create(
                amount=int(row.amount * 100),
                currency="gbp",
                customer=customer.customer_id,
                payment_method=customer.payment_method_id,
                confirm=True,
                off_session=True,
                automatic_payment_methods={"enabled": True, "allow_redirects": "never"},
                metadata={"instalment": str(pk)},
            )
            row.state_id = "success"
            row.save()
    print(json.dumps({"seconds": time.monotonic() - began}))


if __name__ == "__main__":
    main()
