#!/usr/bin/env python
"""The example site's commands; DJANGO_SETTINGS_MODULE chooses the settings, development by default."""

import os
import sys


def main() -> None:
    """Run one management command."""
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "example_checkout.settings.dev")
    from django.core.management import execute_from_command_line

    execute_from_command_line(sys.argv)


if __name__ == "__main__":
    main()
