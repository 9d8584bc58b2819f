"""The webhook: ``path("stripe/webhook/", stripe_webhook)`` in the urls of a site."""

import logging
from typing import Final

from django.core.exceptions import RequestDataTooBig
from django.db import transaction
from django.http import HttpRequest, HttpResponse
from django.http.request import UnreadablePostError
from django.views.decorators.cache import never_cache
from django.views.decorators.csrf import csrf_exempt
from django.views.decorators.http import require_POST

from checkout.conf import settings
from checkout.errors import BadEvent
from checkout.flows import inbox
from checkout.gateway import parse_event

logger = logging.getLogger(__name__)

# An event is some kilobytes: whoever sends more is not Stripe, and we do not compute a signature for them.
MOST_BYTES: Final = 512 * 1024


# the signature says who it is, not a cookie; and the event is on disk before it is worked, also under ATOMIC_REQUESTS
@csrf_exempt
@transaction.non_atomic_requests
@never_cache
@require_POST
def stripe_webhook(request: HttpRequest) -> HttpResponse:
    """Keep a signed event and answer at once. 200 also for one that has come before; 400 for what is not from Stripe.

    One INSERT and no call to Stripe. A worker takes it from there; where there is none it is worked here, and whatever
    goes wrong then is kept with the event and tried again. 5xx only if it could not be kept: Stripe sends it again.
    """
    try:
        hint = parse_event(_body(request), request.headers.get("Stripe-Signature", ""))
    except BadEvent as error:
        logger.warning("webhook refused reason=%s", error)
        return _answer("Not an event that this endpoint takes.", 400)
    event = inbox.receive(hint)
    if event is None:
        return _answer("Known.", 200)
    if settings.event_worker:
        # late: a site without Celery's worker never loads it
        from checkout.tasks import hand_on

        hand_on(event.pk)
    else:
        inbox.work(event.pk)
    return _answer("Kept.", 200)


def _body(request: HttpRequest) -> bytes:
    try:
        length = int(request.headers.get("Content-Length") or 0)
    except ValueError:
        raise BadEvent("The Content-Length is no number.") from None
    if length > MOST_BYTES:
        raise BadEvent(f"The body is too long: {length} bytes.")
    try:
        body = request.body
    except (RequestDataTooBig, UnreadablePostError) as error:
        raise BadEvent(f"The body could not be read ({type(error).__name__}).") from None
    if len(body) > MOST_BYTES:
        raise BadEvent(f"The body is too long: {len(body)} bytes.")
    return body


def _answer(text: str, status: int) -> HttpResponse:
    return HttpResponse(text, status=status, content_type="text/plain; charset=utf-8")
