"""What ``dev``, ``demo`` and ``test`` share: plain HTTP on this machine."""

from example_checkout.settings.base import *  # noqa: F403

SECRET_KEY = "only-for-this-machine-and-never-for-a-public-site"  # noqa: S105
ALLOWED_HOSTS = ["127.0.0.1", "localhost", "[::1]", "testserver"]
SECURE_SSL_REDIRECT = False
SECURE_HSTS_SECONDS = 0
SESSION_COOKIE_SECURE = False
CSRF_COOKIE_SECURE = False
