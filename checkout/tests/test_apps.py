"""The words that rows point to are there after whatever empties or makes the tables of a site."""

from typing import Any

import pytest
from django.apps import apps
from django.core.management import call_command
from django.db.models.signals import post_migrate

from checkout import states
from checkout.models import CheckoutAction, CheckoutState


@pytest.fixture(autouse=True)
def without_help(monkeypatch: pytest.MonkeyPatch) -> None:
    """A site's suite has no conftest.py of ours that writes them."""
    ours = [row for row in post_migrate.receivers if "checkout.apps" in str(row[0][0])]
    monkeypatch.setattr(post_migrate, "receivers", ours)


def words() -> tuple[dict[str, str], dict[str, str]]:
    found = [dict(table.objects.values_list("slug", "name")) for table in (CheckoutAction, CheckoutState)]
    return found[0], found[1]


@pytest.mark.slow
@pytest.mark.django_db(transaction=True)
def test_a_flush_keeps_the_words_of_actions_and_states() -> None:
    """As `manage.py flush` does, and every test of a site with real transactions at its end."""
    call_command("flush", interactive=False, verbosity=0)
    assert words() == (states.ACTIONS, states.STATES)


@pytest.mark.django_db
def test_tables_made_without_migrations_have_the_words() -> None:
    """`pytest --nomigrations`, or MIGRATION_MODULES = {"checkout": None}."""
    CheckoutAction.objects.all().delete()
    CheckoutState.objects.filter(slug=states.FAIL).delete()
    migrated()
    assert words() == (states.ACTIONS, states.STATES)


@pytest.mark.django_db
def test_a_word_that_a_site_has_changed_stays() -> None:
    CheckoutState.objects.filter(slug=states.FAIL).update(name="Not paid")
    migrated()
    assert words()[1][states.FAIL] == "Not paid"


@pytest.mark.django_db
def test_before_the_first_migration_there_is_nothing_to_write_to() -> None:
    class NoModels:
        def get_model(self, *_name: Any) -> Any:
            raise LookupError

    migrated(NoModels())


def migrated(known: Any = apps) -> None:
    """What Django sends at the end of `migrate` and `flush`."""
    config = apps.get_app_config("checkout")
    post_migrate.send(
        sender=config, app_config=config, verbosity=0, interactive=False, using="default", apps=known, plan=[]
    )
