"""The tables of words: what a checkout is for, and how far it is. The slug is the key: comparing needs no join."""

from typing import Any, ClassVar

from django.db import models
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from checkout import states


class SlugManager(models.Manager[Any]):
    """Gives a row by its slug without a query, since the slug is the key: ``objects.pending``."""


def _word(slug: str) -> property:
    def row(manager: SlugManager) -> Any:
        found = manager.model(slug=slug, name=manager.model.WORDS[slug])
        found._state.adding = False
        return found

    return property(row, doc=f"The row {slug!r}, without a query.")


class ActionManager(SlugManager):
    """``CheckoutAction.objects.payment`` and so on."""

    card_refresh = _word(states.CARD_REFRESH)
    charge = _word(states.CHARGE)
    invoice = _word(states.INVOICE)
    manual = _word(states.MANUAL)
    payment = _word(states.PAYMENT)
    payment_plan = _word(states.PAYMENT_PLAN)
    pay_on_session = _word(states.PAY_ON_SESSION)


class StateManager(SlugManager):
    """``CheckoutState.objects.pending`` and so on."""

    pending = _word(states.PENDING)
    request = _word(states.REQUEST)
    success = _word(states.SUCCESS)
    fail = _word(states.FAIL)
    pay_on_session = _word(states.PAY_ON_SESSION)


class SlugTable(models.Model):
    """A table of words, seeded by a migration, that other rows point to by slug."""

    WORDS: ClassVar[dict[str, str]] = {}

    slug = models.SlugField(primary_key=True, max_length=50)
    name = models.CharField(max_length=100)

    class Meta:
        abstract = True
        ordering = ("slug",)

    def __str__(self) -> str:
        # The database keeps the English word.
        return gettext(self.name)


class CheckoutAction(SlugTable):
    """What a checkout is for. ``CheckoutAction.objects.payment`` and so on, without a query."""

    WORDS = dict(states.ACTIONS)

    objects = ActionManager()

    class Meta(SlugTable.Meta):
        verbose_name = _("checkout action")
        verbose_name_plural = _("checkout actions")


class CheckoutState(SlugTable):
    """How far a checkout is. ``CheckoutState.objects.pending`` and so on, without a query."""

    WORDS = dict(states.STATES)

    objects = StateManager()

    class Meta(SlugTable.Meta):
        verbose_name = _("checkout state")
        verbose_name_plural = _("checkout states")
