"""The catalogues hold every sentence of the templates and of the code, and a German browser sees German pages."""

import ast
import gettext
import html
import re
from collections.abc import Iterator
from decimal import Decimal
from pathlib import Path
from typing import Any, NamedTuple

import pytest
from django.conf import settings
from django.core.cache import cache
from django.test import Client
from django.utils import translation
from django.utils.translation.template import templatize

from checkout.models import Checkout
from checkout.templatetags.checkout_tags import checkout_amount
from example_checkout.tests.factories import ProductFactory, SalesLedgerFactory, UserFactory
from example_checkout.views import SalesLedgerCheckoutView

PACKAGE = Path(__file__).resolve().parents[1]
CATALOGUE = PACKAGE / "locale" / "en" / "LC_MESSAGES" / "django.po"
GERMAN = PACKAGE / "locale" / "de" / "LC_MESSAGES" / "django.po"

# One Python string, and what Django makes of {% translate %} and {% blocktranslate %} before xgettext reads it.
STRING = r"""u?(?:'(?:[^'\\]|\\.)*'|"(?:[^"\\]|\\.)*")"""
CALL = re.compile(rf"\bn?gettext\(({STRING})(?:, ({STRING}))?")
FIELD = re.compile(r'^(msgid|msgid_plural|msgstr(?:\[\d\])?) ((?:"(?:[^"\\]|\\.)*"\s*)+)', re.MULTILINE)
PLACEHOLDER = re.compile(r"%\(\w+\)[a-z]|%[a-z%]|\{\w*\}")


class Entry(NamedTuple):
    """A sentence, its plural, and what the catalogue says for each form."""

    msgid: str
    plural: str
    forms: list[str]
    flags: str


def entries(path: Path) -> list[Entry]:
    """What stands in a catalogue, without its header."""
    found = []
    for block in path.read_text(encoding="utf-8").split("\n\n"):
        fields = {
            name: "".join(ast.literal_eval(part) for part in text.strip().splitlines())
            for name, text in FIELD.findall(block)
        }
        flags = " ".join(line for line in block.splitlines() if line.startswith("#,"))
        forms = [text for name, text in fields.items() if name.startswith("msgstr")]
        if fields.get("msgid"):
            found.append(Entry(fields["msgid"], fields.get("msgid_plural", ""), forms, flags))
    return found


def catalogued(path: Path = CATALOGUE) -> set[str]:
    return {text for entry in entries(path) for text in (entry.msgid, entry.plural) if text}


def in_templates() -> set[str]:
    """Every sentence that a template wants translated, with its plural."""
    texts = (
        templatize(path.read_text(encoding="utf-8"), origin=str(path))
        for path in (PACKAGE / "templates").rglob("*.*")
        if path.suffix in (".html", ".txt")
    )
    calls = (call for text in texts for call in CALL.findall(text))
    return {ast.literal_eval(string) for call in calls for string in call if string}


def in_code() -> set[str]:
    """The argument of every call of gettext, which most of the package calls ``_``; both of one for a plural."""
    paths = [path for path in PACKAGE.rglob("*.py") if not {"tests", "simulator"} & set(path.parts)]
    nodes = (node for path in paths for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))))
    calls = [
        (node.func.id, node.args) for node in nodes if isinstance(node, ast.Call) and isinstance(node.func, ast.Name)
    ]
    wanted = {"_": 1, "gettext": 1, "gettext_noop": 1, "ngettext": 2}
    said = [argument for name, arguments in calls for argument in arguments[: wanted.get(name, 0)]]
    return {str(argument.value) for argument in said if isinstance(argument, ast.Constant)}


def test_every_sentence_is_in_the_catalogue() -> None:
    assert len(in_templates()) > 50
    assert len(in_code()) > 10
    assert {"Pay %(amount)s now", "%(count)s checkout", "%(count)s checkouts"} <= in_templates()
    assert (in_templates() | in_code()) - catalogued() == set(), "run makemessages -l en -l de in the folder checkout"


def test_no_catalogue_keeps_a_sentence_that_nobody_says() -> None:
    for path in (CATALOGUE, GERMAN):
        assert catalogued(path) - (in_templates() | in_code()) == set(), path


def test_every_sentence_has_its_german() -> None:
    german = entries(GERMAN)
    assert {(entry.msgid, entry.plural) for entry in german} == {
        (entry.msgid, entry.plural) for entry in entries(CATALOGUE)
    }
    for entry in german:
        assert "fuzzy" not in entry.flags, entry.msgid
        assert len(entry.forms) == (2 if entry.plural else 1), entry.msgid
        for form, source in zip(entry.forms, (entry.msgid, entry.plural), strict=False):
            assert form.strip(), entry.msgid
            assert sorted(PLACEHOLDER.findall(form)) == sorted(PLACEHOLDER.findall(source)), entry.msgid
            assert "\N{NO-BREAK SPACE}" not in form


def test_the_compiled_german_is_that_of_the_catalogue() -> None:
    """Pages read the compiled file: editing the other alone changes nothing."""
    with GERMAN.with_suffix(".mo").open("rb") as file:
        compiled = gettext.GNUTranslations(file)
    for entry in entries(GERMAN):
        if entry.plural:
            forms = [compiled.ngettext(entry.msgid, entry.plural, count) for count in (1, 2)]
        else:
            forms = [compiled.gettext(entry.msgid)]
        assert forms == entry.forms, "run compilemessages -l de in the folder checkout"


def test_german_customers_are_addressed_politely() -> None:
    words = {word for entry in entries(GERMAN) for form in entry.forms for word in re.findall(r"\w+", form)}
    assert "Sie" in words
    assert not words & {"du", "Du", "dein", "deine", "deiner", "dich", "dir", "euch"}


