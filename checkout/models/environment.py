"""Where this database belongs: a copy of it must not charge or mail anybody by mistake."""

import logging
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

from django.db import models
from django.utils import timezone
from django.utils.crypto import constant_time_compare, salted_hmac
from django.utils.translation import gettext, gettext_noop
from django.utils.translation import gettext_lazy as _

from checkout.conf import settings
from checkout.errors import WrongEnvironment

logger = logging.getLogger(__name__)

SALT: Final = "checkout.environment"
UNTOLD: Final = "one that is not told (a restricted key may not read it)"
# In English for logs and commands, translated for who reads the staff's pages.
OTHER_MODE: Final = gettext_noop("it is for %(known)s payments, and the key is for %(here)s ones")
OTHER_SITE: Final = gettext_noop("it belongs to %(known)s, and this is %(here)s")
LIVE: Final = gettext_noop("live")
TEST: Final = gettext_noop("test")
NO_NAME: Final = gettext_noop("(no name)")
# What this process has compared already, by database: the comparison costs a query, and once a call to Stripe.
_approved: dict[str, "Surroundings | None"] = {}


@dataclass(frozen=True, kw_only=True)
class Surroundings:
    """What a process runs with. ``key`` is a keyed hash of the secret key, never the key."""

    key: str
    livemode: bool
    site: str


def surroundings() -> Surroundings:
    """From the settings of now."""
    secret = settings.secret_key
    return Surroundings(
        key=salted_hmac(SALT, secret, algorithm="sha256").hexdigest(),
        livemode=settings.livemode,
        site=settings.environment,
    )


class EnvironmentManager(models.Manager["Environment"]):
    """The guard."""

    def check_environment(self) -> None:
        """Remember on first use where this database belongs; raise ``WrongEnvironment`` if that is not here.

        Once for each process it costs a query; Stripe is asked for its account only on first use and after the key was
        changed, so not inside a transaction then. Raises the gateway's errors where Stripe could not be asked.
        """
        here = surroundings()
        if self.db in _approved and _approved[self.db] in (None, here):
            return
        known = self.first()
        if known is None:
            account = _account_id()
            # of two processes at once one is first, and the other is compared with it
            known, _created = self.get_or_create(
                pk=Environment.ONLY,
                defaults={
                    "account_id": account,
                    "livemode": here.livemode,
                    "site": here.site,
                    "key": here.key,
                },
            )
            logger.info("environment remembered account=%s livemode=%s site=%s", account, here.livemode, here.site)
        known.compare(here)
        _approved[self.db] = here

    def adopt(self) -> "Environment":
        """On purpose: from now on this database belongs here. Asks Stripe for its account; raises its errors."""
        here = surroundings()
        account = _account_id()
        values = {
            "account_id": account,
            "livemode": here.livemode,
            "site": here.site,
            "key": here.key,
            "adopted": timezone.now(),
        }
        known, _created = self.update_or_create(pk=Environment.ONLY, defaults=values)
        forget()
        logger.warning("environment adopted account=%s livemode=%s site=%s", account, here.livemode, here.site)
        return known

    def trouble(self) -> str:
        """Why nothing is charged or mailed, as far as can be told without asking Stripe; empty if nothing is wrong.

        For the staff: in the language of now.
        """
        here = surroundings()
        known = self.first()
        return known.difference(here, say=gettext) if known is not None else ""


def _account_id() -> str:
    """Whose key it is; nothing where a restricted key may not ask: it then is the key itself that is remembered."""
    # late: setting up a site must not import what speaks to Stripe
    from checkout import gateway

    try:
        return gateway.retrieve_account_id()
    except gateway.NotPermitted:
        logger.warning("environment account not told: this key may not read it")
        return ""


def forget() -> None:
    """The next use compares again."""
    _approved.clear()


def approve(using: str = "default") -> None:
    """For tests: take whatever the settings say for right, without a row and without asking Stripe."""
    _approved[using] = None


class Environment(models.Model):
    """One row. ``site`` is ``CHECKOUT_ENVIRONMENT``; ``key`` a keyed hash of the secret key that was compared last."""

    ONLY: Final = 1

    account_id = models.CharField(max_length=255, blank=True)
    livemode = models.BooleanField()
    site = models.CharField(max_length=255, blank=True)
    key = models.CharField(max_length=64)
    adopted = models.DateTimeField(null=True, blank=True)
    created = models.DateTimeField(auto_now_add=True)
    updated = models.DateTimeField(auto_now=True)

    objects = EnvironmentManager()

    class Meta:
        verbose_name = _("environment")
        verbose_name_plural = _("environment")

    def __str__(self) -> str:
        return f"{self.account_id} {'live' if self.livemode else 'test'} {self.site}"

    def difference(self, here: Surroundings, *, say: Callable[[str], str] = str) -> str:
        """What is not as it is remembered, the account left out, which only Stripe can tell. ``say`` translates it."""
        found = []
        if self.livemode != here.livemode:
            found.append(say(OTHER_MODE) % {"known": say(_mode(self.livemode)), "here": say(_mode(here.livemode))})
        if self.site != here.site:
            found.append(
                say(OTHER_SITE) % {"known": self.site or say(NO_NAME), "here": here.site or say(NO_NAME)},
            )
        return "; ".join(found)

    def compare(self, here: Surroundings) -> None:
        """Raise ``WrongEnvironment`` if this is not where the database belongs. Asks Stripe if the key is a new one."""
        found = self.difference(here)
        if not found and not constant_time_compare(self.key, here.key):
            account = _account_id()
            if not account or account != self.account_id:
                ours, theirs = self.account_id or UNTOLD, account or UNTOLD
                found = f"it is for the Stripe account {ours}, and the key is of {theirs}"
            else:
                Environment.objects.filter(pk=self.pk).update(key=here.key, updated=timezone.now())
        if found:
            raise WrongEnvironment(
                f"This database is not used where it belongs: {found}. Nothing is charged, and no mail is sent. If "
                "this is on purpose: manage.py checkout_environment --adopt"
            )


def _mode(livemode: bool) -> str:
    return LIVE if livemode else TEST
