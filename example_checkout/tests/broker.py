"""A queue of one's own on a real broker, and Celery workers that are killed."""

import json
import os
import socket
from collections.abc import Callable
from typing import Any
from urllib.parse import urlsplit
from uuid import uuid4

from celery import Celery

from checkout.models import ObjectPaymentPlanInstalment, PaymentRun
from example_checkout.tests.fleet import Fleet, wait_for

URLS = {
    "redis": os.environ.get("REDIS_URL", "redis://127.0.0.1:6379/0"),
    "rabbitmq": os.environ.get("RABBITMQ_URL", "amqp://guest:guest@127.0.0.1:5672//"),
}
WORKER = "-m celery -A example_checkout worker --concurrency 2 --without-gossip --without-mingle --without-heartbeat"
# Redis gives out again what was not acknowledged for so long. Far too short for a real site: see settings/base.py.
VISIBILITY = 8


def missing(name: str) -> str:
    """Why the broker cannot be used; empty if it can."""
    found = urlsplit(URLS[name])
    try:
        socket.create_connection((found.hostname or "", found.port or 0), timeout=2).close()
    except OSError as error:
        return f"no {name} at {found.hostname}:{found.port} ({error})"
    return ""


class Broker:
    """A queue that nobody else uses, gone at the end: a context manager."""

    def __init__(self, name: str) -> None:
        self.url = URLS[name]
        self.queue = f"checkout-proof-{uuid4().hex[:10]}"
        self.options: dict[str, Any] = {}
        if name == "redis":
            self.options = {"visibility_timeout": VISIBILITY, "global_keyprefix": f"{self.queue}:"}
        self.app = Celery(self.queue, broker=self.url, set_as_current=False)
        self.app.conf.update(broker_transport_options=self.options, task_default_queue=self.queue)

    def __enter__(self) -> "Broker":
        return self

    def __exit__(self, *error: object) -> None:
        with self.app.connection_for_write() as connection:
            channel = connection.default_channel
            channel.queue_delete(self.queue)
            if connection.transport.driver_type == "redis":
                client = channel.client
                for key in client.scan_iter(f"{self.queue}:*"):
                    # the client adds the prefix by itself
                    client.delete(key.decode().removeprefix(f"{self.queue}:"))
            else:
                channel.exchange_delete(self.queue)
        self.app.close()

    @property
    def environ(self) -> str:
        """For ``CRASH_BROKER``."""
        return json.dumps({"url": self.url, "queue": self.queue, "options": self.options})

    def send(self, task: str, *arguments: Any) -> None:
        """As ``task.delay()``."""
        self.app.send_task(f"checkout.tasks.{task}", args=arguments, queue=self.queue, ignore_result=True)


def work_with_a_kill(
    fleet: Fleet, broker: Broker, pks: list[int], *, calls: Callable[[], int], portion: int, patience: float
) -> int:
    """Two workers share a run; one is killed and replaced, the other loses a process; portions come twice.

    What the dead had is handed on by the broker. After ``patience`` seconds beat comes round once more. Returns the
    exit code of the dead.
    """
    before = calls()
    workers = [fleet.start(*WORKER.split()) for _number in range(2)]
    broker.send("process_payments")
    wait_for(lambda: calls() > before, why=fleet.output())
    run = PaymentRun.objects.get()
    # delivered twice: another portion, cut differently, of what is being charged at this moment
    for start in range(portion // 2, len(pks), portion * 2):
        broker.send("charge_instalments", run.pk, pks[start : start + portion])
    wait_for(lambda: calls() - before > len(pks) / 3, why=fleet.output())
    code = fleet.kill(workers[0])
    if not fleet.kill_child(workers[1]):
        raise RuntimeError(f"no process of a worker to kill:\n{fleet.output()}")
    fleet.start(*WORKER.split())
    left = ObjectPaymentPlanInstalment.objects.filter(pk__in=pks, state_id="pending")
    try:
        wait_for(lambda: not left.exists(), seconds=patience)
    except TimeoutError:
        broker.send("process_payments")
        wait_for(lambda: not left.exists(), why=fleet.output())
    # warm: what a worker has begun it finishes
    fleet.stop()
    return code
