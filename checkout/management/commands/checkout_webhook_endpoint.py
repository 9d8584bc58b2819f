"""The webhook endpoint at Stripe: made, brought up to date, checked."""

from typing import Any
from urllib.parse import urlsplit

from django.core.management.base import BaseCommand, CommandError, CommandParser

from checkout.errors import CheckoutError
from checkout.flows import endpoint
from checkout.flows.endpoint import Drift


class Command(BaseCommand):
    """With ``--check`` it changes nothing and exits 1 if something differs."""

    help = "Create or update the webhook endpoint at Stripe, with exactly our events and version of the API."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument(
            "--url", required=True, help="Where the site's webhook is: https://shop.example.com/stripe/"
        )
        how = parser.add_mutually_exclusive_group()
        how.add_argument("--check", action="store_true", help="Change nothing, say what differs.")
        how.add_argument(
            "--replace",
            action="store_true",
            help="Make a new one where the version of the API differs, which Stripe lets nobody change. The old one "
            "goes on until you delete it (--delete-old).",
        )
        how.add_argument("--delete-old", action="store_true", help="Delete endpoints of this URL with another version.")

    def handle(self, *args: Any, **options: Any) -> None:
        url = options["url"]
        if urlsplit(url).scheme not in ("https", "http") or not urlsplit(url).hostname:
            raise CommandError(f"{url!r} is no address: give scheme, host and path, https://shop.example.com/stripe/")
        try:
            if options["check"]:
                self._check(endpoint.drift(url))
            elif options["delete_old"]:
                self.stdout.write(f"{endpoint.delete_old(url)} endpoints deleted.")
            else:
                self._ensure(url, replace=options["replace"])
        except CheckoutError as error:
            raise CommandError(f"Stripe refused, or could not be asked: {error}") from error

    def _check(self, drift: Drift) -> None:
        for line in drift.lines():
            self.stdout.write(line)
        if drift.any:
            raise CommandError("The endpoint is not as it should be: run it again without --check.")
        self.stdout.write(f"{drift.url}: {len(endpoint.EVENTS)} events, {endpoint.VERSION}, enabled.")

    def _ensure(self, url: str, *, replace: bool) -> None:
        done = endpoint.ensure(url, replace=replace)
        if done.secret:
            self.stdout.write("Made. Stripe tells its secret this once; put it into CHECKOUT_WEBHOOK_SECRETS:")
            self.stdout.write(done.secret)
        else:
            self.stdout.write(f"{done.id} is as it should be: {len(done.events)} events.")
        if done.api_version != endpoint.VERSION:
            raise CommandError(
                f"It sends events of version {done.api_version or '(of the account)'}, we read {endpoint.VERSION}. "
                "Stripe lets nobody change that: run it with --replace, add the new secret, then --delete-old."
            )
