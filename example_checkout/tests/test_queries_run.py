"""What a payment run asks of the database: so much for each instalment, so much for each batch, and nothing grows."""

from collections import Counter
from collections.abc import Callable, Iterator
from datetime import timedelta
from typing import Any

import pytest
from django.contrib.contenttypes.models import ContentType
from django.db import connection
from django.utils import timezone

from checkout.flows import charge, claims, run
from checkout.models import ObjectPaymentPlanInstalment, PaymentRun
from example_checkout.models import SalesLedger
from example_checkout.tests.plans import fast_pace, library, many_due, saved_card

pytestmark = pytest.mark.django_db(transaction=True)

# settle the attempt; settle the instalment; read the booking; add up what is paid of its plan
PER_INSTALMENT = 4
# Each time that answers are settled, one or several at once: lock and read the instalments with their plans; lock and
# read their attempts; note what became of them in the run
PER_SETTLING = 3
# lock them; plans with customers; instalments to request; a savepoint and its release; attempts; read them back;
# attempts to request; the run's items
PER_BATCH = 9


class Statements:
    """Counts the statements of a run under the step that makes them."""

    def __init__(self) -> None:
        self.count: Counter[str] = Counter()
        self.settlings = 0

    def of(self, step: str, function: Callable[..., Any]) -> Callable[..., Any]:
        def counted(execute: Any, sql: str, params: Any, many: bool, context: Any) -> Any:
            # the start of a transaction, which SQLite shows and PostgreSQL does not, carries no data
            self.count[step] += not sql.startswith(("BEGIN", "COMMIT"))
            return execute(sql, params, many, context)

        def wrapped(*args: Any, **kwargs: Any) -> Any:
            self.settlings += step == "settle"
            with connection.execute_wrapper(counted):
                return function(*args, **kwargs)

        return wrapped


@pytest.fixture
def statements(monkeypatch: pytest.MonkeyPatch) -> Iterator[Statements]:
    found = Statements()
    monkeypatch.setattr(run, "claim_batch", found.of("claim", run.claim_batch))
    for name in ("conclude", "conclude_together"):
        monkeypatch.setattr(charge, name, found.of("settle", getattr(charge, name)))
    # Django looks each content type up once in the life of a process.
    for model in (SalesLedger, ObjectPaymentPlanInstalment):
        ContentType.objects.get_for_model(model)
    return found


def charged(statements: Statements, pks: list[int]) -> Counter[str]:
    """What a run asks for these instalments, and for no others; it is the first run of its day."""
    PaymentRun.objects.all().delete()
    ObjectPaymentPlanInstalment.objects.filter(pk__in=pks).update(due=timezone.localdate())
    statements.count.clear()
    statements.settlings = 0
    report = statements.of("all", run.process_payments)(pace=fast_pace())
    assert report.count("success") == report.total == len(pks)
    return Counter(statements.count, settlings=statements.settlings)


def test_a_run_asks_so_much_for_each_instalment_and_batch(stripe_simulator: Any, statements: Statements) -> None:
    customer, method = saved_card(library(stripe_simulator))
    # one more, so that no charge is the last of its plan, which the booking would write down
    pks = many_due(150 + 1, customer_id=customer, payment_method_id=method, per_plan=150 + 1)
    ObjectPaymentPlanInstalment.objects.update(due=timezone.localdate() + timedelta(days=1))
    few, many = charged(statements, pks[:50]), charged(statements, pks[50:150])
    assert claims.BATCH == 25
    for found, count in ((few, 50), (many, 100)):
        assert found["claim"] == PER_BATCH * count / claims.BATCH
        # how many answers are at hand at once is a matter of speed: one each time is the most that it can cost
        assert found["settle"] == PER_INSTALMENT * count + PER_SETTLING * found["settlings"]
        assert found["settlings"] <= count
        assert found["all"] <= 10 * count
    # opening and closing the run, and reading the keys of what is due, 100 at a time
    rest = [found["all"] - found["settle"] - found["claim"] for found in (few, many)]
    assert rest[0] == rest[1] <= 10


def test_each_row_is_on_one_page_whatever_its_day(stripe_simulator: Any) -> None:
    customer, method = saved_card(library(stripe_simulator))
    pks = many_due(23, customer_id=customer, payment_method_id=method)
    today = timezone.localdate()
    # days of unequal length, none of them in order of the keys
    for number, pk in enumerate(pks):
        ObjectPaymentPlanInstalment.objects.filter(pk=pk).update(due=today - timedelta(days=number % 7 // 2))
    opened = PaymentRun.objects.create(date=today)
    pages = list(run.due_pages(opened, size=4))
    assert max(map(len, pages)) == 4
    wanted = ObjectPaymentPlanInstalment.objects.order_by("due", "pk").values_list("pk", flat=True)
    assert [pk for page in pages for pk in page] == list(wanted)
    assert [row.pk for row in run.due(today)] == list(wanted)
