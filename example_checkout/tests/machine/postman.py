"""Stripe's post, from its books to the door of the site: signed for real, late, doubled, out of order, or never."""

import time
from typing import TYPE_CHECKING, Any, Final

from django.conf import settings as django_settings
from django.http import HttpResponse
from django.test import RequestFactory

from checkout.gateway.events import EVENT_TYPES
from checkout.simulator.deliveries import sign
from checkout.views.webhook import stripe_webhook

if TYPE_CHECKING:
    from example_checkout.tests.machine.world import World

SECRET: Final = "whsec_machine"
PATH: Final = "/stripe/webhook/"
# How a shop hears: its own process works an event, a worker does, or there is no endpoint and it fetches them.
WAYS: Final = ("in line", "worker", "none")
ORDERS: Final = ("as sent", "backwards", "every other")
# What becomes of one after the other: it comes, or comes twice; Stripe never hears our answer, and sends it again; or
# nobody hears of it again.
FATES: Final = (
    ("arrives",),
    ("arrives",),
    ("twice",),
    ("answer lost",),
    ("lost",),
    ("lost", "arrives"),
    ("arrives", "arrives", "lost", "twice"),
)

Delivery = dict[str, Any]


class Postman:
    """``handed``: what was given to the worker, who may be handed it again."""

    def __init__(self, world: "World") -> None:
        self.world = world
        self.handed: list[int] = []
        self._doors = RequestFactory()

    def open(self, way: str) -> None:
        """Tell Stripe where the post goes."""
        self.handed = []
        django_settings.CHECKOUT_WEBHOOK_SECRETS = [SECRET]
        django_settings.CHECKOUT_EVENT_WORKER = way == "worker"
        if way != "none":
            self.world.simulator.add_webhook_endpoint(f"https://shop.example{PATH}", SECRET, EVENT_TYPES)

    def bag(self, order: str = "as sent") -> list[Delivery]:
        """What Stripe would send now."""
        simulator = self.world.simulator
        self.world.sync()
        simulator._run_overdue()
        now = simulator.clock.now()
        ready = [one for one in simulator._store.kinds["delivery"].values() if one["due"] <= now]
        ready.sort(key=lambda one: one["place"])
        if order == "backwards":
            ready.reverse()
        return [*ready[1::2], *ready[::2]] if order == "every other" else ready

    def bring(self, delivery: Delivery, fate: str = "arrives", fuse: int | None = None) -> None:
        """One event, in a process of the site; one that dies, or whose answer is lost, is sent again later."""
        status = 0
        if fate == "lost":
            # and all the times that Stripe tries
            delivery["attempts"] = 99
        else:
            for _time in range(2 if fate == "twice" else 1):
                answer = self.world.process(lambda: self.knock(delivery), fuse=fuse)
                status = answer.status_code if answer is not None and fate != "answer lost" else 0
                fuse = None
        self._note(delivery, fate, status)

    def bring_all_at_once(self) -> None:
        """In the middle of somebody else's process: everything that is due, in order."""
        for delivery in self.bag()[:6]:
            self._note(delivery, "arrives", self.knock(delivery).status_code)

    def knock(self, delivery: Delivery) -> HttpResponse:
        """Post it to the view. Stripe's clock is not the one that signatures are held against, so it is signed anew."""
        made = self.world.simulator._publisher.request_for(delivery, 0)
        assert made is not None
        _url, body, headers = made
        headers["Stripe-Signature"] = sign(body, SECRET, int(time.time()))
        request = self._doors.post(PATH, data=body, content_type="application/json", headers=_without_type(headers))
        answer = stripe_webhook(request)
        assert answer.status_code == 200, f"{answer.status_code} {answer.content!r} to {delivery['event']}"
        return answer

    def _note(self, delivery: Delivery, fate: str, status: int) -> None:
        simulator = self.world.simulator
        self.world.facts[f"post {fate}"] += 1
        simulator._publisher.settle(delivery, status, simulator.clock.now())


def _without_type(headers: dict[str, str]) -> dict[str, str]:
    return {name: value for name, value in headers.items() if name != "Content-Type"}
