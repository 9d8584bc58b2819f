"""What the mails say, to whom, in which language, and how much they ask of the database."""

from datetime import date, timedelta
from html.parser import HTMLParser
from typing import Any

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.utils import timezone, translation

from checkout.declines import Step
from checkout.models import Customer, CustomerPayment, Notice, ObjectPaymentPlan
from checkout.notify import facts, letters, links, outbox, samples
from checkout.notify.letters import Letter
from example_checkout.models import SalesLedger
from example_checkout.tests.mail import asked, charge_of, declined, wanted

pytestmark = [pytest.mark.django_db]

HOSTILE = '"><script>alert(1)</script>\r\nBcc: everybody@example.com'
ON_ONE_LINE = '"><script>alert(1)</script> Bcc: everybody@example.com'
ANON, AUTH = "on_session_payment_anon", "on_session_payment_auth"


class Page(HTMLParser):
    """The tags that are open, the addresses of links, and the text without what is in ``style``."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.open: list[str] = []
        self.links: list[str] = []
        self.text = ""
        self.feed(html)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        assert tag not in ("script", "img", "iframe", "form", "input"), tag
        if tag == "a":
            self.links.append(str(dict(attrs)["href"]))
        self.text += " "
        if tag not in ("meta", "br"):
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag
        self.text += " "

    def handle_data(self, data: str) -> None:
        if self.open and self.open[-1] != "style":
            self.text += data


def full(notice: Notice) -> Notice:
    return Notice.objects.select_related(*outbox.RELATED).get(pk=notice.pk)


def customer_of(notice: Notice) -> Customer:
    assert notice.customer is not None
    return notice.customer


def payment_by_staff(customer: Customer) -> CustomerPayment:
    return CustomerPayment.objects.create(
        customer=customer, amount="80.00", currency="GBP", description="Broken kiln", state_id="pay_on_session"
    )


def every_notice() -> dict[str, Notice]:
    """One for each template and step."""
    parts = iter(wanted(20))
    found: dict[str, Notice] = {}
    for name in (ANON, AUTH):
        found[name] = asked(next(parts))
        Notice.objects.filter(pk=found[name].pk).update(template=name)
    for step in ("another_card", "check_card", "ask_bank", "stop"):
        found[step] = declined(next(parts), step=step)
    found["retry"] = declined(next(parts), step="retry", retry_in=3)
    found["payment_last_notice"] = declined(next(parts))
    Notice.objects.filter(pk=found["payment_last_notice"].pk).update(template="payment_last_notice")
    part = next(parts)
    customer = part.customer
    facts.card_wanted([part])
    customer.expiry_date = timezone.localdate() + timedelta(days=20)
    customer.brand, customer.last4, customer.refresh = "visa", "4242", True
    customer.save()
    facts.card_expiring(customer)
    attempt = charge_of(payment_by_staff(customer), state="pay_on_session")
    facts.authorise(attempt, customer)
    for kind in (Notice.CARD_WANTED, Notice.CARD_EXPIRING, Notice.AUTHORISE):
        found[kind] = Notice.objects.get(kind=kind)
    return found


def all_letters() -> dict[str, Letter]:
    return {name: letters.render(full(notice)) for name, notice in every_notice().items()}


def test_each_has_one_thing_to_do_and_says_the_same_in_both_parts() -> None:
    made = all_letters()
    assert len(made) == 11
    for name, letter in made.items():
        page = Page(letter.html)
        assert page.open == [], name
        action = "/card/refresh/" if name == Notice.CARD_EXPIRING else "/pay/link/"
        assert page.links[0].startswith(f"http://testserver{action}"), name
        # the second one is for those who can sign in
        assert len(page.links) == (2 if name == ANON else 1), name
        assert page.links[0].split("?")[0].rsplit("/", 2)[0] in letter.body
        assert "\n\n\n" not in letter.body
        assert letter.subject.startswith("Kiln & Loom: ")
        # but for the title, which is the subject, and the colon that a table does without
        words = {word.strip(":,") for word in page.text.split() if "/" not in word}
        said = {word.strip(":,") for word in f", {letter.body} {letter.subject}".split()}
        assert words <= said, (name, words - said)


def test_what_is_bought_and_how_much_and_when() -> None:
    (part,) = wanted()
    letter = letters.render(full(asked(part)))
    for text in (letter.body, Page(letter.html).text):
        assert "A course" in text
        assert "Instalment 1 of 1" in text
        assert "£12.00" in text
        with translation.override("en-gb"):
            assert date.today().strftime("%Y") in text
    assert links.read(Page(letter.html).links[0].rsplit("/", 2)[1]) == part


def test_the_link_opens_what_is_to_be_paid() -> None:
    made = every_notice()
    for name in ("retry", Notice.AUTHORISE):
        notice = full(made[name])
        target = links.read(Page(letters.render(notice).html).links[0].rsplit("/", 2)[1])
        assert target == (notice.instalment or CustomerPayment.objects.get())


def test_who_can_sign_in_is_told_so_and_who_cannot_needs_no_account() -> None:
    made = all_letters()
    assert "You can also sign in" in made[ANON].body
    assert "/bookings/" in made[ANON].body
    assert "no account" not in made[ANON].body
    assert "You need no account" in made[AUTH].body
    assert "sign in" not in made[AUTH].body


def test_every_step_says_something_of_its_own_and_stop_tells_no_secret() -> None:
    made = all_letters()
    assert "we try again on" in made["retry"].body
    assert "has expired" in made["check_card"].body
    assert "call the number on the back" in made["ask_bank"].body
    assert "We do not try again" in made["payment_last_notice"].body
    assert "Broken kiln" in made[Notice.AUTHORISE].body
    assert "£80.00" in made[Notice.AUTHORISE].subject
    generic = made["stop"].body
    assert generic.splitlines()[:5] == made["another_card"].body.splitlines()[:5]
    for word in ("lost", "stolen", "fraud", "stop", "reported", "block"):
        assert word not in generic.lower()


@pytest.mark.parametrize(
    ("step", "says", "says_not"),
    [
        ("retry", "with this card or with another one", "Please pay with another card"),
        # the bank has refused this one for good, or its details are wrong: it would be no good once more
        ("stop", "Please pay with another card", "with this card"),
        ("another_card", "Please pay with another card", "with this card"),
        ("check_card", "with a card that is valid", "with this card"),
        ("ask_bank", "call the number on the back", "with this card"),
        ("authenticate", "approve it yourself", "Please pay with another card"),
        # a notice of an older version
        ("", "with this card or with another one", "Please pay with another card"),
    ],
)
def test_the_last_notice_says_what_helps_after_that_answer(step: str, says: str, says_not: str) -> None:
    notice = declined(*wanted(), step=step)
    Notice.objects.filter(pk=notice.pk).update(template="payment_last_notice")
    letter = letters.render(full(notice))
    for text in (letter.body, " ".join(Page(letter.html).text.split())):
        assert says in text
        assert says_not not in text


def test_what_the_bank_wants_to_be_approved_is_not_called_declined() -> None:
    letter = letters.render(full(declined(*wanted(), step="authenticate")))
    assert "approve it yourself" in letter.body
    assert "has declined" not in letter.body


@pytest.mark.parametrize(
    ("name", "shown"),
    [
        # Persian and Hindi, and a family: joined by what cannot be seen
        ("علی\u200cرضا", "علی\u200cرضا"),
        ("क्\u200dष", "क्\u200dष"),
        ("👩\u200d👩\u200d👧", "👩\u200d👩\u200d👧"),
        ("דוד", "דוד"),
        # what turns the direction of all that follows does not get in
        ("\u202emoc.live//:sptth\u202c", "moc.live//:sptth"),
        ("\u2066a\u2069", "a"),
        ("A\u2028B\u2029C\x85D\x0bE\x00F\ud800G", "A B C D E F G"),
        ("Ada\tLovelace \r\n .\r\nQUIT", "Ada Lovelace . QUIT"),
    ],
)
def test_names_from_everywhere(name: str, shown: str) -> None:
    assert letters.one_line(name) == shown


def test_a_very_long_name_still_makes_a_mail() -> None:
    notice = asked(*wanted())
    Customer.objects.update(name="Ж" * 200)
    ready = outbox._prepare(full(notice))
    assert isinstance(ready, tuple)
    raw = ready[1].message().as_bytes()
    assert max(map(len, raw.splitlines())) <= 998


def test_a_retry_names_the_day() -> None:
    notice = declined(*wanted(), step="retry", retry_in=3)
    assert f"we try again on {(timezone.localdate() + timedelta(days=3)).day} " in letters.render(full(notice)).body


def test_a_site_without_a_page_for_cards(settings: Any) -> None:
    notice = every_notice()[Notice.CARD_EXPIRING]
    settings.CHECKOUT_CARD_REFRESH_URL_NAME = "no.such.page"
    letter = letters.render(full(notice))
    assert "Please write to Kiln & Loom" in letter.body
    assert "http" not in letter.body
    assert Page(letter.html).links == []


def test_a_card_that_has_expired_already() -> None:
    notice = every_notice()[Notice.CARD_EXPIRING]
    Customer.objects.update(expiry_date=timezone.localdate() - timedelta(days=1))
    assert letters.render(full(notice)).subject == "Kiln & Loom: your card has expired"


@pytest.mark.parametrize("language", ["en-gb", "de"])
def test_hostile_names_in_every_mail_and_language(settings: Any, monkeypatch: Any, language: str) -> None:
    made = every_notice()
    settings.STRIPE_CAPTION = HOSTILE
    settings.LANGUAGE_CODE = language
    Customer.objects.update(name=HOSTILE, brand=HOSTILE[:30])
    for notice in made.values():
        notice = full(notice)
        if notice.instalment is not None:
            notice.instalment.object_payment_plan.description = HOSTILE
        letter = letters.render(notice)
        assert "\n" not in letter.subject
        assert "\r" not in letter.subject + letter.body
        assert "<script" not in letter.html
        page = Page(letter.html)
        assert page.open == []
        assert ON_ONE_LINE in page.text
        # as it is, on its line: text is not HTML
        assert f"{ON_ONE_LINE}," in letter.body
        assert "&lt;" not in letter.body
        assert f'lang="{language}"' in letter.html
        # and as a mail it has one recipient
        ready = outbox._prepare(notice)
        if isinstance(ready, tuple):
            assert ready[1].message()["Bcc"] is None


def test_nobodys_name() -> None:
    notice = asked(*wanted())
    Customer.objects.update(name="")
    assert letters.render(full(notice)).body.startswith("Hello,\n")


def test_the_language_is_that_of_the_object_else_of_the_site(settings: Any, monkeypatch: Any) -> None:
    notice = asked(*wanted())
    settings.LANGUAGE_CODE = "de"
    with translation.override("en-gb"):
        assert 'lang="de"' in letters.render(full(notice)).html
        assert translation.get_language() == "en-gb"
    monkeypatch.setattr(SalesLedger, "checkout_language", "en-gb", raising=False)
    with translation.override("de"):
        assert 'lang="en-gb"' in letters.render(full(notice)).html
    monkeypatch.setattr(SalesLedger, "checkout_language", "", raising=False)
    assert 'lang="de"' in letters.render(full(notice)).html


def test_the_object_may_have_been_deleted() -> None:
    made = every_notice()
    ObjectPaymentPlan.objects.filter(instalments=made[ANON].instalment_id).update(object_id="999999")
    letter = letters.render(full(made[ANON]))
    assert len(Page(letter.html).links) == 1
    assert "You can also sign in" not in letter.body


def test_payments_made_are_counted_in_the_right_number() -> None:
    parts = wanted(4, per_plan=4)
    notice = asked(parts[3])
    plan = parts[0].object_payment_plan
    assert "been made" not in letters.render(full(notice)).body
    plan.payments.filter(pk=parts[0].pk).update(state_id="success")
    assert "1 of 5 payments has been made." in letters.render(full(notice)).body
    plan.payments.filter(pk=parts[1].pk).update(state_id="success")
    assert "2 of 5 payments have been made." in letters.render(full(notice)).body


def test_a_subject_fits_its_column(settings: Any) -> None:
    settings.STRIPE_CAPTION = "Kiln " * 100
    assert len(letters.render(full(asked(*wanted()))).subject) == 200


def test_without_a_caption_the_site_has_a_name(settings: Any) -> None:
    settings.STRIPE_CAPTION = ""
    assert letters.render(full(asked(*wanted()))).subject.startswith("testserver: ")


def test_a_site_overrides_a_text_and_is_still_not_escaped(settings: Any, tmp_path: Any) -> None:
    folder = tmp_path / "checkout" / "mail"
    folder.mkdir(parents=True)
    (folder / f"{AUTH}.txt").write_text("{{ name }} owes {{ currency }}; ask {{ contact.email }}")
    settings.TEMPLATES = [{**settings.TEMPLATES[0], "DIRS": [str(tmp_path)]}]
    notice = asked(*wanted())
    Customer.objects.update(name="O'Hara & Sons")
    assert letters.render(full(notice)).body.startswith("O'Hara & Sons owes GBP; ask contact")


@pytest.mark.parametrize("template", list(letters.TEMPLATES))
@pytest.mark.parametrize("language", ["en-gb", "de"])
def test_every_template_can_be_previewed_without_a_question_to_the_database(
    template: str, language: str, django_assert_num_queries: Any
) -> None:
    with translation.override(language), django_assert_num_queries(0):
        shown = [samples.preview(template, step=step) for step in Step]
    for letter in shown:
        assert letter.subject
        assert "Ada Example" in letter.body
        assert Page(letter.html).links
    different = {"payment_failed": 5, "payment_last_notice": 5}.get(template, 1)
    assert len({letter.body for letter in shown}) == different
    assert str(letters.TEMPLATES[template])


def test_no_other_template_can_be_previewed() -> None:
    with pytest.raises(KeyError):
        samples.preview("../base")


def test_what_a_mail_asks_of_the_database_does_not_depend_on_how_many_there_are(mailoutbox: list[Any]) -> None:
    def asks(notice: Notice) -> int:
        with CaptureQueriesContext(
            connection,
        ) as captured:
            assert outbox.send(notice.pk)
        return len([one for one in captured if not one["sql"].startswith(("BEGIN", "SAVEPOINT", "RELEASE"))])

    first, *others = wanted(13, per_plan=6)
    # fills the cache of content types
    asks(asked(first))
    notices = [asked(part) for part in others]
    # is it due; claim it; all that it is about; is the customer paying; the host's object; payments made; mark it
    assert [asks(notice) for notice in notices] == [7] * 12