@pytest.fixture
def german(stripe_simulator: Any) -> Iterator[Client]:
    """Give a browser that asks for German, as one in Austria does; afterwards no language is active."""
    # Every visitor of these tests has the same address, whose attempts would add up.
    cache.clear()
    yield Client(headers={"accept-language": "de-AT,de;q=0.9,en;q=0.5"})
    translation.deactivate()


def text(answer: Any, status: int = 200) -> str:
    """The page, after a look at its language: whole sentences of the English catalogue are a gap."""
    assert answer.status_code == status
    page = html.unescape(answer.content.decode())
    assert '<html lang="de"' in page
    assert answer.headers["Content-Language"] == "de"
    assert "Accept-Language" in answer.headers["Vary"]
    sentences = {entry.msgid for entry in entries(CATALOGUE) if len(entry.msgid.split()) > 3}
    assert [sentence for sentence in sentences if sentence in page] == []
    return page


def book(client: Client, action: str) -> str:
    """Book ten places, 1,200 pounds."""
    answer = client.post(
        ProductFactory().get_absolute_url(), {"quantity": 10, "action": action, "name": "Ada", "email": "ada@test.com"}
    )
    assert answer.status_code == 302
    return str(answer.url)


@pytest.mark.django_db
class TestAGermanBrowser:
    def test_pays_in_german(self, german: Client, pay: Any) -> None:
        url = book(german, "payment")
        page = text(german.get(url))
        assert "Zahlungsangaben" in page
        assert "Jetzt £1.200,00 bezahlen" in page

        # What our script sends back is a number for machines, in every language.
        (total,) = re.findall(r'data-total="([^"]*)"', page)
        assert Decimal(total) == Decimal("1200")
        assert german.post(url, {"step": "begin", "shown_total": total}).json() == {"ok": True}
        checkout = Checkout.objects.get()
        assert "Die Zahlung war nicht erfolgreich" in text(german.get(f"{url}thanks/", follow=True))
        pay(checkout)
        assert "Wir haben Ihre Zahlung von £1.200,00 erhalten." in text(german.get(f"{url}thanks/"))
        assert "Das ist bereits erledigt" in text(german.get(url))

    def test_is_told_in_german_that_the_amount_changed(self, german: Client) -> None:
        url = book(german, "payment")
        answer = german.post(url, {"step": "begin", "shown_total": "1.00"}, headers={"accept": "application/json"})
        assert "Der Betrag hat sich geändert." in str(answer.json())

    def test_asks_for_an_invoice_in_german(self, german: Client) -> None:
        url = book(german, "invoice")
        page = text(german.get(url))
        assert "Rechnung über £1.200,00 anfordern" in page
        assert "Postleitzahl" in page
        assert "Bitte korrigieren Sie" in text(german.post(url, {"step": "invoice"}), 422)

    def test_sees_a_german_page_for_a_checkout_of_somebody_else(self, german: Client) -> None:
        url = book(Client(), "payment")
        assert "Diese Seite ist geschlossen" in text(german.get(url), 403)

    @pytest.mark.parametrize(
        ("template", "title"),
        [
            ("checkout_waiting.html", "Wir warten auf Ihre Bank"),
            ("checkout_held.html", "Wir prüfen Ihre Zahlung"),
            ("limited.html", "Zu viele Versuche"),
            ("unavailable.html", "Zahlungen sind gerade nicht möglich"),
            ("error.html", "Das hat nicht geklappt"),
        ],
    )
    def test_sees_the_rare_pages_in_german(
        self, german: Client, monkeypatch: pytest.MonkeyPatch, template: str, title: str
    ) -> None:
        url = book(german, "invoice")
        monkeypatch.setattr(SalesLedgerCheckoutView, "template_name", f"checkout/{template}")
        assert f">{title}</h1>" in text(german.get(url))

    def test_of_the_staff_reads_german_lists(self, german: Client) -> None:
        for _number in range(2):
            Checkout.objects.create_checkout("payment", SalesLedgerFactory(), None)
        german.force_login(UserFactory(is_staff=True))
        page = text(german.get("/checkout/"))
        assert "2 Bezahlvorgänge" in page
        assert re.search(r'<span class="checkout-state[^>]*>Offen</span>', page)
        assert "1 Bezahlvorgang<" in text(german.get("/checkout/", {"q": str(Checkout.objects.all()[0].uuid)}))
        text(german.get("/checkout/audit/"))


@pytest.mark.django_db
@pytest.mark.parametrize("wanted", ["en-US,en;q=0.9", "fr", ""])
def test_any_other_browser_sees_english(stripe_simulator: Any, wanted: str) -> None:
    client = Client(headers={"accept-language": wanted})
    page = client.get(book(client, "payment")).content.decode()
    assert '<html lang="en-gb"' in page
    assert "Pay £1,200.00 now" in page


@pytest.mark.parametrize(
    ("amount", "currency", "shown"),
    [("1200", "GBP", "£1.200,00"), ("1234567", "JPY", "¥1.234.567"), ("-12.5", "CHF", "-CHF\u00a012,50")],
)
def test_an_amount_has_german_separators_and_its_currencys_decimals(amount: str, currency: str, shown: str) -> None:
    with translation.override("de"):
        assert checkout_amount(Decimal(amount), currency) == shown


def test_the_example_offers_every_language_that_has_a_catalogue() -> None:
    offered = {code.split("-")[0] for code, _name in settings.LANGUAGES}
    assert offered == {path.name for path in (PACKAGE / "locale").iterdir()}
