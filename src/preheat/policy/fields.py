"""Field types of the policy language: text in, checked values out, each with its own message.

The loader hands every scalar over as text. Editors see YAML with types, so each field also says
what it looks like there (:mod:`preheat.policy.jsonschema`).
"""

from __future__ import annotations

import ipaddress
import re
import zoneinfo
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from functools import cache
from typing import TYPE_CHECKING, Annotated, ClassVar
from urllib.parse import urlsplit

from croniter import CroniterBadDateError, croniter
from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    WithJsonSchema,
)
from pydantic.alias_generators import to_camel
from pydantic_core import core_schema

from preheat.demand import MinHosts
from preheat.policy.platforms import check_platform
from preheat.policy.units import format_duration, parse_duration

if TYPE_CHECKING:
    from pydantic import GetCoreSchemaHandler, GetJsonSchemaHandler
    from pydantic.json_schema import JsonSchemaValue

__all__ = [
    "MOST_ENTRIES",
    "ONE_KEY",
    "SCALAR",
    "SOME_KEYS",
    "Between",
    "ClockTime",
    "Cron",
    "Date",
    "Duration",
    "FileName",
    "Flag",
    "IpAddress",
    "Number",
    "Platform",
    "PullEndpoint",
    "Strict",
    "Text",
    "TimeZone",
    "between",
    "check_cron",
    "check_name",
    "refuse_later",
    "require_any",
    "require_one",
]

_RANDOM = re.compile(r"\bR\b", re.IGNORECASE)
_NAME = re.compile(r"[a-z0-9]([a-z0-9_-]{0,61}[a-z0-9])?")
_DATE = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}")
_CLOCK_TIME = re.compile(r"([01][0-9]|2[0-3]):[0-5][0-9]")
_END_OF_DAY = "24:00"
_SOME_DAY = datetime(2024, 1, 1, tzinfo=UTC)
_NO_ZONES = {"Factory", "localtime", "posixrules"}

SCALAR = ["string", "number", "boolean"]
"""What text may look like to an editor: ``1.10`` is a number there, and text to us."""

MOST_ENTRIES = 100
"""Longest list of rules, matchers and the like."""

ONE_KEY = {"minProperties": 1, "maxProperties": 1}
"""JSON Schema of what ``require_one`` checks: ``class X(Strict, json_schema_extra=ONE_KEY)``."""

SOME_KEYS = {"minProperties": 1}
"""JSON Schema of what ``require_any`` checks."""


class Strict(BaseModel):
    """A map of known keys, in camelCase.

    ``later`` names keys that the language will have: they are refused with a word on that.
    ``shape`` tells how such a map is written.
    """

    model_config = ConfigDict(
        extra="forbid", frozen=True, alias_generator=to_camel, str_strip_whitespace=True
    )

    later: ClassVar[frozenset[str]] = frozenset()
    shape: ClassVar[str] = "a map of keys and values"


def refuse_later(value: str, later: set[str]) -> None:
    """Refuse a word that the language will have."""
    if value in later:
        raise ValueError(f"{value!r} belongs to a later version and does nothing yet")


def require_one(spec: Strict, what: str) -> None:
    """Refuse a map that does not hold one key exactly."""
    if len(spec.model_fields_set) != 1:
        raise ValueError(f"write exactly one of {what}")


def require_any(spec: Strict, what: str, *, optional: bool = True) -> None:
    """Refuse an empty map.

    :param optional: whether the map itself may be left out.
    """
    if not spec.model_fields_set:
        instead = ", or leave it out" if optional else ""
        raise ValueError(f"write at least one of {what}{instead}")


def _number(value: object) -> object:
    if isinstance(value, str) and re.fullmatch(r"-?[0-9]{1,9}", value):
        return int(value)
    raise ValueError(f"{value!r} is not a whole number")


def _flag(value: object) -> object:
    if isinstance(value, str) and value in {"true", "false"}:
        return value == "true"
    raise ValueError(f"write true or false, not {value!r}")


def _duration(value: object) -> object:
    if not isinstance(value, str):
        raise ValueError("write a duration: 30s, 15m, 6h or 14d")  # noqa: TRY004 - pydantic wants it
    return parse_duration(value)


def _host_share(value: object) -> object:
    if not isinstance(value, str):
        raise ValueError("write 95%, or a number of hosts")  # noqa: TRY004 - pydantic wants it
    return MinHosts.parse(value)


@dataclass(frozen=True, slots=True)
class Between:
    """Bounds of a duration, both included; the JSON Schema tells them in its description."""

    low: str
    high: str

    def __get_pydantic_core_schema__(
        self, source: type, handler: GetCoreSchemaHandler
    ) -> core_schema.CoreSchema:
        return core_schema.no_info_after_validator_function(self._check, handler(source))

    def __get_pydantic_json_schema__(
        self, schema: core_schema.CoreSchema, handler: GetJsonSchemaHandler
    ) -> JsonSchemaValue:
        return {**handler(schema), "between": [self.low, self.high], "examples": [self.high]}

    def _check(self, value: timedelta) -> timedelta:
        if not parse_duration(self.low) <= value <= parse_duration(self.high):
            raise ValueError(f"{format_duration(value)} is not between {self.low} and {self.high}")
        return value


