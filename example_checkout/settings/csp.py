"""The Content-Security-Policy: no inline script or style, nothing foreign but Stripe."""

from typing import Any

from csp.constants import NONE, SELF

SCRIPTS = ["https://js.stripe.com", "https://*.js.stripe.com"]


def content_security_policy(*simulators: str) -> dict[str, Any]:
    """The policy, as django-csp wants it; ``simulators`` are origins that stand in for Stripe."""
    return {
        "DIRECTIVES": {
            "default-src": [NONE],
            "script-src": [SELF, *SCRIPTS, *simulators],
            "style-src": [SELF],
            "img-src": [SELF, "data:", "https://*.stripe.com"],
            "font-src": [SELF],
            "connect-src": [SELF, "https://api.stripe.com", *simulators],
            # SELF: the staff's pages show a mail in a frame that may do nothing
            "frame-src": [SELF, *SCRIPTS, "https://hooks.stripe.com", *simulators],
            "form-action": [SELF],
            "frame-ancestors": [NONE],
            "base-uri": [NONE],
            "object-src": [NONE],
        }
    }
