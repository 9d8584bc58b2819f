"""What the fulfilment commands share: a progress bar, a line at the end, and an exit code that cron can see."""

from collections.abc import Callable
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser
from tqdm import tqdm

from checkout.errors import CheckoutError
from checkout.flows.fulfil import Report

OnProgress = Callable[[int], object]


class FulfilmentCommand(BaseCommand):
    """Exits non-zero if Stripe could not be asked, or if the host's code would not let something be settled."""

    def passes(self) -> list[tuple[str, int, Callable[..., Report]]]:
        """What to go through: its name in the plural, how many there are about, and the flow."""
        raise NotImplementedError

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--dry-run", action="store_true", help="Ask, but write and cancel nothing.")

    def handle(self, *args: Any, **options: Any) -> None:
        errors = 0
        for name, total, flow in self.passes():
            report = self._go(flow, total, dry_run=options["dry_run"])
            errors += report.errors
            if options["verbosity"] > 1 or options["dry_run"] or report.settled:
                verb = "would be settled" if options["dry_run"] else "settled"
                self.stdout.write(f"{report.settled} of {report.open} open {name} {verb}.")
        if errors:
            raise CommandError(f"{errors} could not be settled: see the log.")

    def _go(self, flow: Callable[..., Report], total: int, *, dry_run: bool) -> Report:
        # tqdm's disable=None: a bar on a terminal, silence in cron
        with tqdm(total=total, unit="checkout", disable=None) as bar:
            try:
                return flow(dry_run=dry_run, on_progress=lambda done: bar.update(done))
            except CheckoutError as error:
                raise CommandError(f"Stripe could not be asked: {error}. Nothing is lost: run it again.") from error
