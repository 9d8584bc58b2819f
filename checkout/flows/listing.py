"""Finding out what became of many intents: listed 100 a call, never one by one where that can be helped."""

import logging
import math
from collections.abc import Callable, Iterable, Iterator
from datetime import datetime, timedelta
from typing import Generic, Protocol, TypeVar

from checkout import gateway
from checkout.gateway import Answer, Page
from checkout.models import Checkout

logger = logging.getLogger(__name__)

# An intent is made just after its checkout, but two clocks never agree.
SLACK = timedelta(minutes=2)

AnswerT = TypeVar("AnswerT", bound=Answer)
Page_co = TypeVar("Page_co", bound=Answer, covariant=True)


class ListCall(Protocol[Page_co]):
    """A listing of the gateway: one page a call."""

    def __call__(self, *, since: datetime, until: datetime, after: str = "") -> Page[Page_co]: ...


class Listing(Generic[AnswerT]):
    """One kind of intent. ``key`` is what a checkout is found by: its intent's id, or its uuid where there is none."""

    def __init__(
        self,
        *,
        call: ListCall[AnswerT],
        retrieve: Callable[[str], AnswerT],
        key: Callable[[Checkout], str],
        found_by: Callable[[AnswerT], str] = lambda answer: answer.id,
    ) -> None:
        self.call, self.retrieve, self.key, self.found_by = call, retrieve, key, found_by

    def find(self, checkouts: list[Checkout], *, until: datetime) -> Iterator[tuple[Checkout, AnswerT]]:
        """Each of ``checkouts`` (newest first) that a listing finds, in at most ``ceil(n / 100) + 2`` calls.

        After each page it jumps to the newest checkout not found yet, so that a busy hour of settled payments in
        between costs nothing. Those left when the calls are used up come back in the next pass: nobody is forgotten.
        """
        missing = {self.key(checkout): checkout for checkout in checkouts}
        budget = math.ceil(len(checkouts) / gateway.PAGE_SIZE) + 2
        after = ""
        while missing and budget:
            since = min(checkout.created for checkout in missing.values()) - SLACK
            page = self.call(since=since, until=until, after=after)
            budget -= 1
            for answer in page.intents:
                checkout = missing.pop(self.found_by(answer), None)
                if checkout is not None:
                    yield checkout, answer
            if not missing or not page.has_more:
                break
            newest = max(checkout.created for checkout in missing.values()) + SLACK
            last = page.intents[-1]
            if newest < last.created:
                until, after = newest, ""
            else:
                after = last.id
        yield from self._one_by_one(missing.values(), budget)

    def _one_by_one(self, missing: Iterable[Checkout], budget: int) -> Iterator[tuple[Checkout, AnswerT]]:
        """Spend what is left of the calls on those whose intent was made at another time than the checkout."""
        for checkout in [one for one in missing if one.intent_id][:budget]:
            answer = self.get(checkout)
            if answer is not None:
                yield checkout, answer

    def get(self, checkout: Checkout) -> AnswerT | None:
        """One of them alone; None, logged, if Stripe does not know it."""
        try:
            return self.retrieve(checkout.intent_id)
        except gateway.NoSuchIntent:
            logger.error("fulfil unknown intent checkout=%s intent=%s", checkout.uuid, checkout.intent_id)
            return None


PAYMENTS = Listing(
    call=gateway.list_payment_intents,
    retrieve=gateway.retrieve_payment_intent,
    key=lambda checkout: checkout.payment_intent_id,
)
CHARGES = Listing(
    call=gateway.list_payment_intents,
    retrieve=gateway.retrieve_payment_intent,
    key=lambda checkout: str(checkout.uuid),
    found_by=lambda intent: intent.checkout_uuid,
)
SETUPS = Listing(
    call=gateway.list_setup_intents,
    retrieve=gateway.retrieve_setup_intent,
    key=lambda checkout: checkout.setup_intent_id,
)
