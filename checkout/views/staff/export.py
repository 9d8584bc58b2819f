"""A list as a CSV file: streamed, in the words of the page, and safe to open in a spreadsheet.

UTF-8 with a byte order mark: without it Excel reads every accent wrong, and what else reads CSV skips it. Commas
between cells, CRLF at the end of a line (RFC 4180). Days and moments are ISO 8601, moments with the offset of the
site's zone. Amounts are plain decimals, and their currency is a column of its own.
"""

import csv
import io
import re
from collections.abc import Callable, Iterable, Iterator, Sequence
from datetime import date, datetime
from decimal import Decimal
from itertools import islice
from typing import Any, Final, TypeVar

from django.http import StreamingHttpResponse
from django.utils import timezone, translation
from django.utils.text import slugify
from django.utils.translation import gettext_lazy as _

from checkout.money import decimals

Row = TypeVar("Row")
# A heading, and what stands below it for one row.
Column = tuple[Any, Callable[[Any], Any]]
# So many rows are read from the database at once, each chunk with the same number of queries.
CHUNK: Final = 500
MARK: Final = "\ufeff"
# What makes a cell a formula in some spreadsheet, the wide forms of East Asian keyboards included.
# Source: https://owasp.org/www-community/attacks/CSV_Injection
FORMULA: Final = ("=", "+", "-", "@", "\t", "\r", "\n", "\uff1d", "\uff0b", "\uff0d", "\uff20")
# The same after what some spreadsheets take for the end of a cell, whatever the quotes say.
INNER_FORMULA: Final = re.compile(r"([;\t\r\n][\s\"]*)([=+\-@])")


def answer(name: str, columns: Sequence[Column], chunks: Iterable[Sequence[Any]]) -> StreamingHttpResponse:
    """The file ``name``-DATE.csv. ``chunks``: lists of rows, read one after the other while the file is sent."""
    found = StreamingHttpResponse(lines(columns, chunks), content_type="text/csv; charset=utf-8")
    file_name = f"{slugify(name)}-{timezone.localdate().isoformat()}.csv"
    found.headers["Content-Disposition"] = f'attachment; filename="{file_name}"'
    found.headers["X-Content-Type-Options"] = "nosniff"
    return found


def lines(columns: Sequence[Column], chunks: Iterable[Sequence[Any]]) -> Iterator[str]:
    """The text, a piece for the headings and for each chunk. Memory does not grow with the list."""
    # the file is sent after the view has returned, when language and zone may be another visitor's
    language, zone = translation.get_language(), timezone.get_current_timezone()
    for number, chunk in enumerate(_begun_by_headings(columns, chunks)):
        with translation.override(language), timezone.override(zone):
            yield (MARK if number == 0 else "") + _text([[cell(value) for value in row] for row in chunk()])


def batches(rows: Iterable[Row], size: int = CHUNK) -> Iterator[list[Row]]:
    """``rows`` in lists of ``size``."""
    waiting = iter(rows)
    while found := list(islice(waiting, size)):
        yield found


def cell(value: Any) -> str:
    """What stands in one cell."""
    if value is None:
        return ""
    if isinstance(value, bool):
        return str(_("yes") if value else _("no"))
    if isinstance(value, datetime):
        return timezone.localtime(value).isoformat(timespec="seconds")
    if isinstance(value, date):
        return value.isoformat()
    if isinstance(value, Decimal):
        # a number, so its minus makes no formula
        return format(value, "f")
    if isinstance(value, int):
        return str(value)
    return defused(str(value))


def defused(text: str) -> str:
    """``text`` such that no spreadsheet takes it for a formula: what could be one gets an apostrophe in front."""
    text = INNER_FORMULA.sub(r"\1'\2", text)
    return f"'{text}" if text.startswith(FORMULA) else text


def plain(amount: Decimal | None, currency: str) -> Decimal | None:
    """``amount`` with as many decimals as ``currency`` has."""
    return None if amount is None else amount.quantize(Decimal(1).scaleb(-decimals(str(currency).upper())))


def _begun_by_headings(
    columns: Sequence[Column], chunks: Iterable[Sequence[Any]]
) -> Iterator[Callable[[], list[list[Any]]]]:
    yield lambda: [[title for title, _value in columns]]
    for chunk in chunks:
        yield lambda chunk=chunk: [[value(row) for _title, value in columns] for row in chunk]  # type: ignore[misc]


def _text(rows: list[list[str]]) -> str:
    file = io.StringIO()
    csv.writer(file).writerows(rows)
    return file.getvalue()
