from typing import Any

from django.apps import AppConfig
from django.apps import apps as installed_apps
from django.db import router
from django.db.models.signals import post_migrate
from django.utils.translation import gettext_lazy as _

from checkout import states


class CheckoutConfig(AppConfig):
    name = "checkout"
    verbose_name = _("Checkout")
    default_auto_field = "django.db.models.BigAutoField"

    def ready(self) -> None:
        from checkout import checks  # noqa: F401  (registers the system checks)

        post_migrate.connect(write_words, sender=self, dispatch_uid="checkout.apps.write_words")


def write_words(*, using: str, apps: Any = installed_apps, **_signal: Any) -> None:
    """Write the actions and states that are missing: rows point to them.

    The migration has done so, but ``manage.py flush`` empties every table (and says nothing of ``apps``), as a test
    with real transactions does at its end; and without migrations (``pytest --nomigrations``) nobody has.
    """
    for name, words in (("CheckoutAction", states.ACTIONS), ("CheckoutState", states.STATES)):
        try:
            model = apps.get_model("checkout", name)
        except LookupError:
            # migrated back to before the first migration
            continue
        if router.allow_migrate_model(using, model):
            rows = [model(slug=slug, name=word) for slug, word in words.items()]
            model._base_manager.using(using).bulk_create(rows, ignore_conflicts=True)
