"""Harbor's ``q`` language, sorting and paging, with its quirks.

Source: harbor: src/lib/q/builder.go, src/lib/orm/query.go. Unknown keys are ignored, ``q`` is
unescaped a second time, times have second precision and lose their zone.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import unquote_plus

from preheat.sandbox.harbor.errors import bad_request, masked

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence

__all__ = ["Column", "Every", "Fuzzy", "OneOf", "Query", "Range", "Value", "parse_q", "predicates"]

_TIME = re.compile(
    r"(\d{4}-\d{2}-\d{2})(?:[T ](\d{2}:\d{2}:\d{2})(?:\.\d+)?)?\s*(?:Z|[+-]\d{2}:?\d{2})?"
)
_WORDS: Final = {"today": 0, "now": 0, "yesterday": -1, "tomorrow": 1}


@dataclass(frozen=True, slots=True)
class Fuzzy:
    """``k=~v``: contains, whatever the case."""

    text: str


@dataclass(frozen=True, slots=True)
class Range:
    """``k=[low~high]``: between, both ends included, either may be empty."""

    low: str
    high: str


@dataclass(frozen=True, slots=True)
class OneOf:
    """``k={a b}``: one of."""

    values: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Every:
    """``k=(a b)``: all of; only special keys know it."""

    values: tuple[str, ...]


Value = str | Fuzzy | Range | OneOf | Every


@dataclass(frozen=True, slots=True)
class Column:
    """One column that ``q`` and ``sort`` may name.

    :param kind: ``int``, ``str`` or ``time``.
    """

    kind: str
    get: Callable[[Any], Any]


@dataclass(frozen=True, slots=True)
class Query:
    """One list request.

    :param size: rows per page; 0 or less gives everything (recorded: …-page-size-0, -minus1).
    """

    criteria: Mapping[str, Value] = field(default_factory=dict)
    sort: tuple[str, ...] = ()
    page: int = 1
    size: int = 10

    def slice(self, total: int) -> tuple[int, int]:
        """Say which rows of ``total`` are on the page."""
        if self.size <= 0:
            return 0, total
        start = (max(self.page, 1) - 1) * self.size
        return min(start, total), min(start + self.size, total)

    def sorts(self, columns: Mapping[str, Column], default: Sequence[str]) -> Sequence[str]:
        """Keep the known sort keys; without any, the default order holds."""
        return tuple(key for key in self.sort if key.lstrip("-") in columns) or default

    def select(
        self, rows: Iterable[Any], columns: Mapping[str, Column], default: Sequence[str]
    ) -> tuple[list[Any], int]:
        """Filter, sort and cut a page; also give the total."""
        tests = predicates(self.criteria, columns)
        found = [row for row in rows if all(test(row) for test in tests)]
        for key in reversed(self.sorts(columns, default)):
            found.sort(key=columns[key.lstrip("-")].get, reverse=key.startswith("-"))
        start, end = self.slice(len(found))
        return found[start:end], len(found)


def parse_q(text: str) -> dict[str, Value]:
    """Read a ``q`` that was decoded once.

    :raises HarborError: 400 in Harbor's words.
    """
    criteria: dict[str, Value] = {}
    for term in unquote_plus(text).split(",") if text else ():
        key, equals, value = term.partition("=")
        if not (key and equals and value):
            raise bad_request('the query string must contain "=" and the key/value cannot be empty')
        criteria[key.strip()] = _parse_value(value.strip())
    return criteria


def _parse_value(value: str) -> Value:
    match value[:1]:
        case "~":
            return Fuzzy(value[1:])
        case "[":
            return _parse_range(value)
        case "{":
            return OneOf(_members(value, "}"))
        case "(":
            return Every(_members(value, ")"))
        case "\\":
            return value[1:]
    return value


def _parse_range(value: str) -> Range:
    ends = value[1:-1].split("~")
    if not value.endswith("]") or len(ends) != 2:  # noqa: PLR2004 - a range has two ends
        raise bad_request(f"invalid query string value: {value}")
    return Range(*(_bare(end) for end in ends))


def _members(value: str, close: str) -> tuple[str, ...]:
    if not value.endswith(close):
        raise bad_request(f"invalid query string value: {value}")
    return tuple(_bare(member) for member in value[1:-1].split())


def _bare(text: str) -> str:
    return text.strip().strip("'\"")


def predicates(
    criteria: Mapping[str, Value], columns: Mapping[str, Column]
) -> list[Callable[[Any], bool]]:
    """Build the tests for the criteria on known columns."""
    tests: list[Callable[[Any], bool]] = []
    for key, value in criteria.items():
        name, _, operator = key.partition("__")
        column = columns.get(name) or columns.get(_snake(name))
        if column is not None:
            tests.extend(_tests(column, operator, value))
    return tests


def _snake(name: str) -> str:
    """Turn a Go field name into a column name: Harbor takes either."""
    return re.sub(r"(?<=[a-z0-9])(?=[A-Z])", "_", name).lower()


def _tests(column: Column, operator: str, value: Value) -> list[Callable[[Any], bool]]:
    get, read = column.get, _reader(column.kind)
    match value:
        case str() if operator:
            test = _suffixed(column, operator, value)
            return [test] if test else []
        case str():
            wanted = read(value)
            return [lambda row: get(row) == wanted]
        case Fuzzy(text):
            part = text.upper()
            return [lambda row: part in str(get(row)).upper()]
        case OneOf(values):
            some = {read(member) for member in values}
            return [lambda row: get(row) in some]
        case Range(low, high):
            return _bounds(column, low, high)
    return []


def _bounds(column: Column, low: str, high: str) -> list[Callable[[Any], bool]]:
    get, read = column.get, _reader(column.kind)
    tests: list[Callable[[Any], bool]] = []
    if low:
        least = read(low)
        tests.append(lambda row: (value := get(row)) is not None and value >= least)
    if high:
        most = read(high)
        tests.append(lambda row: (value := get(row)) is not None and value <= most)
    return tests


def _suffixed(column: Column, operator: str, text: str) -> Callable[[Any], bool] | None:
    """Build the test of ``key__gt=…``; unknown operators are skipped, as in Harbor."""
    get, wanted = column.get, _reader(column.kind)(text)
    tests: dict[str, Callable[[Any], bool]] = {
        "gt": lambda row: bool(get(row) > wanted),
        "gte": lambda row: bool(get(row) >= wanted),
        "lt": lambda row: bool(get(row) < wanted),
        "lte": lambda row: bool(get(row) <= wanted),
        "exact": lambda row: bool(get(row) == wanted),
        "in": lambda row: bool(get(row) == wanted),
        "icontains": lambda row: text.upper() in str(get(row)).upper(),
    }
    return tests.get(operator)


def _reader(kind: str) -> Callable[[str], Any]:
    return {"int": read_int, "time": read_time}.get(kind, str)


def read_int(text: str) -> int:
    """Read a number; PostgreSQL refuses anything else, which Harbor masks as 500."""
    try:
        return int(text)
    except ValueError:
        raise masked() from None


def read_time(text: str) -> datetime:
    """Read a time as PostgreSQL would after Harbor cut its fraction and zone off.

    Recorded: project-artifacts-q-push-time-garbage, -rfc3339, -blank-layout.
    """
    if text in _WORDS:
        now = datetime.now(UTC)
        midnight = now.replace(hour=0, minute=0, second=0, microsecond=0)
        return now if text == "now" else midnight + timedelta(days=_WORDS[text])
    match = _TIME.fullmatch(text)
    if match is None:
        raise masked()
    return datetime.fromisoformat(f"{match[1]}T{match[2] or '00:00:00'}+00:00")
