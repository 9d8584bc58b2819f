"""``make demo``: the example site, a simulated Stripe, Celery worker and beat, until Ctrl-C.

With arguments, one management command of the demonstration that is running: ``... -m example_checkout.demo reconcile``.

Everything that it writes is kept in ``.demo``; delete that folder to start afresh.
"""

import os
import secrets
import signal
import socket
import subprocess  # nosec B404
import sys
import threading
import time
from pathlib import Path

from honcho.manager import Manager
from honcho.printer import Printer

from checkout.gateway import EVENT_TYPES
from example_checkout.embedded import postgres

HOST = "127.0.0.1"
TOP = Path(__file__).resolve().parent.parent
DATA = TOP / ".demo"
# What a command in another terminal has to know; settings.demo reads it.
STANDING = ("DATABASE_URL", "DEMO_PORT", "DEMO_STRIPE_PORT", "CHECKOUT_WEBHOOK_SECRETS")
BANNER = """
  The example site is ready:   http://{host}:{port}/
  (stop it with Ctrl-C; delete .demo to start afresh; what follows is the log)
  Time, cron and the mail, at a click:  http://{host}:{port}/demo/
  Any command in a second terminal:     .venv/bin/python -m example_checkout.demo process_payments
{users}
  Test cards: any future date, any CVC, any postcode
    4242 4242 4242 4242   pays
    4000 0027 6000 3184   asks for 3-D Secure every time: complete it, fail it or cancel it
    4000 0566 5566 5556   Visa debit            5555 5555 5555 4444   Mastercard
    4000 0582 6000 0005   UK debit card
    4000 0000 0000 9995   is declined: not enough money
    4000 0000 0000 0259   pays, and is disputed at once
    4000 0082 6000 3178   can be saved for instalments, then has not enough money
    4000 0000 0000 0341   can be saved for instalments, then every charge fails
"""


def port(name: str, default: int) -> int:
    """Return the port that the environment names; stop with a sentence when it is no port or is taken."""
    text = os.environ.get(name) or str(default)
    if not text.isdigit() or not 0 < int(text) < 65536:
        raise SystemExit(f"{name}={text} is not a port; use a number from 1 to 65535.")
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((HOST, int(text)))
        except OSError as error:
            reason = error.strerror or error
            raise SystemExit(
                f"Port {text} cannot be used ({reason}). Choose another one: {name}={int(text) + 1} make demo"
            ) from error
    return int(text)


def manage(environment: dict[str, str], *arguments: str) -> str:
    """Run one management command of the example site and return what it printed."""
    done = subprocess.run(  # noqa: S603  # nosec B603
        [sys.executable, "manage.py", *arguments],
        cwd=TOP,
        env=environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        check=False,
    )
    if done.returncode:
        raise SystemExit(f"manage.py {' '.join(arguments)} failed:\n{done.stdout}")
    return done.stdout


def wait_and_tell(site: int, users: str) -> None:
    """Print the banner as soon as the site accepts connections."""
    for _ in range(600):
        with socket.socket() as probe:
            if probe.connect_ex((HOST, site)) == 0:
                print(BANNER.format(host=HOST, port=site, users=users), flush=True)
                return
        time.sleep(0.1)


def processes(site: int, stripe: int, secret: str) -> dict[str, str]:
    """Return the commands to run side by side, by name; ``secret`` signs what the simulator tells the site."""
    python = f'"{sys.executable}"'
    celery = f"{python} -m celery --quiet --app example_checkout.celery"
    return {
        "stripe": f"{python} -m checkout.simulator --listen {HOST}:{stripe} --data .demo/stripe.db"
        f" --webhook http://{HOST}:{site}/stripe/webhook/={secret} --webhook-events {','.join(EVENT_TYPES)}",
        "site": f"{python} manage.py runserver --noreload {HOST}:{site}",
        "worker": f"{celery} worker --loglevel ERROR --concurrency 1 --pool solo",
        "beat": f"{celery} beat --loglevel ERROR --schedule .demo/celerybeat --pidfile=",
    }


def supervise(environment: dict[str, str], site: int, stripe: int, users: str) -> int:
    """Run all processes until Ctrl-C, or until one of them ends, which ends the others."""
    # A closed terminal is a way to stop, too; honcho itself listens for the two others.
    signal.signal(signal.SIGHUP, lambda *_: os.kill(os.getpid(), signal.SIGTERM))
    manager = Manager(Printer(sys.stdout))
    commands = processes(site, stripe, environment["CHECKOUT_WEBHOOK_SECRETS"])
    for name, command in commands.items():
        manager.add_process(name, command, env=environment, cwd=str(TOP))
    threading.Thread(target=wait_and_tell, args=(site, users), daemon=True).start()
    manager.loop()
    return int(manager.returncode or 0)


def main() -> int:
    """Set the demonstration up and run it; or run the command that was given."""
    if sys.argv[1:]:
        os.environ["DJANGO_SETTINGS_MODULE"] = "example_checkout.settings.demo"
        return subprocess.call([sys.executable, "manage.py", *sys.argv[1:]], cwd=TOP)  # noqa: S603  # nosec B603
    site, stripe = port("DEMO_PORT", 8000), port("DEMO_STRIPE_PORT", 12111)
    DATA.mkdir(exist_ok=True)
    print("Preparing the database ...", flush=True)
    with postgres(DATA / "postgres", keep=True) as url:
        environment = {
            **os.environ,
            "CHECKOUT_WEBHOOK_SECRETS": f"whsec_{secrets.token_hex(16)}",
            "DATABASE_URL": url,
            "DEMO_PORT": str(site),
            "DEMO_STRIPE_PORT": str(stripe),
            "DJANGO_SETTINGS_MODULE": "example_checkout.settings.demo",
            "PYTHONUNBUFFERED": "1",
            # In a container everything runs as root, and a demonstration may.
            "PYTHONWARNINGS": "ignore:You're running the worker with superuser privileges",
        }
        running = DATA / "running"
        running.write_text("".join(f"{name}={environment[name]}\n" for name in STANDING))
        try:
            manage(environment, "migrate", "--verbosity", "0")
            users = manage(environment, "demo_data")
            return supervise(environment, site, stripe, users)
        finally:
            running.unlink(missing_ok=True)


if __name__ == "__main__":
    sys.exit(main())
