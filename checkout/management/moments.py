"""Moments as people type them."""

import argparse
import re
from datetime import datetime, time, timedelta

from django.utils import timezone
from django.utils.dateparse import parse_date, parse_datetime

UNITS = {"d": "days", "h": "hours", "m": "minutes"}


def moment(text: str) -> datetime:
    """``2026-11-01`` and ``2026-11-01T10:00`` in the site's time zone; ``3d``, ``12h`` and ``30m`` are so long ago."""
    ago = re.fullmatch(r"(\d{1,6})([dhm])", text.strip())
    if ago:
        return timezone.now() - timedelta(**{UNITS[ago[2]]: int(ago[1])})
    try:
        found = parse_datetime(text.strip())
        day = parse_date(text.strip()) if found is None else None
    except ValueError:
        found = day = None
    if day is not None:
        found = datetime.combine(day, time.min)
    if found is None:
        raise argparse.ArgumentTypeError(f"{text!r} is no moment: try 2026-11-01, 2026-11-01T10:00, 3d or 12h.")
    return found if timezone.is_aware(found) else timezone.make_aware(found)
