"""Run inside the clean environment: is everything in the installed package that a host needs?"""

import sys
from importlib.resources import files

NEEDED = [
    "py.typed",
    "templates/checkout/base.html",
    "templates/checkout/checkout.html",
    "templates/checkout/_elements.html",
    "templates/checkout/_elements.js.html",
    "static/checkout/css/checkout.css",
    "static/checkout/js/checkout.js",
    "migrations/0001_initial.py",
    "locale/en/LC_MESSAGES/django.po",
    "locale/de/LC_MESSAGES/django.mo",
    "simulator/static",
]

package = files("checkout")
if "site-packages" not in str(package):
    sys.exit(f"checkout was imported from {package}, not from the installed wheel")
missing = [name for name in NEEDED if not package.joinpath(name).is_file() and not package.joinpath(name).is_dir()]
if missing:
    sys.exit("The wheel lacks: " + ", ".join(missing))
print(f"The wheel has all of {', '.join(NEEDED)}")
