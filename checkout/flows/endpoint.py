"""The site's webhook endpoint at Stripe."""

from dataclasses import dataclass

from checkout import gateway
from checkout.gateway import Endpoint

EVENTS = gateway.EVENT_TYPES
VERSION = gateway.API_VERSION


@dataclass(frozen=True, kw_only=True)
class Drift:
    """How what Stripe has differs from what we want. Nothing is missing where ``found`` is one and ``lines`` empty."""

    url: str
    found: Endpoint | None
    missing: tuple[str, ...] = ()
    extra: tuple[str, ...] = ()

    @property
    def any(self) -> bool:
        """Something differs."""
        return bool(self.lines())

    def lines(self) -> list[str]:
        """One sentence for each difference."""
        if self.found is None:
            return [f"Stripe has no endpoint {self.url}."]
        said = []
        if not self.found.enabled:
            said.append("It is switched off.")
        if self.missing:
            said.append(f"Not sent: {', '.join(self.missing)}.")
        if self.extra:
            said.append(f"Sent, and not wanted: {', '.join(self.extra)}.")
        if self.found.api_version != gateway.API_VERSION:
            said.append(
                f"Its events are of version {self.found.api_version or '(of the account)'}, not {gateway.API_VERSION}."
            )
        return said


def _of(url: str) -> list[Endpoint]:
    """Those of that address, in our version of the API first."""
    found = [one for one in gateway.list_endpoints() if one.url == url]
    return sorted(found, key=lambda one: one.api_version != gateway.API_VERSION)


def drift(url: str) -> Drift:
    """Compare; changes nothing. Raises the gateway's errors."""
    found = _of(url)
    if not found:
        return Drift(url=url, found=None)
    wanted, sent = set(gateway.EVENT_TYPES), set(found[0].events)
    return Drift(url=url, found=found[0], missing=tuple(sorted(wanted - sent)), extra=tuple(sorted(sent - wanted)))


def ensure(url: str, *, replace: bool = False) -> Endpoint:
    """Make it, or give it exactly our events; with ``replace`` make another one where the version differs.

    A new one brings its ``secret``, this once. Raises the gateway's errors; may be called twice.
    """
    now = drift(url)
    if now.found is None or (replace and now.found.api_version != gateway.API_VERSION):
        return gateway.create_endpoint(url)
    if now.missing or now.extra or not now.found.enabled:
        return gateway.update_endpoint(now.found.id)
    return now.found


def delete_old(url: str) -> int:
    """Delete those of that address in another version of the API, if there is one in ours; how many."""
    found = _of(url)
    if not found or found[0].api_version != gateway.API_VERSION:
        return 0
    old = [one for one in found if one.api_version != gateway.API_VERSION]
    for one in old:
        gateway.delete_endpoint(one.id)
    return len(old)
