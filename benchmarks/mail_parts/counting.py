"""A mail backend that builds each mail as for a server, takes as long as one, and notes its Message-ID in a file."""

import os
import time
from collections.abc import Sequence

from django.core.mail import EmailMessage
from django.core.mail.backends.base import BaseEmailBackend


class EmailBackend(BaseEmailBackend):
    """One line for each mail in ``BENCH_OUTBOX``, after ``BENCH_LATENCY_MS``."""

    def send_messages(self, email_messages: Sequence[EmailMessage]) -> int:
        """Note them; how many."""
        for message in email_messages:
            built = message.message()
            built.as_bytes()
            time.sleep(float(os.environ["BENCH_LATENCY_MS"]) / 1000)
            with open(os.environ["BENCH_OUTBOX"], "a", encoding="ascii") as outbox:
                outbox.write(f"{built['Message-ID']} {built['To']}\n")
        return len(email_messages)
