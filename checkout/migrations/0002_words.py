"""Seed the words that a row is compared by. They are copied here, since a migration must not change with the code."""

from django.db import migrations

ACTIONS = {
    "card_refresh": "Card refresh",
    "charge": "Charge",
    "invoice": "Invoice",
    "manual": "Manual",
    "payment": "Payment",
    "payment_plan": "Payment plan",
    "pay_on_session": "Pay on session",
}
STATES = {
    "pending": "Pending",
    "request": "Request",
    "success": "Success",
    "fail": "Fail",
    "pay_on_session": "Pay on session",
}


def seed(apps, schema_editor):
    for model_name, words in (("CheckoutAction", ACTIONS), ("CheckoutState", STATES)):
        rows = apps.get_model("checkout", model_name).objects.using(schema_editor.connection.alias)
        for slug, name in words.items():
            rows.update_or_create(slug=slug, defaults={"name": name})


class Migration(migrations.Migration):
    dependencies = [("checkout", "0001_initial")]
    operations = [migrations.RunPython(seed, migrations.RunPython.noop)]
