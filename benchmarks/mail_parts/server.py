"""A real SMTP server in a process of its own: takes mails, each after a while, and notes whose they were in a file."""

import argparse
import asyncio
from email.parser import BytesHeaderParser
from pathlib import Path
from typing import Any

from aiosmtpd.smtp import SMTP


class Handler:
    """One line for each mail that was taken: its Message-ID and its recipient. Written before it says so."""

    def __init__(self, outbox: Path, latency: float) -> None:
        self.outbox, self.latency = outbox, latency

    async def handle_DATA(self, server: Any, session: Any, envelope: Any) -> str:
        """Take as long as a mail server would."""
        await asyncio.sleep(self.latency)
        found = BytesHeaderParser().parsebytes(envelope.content)
        with self.outbox.open("a", encoding="utf-8") as outbox:
            outbox.writelines(f"{found['Message-ID']} {recipient}\n" for recipient in envelope.rcpt_tos)
        return "250 OK"


async def serve(outbox: Path, latency: float) -> None:
    """Listen on a port of its own, say which, and go on until the process is ended."""
    loop, handler = asyncio.get_running_loop(), Handler(outbox, latency)
    # the name is given, or each connection would ask the resolver for it
    server = await loop.create_server(lambda: SMTP(handler, hostname="localhost", loop=loop), "127.0.0.1", 0)
    print(server.sockets[0].getsockname()[1], flush=True)
    await server.serve_forever()


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("outbox", type=Path)
    parser.add_argument("latency", type=float, help="milliseconds for each mail")
    options = parser.parse_args()
    asyncio.run(serve(options.outbox, options.latency / 1000))
