"""Field types of the policy language: text in, checked values out, each with its own message."""

from __future__ import annotations

import ipaddress
import re
import zoneinfo
from datetime import timedelta
from typing import Annotated, ClassVar
from urllib.parse import urlsplit

from croniter import croniter
from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field
from pydantic.alias_generators import to_camel

from preheat.policy.platforms import check_platform
from preheat.policy.units import format_duration, parse_duration

__all__ = [
    "Cron",
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
    "refuse_later",
    "require_any",
    "require_one",
]

_NAME = re.compile(r"[a-z0-9]([a-z0-9_-]{0,61}[a-z0-9])?")


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


def require_any(spec: Strict, what: str) -> None:
    """Refuse an empty map."""
    if not spec.model_fields_set:
        raise ValueError(f"write at least one of {what}, or leave it out")


def _number(value: object) -> object:
    if isinstance(value, str) and re.fullmatch(r"-?[0-9]{1,9}", value):
        return int(value)
    raise ValueError(f"{value!r} is not a whole number")


def _flag(value: object) -> object:
    if value in {"true", "false"}:
        return value == "true"
    raise ValueError(f"write true or false, not {value!r}")


def _duration(value: object) -> object:
    if not isinstance(value, str):
        raise ValueError("write a duration: 30s, 15m, 6h or 14d")  # noqa: TRY004 - pydantic wants it
    return parse_duration(value)


def between(low: str, high: str) -> AfterValidator:
    """Bound a duration."""
    lowest, highest = parse_duration(low), parse_duration(high)

    def check(value: timedelta) -> timedelta:
        if not lowest <= value <= highest:
            raise ValueError(f"{format_duration(value)} is not between {low} and {high}")
        return value

    return AfterValidator(check)


def _file_name(value: str) -> str:
    if _NAME.fullmatch(value) is None:
        raise ValueError(
            f"{value!r} is not a name; use a-z, 0-9, - and _, at most 63, and begin and end with"
            " a letter or digit"
        )
    return value


def _cron(value: str) -> str:
    fields = len(value.split())
    if fields != 5:  # noqa: PLR2004 - minute, hour, day, month, weekday
        raise ValueError(
            f'Cron has five fields (minute hour day month weekday), as in "0 2 * * *"; {value!r}'
            f" has {fields}"
        )
    if not croniter.is_valid(value):
        raise ValueError(f"{value!r} is not a valid cron expression")
    return value


def _time_zone(value: str) -> str:
    try:
        zoneinfo.ZoneInfo(value)
    except (ValueError, OSError, zoneinfo.ZoneInfoNotFoundError):
        raise ValueError(f"{value!r} is not a time zone; write one like Europe/Berlin") from None
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


Text = Annotated[str, Field(min_length=1, max_length=1024)]
FileName = Annotated[str, AfterValidator(_file_name)]
Number = Annotated[int, BeforeValidator(_number)]
Flag = Annotated[bool, BeforeValidator(_flag)]
Duration = Annotated[timedelta, BeforeValidator(_duration)]
Cron = Annotated[str, AfterValidator(_cron)]
TimeZone = Annotated[str, AfterValidator(_time_zone)]
IpAddress = Annotated[str, AfterValidator(_ip)]
Platform = Annotated[str, AfterValidator(check_platform)]
PullEndpoint = Annotated[str, AfterValidator(_pull_endpoint)]
