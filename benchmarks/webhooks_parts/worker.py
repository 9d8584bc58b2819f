"""A worker without a broker: what cron does with ``checkout_events --work``, again and again until it is ended."""

import time

import django


def main() -> None:
    """Work what waits."""
    django.setup()
    from checkout.flows import inbox

    while True:
        if not inbox.work_due():
            time.sleep(0.1)


if __name__ == "__main__":
    main()