def between(low: str, high: str) -> Between:
    """Bound a duration."""
    return Between(low, high)


def _date(value: object) -> object:
    text = str(value)
    try:
        if _DATE.fullmatch(text):
            return date.fromisoformat(text)
    except ValueError:
        pass
    raise ValueError(f"{value!r} is not a date; write year-month-day: 2027-06-30")


def _clock_time(value: object) -> object:
    """Read ``06:00``; ``24:00`` is the end of the day, the last moment that ``time`` can tell."""
    text = str(value)
    if text == _END_OF_DAY:
        return time.max
    if _CLOCK_TIME.fullmatch(text) is None:
        raise ValueError(f'{value!r} is not a time of day; write hour and minute: "06:00"')
    return time.fromisoformat(text)


def check_name(value: str) -> str:
    """Take a name that can be that of a file, a rule and a task.

    :raises ValueError: for any other.
    """
    if _NAME.fullmatch(value) is None:
        raise ValueError(
            f"{value!r} is not a name; use a-z, 0-9, - and _, at most 63, and begin and end with"
            " a letter or digit"
        )
    return value


def check_cron(value: str) -> str:
    """Give back a cron of five fields that comes some day.

    :raises ValueError: for anything else; says why.
    """
    fields = len(value.split())
    if fields != 5:  # noqa: PLR2004 - minute, hour, day, month, weekday
        raise ValueError(
            f'Cron has five fields (minute hour day month weekday), as in "0 2 * * *"; {value!r}'
            f" has {fields}"
        )
    # croniter also takes R, a random time that would differ in each process.
    if _RANDOM.search(value) or not croniter.is_valid(value):
        raise ValueError(f"{value!r} is not a valid cron expression")
    try:
        croniter(value, _SOME_DAY).get_next()
    except CroniterBadDateError:
        raise ValueError(f"{value!r} never comes: no day is such a day") from None
    return value


@cache
def _zones() -> frozenset[str]:
    """Name the zones of the IANA's list; the others are files of one machine, or no zone."""
    return frozenset(zoneinfo.available_timezones()) - _NO_ZONES


def _time_zone(value: str) -> str:
    if value not in _zones():
        raise ValueError(f"{value!r} is not a time zone; write one like Europe/Berlin")
    return value


def _ip(value: str) -> str:
    return str(ipaddress.ip_address(value))


def _pull_endpoint(value: str) -> str:
    """Take scheme and host as they are: Dragonfly's cache key holds this very string."""
    parts = urlsplit(value)
    extra = parts.path.strip("/") or parts.query or parts.fragment or parts.username
    if parts.scheme not in {"http", "https"} or not parts.hostname or extra:
        raise ValueError(
            f"{value!r} is not a pull endpoint; write scheme and host as the nodes use them, such"
            " as https://harbor.example.com"
        )
    return value.rstrip("/")


def _looks_like(pattern: str, example: str, *, kinds: str | list[str] = "string") -> WithJsonSchema:
    return WithJsonSchema({"type": kinds, "pattern": f"^({pattern})$", "examples": [example]})


Text = Annotated[str, Field(min_length=1, max_length=1024)]
FileName = Annotated[
    str, AfterValidator(check_name), _looks_like(_NAME.pattern, "web-frontends", kinds=SCALAR)
]
Number = Annotated[int, BeforeValidator(_number)]
Flag = Annotated[bool, BeforeValidator(_flag)]
Duration = Annotated[timedelta, BeforeValidator(_duration), _looks_like("[0-9]{1,9}[smhd]", "6h")]
HostShare = Annotated[
    MinHosts, BeforeValidator(_host_share), _looks_like("[0-9]{1,5}%?", "95%", kinds=SCALAR)
]
Date = Annotated[date, BeforeValidator(_date), _looks_like(_DATE.pattern, "2027-06-30")]
ClockTime = Annotated[
    time, BeforeValidator(_clock_time), _looks_like(f"{_CLOCK_TIME.pattern}|{_END_OF_DAY}", "06:00")
]
Cron = Annotated[str, AfterValidator(check_cron), _looks_like(r"\S+(\s+\S+){4}", "0 2 * * *")]
TimeZone = Annotated[
    str, AfterValidator(_time_zone), _looks_like("[A-Za-z][A-Za-z0-9_+/-]*", "Europe/Berlin")
]
IpAddress = Annotated[str, AfterValidator(_ip), _looks_like(r"[0-9A-Fa-f:.]+(%\S+)?", "10.0.0.11")]
Platform = Annotated[
    str,
    AfterValidator(check_platform),
    _looks_like("[a-z0-9]+/[a-z0-9_]+(/[a-z0-9.]+)?", "linux/amd64"),
]
PullEndpoint = Annotated[
    str,
    AfterValidator(_pull_endpoint),
    _looks_like(r"[Hh][Tt][Tt][Pp][Ss]?://[^/?#@\s]+/*", "https://harbor.example.com"),
]
