"""A real SMTP server that can be told to misbehave, and what there is to write about."""

import asyncio
import email
import email.policy
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from typing import Any

import django
from aiosmtpd.controller import Controller
from aiosmtpd.smtp import SMTP
from django.utils import timezone

from checkout.models import Checkout, Customer, Notice, ObjectPaymentPlanInstalment
from checkout.notify import facts
from checkout.tests.factories import CheckoutFactory
from example_checkout.tests.plans import many_due

PAY_ON_SESSION = ObjectPaymentPlanInstalment.MAIL_TEMPLATE_ON_SESSION_PAYMENT_AUTH
# The client's patience, in seconds; HANG lasts longer.
PATIENCE = 0.5
HANG, CUT, CUT_HALF_WAY = "hang", "cut", "cut half way"


class Handler:
    """Keeps what it has taken. ``at_rcpt`` and ``at_data``: what to answer to the next; then all is well."""

    def __init__(self) -> None:
        self.taken: list[Any] = []
        self.at_rcpt: list[str] = []
        self.at_data: list[str] = []
        self.connections = 0
        self.port = 0

    async def handle_EHLO(self, server: Any, session: Any, envelope: Any, name: str, responses: list[str]) -> list[str]:
        self.connections += 1
        session.host_name = name
        return responses

    async def handle_RCPT(self, server: Any, session: Any, envelope: Any, address: str, options: list[str]) -> str:
        reply = self.at_rcpt.pop(0) if self.at_rcpt else "250 OK"
        if reply.startswith("250"):
            envelope.rcpt_tos.append(address)
        return reply

    async def handle_DATA(self, server: Any, session: Any, envelope: Any) -> str:
        reply = self.at_data.pop(0) if self.at_data else "250 OK"
        if reply in (HANG, CUT) or reply.startswith("250"):
            self.taken.append(email.message_from_bytes(envelope.content, policy=email.policy.default))
        if reply == HANG:
            await asyncio.sleep(PATIENCE * 3)
        if reply in (HANG, CUT):
            server.transport.abort()
            return "421 gone"
        return reply

    @property
    def ids(self) -> list[str]:
        """The Message-IDs of the mails taken."""
        return [mail["Message-ID"] for mail in self.taken]


class Server(SMTP):
    """Closes the connection after the first line of a mail, where that is meant."""

    async def smtp_DATA(self, arg: str) -> None:
        waiting = self.event_handler.at_data
        if waiting and waiting[0] == CUT_HALF_WAY:
            waiting.pop(0)
            await self.push("354 go on")
            await self._reader.readline()
            self.transport.abort()
            return
        await super().smtp_DATA(arg)


class Post(Controller):
    """The server in a thread of its own."""

    def factory(self) -> SMTP:
        return Server(self.handler, **self.SMTP_kwargs)


@contextmanager
def smtp_server(settings: Any) -> Iterator[Handler]:
    """Give a server on a port of its own, which the site uses."""
    handler = Handler()
    handler.port = free_port()
    post = Post(handler, hostname="127.0.0.1", port=handler.port)
    post.start()
    try:
        use_server(settings, handler.port)
        yield handler
    finally:
        post.stop()


def free_port() -> int:
    """One on which nobody listens."""
    with socket.socket() as found:
        found.bind(("127.0.0.1", 0))
        return int(found.getsockname()[1])


def use_server(settings: Any, port: int) -> None:
    """Let the site send by the server on ``port`` of this machine."""
    backend = "django.core.mail.backends.smtp.EmailBackend"
    if django.VERSION >= (6, 1):
        options = {"host": "127.0.0.1", "port": port, "timeout": PATIENCE}
        settings.MAILERS = {"default": {"BACKEND": backend, "OPTIONS": options}}
    else:
        settings.EMAIL_BACKEND = backend
        settings.EMAIL_HOST, settings.EMAIL_PORT, settings.EMAIL_TIMEOUT = "127.0.0.1", port, PATIENCE


def use_backend(settings: Any, dotted: str) -> None:
    """Let the site send by another backend."""
    if django.VERSION >= (6, 1):
        settings.MAILERS = {"default": {"BACKEND": dotted}}
    else:
        settings.EMAIL_BACKEND = dotted


def wanted(count: int = 1, *, per_plan: int = 1, state: str = "pay_on_session") -> list[ObjectPaymentPlanInstalment]:
    """Instalments whose customer is wanted by the bank and has not been asked."""
    pks = many_due(count, customer_id="cus_1", payment_method_id="pm_1", per_plan=per_plan)
    ObjectPaymentPlanInstalment.objects.filter(pk__in=pks).update(state_id=state)
    return list(ObjectPaymentPlanInstalment.objects.with_plan().filter(pk__in=pks).order_by("pk"))


def asked(part: ObjectPaymentPlanInstalment) -> Notice:
    """The notice of a demand, written down and not sent."""
    now = timezone.now()
    ObjectPaymentPlanInstalment.objects.filter(pk=part.pk).update(customer_asked=now)
    return facts.on_session_payment(part, template=PAY_ON_SESSION, asked=now)


def declined(part: ObjectPaymentPlanInstalment, *, step: str = "another_card", retry_in: int = 0) -> Notice:
    """The notice that a charge of ``part`` was declined; ``retry_in`` days, if it is tried again."""
    day = timezone.localdate() + timedelta(days=retry_in) if retry_in else None
    ObjectPaymentPlanInstalment.objects.filter(pk=part.pk).update(state_id="fail", retry_due=day)
    attempt = charge_of(part, state="fail")
    facts.payment_failed(part, attempt, step=step, retry_due=day, last=False)
    return Notice.objects.get(key=str(attempt.uuid))


def charge_of(target: Any, *, state: str, action: str = "charge") -> Checkout:
    """An attempt to charge ``target`` with the card on file."""
    customer: Customer = target.payer
    checkout: Checkout = CheckoutFactory(
        content_object=target,
        action__slug=action,
        state__slug=state,
        customer=customer,
        payment_method_id=customer.payment_method_id,
        payment_intent_id="pi_1",
    )
    return checkout


def make_due(notice: Notice) -> None:
    """The pause after a failure goes by."""
    Notice.objects.filter(pk=notice.pk).update(send_after=timezone.now() - timedelta(seconds=1))


def let_lease_end(notice: Notice) -> None:
    """So long ago did somebody begin to send it that they must have died."""
    Notice.objects.filter(pk=notice.pk).update(updated=timezone.now() - timedelta(hours=1))
