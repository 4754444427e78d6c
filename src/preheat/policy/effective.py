"""Every value that holds for a policy, with the path it has in the file: written or by default."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from enum import Enum
from typing import TYPE_CHECKING, Any

from preheat.demand import MinHosts
from preheat.policy.fields import Strict
from preheat.policy.schema import PolicyFile
from preheat.policy.units import format_duration
from preheat.policy.yamltext import dotted, parse

if TYPE_CHECKING:
    from collections.abc import Iterator

    from preheat.policy.yamltext import Path

__all__ = ["Value", "effective_values"]


@dataclass(frozen=True, slots=True)
class Value:
    """One value as a person would write it.

    :param written: whether the file says it; else it is the default.
    """

    value: object
    written: bool


def effective_values(text: str, source: str) -> dict[str, Value]:
    """Give all values of a policy file that is known to be right, by dotted path."""
    data = parse(text, source).data
    spec = PolicyFile.model_validate(data).spec
    raw = data["spec"] if isinstance(data, dict) else None
    return {dotted(path): value for path, value in _values(spec, ("spec",), raw, written=True)}


def _values(
    value: object, path: Path, raw: object, *, written: bool
) -> Iterator[tuple[Path, Value]]:
    """Walk the checked values and the text that they come from."""
    if isinstance(value, Strict):
        for name, field in type(value).model_fields.items():
            inside, key = getattr(value, name), field.alias or name
            if inside is not None and inside != ():
                says = written and name in value.model_fields_set
                below = raw.get(key) if isinstance(raw, dict) else None
                yield from _values(inside, (*path, key), below, written=says)
    elif isinstance(value, tuple) and any(isinstance(each, Strict) for each in value):
        for number, each in enumerate(value):
            below = raw[number] if isinstance(raw, list) else None
            yield from _values(each, (*path, number), below, written=written)
    else:
        yield path, Value(_as_written(value, raw), written)


def _as_written(value: object, raw: object = None) -> Any:
    match value:
        case timedelta():
            return format_duration(value)
        case Enum():
            return value.value
        case MinHosts():
            return str(value)
        case tuple():
            return [_as_written(each) for each in value]
        case dict():
            return {str(key): _as_written(each) for key, each in value.items()}
    is_as_written = isinstance(value, bool | str) or not isinstance(raw, str) or raw.isdecimal()
    return value if is_as_written else raw  # sizes, clock times and days
