"""``django.setup()`` of a small project in a fresh process, with the argument ``checkout`` or without it."""

from __future__ import annotations

import json
import runpy
import sys
import time
from pathlib import Path

MINIMAL = Path(__file__).resolve().parent.parent.parent / ".ci" / "minimal_settings.py"


def main(*, with_checkout: bool) -> None:
    """Set Django up, with or without ``checkout`` among its apps."""
    values = {name: value for name, value in runpy.run_path(str(MINIMAL)).items() if name.isupper()}
    if not with_checkout:
        values["INSTALLED_APPS"].remove("checkout")
    began = time.perf_counter()
    import django
    from django.conf import settings

    settings.configure(**values)
    django.setup()
    print(json.dumps({"ms": (time.perf_counter() - began) * 1000}))


if __name__ == "__main__":
    main(with_checkout="checkout" in sys.argv)
