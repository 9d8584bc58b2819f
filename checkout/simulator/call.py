"""What a handler is given: the account it works on and the request it answers."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from .clock import Clock
from .store import Obj, Store
from .trouble import Trouble

if TYPE_CHECKING:
    from .deliveries import Publisher
    from .schedule import Agenda

API_VERSION = "2026-10-28.endive"
ACCOUNT_ID = "acct_1SimulatedShop000"


@dataclass
class Account:
    """The simulated account: its objects, its clock, its trouble and the origin of its own pages."""

    store: Store
    clock: Clock
    trouble: Trouble
    origin: str
    agenda: Agenda
    publisher: Publisher


@dataclass
class Call:
    """One request being answered; or work of the account's own, when ``request_id`` is None."""

    account: Account
    request_id: str | None = None
    idempotency_key: str | None = None
    method: str = "POST"
    path: str = ""
    browser: bool = False
    #: A card number typed into the browser, kept apart from the checked parameters.
    card: dict[str, Any] | None = None
    card_details: dict[str, Any] = field(default_factory=dict)
    client_secret: str | None = None
    ids: tuple[str, ...] = ()
    #: Whose key the request came with.
    account_id: str = ACCOUNT_ID
    expand: list[str] = field(default_factory=list)

    @property
    def store(self) -> Store:
        """The account's objects."""
        return self.account.store

    @property
    def now(self) -> int:
        """The simulated time."""
        return self.account.clock.now()

    def emit(self, kind: str, obj: Obj, previous: Obj | None = None) -> None:
        """Write an event about an object as it is now."""
        self.account.publisher.emit(self, kind, obj, previous)

    def new(self, kind: str, fields: Obj) -> Obj:
        """Make and keep an object of a kind that has an id of its own, test mode and a creation time."""
        obj = {"id": self.store.new_id(kind), "object": kind, "created": self.now, "livemode": False, **fields}
        return self.store.add(kind, obj)
