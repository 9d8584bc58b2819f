"""The system checks about mail."""

from typing import Any

import django
import pytest

from checkout.tests.test_checks import found, site  # noqa: F401, a fixture

pytestmark = pytest.mark.django_db

SMTP = "django.core.mail.backends.smtp.EmailBackend"


def use(site: Any, backend: str, timeout: float | None) -> None:  # noqa: F811
    if django.VERSION >= (6, 1):
        options = {} if timeout is None else {"timeout": timeout}
        site.MAILERS = {"default": {"BACKEND": backend, "OPTIONS": options}}
    else:
        site.EMAIL_BACKEND, site.EMAIL_TIMEOUT = backend, timeout


@pytest.mark.parametrize(
    ("backend", "timeout", "wanted"),
    [(SMTP, None, {"W002"}), (SMTP, 10, set()), ("anymail.backends.mailgun.EmailBackend", None, set())],
)
def test_a_mail_server_that_hangs(site: Any, backend: str, timeout: float | None, wanted: set[str]) -> None:  # noqa: F811
    use(site, backend, timeout)
    assert found() == wanted


def test_links_without_a_host(site: Any) -> None:  # noqa: F811
    site.CHECKOUT_BASE_URL = ""
    assert found() == {"W003"}


def test_neither_is_said_while_developing(site: Any) -> None:  # noqa: F811
    use(site, SMTP, None)
    site.CHECKOUT_BASE_URL = ""
    site.DEBUG = True
    assert found() == set()


@pytest.mark.parametrize("value", ["3,5,7", 3, (0, 3), (2.5,), ("3",), (-3,)])
def test_days_of_retries_that_are_none(site: Any, value: Any) -> None:  # noqa: F811
    site.CHECKOUT_RETRY_DAYS = value
    assert found() == {"E011"}
    # also while developing: it is no matter of the mail server
    site.DEBUG = True
    assert found() == {"E011"}


@pytest.mark.parametrize("value", [(), (3, 5, 7), [7, 3, 5]])
def test_days_of_retries(site: Any, value: Any) -> None:  # noqa: F811
    site.CHECKOUT_RETRY_DAYS = value
    assert found() == set()


@pytest.mark.parametrize(
    ("own", "managers", "wanted"),
    [
        ("accounts@example.com", [], {"E012"}),
        (None, [], {"W006"}),
        (None, [("Ada", "ada@example.com")], set()),
        # on purpose
        ([], [], set()),
        (["accounts@example.com"], [], set()),
    ],
)
def test_who_on_the_staff_is_told(site: Any, own: Any, managers: Any, wanted: set[str]) -> None:  # noqa: F811
    site.CHECKOUT_NOTIFY_EMAILS, site.MANAGERS = own, managers
    assert found() == wanted
