"""``django.setup()`` of a small project in a fresh process; with ``checkout``, with ``uncollected`` garbage.

Python looks for garbage once so many objects have been made, wherever that is; a full pass then costs nearly as much as
the app, and bare Django ends just short of one.
"""

from __future__ import annotations

import gc
import json
import runpy
import sys
import time
from pathlib import Path

MINIMAL = Path(__file__).resolve().parent.parent.parent / ".ci" / "minimal_settings.py"


def main(*, with_checkout: bool, collecting: bool) -> None:
    """Set Django up, and print the milliseconds of processor that it took: those of the clock are not only ours."""
    values = {name: value for name, value in runpy.run_path(str(MINIMAL)).items() if name.isupper()}
    if not with_checkout:
        values["INSTALLED_APPS"].remove("checkout")
    if not collecting:
        gc.disable()
    began = time.process_time()
    import django
    from django.conf import settings

    settings.configure(**values)
    django.setup()
    print(json.dumps({"ms": (time.process_time() - began) * 1000}))


if __name__ == "__main__":
    main(with_checkout="checkout" in sys.argv, collecting="uncollected" not in sys.argv)
