"""``django.setup()`` of a small project in a fresh process; prints what it took of the processor as JSON.

Words on the command line: ``checkout`` (with our app), ``others`` (with Django's other apps, so that the project is no
longer the smallest there is), ``uncollected`` (without Python's garbage collector).
"""

from __future__ import annotations

import gc
import json
import runpy
import sys
import time
from pathlib import Path

MINIMAL = Path(__file__).resolve().parent.parent.parent / ".ci" / "minimal_settings.py"
OTHERS = ["humanize", "sites", "sitemaps", "redirects", "flatpages", "syndication", "admindocs"]


def main(words: set[str]) -> None:
    """Set Django up, and print the milliseconds of processor that it took: those of the clock are not only ours."""
    values = {name: value for name, value in runpy.run_path(str(MINIMAL)).items() if name.isupper()}
    if "checkout" not in words:
        values["INSTALLED_APPS"].remove("checkout")
    if "others" in words:
        # before ours, as what a project has already
        values["INSTALLED_APPS"] = [f"django.contrib.{name}" for name in OTHERS] + values["INSTALLED_APPS"]
    full = 0

    def count(phase: str, details: dict[str, int]) -> None:
        nonlocal full
        full += phase == "start" and details["generation"] == 2

    gc.callbacks.append(count)
    if "uncollected" in words:
        gc.disable()
    began = time.process_time()
    import django
    from django.conf import settings

    settings.configure(**values)
    django.setup()
    print(json.dumps({"ms": (time.process_time() - began) * 1000, "full": full, "modules": len(sys.modules)}))


if __name__ == "__main__":
    main(set(sys.argv[1:]))
